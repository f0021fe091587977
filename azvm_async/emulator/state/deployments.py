"""Deployments and stacks, read from a state file: their templates are not there, and nobody polls them any more."""

from azvm_async.emulator.deployment_model import Deployment, Stack, Step, keep
from azvm_async.emulator.model import Document, ResourceGroup, World
from azvm_async.emulator.state.entries import Entry

_ENDED = ("Succeeded", "Failed", "Canceled")
_AT_REST = ("succeeded", "failed", "canceled")
_OF_OUTSIDE = {"provisioningState", "correlationId", "resources", "error"}
_LISTS = {"detachedResources", "deletedResources", "failedResources"}


def read_deployment(world: World, group: ResourceGroup, entry: Entry, now: float) -> None:
    """Add a deployment that has ended."""
    deployment = _deployment(world, group, entry, now)
    if deployment.name.lower() in group.deployments:
        raise entry.wrong("name", "another name than before")
    keep(world, deployment)


def _deployment(world: World, group: ResourceGroup, entry: Entry, now: float) -> Deployment:
    entry.allow("name", "tags", "properties", "operations", "emulator")
    properties, ours = entry.entry("properties"), entry.entry("emulator")
    started, ended = _span(world, ours, now)
    return Deployment(
        group=group,
        name=entry.text("name"),
        mode=properties.one_of("mode", "Incremental", "Complete"),
        template={},
        tags=entry.tags(),
        serial=next(world.serials),
        started=started,
        correlation=properties.text("correlationId", world.new_id()),
        status_id=world.new_id(),
        parameters=properties.value("parameters", dict, {}),
        providers=properties.value("providers", list, []),
        dependencies=properties.value("dependencies", list, []),
        template_hash=properties.value("templateHash", str, ""),
        state=properties.one_of("provisioningState", *_ENDED),
        ended=ended,
        steps=[_step(world, each, now) for each in entry.entries("operations")],
        outputs=properties.optional("outputs", dict),
        error=properties.optional("error", dict),
    )


def _step(world: World, entry: Entry, now: float) -> Step:
    entry.allow("operationId", "properties", "emulator")
    properties, ours = entry.entry("properties"), entry.entry("emulator")
    target = properties.entry("targetResource")
    began, ended = _span(world, ours, now)
    return Step(
        id=entry.text("operationId"),
        operation=properties.text("provisioningOperation", "Create"),
        began=began,
        path=target.value("id", str, ""),
        type=target.value("resourceType", str, ""),
        name=target.value("resourceName", str, ""),
        status_code=properties.text("statusCode", "OK"),
        state=properties.text("provisioningState", "Succeeded"),
        ended=ended,
        error=properties.optional("error", dict),
        refused=ours.value("refused", bool, default=False),
        made=ours.texts("deployed") if "deployed" in ours.document else None,
    )


def read_stack(world: World, group: ResourceGroup, entry: Entry, now: float) -> None:
    """Add a stack that is at rest."""
    entry.allow("name", "tags", "properties", "emulator")
    properties, ours, name = entry.entry("properties"), entry.entry("emulator"), entry.text("name")
    if name.lower() in group.stacks:
        raise entry.wrong("name", "another name than before")
    started, ended = _span(world, ours, now)
    group.stacks[name.lower()] = Stack(
        group=group,
        name=name,
        serial=next(world.serials),
        created=ours.time_or("created", world, started),
        started=started,
        correlation=properties.text("correlationId", world.new_id()),
        given={key: value for key, value in properties.document.items() if key not in _OF_OUTSIDE | _LISTS},
        tags=entry.tags(),
        state=properties.one_of("provisioningState", *_AT_REST),
        ended=ended,
        deployment=_deployment_of(world, group, ours, now),
        resources=[each.text("id") for each in properties.entries("resources")],
        detached=[each.text("id") for each in properties.entries("detachedResources")],
        deleted=[each.text("id") for each in properties.entries("deletedResources")],
        failed=_failed(properties),
        error=properties.optional("error", dict),
    )


def _failed(properties: Entry) -> dict[str, Document]:
    return {each.text("id"): each.value("error", dict) for each in properties.entries("failedResources")}


def _deployment_of(world: World, group: ResourceGroup, ours: Entry, now: float) -> Deployment | None:
    """Return a stack's deployment: one of the group's by name, or one that only the stack knows."""
    given = ours.document.get("deployment")
    if isinstance(given, dict):
        return _deployment(world, group, ours.entry("deployment"), now)
    if given is None:
        return None
    if (found := group.deployments.get(ours.text("deployment").lower())) is None:
        raise ours.wrong("deployment", "the name of a deployment of the group")
    return found


def _span(world: World, entry: Entry, now: float) -> tuple[float, float]:
    """Return when something began and ended."""
    started = entry.time_or("started", world, now)
    return started, entry.time_or("ended", world, started)
