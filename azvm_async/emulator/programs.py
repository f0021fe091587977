"""What a run command asks to have executed: read from its properties once, then an instruction to a door.

Protected parameters live in a :class:`Program` only as long as the request; the record of a run command keeps what
:func:`shown_properties` lets through.
"""

from dataclasses import dataclass, field
from typing import Any

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import section, text
from azvm_async.emulator.instructions import RunScript
from azvm_async.emulator.model import Document

DEFAULT_SECONDS = 90 * 60
_PLAIN = ("parameters", "asyncExecution", "runAsUser", "timeoutInSeconds", "treatFailureAsDeploymentFailure")
_URLS = ("outputBlobUri", "errorBlobUri")


@dataclass(frozen=True, slots=True)
class Program:
    """A script and all that it needs to run.

    Parameters
    ----------
    environment : dict[str, str]
        The named parameters.
    words : tuple[str, ...]
        The nameless ones, split as a shell splits what isn't quoted.
    """

    script: str = field(repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    words: tuple[str, ...] = field(default=(), repr=False)
    seconds: float = DEFAULT_SECONDS
    user: str | None = None

    @classmethod
    def of(cls, properties: Document) -> "Program":
        """Read a program from a managed run command's properties, or refuse with a 400."""
        source = section(properties, "source")
        if not any(text(source, kind) for kind in ("script", "scriptUri", "commandId")):
            raise Refusal(400, "InvalidParameter", "The value of parameter source is invalid: it names no script.")
        environment, words = _parameters(properties)
        return cls(
            script=text(source, "script"),
            environment=environment,
            words=words,
            seconds=_seconds(properties.get("timeoutInSeconds")),
            user=text(properties, "runAsUser") or None,
        )

    def refusal(self, os_type: str, *, run_scripts: bool) -> str:
        """Return why the program can't be run here, empty when it can."""
        if not run_scripts:
            return "The emulator was told not to run scripts."
        if os_type != "Linux":
            return "The emulator runs shell scripts only, not those of a Windows VM."
        if not self.script:
            return "The emulator runs scripts that come with the request only: source.script."
        return ""

    def instruction(self, key: int) -> RunScript:
        """Return what a door is told."""
        return RunScript(key, self.script, self.environment, self.words, self.seconds, self.user)


def shown_properties(properties: Document) -> Document:
    """Return what GET may show of a run command's properties: nothing protected, no signed URLs."""
    source = section(properties, "source")
    shown: Document = {"source": {kind: source[kind] for kind in ("script", "commandId") if kind in source}}
    if "scriptUri" in source:
        shown["source"]["scriptUri"] = text(source, "scriptUri").partition("?")[0]
    shown |= {name: properties[name] for name in _PLAIN if name in properties}
    return shown | {name: text(properties, name).partition("?")[0] for name in _URLS if name in properties}


def _parameters(properties: Document) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the named and the nameless parameters, protected or not; empty values are dropped."""
    environment: dict[str, str] = {}
    words: list[str] = []
    for kind in ("parameters", "protectedParameters"):
        for parameter in _list(properties, kind):
            name, value = text(parameter, "name"), text(parameter, "value")
            if name and value:
                environment[name] = value
            else:
                words.extend(value.split())
    return environment, tuple(words)


def _list(properties: Document, name: str) -> list[Document]:
    value: Any = properties.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refusal.bad_content(f"'{name}' is not a list of objects.")
    return value


def _seconds(value: Any) -> float:
    if value is None:
        return DEFAULT_SECONDS
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise Refusal.bad_content("'timeoutInSeconds' is not a positive integer.")
    return float(value)
