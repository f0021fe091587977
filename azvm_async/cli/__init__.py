"""``azvm``, the command line: fleets of VMs from a shell, by the names of the package alone.

Each command is a :class:`~azvm_async.fleet.Fleet` or a read, what is shown of it, and an exit code; nothing here knows
Azure's protocol. This file only sees to it that who installed the package without the extra ``cli`` is told so, in one line.
"""

import sys
from collections.abc import Sequence

_NEEDED = {"click", "rich"}
_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``azvm``, which exits by itself; return the exit code where it can't be run."""
    try:
        from azvm_async.cli.program import azvm  # noqa: PLC0415 - what is missing is to be told, not raised
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        if package not in _NEEDED:
            raise
        sys.stderr.write(f"azvm needs {package}: pip install 'azvm-async[cli]' brings it.\n")
        return _USAGE
    return azvm.main(arguments, prog_name="azvm")  # which exits with the command's code
