"""Failures that a test asks for: the next creations or deletions of what matches a glob go wrong.

Each failure strikes so many times and is then forgotten. One of a creation lets the operation end as Failed; one of the
preflight refuses before anything has begun, a deployment as a whole or a single PUT. A glob that ends in the verb of an
action on a VM's power means that action, however it is asked for, and no other one does.
"""

from fnmatch import fnmatchcase

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.ids import label, label_of
from azvm_async.emulator.model import Failure, Injected, World


def next_failure(world: World, path: str) -> Failure | None:
    """Take the failure, if any, that awaits the creation of a resource."""
    found = _take(world, "creation", label_of(path))
    return found.failure if found else None


def next_action_failure(world: World, path: str, verb: str) -> Failure | None:
    """Take the failure, if any, that awaits an action on the power of a VM."""
    if not world.injected:
        return None
    found = _take(world, "creation", f"{label_of(path)}/{verb}", ending=f"/{verb}")
    return found.failure if found else None


def refuse_action_if_wanted(world: World, path: str, verb: str) -> None:
    """Refuse an action on the power of a VM that shall be refused."""
    if (
        world.injected
        and (found := _take(world, "preflight", f"{label_of(path)}/{verb}", ending=f"/{verb}")) is not None
    ):
        raise Refusal(found.status, *found.failure)


def preflight_failure(world: World, kind: str, name: str) -> Failure | None:
    """Take the failure, if any, that awaits the preflight of a resource of this full type and full name."""
    found = _take(world, "preflight", label(kind, name))
    return found.failure if found else None


def refuse_if_wanted(world: World, path: str) -> None:
    """Refuse a PUT whose preflight shall fail."""
    if (found := _take(world, "preflight", label_of(path))) is not None:
        raise Refusal(found.status, *found.failure)


def refuse_deletion_if_wanted(world: World, path: str) -> None:
    """Refuse a DELETE that shall be refused."""
    if (found := _take(world, "deletion", label_of(path))) is not None:
        raise Refusal(found.status, *found.failure)


def _take(world: World, moment: str, what: str, ending: str = "") -> Injected | None:
    """Take one stroke from the first failure that is meant; its glob has this ending."""
    for each in world.injected:
        fits = each.moment == moment and each.pattern.endswith(ending.lower())
        if fits and fnmatchcase(what.lower(), each.pattern):
            each.times -= 1
            if each.times <= 0:
                world.injected.remove(each)
            return each
    return None
