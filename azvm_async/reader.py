"""Plain reads: a VM, its run-time state, and lists page by page."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

from azvm_async.errors import AuthenticationError, NotFound, ProtocolError
from azvm_async.pipeline import Pipeline
from azvm_async.protocol import vm
from azvm_async.protocol.faults import facts, followed
from azvm_async.protocol.ids import VmId, group_path
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.urls import MOST_PAGES
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.sending import Sending
from azvm_async.wire import Request, Response

READINGS = 3
"""How often something is read before it is believed that its answer is no JSON object."""

MOST_REGIONS = 100_000
"""VMs whose regions are remembered, at 280 bytes each: more than a client drives at once, and VMs come and go for ever. Of
one that was forgotten the region is read anew."""


class Reader:
    """Reads virtual machines.

    Parameters
    ----------
    pipeline : Pipeline
        Sends; reads are repeated whatever happens to them.
    endpoint : str
        Where.
    regions : dict[str, str]
        The regions of VMs, by ARM id in lower case: what it learns of them is written here.
    """

    def __init__(self, pipeline: Pipeline, endpoint: str, regions: dict[str, str]) -> None:
        self._pipeline = pipeline
        self._endpoint = endpoint
        self._regions = regions

    async def vm(self, target: VmId) -> VirtualMachine:
        """Read a VM with its power state."""
        return VirtualMachine.of(await self._document(_reading(target), vm.get(self._endpoint, target)))

    async def instance_view(self, target: VmId) -> InstanceView:
        """Read a VM's run-time state."""
        return InstanceView.of(await self._document(_reading(target), vm.get_instance_view(self._endpoint, target)))

    async def location(self, target: VmId) -> str:
        """Return a VM's region, read once: it never moves, unless it is deleted and made anew."""
        return self._regions.get(str(target).lower()) or self._noted(await self.vm(target)).location

    def forget(self, target: VmId) -> None:
        """Read a VM's region anew the next time."""
        self._regions.pop(str(target).lower(), None)

    async def vms(
        self, subscription: str, resource_group: str | None, *, states: bool = True
    ) -> AsyncGenerator[VirtualMachine, None]:
        """Iterate over the VMs of a resource group, or of all, each with its power state where that is wanted and known."""
        known = await self._power_states(subscription) if states else {}
        about, first = self._listing(subscription, resource_group)
        async for page in self._pages(about, first):
            for document in vm.documents(page):
                yield self._noted(VirtualMachine.of(document, known.get(str(document.get("id")).lower())))

    async def states(self, subscription: str) -> AsyncGenerator[VirtualMachine, None]:
        """Iterate over all VMs of a subscription as the list of their run-time states has them."""
        async for page in self.state_pages(subscription):
            for document in vm.documents(page):
                yield self._noted(VirtualMachine.of(document))

    async def state_pages(self, subscription: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Iterate over the pages of the run-time states of all VMs of a subscription."""
        about = About("listing", f"/subscriptions/{subscription}")
        async for page in self._pages(about, vm.list_states(self._endpoint, subscription)):
            yield page

    async def _power_states(self, subscription: str) -> Mapping[str, str | None]:
        """Read all power states of a subscription; none where the caller's role ends at the resource group."""
        states: dict[str, str | None] = {}
        try:
            async for page in self.state_pages(subscription):
                states.update(vm.power_states(page))
        except (AuthenticationError, NotFound) as error:
            if error.status is None:  # no token at all: the next request would say so too
                raise
            return {}
        return states

    def _listing(self, subscription: str, resource_group: str | None) -> tuple[About, Request]:
        if resource_group is None:
            about = About("listing", f"/subscriptions/{subscription}")
            return about, vm.list_in_subscription(self._endpoint, subscription)
        about = About("listing", group_path(subscription, resource_group))
        return about, vm.list_in_group(self._endpoint, subscription, resource_group)

    def _noted(self, machine: VirtualMachine) -> VirtualMachine:
        key = machine.id.lower()
        self._regions.pop(key, None)  # the one last read comes last
        self._regions[key] = machine.location.replace(" ", "").lower()
        if len(self._regions) > MOST_REGIONS:
            del self._regions[next(iter(self._regions))]
        return machine

    async def _pages(self, about: About, first: Request) -> AsyncIterator[Mapping[str, Any]]:
        seen: set[str] = set()
        request: Request | None = first
        while request is not None:
            seen.add(request.url)
            page, response = await read(self._pipeline, about, request)
            yield page
            request = next_page(about, request, response, page.get("nextLink"))
            if request is not None and (request.url in seen or len(seen) >= MOST_PAGES):
                why = "goes round in circles: a page was named twice" if request.url in seen else "has no end"
                raise ProtocolError(f"The {about} {why}", vm=about.resource)

    async def _document(self, about: About, request: Request) -> Mapping[str, Any]:
        return (await read(self._pipeline, about, request))[0]


def _reading(target: VmId) -> About:
    return About("reading", str(target))


async def read(
    pipeline: Pipeline, about: About, request: Request, *, absence: bool = False
) -> tuple[Mapping[str, Any], Response]:
    """Return the JSON object that a GET brings, and its answer; what is broken is asked for again.

    Parameters
    ----------
    pipeline, about, request
        Who sends, for whom, what.
    absence : bool
        Whether 404 is an answer too, which may bring nothing.

    Raises
    ------
    ProtocolError
        When it is broken :data:`READINGS` times in a row. Beside that, what :meth:`Pipeline.send` raises.
    """
    for _ in range(READINGS):
        response = await pipeline.send(request, about, Repeat.ALWAYS, Sending(absence=absence))
        document = response.document()
        if document:
            return document, response
    if response.status == HTTPStatus.NOT_FOUND:
        return {}, response
    raise ProtocolError(f"The {about} brought {_instead(response)}", vm=about.resource, **facts(response))


def _instead(response: Response) -> str:
    """Return what came where a JSON object with something in it was to come."""
    if not response.body:
        return "no JSON object but an empty body"
    try:
        empty = response.json() == {}
    except ValueError:
        return f"no JSON but {response.headers.get('content-type', 'a body of unknown type')}"
    return "an empty JSON object" if empty else "JSON that is no object"


def next_page(about: About, request: Request, response: Response, link: object) -> Request | None:
    """Return the request for the page that a page names as the next, if any."""
    if not isinstance(link, str) or not link:
        return None
    return Request("GET", followed(link, request.url, response, about.resource))
