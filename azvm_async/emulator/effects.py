"""The record of effects: every change that was really made, in order, so that a test can say "once" and "nothing else".

A request that was refused, or that found nothing to do, has none; one whose answer got lost has those it had. What comes
into being is noted when it is there, what goes when it is gone, an action when it begins.
"""

from typing import NamedTuple


class Effect(NamedTuple):
    """A change that was made.

    Parameters
    ----------
    verb : str
        ``create``, ``update``, ``delete``, the name of an action as in URLs (``start``, ``powerOff``), ``run`` for a
        script that began to run, ``deploy`` and ``cancel`` for deployments, ``register`` and ``unregister``.
    resource : str
        The ARM id of what was changed.
    monotonic : float
        When.
    request : int or None
        The place of the request that caused it in ``Emulator.requests``; ``None`` for none.
    """

    verb: str
    resource: str
    monotonic: float
    request: int | None


class Chronicle:
    """Notes effects, each with the time and the cause that hold when it is noted.

    Attributes
    ----------
    effects : list[Effect]
        Those so far.
    request : int or None
        The request that whatever happens now is due to.
    """

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.request: int | None = None
        self._now = 0.0

    def turn_to(self, now: float, request: int | None) -> None:
        """Say when, and because of which request, happens what happens next."""
        self._now, self.request = now, request

    def note(self, verb: str, resource: str) -> None:
        """Note an effect."""
        self.effects.append(Effect(verb, resource, self._now, self.request))
