"""The page's style: light or dark as the reader has it, in colours that the colour-blind can tell apart."""

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --faint: #d0d7de; --dim: #57606a;
  --sent: #8c6bb1; --goes: #6baed6; --well: #1a7f5a; --badly: #c0392b; --poll: #1b1f24; --refusal: #b45f06; --waits: #e7ebef; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161b; --ink: #e6edf3; --faint: #343c45; --dim: #9aa6b2;
  --sent: #b794e0; --goes: #4f8fbf; --well: #4ac29a; --badly: #ff7b72; --poll: #e6edf3; --refusal: #f0a030; --waits: #232a32; } }
body { margin: 0 auto; max-width: 1100px; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
p, ul { margin: .3rem 0; }
figure { margin: .8rem 0; overflow-x: auto; }
figcaption { color: var(--dim); font-size: .88rem; }
svg { display: block; width: 100%; min-width: 640px; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; list-style: none; font-size: .88rem; }
.legend svg { display: inline-block; width: 28px; min-width: 28px; vertical-align: -3px; }
.legend i { display: inline-block; width: .9rem; height: .9rem; vertical-align: -2px; }
.scroll { overflow: auto; max-height: 70vh; border: 1px solid var(--faint); }
.scroll:focus-visible { outline: 2px solid var(--goes); }
text { fill: var(--ink); font-size: 11px; }
.name { text-anchor: end; }
.time { text-anchor: middle; fill: var(--dim); }
.word { fill: var(--dim); font-style: italic; }
path { fill: none; stroke-width: 1; }
.tick, .edge { stroke: var(--faint); }
.roomy .sent, .roomy .goes { stroke-width: 7; }
.thin .sent, .thin .goes { stroke-width: 2; }
.sent { stroke: var(--sent); }
.goes { stroke: var(--goes); }
.thin.Succeeded .goes { stroke: var(--well); }
.Failed .goes, .Unknown .goes, .Canceled .goes { stroke: var(--badly); }
.poll { stroke: var(--poll); }
.thin .poll { stroke-width: .6; }
.refusal { fill: var(--refusal); }
.end { stroke: var(--well); stroke-width: 2; }
.Failed .end, .Unknown .end, .Canceled .end { stroke: var(--badly); }
.Running .end { stroke: var(--goes); }
.layer.well, i.well { fill: var(--well); background: var(--well); }
.layer.badly, i.badly { fill: var(--badly); background: var(--badly); }
.layer.goes, i.goes { fill: var(--goes); stroke: none; background: var(--goes); }
.layer.sent, i.sent { fill: var(--sent); stroke: none; background: var(--sent); }
.layer.waits, i.waits { fill: var(--waits); background: var(--waits); }
.bars { fill: var(--goes); }
.limit { stroke: var(--badly); stroke-width: 1.5; stroke-dasharray: 5 3; }
table { border-collapse: collapse; font-size: .88rem; width: 100%; }
th, td { padding: .15rem .5rem; text-align: left; border-bottom: 1px solid var(--faint); }
tbody th { min-width: 8rem; overflow-wrap: anywhere; }
td:last-child { min-width: 16rem; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th { position: sticky; top: 0; background: var(--paper); }
@media print { .scroll { max-height: none; overflow: visible; } }
"""
