"""What the core asks its doors to do, and what it is told in return.

The core runs nothing itself. It says "run this script" and "kill that one"; whoever holds a door carries it out and
reports with a :class:`ScriptResult`. Neither a script's environment nor its words show in a ``repr``: protected
parameters travel there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunScript:
    """Run a script in a shell.

    Parameters
    ----------
    key : int
        Names the script in :class:`KillScript` and in reports.
    text : str
        The script; its first line may name an interpreter.
    environment : Mapping[str, str]
        Variables beside the few that every script gets.
    words : tuple[str, ...]
        Positional arguments.
    seconds : float
        Real time after which the script is killed.
    user : str or None
        Whom to run as; ``None`` is the user who runs the emulator.
    """

    key: int
    text: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)
    seconds: float = 5400.0
    user: str | None = None


@dataclass(frozen=True, slots=True)
class KillScript:
    """End a script with all its processes; no report is wanted."""

    key: int


Instruction = RunScript | KillScript


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How a script ended.

    Parameters
    ----------
    state : str
        ``executionState`` of the run command: Succeeded, Failed or TimedOut.
    exit_code : int
        As a shell counts: 128 + n for signal n, and -1 when there was none.
    output, error : str
        The last 4 KB of each stream.
    message : str
        One sentence for people.
    """

    state: str
    exit_code: int = -1
    output: str = field(default="", repr=False)
    error: str = field(default="", repr=False)
    message: str = ""

    @classmethod
    def refused(cls, why: str) -> "ScriptResult":
        """Return the result of a script that was never started."""
        return cls("Failed", message=why)
