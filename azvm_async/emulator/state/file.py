"""The state file: one emulator's alone while it runs, and replaced as a whole when it ends.

The lock is on the file itself, which is made empty where there was none; the new content is written beside it and takes
its place at once, so that a crash leaves the one or the other.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO


class StateFile:
    """A file to start from and to save to.

    Parameters
    ----------
    path : Path or str
        Where it is or shall be.

    Raises
    ------
    ValueError
        When another emulator has it, or when it is no regular file: a device would be replaced by one.
    OSError
        When it can't be read and written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        if self.path.exists() and not self.path.is_file():
            raise ValueError(f"the state file {self.path} is not a regular file")
        self._held = _held(self.path)

    def read(self) -> str:
        """Return what is in it, empty when it is new."""
        try:
            return self.path.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path} is not a text in UTF-8") from error

    def write(self, pieces: Iterable[str]) -> None:
        """Put a text, piece by piece, in place of what is in it; only its owner can read it."""
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            # JSON's own escapes are for what isn't UTF-8, as half of a surrogate pair that a client sent
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink()
            raise
        _sync(self.path.parent)

    def close(self) -> None:
        """Leave it to others; one that is still empty is removed."""
        if self._held.closed:
            return
        with contextlib.suppress(FileNotFoundError):
            if not self.path.stat().st_size:
                self.path.unlink()
        self._held.close()


def _held(path: Path) -> TextIO:
    """Open a file and lock it, so that nobody else can."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        try:
            _lock(file, path)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # it was replaced just now: once more, with the new one


def _lock(file: TextIO, path: Path) -> None:
    import fcntl  # noqa: PLC0415  # which Windows has not, and only state files need

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ValueError(f"another emulator has the state file {path}") from error


def _sync(folder: Path) -> None:
    """See to it that a new name in a directory survives a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
