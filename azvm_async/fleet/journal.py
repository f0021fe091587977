"""A run's journal: a file of JSON lines that says what was about to be sent, what Azure accepted, and what came of it.

====================================  =================================================================================
line                                  written
====================================  =================================================================================
``{"azvm_journal": 2, "verb", …}``    at first: which run it is of
``{"vms", "intent", "at"}``           before the first byte is sent for these VMs: the intent's token
``{"vms", "token", "at"}``            when Azure has accepted it, for all of them together
``{"vms", "withdrawn"}``              when it is known that nothing was done
``{"vm", "end", …}``                  when a VM's end is known, with its error or its script's result
====================================  =================================================================================

A line is one write, so that a killed process leaves whole lines, but for the last perhaps, which is then left out. The
file holds signed URLs and what scripts wrote, so only its owner may read it; it never holds a script, a parameter or a
template.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from azvm_async import errors
from azvm_async.errors import AzureVMError, InvalidRequest
from azvm_async.fleet.outcome import Outcome, State
from azvm_async.operation import Operation
from azvm_async.protocol.fields import date
from azvm_async.protocol.script import RunCommandResult

FORMAT = 2

_TOLD = {
    "what": str,
    "vm": str,
    "status": int,
    "code": str,
    "message": str,
    "request_id": str,
    "client_request_id": str,
}
"""What is written of an error."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal says of one VM.

    Parameters
    ----------
    intent : str or None
        The token of what was about to be sent.
    token : str or None
        What its operation is resumed from.
    submitted, accepted : datetime or None
        When it was sent, and when it was accepted.
    outcome : Outcome or None
        How it ended.
    """

    intent: str | None = None
    token: str | None = None
    submitted: datetime | None = None
    accepted: datetime | None = None
    outcome: Outcome | None = None


class Journal:
    """An open journal; :func:`opened` makes it."""

    _open: ClassVar[set["Journal"]] = set()

    def __init__(self, descriptor: int, entries: Mapping[str, Entry]) -> None:
        self._descriptor = descriptor
        self._open.add(self)
        self.entries = entries
        """What it said when it was opened, by ARM id in lower case."""

    def intends(self, vms: Sequence[str], now: datetime, intent: Callable[[], str]) -> None:
        """Write that something is about to be sent for VMs. Raises OSError, as all that writes."""
        self._write({"vms": [*vms], "intent": intent(), "at": now.isoformat()})

    def accepted(self, vms: Sequence[str], now: datetime, operation: Operation[Any]) -> None:
        """Write that Azure has accepted it."""
        self._write({"vms": [*vms], "token": operation.token, "at": now.isoformat()})

    def withdrawn(self, vms: Sequence[str]) -> None:
        """Write that nothing was done after all."""
        self._write({"vms": [*vms], "withdrawn": True})

    def ended(self, outcome: Outcome) -> None:
        """Write how it ended with a VM."""
        self._write({"vm": outcome.vm, **_document(outcome)})

    def close(self) -> None:
        """Let go of the file."""
        if self in self._open:
            self._open.remove(self)
            os.close(self._descriptor)
            self._descriptor = -1  # its number may soon be another file's

    @classmethod
    def close_all(cls) -> None:
        """Let go of all files in a process that was forked, which else would keep their locks; its parent goes on."""
        for journal in tuple(cls._open):
            journal.close()

    def _write(self, document: Mapping[str, Any]) -> None:
        _append(self._descriptor, document)


if hasattr(os, "register_at_fork"):  # there is none on Windows
    os.register_at_fork(after_in_child=Journal.close_all)


class NoJournal(Journal):
    """Where none is kept."""

    def __init__(self) -> None:
        self.entries = {}

    def close(self) -> None:
        """See :meth:`Journal.close`."""

    def intends(self, vms: Sequence[str], now: datetime, intent: Callable[[], str]) -> None:
        """Write nothing, and have no token made for it."""

    def accepted(self, vms: Sequence[str], now: datetime, operation: Operation[Any]) -> None:
        """Write nothing, and make no token for it."""

    def _write(self, document: Mapping[str, Any]) -> None:
        """Write nothing."""


def opened(path: str | os.PathLike[str] | None, verb: str, endpoint: str, arguments: Any) -> Journal:
    """Open the journal of a run, which may be one that was begun before; the caller closes it.

    Parameters
    ----------
    path : str or Path or None
        The file; ``None`` for no journal.
    verb, endpoint : str
        What is done, and where.
    arguments : JSON
        With what: a run with other arguments is another one. Only a hash of them is written.

    Raises
    ------
    InvalidRequest
        When the file is the journal of another run, no journal, or in use by another run; when it is a link or another
        user's; when it can't be opened or written.
    """
    if path is None:
        return NoJournal()
    head = {"azvm_journal": FORMAT, "verb": verb, "endpoint": endpoint, "arguments": _hashed(arguments)}
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise InvalidRequest(f"The journal {os.fspath(path)} can't be opened: {why}") from error
    try:
        return Journal(descriptor, _begun(descriptor, Path(path), head))
    except OSError as error:
        os.close(descriptor)
        raise InvalidRequest(f"The journal {os.fspath(path)} can't be begun: {error.strerror}") from error
    except BaseException:
        os.close(descriptor)
        raise


def _begun(descriptor: int, path: Path, head: Mapping[str, Any]) -> dict[str, Entry]:
    """Return what a journal says; where it is empty, begin it."""
    _check_file(descriptor, path)
    _lock(descriptor, path)
    with open(descriptor, "rb", closefd=False) as file:
        text = file.read()
    whole, _, torn = text.rpartition(b"\n")
    if not whole and not _line(head).startswith(text):  # nobody's file is to be cut short
        raise InvalidRequest(f"{path} is no journal")
    entries = _read(path, whole, head) if whole else {}
    if torn:  # the last line of a process that was killed while it wrote
        os.ftruncate(descriptor, len(text) - len(torn))
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)  # it may have been there before
    if not whole:
        _append(descriptor, head)
    return entries


def _check_file(descriptor: int, path: Path) -> None:
    """Refuse what somebody else has laid there, who may read it or make it another file."""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        raise InvalidRequest(f"The journal {path} is no regular file")
    if hasattr(os, "geteuid") and facts.st_uid != os.geteuid():
        raise InvalidRequest(f"The journal {path} is another user's file")


def _read(path: Path, text: bytes, head: Mapping[str, Any]) -> dict[str, Entry]:
    try:
        lines = [json.loads(line) for line in text.split(b"\n")]
        _check_head(path, lines[0], head)
        return _entries(lines[1:])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InvalidRequest):
            raise
        raise InvalidRequest(f"{path} is no journal, or a damaged one") from error


def _lock(descriptor: int, path: Path) -> None:
    """Keep other runs out, of this process too, until the file is closed."""
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InvalidRequest(f"The journal {path} is in use by another run") from error


def _check_head(path: Path, found: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    if found.get("azvm_journal") != FORMAT:
        raise InvalidRequest(f"{path} is no journal that this release knows")
    for name, what in (("verb", "of a"), ("endpoint", "for"), ("arguments", "of the same verb with other arguments:")):
        if found.get(name) != head[name]:
            raise InvalidRequest(f"{path} is the journal of another run, {what} {found.get(name)}; give another file")


def _entries(lines: Sequence[Mapping[str, Any]]) -> dict[str, Entry]:
    """Put together what the lines say of each VM; the last word counts."""
    entries: dict[str, Entry] = {}
    for line in lines:
        for vm in [line["vm"]] if "vm" in line else line["vms"]:
            key = vm.lower()
            if "intent" in line:
                entries[key] = Entry(_of(str, line, "intent"), submitted=date(line.get("at")))
            elif "withdrawn" in line:
                entries.pop(key, None)
            elif "token" in line:
                before = entries.get(key, Entry())
                token, accepted = _of(str, line, "token"), before.accepted or date(line.get("at"))
                entries[key] = replace(before, token=token, accepted=accepted)
            else:
                entries[key] = replace(entries.get(key, Entry()), outcome=_outcome(line))
    return entries


def _append(descriptor: int, document: Mapping[str, Any]) -> None:
    """Write a line, or nothing: when the disk is full, half a line must not stand before another one."""
    line = _line(document)
    written = os.write(descriptor, line)
    if written < len(line):
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _hashed(arguments: Any) -> str:
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()


def _document(outcome: Outcome) -> dict[str, Any]:
    times = {name: getattr(outcome, name) for name in ("submitted", "accepted", "ended")}
    document = {
        "end": outcome.state.value,
        "polls": outcome.polls,
        "engine": outcome.engine,
        "note": outcome.note,
        "error": outcome.error and _error_document(outcome.error),
        "result": _result_document(outcome.result),
        **{name: time and time.isoformat() for name, time in times.items()},
    }
    return {name: value for name, value in document.items() if value is not None}


def _outcome(line: Mapping[str, Any]) -> Outcome:
    error, result = line.get("error"), line.get("result")
    return Outcome(
        vm=line["vm"],
        state=State(line["end"]),
        result=result and _result_of(result),
        error=error and _error_of(error),
        polls=_of(int, line, "polls") or 0,
        engine=_of(str, line, "engine"),
        note=_of(str, line, "note"),
        submitted=date(line.get("submitted")),
        accepted=date(line.get("accepted")),
        ended=date(line.get("ended")),
    )


def _of(kind: type[Any], line: Mapping[str, Any], name: str) -> Any:
    """Return what a line says under a name, nothing or of this kind; else somebody has been at the file."""
    value = line.get(name)
    if not isinstance(value, kind | None):
        raise ValueError(f"{name} is no {kind.__name__}")  # noqa: TRY004 - who opens it knows one kind of damage
    return value


def _error_document(error: AzureVMError) -> dict[str, Any]:
    return {"class": type(error).__name__, **{name: getattr(error, name) for name in _TOLD}}


def _error_of(document: Mapping[str, Any]) -> AzureVMError:
    """Return an error as it was, or of the next simpler class where it held more than is written."""
    named = getattr(errors, document["class"], None)
    kind = named if isinstance(named, type) and issubclass(named, AzureVMError) else AzureVMError
    plain: type[AzureVMError] = next(
        each for each in kind.__mro__ if "__init__" not in vars(each) or each is AzureVMError
    )
    told = {name: _of(kind, document, name) for name, kind in _TOLD.items()}
    return plain(told.pop("what") or "", **told)


def _result_document(result: object) -> dict[str, Any] | None:
    """Return a script's result: its run command is deleted in Azure. What else operations bring can be read again there."""
    if not isinstance(result, RunCommandResult):
        return None
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(result).items()}


def _result_of(document: Mapping[str, Any]) -> RunCommandResult:
    return RunCommandResult(
        exit_code=_of(int, document, "exit_code"),
        stdout=_of(str, document, "stdout") or "",
        stderr=_of(str, document, "stderr") or "",
        started=date(document["started"]),
        ended=date(document["ended"]),
        execution_state=_of(str, document, "execution_state") or "",
        message=_of(str, document, "message") or "",
    )
