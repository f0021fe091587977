"""What a deployment would change: the template's resources laid beside what is there.

Only what the template says is compared, for what a service adds of itself is no change. A resource that needs the state
of others is evaluated with the state of now, where there is one.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from azvm_async.emulator import resource_changes
from azvm_async.emulator.calls import plain_location
from azvm_async.emulator.deploying import surplus
from azvm_async.emulator.deployment_model import DEPLOYMENTS
from azvm_async.emulator.deployment_plans import expanded_of, foreseen, nested_request
from azvm_async.emulator.deployment_references import Reading
from azvm_async.emulator.deployment_requests import Requested
from azvm_async.emulator.documents import without_secrets
from azvm_async.emulator.model import Document, Moment, ResourceGroup, World
from azvm_async.emulator.templates import Planned, TemplateError

_PAYLOAD = {"before", "after", "delta"}
_REDEPLOYED = {"Modify", "NoChange"}
_NAMES = {"apiVersion", "id", "name", "type"}
_ABSENT = object()


def foresee(world: World, group: ResourceGroup, name: str, requested: Requested, now: Moment) -> list[Document]:
    """Return what would happen to each resource of the template, and to the others in its group.

    Raises
    ------
    Refusal
        400 when the template isn't valid.
    """
    found = list(_changes(world, group, name, requested, now))
    kept = [change["resourceId"] for change in found]
    rest = "Delete" if requested.mode == "Complete" else "Ignore"
    for path in surplus(world, group, kept, now):
        before = resource_changes.document_of(world, path, now)
        found.append({"resourceId": path, "changeType": rest, "before": before})
    return found


def without_payload(change: Document) -> Document:
    """Return a change as it is shown to those who want ids only."""
    shown = {name: value for name, value in change.items() if name not in _PAYLOAD}
    return shown | ({"changeType": "Deploy"} if shown["changeType"] in _REDEPLOYED else {})


def _changes(world: World, group: ResourceGroup, name: str, requested: Requested, now: Moment) -> Iterator[Document]:
    for planned in expanded_of(world, group, name, requested, now).resources:
        if planned.type.lower() != DEPLOYMENTS.lower():
            yield _change(world, planned, now)
        elif (nested := foreseen(world, planned, now)) is not None:
            place, inner = nested_request(nested, group, world)
            yield from _changes(world, place, nested.name, inner, now)
        else:
            reason = "The nested deployment depends on resources that do not exist yet."
            yield {"resourceId": planned.id, "changeType": "Unsupported", "unsupportedReason": reason}


def _change(world: World, planned: Planned, now: Moment) -> Document:
    there = resource_changes.exists(world, planned.id)
    after = _wanted(world, planned, now)
    if not there:
        return {"resourceId": planned.id, "changeType": "Create", "after": after}
    before = resource_changes.document_of(world, planned.id, now)
    delta = list(_differences(before, {name: value for name, value in after.items() if name not in _NAMES}, ""))
    kind = "Modify" if delta else "NoChange"
    return {"resourceId": planned.id, "changeType": kind, "before": before, "after": after, "delta": delta}


def _wanted(world: World, planned: Planned, now: Moment) -> Document:
    """Return a resource as the template wants it, only its name where that needs what isn't there yet."""
    known: Document = {"id": planned.id, "type": planned.type, "name": planned.name.rpartition("/")[2]}
    try:
        document: Document = without_secrets(planned.document(Reading(world, now)))
    except TemplateError:
        return known
    if isinstance(location := document.get("location"), str):
        document["location"] = plain_location(location)
    return {**document, **known, "apiVersion": planned.api_version}


def _differences(before: Any, after: Document, path: str) -> Iterator[Document]:
    """Return what an object says otherwise than before; tags go when they are not said any more."""
    for name in before if path == "tags" else ():
        if name not in after:
            yield {"path": f"tags.{name}", "propertyChangeType": "Delete", "before": before[name]}
    for name, value in after.items():
        yield from _difference(before.get(name, _ABSENT), value, f"{path}.{name}" if path else name)


def _difference(before: Any, after: Any, path: str) -> Iterator[Document]:
    if before is _ABSENT:
        if after not in (None, {}, []):
            yield {"path": path, "propertyChangeType": "Create", "after": after}
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _differences(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        if children := list(_of_lists(before, after)):
            yield {"path": path, "propertyChangeType": "Array", "children": children}
    elif not _same(before, after):
        yield {"path": path, "propertyChangeType": "Modify", "before": before, "after": after}


def _of_lists(before: list[Any], after: list[Any]) -> Iterator[Document]:
    for number, (old, new) in enumerate(zip_longest(before, after, fillvalue=_ABSENT)):
        if new is _ABSENT:
            yield {"path": str(number), "propertyChangeType": "Delete", "before": old}
        elif isinstance(old, dict) and isinstance(new, dict):
            if children := list(_differences(old, new, "")):
                yield {"path": str(number), "propertyChangeType": "Modify", "children": children}
        else:
            yield from _difference(old, new, str(number))


def _same(before: Any, after: Any) -> bool:
    """Tell whether two values mean the same: ids are compared without regard to case."""
    if isinstance(before, str) and isinstance(after, str) and before.startswith("/subscriptions/"):
        return before.lower() == after.lower()
    return bool(before == after)
