"""What is left to go on in Azure: its tokens in a file that only its owner may read, and how to take it up again."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from azvm_async import Report, State
from azvm_async.cli.options import How
from azvm_async.cli.text import vms


def hint(report: Report, how: How) -> str | None:
    """Return how to go on with what has not ended, after its tokens were written to a file; ``None`` where all has."""
    tokens = report.tokens
    begun_not = sum(outcome.state is State.NOT_BEGUN for outcome in report)
    if not tokens and not begun_not and not report.failures:
        return None
    said = [f"{vms(begun_not)}: nothing was sent."] if begun_not else []
    if how.journal is not None and (tokens or begun_not):
        said.append(f"The same command again with --journal {how.journal} goes on where this one was.")
    elif how.journal is not None:
        said.append("The journal keeps the failures as they are: to try again, give another --journal.")
    elif tokens:
        said.append(_resumed_from(tokens.values(), report.verb, len(tokens)))
    return " ".join(said) or None


def _resumed_from(tokens: Iterable[str], verb: str, number: int) -> str:
    goes_on = f"The {verb} of {vms(number)} goes on without being waited for."
    try:
        file = _saved(tokens, verb)
    except OSError as error:
        return f"{goes_on} Its tokens could not be written to this folder: {error.strerror}. 'azvm status' tells how it went."
    return (
        f"{goes_on} Its tokens are in a file (they hold signed URLs: keep it as a password, and delete it when all is done). "
        f"To wait for it again:\n  azvm resume --file {file}"
    )


def _saved(tokens: Iterable[str], verb: str) -> Path:
    """Write tokens, one a line, to a new file of this folder which only its owner may read."""
    descriptor, name = tempfile.mkstemp(".tokens", f"azvm-{verb}-", ".", text=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{token}\n" for token in tokens)
    return Path(name).relative_to(Path.cwd()) if Path(name).is_absolute() else Path(name)
