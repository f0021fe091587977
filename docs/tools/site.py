"""What the site needs beside its pages (a hook of MkDocs): the pages that stand outside of ``docs/``, and links in docstrings.

On GitHub the pages link to ``../SECURITY.md``, ``../CHANGELOG.md`` and ``../examples/…``; the site has these as pages and
files of its own, and the links lead there. Roles of reStructuredText in docstrings become links to the API pages.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import azvm_async

ROOT = Path(__file__).parents[2]
PAGES = {"SECURITY.md": "security.md", "CHANGELOG.md": "changes.md"}

_ROLE = re.compile(r":(?:class|meth|func|attr|data|mod|exc):<code>~?(?P<name>[^<]+)</code>")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and examples that stand outside of the folder."""
    for source, page in PAGES.items():
        text = _inward((ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    for example in sorted((ROOT / "examples").iterdir()):
        if example.is_file():
            files.append(File.generated(config, f"examples/{example.name}", abs_src_path=str(example)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead a page's links out of the folder to where the site has it."""
    for source, page in PAGES.items():
        markdown = markdown.replace(f"](../{source}", f"]({page}")
    return markdown.replace("](../examples/", "](examples/")


def on_page_content(html: str, **_: Any) -> str:
    """Make links of a docstring's roles."""
    return _ROLE.sub(_link, html)


def _inward(text: str) -> str:
    """Lead the links of a page that stood at the top into the folder."""
    return text.replace("](docs/", "](").replace("](SECURITY.md", "](security.md")


def _link(role: re.Match[str]) -> str:
    """Return a link to a public name, or its last part as code."""
    name = role["name"]
    first, _, rest = name.removeprefix("azvm_async.").partition(".")
    short = name.rpartition(".")[2]
    if first not in azvm_async.__all__:
        return f"<code>{short}</code>"
    path = ".".join(filter(None, ("azvm_async", first, rest)))
    return f'<autoref identifier="{path}" optional><code>{short}</code></autoref>'
