"""From what was asked to a deployment that can begin: the template expanded and checked, nothing changed yet.

What ARM calls preflight: a template that isn't valid, also in its nested deployments as far as they can be known before
anything is deployed, is refused as a whole.
"""

from collections.abc import Iterator

from azvm_async.emulator import version_checks
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import plain_location
from azvm_async.emulator.deployment_documents import dependencies, plain_error, providers, template_hash
from azvm_async.emulator.deployment_model import DEPLOYMENTS, Deployment, Plan
from azvm_async.emulator.deployment_references import Reading
from azvm_async.emulator.deployment_requests import Requested, template_of
from azvm_async.emulator.documents import group_document, subscription_document
from azvm_async.emulator.injected import preflight_failure
from azvm_async.emulator.model import Document, Failure, Moment, ResourceGroup, World
from azvm_async.emulator.templates import Expanded, Nested, Planned, Site, TemplateError, expand

_INVALID = (
    "The template deployment '{}' is not valid according to the validation procedure. The tracking id is '{}'. See inner "
    "errors for details."
)
_DIGITS = 16


def planned(world: World, group: ResourceGroup, name: str, requested: Requested, now: Moment) -> Deployment:
    """Return a deployment that is ready to begin.

    Raises
    ------
    Refusal
        400 when the template isn't valid or its preflight fails.
    """
    expanded = expanded_of(world, group, name, requested, now)
    if failures := list(_failures(world, expanded, group, now)):
        details = [plain_error(*failure) for failure in failures]
        raise Refusal(400, "InvalidTemplateDeployment", _INVALID.format(name, world.new_id()), details=details)
    return Deployment(
        group=group,
        name=name,
        mode=requested.mode,
        template=requested.template,
        tags=requested.tags,
        serial=next(world.serials),
        started=now.monotonic,
        correlation=world.new_id(),
        status_id=f"0858{world.random.randrange(10**_DIGITS):0{_DIGITS}}",
        parameters=expanded.parameters,
        providers=providers((each.type, _location(each)) for each in expanded.resources),
        dependencies=dependencies(expanded.resources),
        template_hash=template_hash(requested.template),
        plan=Plan(expanded),
    )


def expanded_of(world: World, group: ResourceGroup, name: str, requested: Requested, now: Moment) -> Expanded:
    """Return the resources that a template has, or refuse it as ARM does."""
    try:
        expanded = expand(requested.template, requested.parameters, _site(world, group, name, now))
        for each in expanded.resources:
            _require_version(each)
    except TemplateError as error:
        raise _refused(error) from error
    return expanded


def nested_request(nested: Nested, parent: ResourceGroup, world: World) -> tuple[ResourceGroup, Requested]:
    """Return where a nested deployment goes and what it asks for.

    Raises
    ------
    Refusal
        404 when the resource group doesn't exist, 400 when it asks for what the emulator hasn't.
    """
    group = world.group(nested.subscription or parent.subscription.id, nested.resource_group or parent.name)
    return group, Requested(template_of({"template": nested.template}), nested.parameters, nested.mode)


def _site(world: World, group: ResourceGroup, name: str, now: Moment) -> Site:
    return Site(subscription_document(group.subscription), group_document(group), name, now.utc, world.new_id)


def _failures(world: World, expanded: Expanded, group: ResourceGroup, now: Moment) -> Iterator[Failure]:
    """Return the failures that a test wants from the preflight, those in nested deployments included."""
    for each in expanded.resources:
        if (failure := preflight_failure(world, each.type, each.name)) is not None:
            yield failure
        if (nested := foreseen(world, each, now)) is not None:
            place, requested = nested_request(nested, group, world)
            yield from _failures(world, expanded_of(world, place, nested.name, requested, now), place, now)


def foreseen(world: World, planned: Planned, now: Moment) -> Nested | None:
    """Return a resource's nested deployment if it is one, and if it can be known before anything is deployed."""
    try:
        return planned.nested(Reading(world, now))
    except TemplateError:
        return None


def _require_version(planned: Planned) -> None:
    """Refuse a nested deployment in an API version that ARM hasn't; the providers tell theirs when a turn has come."""
    if planned.type.lower() == DEPLOYMENTS.lower() and not version_checks.is_taken(DEPLOYMENTS, planned.api_version):
        raise TemplateError.invalid(
            f"The template resource '{planned.name}' at line '1' and column '0' is invalid. 'ApiVersion' property is "
            f"invalid. The supported versions are '{version_checks.arm_versions()}'. Please see "
            "https://aka.ms/arm-syntax-resources for usage details."
        )


def _location(planned: Planned) -> str | None:
    try:
        document: Document = planned.static_document() or {}
    except TemplateError:
        return None
    location = document.get("location")
    return plain_location(location) if isinstance(location, str) else None


def _refused(error: TemplateError) -> Refusal:
    place = {"lineNumber": 1, "linePosition": 0, "path": ""}
    return Refusal(400, error.code, error.message, additionalInfo=[{"type": "TemplateViolation", "info": place}])
