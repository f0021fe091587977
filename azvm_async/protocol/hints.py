"""Hints: what one list of a subscription's VMs tells of many operations at once.

``statusOnly`` lists each VM with its power and provisioning state. An operation on a VM keeps it ``updating`` until it ends, so
a VM that is not, and is as the operation would have it or failed, has probably come to its end: its operation is then read
at once. Only that read is believed, and there is one hint for each operation. The list says nothing of a reboot.

The switch: where 100 operations or more are outstanding for each page that the list has, the list is read instead of
them, every 5 seconds, or every 3 for each page where that is more; until fewer than 10 for each page are left. Each operation
is read by itself all the same when its own time has come and 60 seconds have passed since the last look at it, or four
intervals where that is more.
"""

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

from azvm_async.protocol.fields import within, word
from azvm_async.protocol.ids import is_vm
from azvm_async.protocol.machine import About
from azvm_async.protocol.vm import InstanceView, documents

WORTH_BEGINNING, WORTH_GOING_ON = 100, 10
"""Operations outstanding for each page of the list."""

_REACHED: Mapping[str, frozenset[str]] = {
    "start": frozenset({"running"}),
    "stop": frozenset({"stopped", "deallocated"}),
    "deallocate": frozenset({"deallocated"}),
    "delete": frozenset(),
}
"""Power states that a verb leads to; what was deleted is on no list."""

_UNDER_WAY = frozenset({"updating", "creating", "deleting", "migrating"})


class Sighting(NamedTuple):
    """What a list says of one VM, in lower case and empty where it says nothing."""

    power: str
    provisioning: str


def is_told(about: About) -> bool:
    """Tell whether a list of VMs says anything of the end of an operation."""
    return about.verb in _REACHED and is_vm(about.resource)


def sightings(page: Mapping[str, Any], wanted: Container[str]) -> Iterator[tuple[str, Sighting]]:
    """Return what a page of the list says of each VM that is wanted, by ARM id in lower case."""
    for document in documents(page):
        vm = word(document.get("id")).lower()
        if vm in wanted:
            view = InstanceView.of(within(document, "properties", "instanceView"))
            state = view.provisioning_state or word(within(document, "properties").get("provisioningState")).lower()
            yield vm, Sighting(view.power_state or "", state)


def seems_ended(verb: str, sighting: Sighting | None) -> bool:
    """Tell whether an operation has probably ended, by what a whole list says of its VM: nothing, where it is not on it."""
    if sighting is None:
        return True
    if sighting.provisioning in _UNDER_WAY:
        return False
    return sighting.power in _REACHED[verb] or sighting.provisioning in {"failed", "canceled"}


def worth_a_list(outstanding: int, pages: int, *, listing: bool) -> bool:
    """Tell whether a list is to be read instead of single operations: the switch."""
    return outstanding >= pages * (WORTH_GOING_ON if listing else WORTH_BEGINNING)


def interval(pages: int) -> float:
    """Return the seconds between two lists, so that they take a tenth of what may be read at most."""
    return max(5.0, 3.0 * pages)


def longest_unread(pages: int) -> float:
    """Return the seconds after which an operation is read whatever a list says."""
    return max(60.0, 4 * interval(pages))
