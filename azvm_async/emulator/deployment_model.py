"""Records of deployments and deployment stacks.

A deployment belongs to the resource group it was put into and goes with it; every PUT makes a new record, and the one
before is forgotten but for those who still poll it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.model import Document, Operation, ResourceGroup, World
from azvm_async.emulator.templates import Expanded, Planned

DEPLOYMENTS = "Microsoft.Resources/deployments"
STACKS = "Microsoft.Resources/deploymentStacks"


@dataclass(slots=True, eq=False)
class Step:
    """One operation of a deployment: the PUT of a resource, the cleaning up of Complete mode, or the outputs.

    Parameters
    ----------
    operation : str
        ``provisioningOperation``.
    path, type, name : str
        The resource, empty when it is about none.
    error : dict or None
        Why it failed.
    refused : bool
        Whether it failed because the PUT itself was refused: ARM then shows the refusal as text.
    made : list[str] or None
        What a nested deployment made whose record is not there any more.
    """

    id: str
    operation: str
    began: float
    path: str = ""
    type: str = ""
    name: str = ""
    status_code: str = "OK"
    state: str = "Running"
    ended: float | None = None
    error: Document | None = None
    refused: bool = False
    nested: "Deployment | None" = None
    made: list[str] | None = None

    def end(self, now: float, error: Document | None = None, status_code: str = "Conflict") -> None:
        """Take in that it ended, and why it failed if it did."""
        self.ended, self.error = now, error
        self.state = "Succeeded" if error is None else "Failed"
        self.status_code = self.status_code if error is None else status_code


class Plan:
    """What a deployment still has to do: which resources wait for which.

    Parameters
    ----------
    expanded : Expanded
        The template.

    Attributes
    ----------
    running : int
        How many steps are under way.
    stopped : bool
        Whether nothing more shall begin, because something failed.
    """

    def __init__(self, expanded: Expanded) -> None:
        self.expanded = expanded
        self.resources: dict[str, Planned] = {each.id.lower(): each for each in expanded.resources}
        self.order: TopologicalSorter[str] = TopologicalSorter()
        self.running = 0
        self.stopped = False
        for key in self.resources:
            self.order.add(key)
        for key, planned in self.resources.items():
            self.order.add(key, *sorted(planned.depends_on & self.resources.keys()))
        self.order.prepare()


@dataclass(slots=True, eq=False)
class Deployment:
    """One run of a template.

    Parameters
    ----------
    status_id : str
        What its tracking URL ends with.
    parameters, providers, dependencies
        What GET shows of them.
    steps : list[Step]
        What was begun, in order.
    plan : Plan or None
        What is to be done; ``None`` once it ended.
    then : callable or None
        Called once when it ended, however it did.
    """

    group: ResourceGroup
    name: str
    mode: str
    template: Document = field(repr=False)
    tags: dict[str, str] | None
    serial: int
    started: float
    correlation: str
    status_id: str
    parameters: Document = field(repr=False)
    providers: list[Document] = field(repr=False)
    dependencies: list[Document] = field(repr=False)
    template_hash: str
    plan: Plan | None = None
    state: str = "Accepted"
    ended: float | None = None
    steps: list[Step] = field(default_factory=list)
    outputs: Document | None = field(default=None, repr=False)
    error: Document | None = None
    deletion: Operation | None = None
    then: "Callable[[World, Deployment], None] | None" = None

    @property
    def path(self) -> str:
        """The ARM id."""
        return deployment_path(self.group, self.name)

    @property
    def location(self) -> str:
        """Where its operations are: where its group is."""
        return self.group.location

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    def resources(self) -> list[str]:
        """Return the ids of the resources that were deployed, those of nested deployments included, each once."""
        found: dict[str, str] = {}
        for step in self.steps:
            made = step.made if step.nested is None else step.nested.resources()
            if made is not None:
                found |= {path.lower(): path for path in made}
            elif step.path and step.state == "Succeeded":
                found[step.path.lower()] = step.path
        return list(found.values())


@dataclass(slots=True, eq=False)
class Stack:
    """A deployment stack: a template and the resources that it keeps.

    Parameters
    ----------
    given : dict
        What GET shows of the last PUT's properties.
    resources : list[str]
        The ids of the resources it manages.
    failed : dict[str, dict]
        Why resources could not be deleted, by id.
    operation : Operation or None
        The last PUT or DELETE, which ends when the stack is at rest.
    """

    group: ResourceGroup
    name: str
    serial: int
    created: float
    started: float
    correlation: str
    given: Document = field(default_factory=dict, repr=False)
    tags: dict[str, str] | None = None
    state: str = "creating"
    ended: float | None = None
    deployment: Deployment | None = None
    resources: list[str] = field(default_factory=list)
    detached: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    failed: dict[str, Document] = field(default_factory=dict)
    error: Document | None = None
    operation: Operation | None = None

    @property
    def path(self) -> str:
        """The ARM id."""
        return f"{self.group.path}/providers/{STACKS}/{self.name}"

    @property
    def location(self) -> str:
        """Where its operations are: where its group is."""
        return self.group.location


def keep(world: World, deployment: Deployment) -> None:
    """Keep a deployment, in place of the one of its name, of which polls need little."""
    known = deployment.group.deployments
    if (earlier := known.pop(deployment.name.lower(), None)) is not None:
        earlier.template = {}
    known[deployment.name.lower()] = deployment
    world.deployments[deployment.status_id.lower()] = deployment


def deployment_path(group: ResourceGroup, name: str) -> str:
    """Return the ARM id of a deployment."""
    return f"{group.path}/providers/{DEPLOYMENTS}/{name}"


def find_deployment(group: ResourceGroup, name: str) -> Deployment:
    """Look a deployment up, or refuse with ARM's 404."""
    if (found := group.deployments.get(name.lower())) is None:
        raise deployment_not_found(name)
    return found


def deployment_not_found(name: str) -> Refusal:
    """Return the 404 for a deployment that isn't there."""
    return Refusal(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")


def find_stack(group: ResourceGroup, name: str) -> Stack:
    """Look a stack up, or refuse with ARM's 404."""
    if (found := group.stacks.get(name.lower())) is None:
        message = f"The deploymentStack '{name}' under resource group '{group.name}' could not be found."
        raise Refusal(404, "DeploymentStackNotFound", message)
    return found


def all_deployments(world: World) -> list[Deployment]:
    """Return every deployment of every resource group that exists."""
    groups = [group for each in world.subscriptions.values() for group in each.groups.values()]
    return [deployment for group in groups for deployment in group.deployments.values()]


def after(operation: Operation, call: Callable[[World, Operation], None]) -> None:
    """Have something done when an operation has ended, after what was to be done already."""
    earlier = operation.then

    def both(world: World, ended: Operation) -> None:
        if earlier is not None:
            earlier(world, ended)
        call(world, ended)

    operation.then = both
