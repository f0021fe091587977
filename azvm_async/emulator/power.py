"""What the actions do to a VM's power state, as one table.

A VM passes through a state on its way to another (:data:`ACTIONS`). A newer action takes over from wherever the older
one had got to; where it has no destination of its own, the VM comes to rest where it was going.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from azvm_async.emulator.settings import Durations

RUNNING, STOPPED, DEALLOCATED = "running", "stopped", "deallocated"
RESTING = (RUNNING, STOPPED, DEALLOCATED)

_DESTINATION = {"starting": RUNNING, "stopping": STOPPED, "deallocating": DEALLOCATED}


class Action(NamedTuple):
    """One action.

    Parameters
    ----------
    seconds : Callable[[Durations], float]
        How long it takes.
    via, to : str or None
        The power state meanwhile and afterwards; ``None`` leaves it as it is.
    wakes : bool
        Whether it has an effect on the power of a deallocated VM.
    interrupts : bool
        Whether what runs in the VM comes to an end.
    """

    seconds: Callable[[Durations], float]
    via: str | None = None
    to: str | None = None
    wakes: bool = False
    interrupts: bool = True


ACTIONS = {
    "start": Action(attrgetter("start"), via="starting", to=RUNNING, wakes=True, interrupts=False),
    "powerOff": Action(attrgetter("power_off"), via="stopping", to=STOPPED),
    "deallocate": Action(attrgetter("deallocate"), via="deallocating", to=DEALLOCATED),
    "restart": Action(attrgetter("restart"), to=RUNNING),
    "redeploy": Action(attrgetter("redeploy")),
    "reapply": Action(attrgetter("reapply"), interrupts=False),
    "reimage": Action(attrgetter("reimage")),
}


def at_rest(state: str | None) -> str:
    """Return where a VM in this state will be when nothing else happens."""
    return RUNNING if state is None else _DESTINATION.get(state, state)


def after(action: Action, state: str | None) -> str:
    """Return the power state that ``action`` leads to from ``state``."""
    resting = at_rest(state)
    if action.to is None or (resting == DEALLOCATED and not action.wakes):
        return resting
    return action.to


def meanwhile(action: Action, state: str | None) -> str | None:
    """Return the power state while ``action`` is under way."""
    return state if after(action, state) == state else action.via or state
