"""What is true in a thousand storms: a thousand operations each, beside the emulator's own record of what was done.

``python tests/benchmarks/chaos_seeds.py --seeds 1000`` runs the storms of ``tests/chaos`` for other seeds than its ten, a line
a seed: how many faults struck, how many operations were done, refused and left unknown, and what was not true. At the end
stand the faults by kind and the ends by verb. It exits with 1 when anything was not true. A thousand seeds take two to three
hours on two cores; ``--fleet`` runs those of a fleet of a thousand VMs; ``--from 7 --seeds 1`` is one storm again, whose
faults are the same as long as the machine answers in time.

``--peer`` also has 500 VMs started, ten times as quick as usual and in real time, by this package and by Microsoft's
azure-mgmt-compute.aio with its own retries, in the same faults, and prints how many starts each of them loses: of which it
says to its caller what is not so, or nothing.
"""

import argparse
import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos.many import begun, pool
from chaos.peers import lost_by_official, lost_by_ours
from chaos.storm import Record
from chaos.verdicts import ends, said, violations

STARTS = 500


def results(kind: str, seeds: range, jobs: int) -> Iterator[tuple[int, Record]]:
    """Yield the storms of some seeds, each when it is over; no more are kept than are worked on."""
    with pool(jobs) as processes:
        waiting = iter(seeds)
        working = [(seed, begun(processes, kind, seed)) for seed in itertools.islice(waiting, jobs)]
        while working:
            seed, future = working.pop(0)
            record = future.result()
            working += [(more, begun(processes, kind, more)) for more in itertools.islice(waiting, 1)]
            yield seed, record


def told(seed: int, record: Record) -> int:
    """Print what came of a storm; return how much was not true."""
    wrong, families = violations(record), Counter(said(each.error) for each in record.ended)
    facts = [f"{number} {family}" for family, number in families.most_common()]
    say(f"seed {seed}: {record.struck.total()} faults, {len(record.ended)} operations, {', '.join(facts)}")
    for each in wrong:
        say(f"  NOT TRUE {each}")
    return len(wrong)


def summary(faults: Counter[str], ended: Counter[tuple[str, str]]) -> None:
    """Print faults by kind and ends by verb."""
    say("faults: " + ", ".join(f"{number:,} {kind}" for kind, number in faults.most_common()))
    for verb in sorted({verb for verb, _ in ended}):
        facts = [f"{number:,} {family}" for (whose, family), number in sorted(ended.items()) if whose == verb]
        say(f"  {verb:<18}{', '.join(facts)}")


def peers() -> None:
    """Print how many starts each client loses."""
    for name, lost in (("azvm_async", lost_by_ours), ("azure-mgmt-compute", lost_by_official)):
        say(f"{name}: {asyncio.run(lost(STARTS))} of {STARTS} starts lost")


def say(line: str) -> None:
    """Print at once, for a thousand seeds take their time."""
    print(line, flush=True)  # noqa: T201


def main() -> int:
    """Run the storms."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first of them")
    parser.add_argument("--jobs", type=int, default=4, help="how many processes: a storm is mostly waiting")
    parser.add_argument("--fleet", action="store_true", help="storms of a fleet")
    parser.add_argument("--peer", action="store_true", help="also compare starts with azure-mgmt-compute")
    chosen = parser.parse_args()
    faults: Counter[str] = Counter()
    ended: Counter[tuple[str, str]] = Counter()
    wrong = 0
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    for seed, record in results("fleet" if chosen.fleet else "operations", seeds, chosen.jobs):
        wrong += told(seed, record)
        faults.update(record.struck)
        ended.update(ends([record]))
    summary(faults, ended)
    if chosen.peer:
        peers()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
