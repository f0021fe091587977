"""A script to run on a VM, as it is sent, and what it did, as Azure tells it.

Source: the REST reference of "Virtual Machine Run Commands" (managed run command), 2024-07-01.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azvm_async.errors import InvalidRequest
from azvm_async.protocol.fields import date
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.urls import with_query
from azvm_async.protocol.vm import API_VERSION

NAME_PREFIX = "azvm-"
"""Our run commands' names begin with this; none without it is ever deleted."""

_NAME = re.compile(rf"{NAME_PREFIX}[0-9a-f]{{32}}", re.IGNORECASE)
_OURS = re.compile(rf"[^#]+/virtualMachines/[^/#]+/runCommands/{_NAME.pattern}", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENDED = {word.lower(): word for word in ("Succeeded", "Failed", "TimedOut", "Canceled")} | {"cancelled": "Canceled"}


@dataclass(frozen=True, slots=True)
class RunCommandResult:
    """What a script did.

    Attributes
    ----------
    exit_code : int or None
        Exit code; ``None`` where Azure tells none.
    stdout, stderr : str
        The last 4 KB of each, which is what Azure keeps.
    started, ended : datetime or None
        Zone-aware.
    execution_state : str
        ``Succeeded``, ``Failed``, ``TimedOut`` or ``Canceled``.
    message : str
        Azure's own remark, such as why the script could not be started.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    started: datetime | None
    ended: datetime | None
    execution_state: str
    message: str = ""

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "RunCommandResult | None":
        """Read an ``instanceView``; ``None`` while the script has not ended."""
        state = _ENDED.get(str(view.get("executionState", "")).lower())
        if state is None:
            return None
        code = view.get("exitCode")
        return cls(
            exit_code=code if isinstance(code, int) else None,
            stdout=_whole(view.get("output")),
            stderr=_whole(view.get("error")),
            started=date(view.get("startTime")),
            ended=date(view.get("endTime")),
            execution_state=state,
            message=_whole(view.get("executionMessage")),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Script:
    """A script to run, with all that goes with it.

    Parameters
    ----------
    text : str
        Sent as it is: new lines, shebang and here-documents included.
    parameters, protected_parameters : Mapping[str, object]
        Environment variables (named parameters on Windows); values become strings.
    timeout : float
        Seconds after which Azure ends the script; rounded up to whole ones.
    run_as_user : str, optional
        The user who runs it.
    """

    text: str
    parameters: Mapping[str, object]
    protected_parameters: Mapping[str, object]
    timeout: float
    run_as_user: str | None = None

    def properties(self) -> dict[str, Any]:
        """Return the ``properties`` of the run command.

        Raises
        ------
        InvalidRequest
            For an empty script, a name that is no variable's or is given twice, a value without a plain text form, or
            a time-out below one second.
        """
        if not isinstance(self.text, str) or not self.text.strip():
            raise InvalidRequest("The script is empty, or no text; give its text as a str")
        if not (isinstance(self.parameters, Mapping) and isinstance(self.protected_parameters, Mapping)):
            raise InvalidRequest("Parameters are a mapping of names to values")
        if not isinstance(self.timeout, int | float) or not 1 <= self.timeout < math.inf:
            raise InvalidRequest(f"A script's time-out is 1 second or more, not {self.timeout!r}")
        if not isinstance(self.run_as_user, str | None):
            raise InvalidRequest("The user is named by a str")
        twice = set(self.parameters) & set(self.protected_parameters)
        if twice:
            raise InvalidRequest(f"{', '.join(sorted(twice))} can't be a parameter and a protected one")
        properties: dict[str, Any] = {
            "source": {"script": self.text},
            "parameters": _named(self.parameters),
            "protectedParameters": _named(self.protected_parameters),
            "asyncExecution": True,
            "timeoutInSeconds": math.ceil(self.timeout),
            "runAsUser": self.run_as_user,
        }
        return {name: value for name, value in properties.items() if value not in (None, [])}


def script_url(endpoint: str, vm: VmId, name: str) -> str:
    """Return the URL of a VM's run command."""
    return with_query(f"{endpoint}{vm.path}/runCommands/{name}", **{"api-version": API_VERSION})


def checked_command_name(name: str) -> str:
    """Return a run command's name if it is one of ours, or raise :class:`InvalidRequest`."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise InvalidRequest(f"{name!r} can't name a run command here: '{NAME_PREFIX}' and 32 hexadecimal digits can")


def _whole(output: object) -> str:
    """Return text that can be printed: Azure cuts an output off anywhere, within a character of two halves, too."""
    return str(output or "").encode("utf-8", "replace").decode()


def _named(parameters: Mapping[str, object]) -> list[dict[str, str]]:
    return [{"name": _variable(name), "value": _text(name, value)} for name, value in parameters.items()]


def _variable(name: object) -> str:
    if isinstance(name, str) and _VARIABLE.fullmatch(name):
        return name
    raise InvalidRequest(
        f"{name!r} can't name an environment variable: letters, digits and '_' can, not beginning with a digit"
    )


def _text(name: str, value: object) -> str:
    """Turn a value into the string that Azure wants; what has no plain text form is refused. Never shows the value."""
    structured = isinstance(value, Mapping | list | tuple | set | frozenset | bytes | bytearray)
    if value is None or structured or type(value).__repr__ is object.__repr__:
        kind = type(value).__name__
        raise InvalidRequest(f"The value of {name} is a {kind}, which has no plain text form; give a str or a number")
    return str(value)


def is_ours(url: str) -> bool:
    """Tell whether a URL is that of a run command that this package named, and so may delete."""
    return _OURS.fullmatch(url.partition("?")[0]) is not None
