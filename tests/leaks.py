"""No test may log a secret: all that is logged while one runs, down to DEBUG, is looked through, and a find fails it.

The loggers are opened for the whole session, by a level of their own, so that this one handler gets everything; what
``caplog`` and pytest's reports show stays as if nobody had opened them. A find never shows what was found.
"""

import logging
import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pytest

LOGGERS = ("azvm_async", "aiohttp", "asyncio", "tenacity", "azure", "msal")
"""Ours, and those of what we are made of. Not urllib3, whom only the official clients' blocking kind brings: it writes whole
tracking URLs."""

OPEN = 1
"""The level that they are opened to: below DEBUG, so that it is told from a test's own."""

SECRETS = {
    "hunter2",  # passwords, secure parameters, what a credential says of itself
    "hush",
    "Secret-12345",
    "correct-horse-battery-staple",  # protected parameters, customData, userData
    "hiddenvalue",
    "#cloud-config",
    "c2VjcmV0",
    "c2lnbmVk",  # the signature in a URL
}
"""Values that the suite uses as secrets. A test with another one says ``register("…")``."""

_SHAPES = {
    "a bearer token": ("bearer", r"\bbearer\s+(?!realm|error|authorization_uri|token\b)[\w.~+/-]{6,}"),
    "a JSON Web Token": ("eyj", r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    "a token of the suite's credentials": ("token-", r"\btoken-\d+\b"),
    "an Authorization header": ("authorization", r"\bauthorization['\"]?\s*[:=](?!\s*(?:['\"]?REDACTED|f['\"]))"),
    "a signed query": ("=", r"[?&](?:sig|[stch])=(?!REDACTED|…)[^&\s'\"]"),
    "a token to resume from": ('"azvm"', r"\"azvm\":\s*1\b"),
}
"""What else is secret, by its shape: what must stand there, for a quick look, and the shape itself."""

_SHAPED = {what: (hint, re.compile(shape, re.IGNORECASE)) for what, (hint, shape) in _SHAPES.items()}


def register(secret: str) -> str:
    """Have a value looked for from now on, and return it."""
    SECRETS.add(secret)
    return secret


def leaks(text: str) -> list[str]:
    """Return what kinds of secrets a text shows."""
    lower = text.lower()
    shaped = [what for what, (hint, shape) in _SHAPED.items() if hint in lower and shape.search(text)]
    return [*shaped, *("a registered secret" for secret in SECRETS if secret in text)]


class Find(NamedTuple):
    """A line in a log that shows a secret; what it shows is left out."""

    logger: str
    level: str
    template: str
    what: str

    def __str__(self) -> str:
        return f"{self.logger} logged {self.what} at {self.level}, by {self.template!r}"


class Watch(logging.Handler):
    """Reads all that is logged: message, arguments and traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.lines = 0
        self._finds: list[Find] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look through one line, and through its arguments, which loggers to JSON show on their own."""
        self.lines += 1
        for what in leaks(f"{self.format(record)}\n{record.args!r}"):
            self._finds.append(Find(record.name, record.levelname, str(record.msg).splitlines()[0][:60], what))

    def taken(self) -> list[Find]:
        """Return what was found since the last time."""
        finds, self._finds = self._finds, []
        return list(dict.fromkeys(finds))


class AsBefore(logging.Filter):
    """Lets through what would have been logged had nobody opened the loggers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See :class:`logging.Filter`."""
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None and logger.level in {logging.NOTSET, OPEN}:
            logger = logger.parent
        return logger is None or record.levelno >= logger.level


def opened(config: pytest.Config) -> Watch:
    """Open the loggers for a session, until its end."""
    watch, as_before = Watch(), AsBefore()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        config.add_cleanup(partial(_closed, logger, watch, logger.level))
        logger.addHandler(watch)
        logger.setLevel(OPEN)
    shown = config.pluginmanager.get_plugin("logging-plugin")
    for handler in vars(shown).values():
        if isinstance(handler, logging.Handler):  # caplog's, the report's, the terminal's, the log file's
            handler.addFilter(as_before)
    return watch


def checked(watch: Watch) -> Iterator[None]:
    """Let a test run, and fail it if it logged a secret; what was logged between two tests counts to the later one."""
    yield
    if finds := watch.taken():
        pytest.fail("\n".join(map(str, finds)), pytrace=False)


def _closed(logger: logging.Logger, watch: Watch, level: int) -> None:
    logger.removeHandler(watch)
    logger.setLevel(level)
