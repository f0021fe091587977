"""What earlier runs of a deployment brought, kept where it lasts: in Azure, as the outputs of a deployment of nothing.

ARM's list of operations knows the last run only. Before a deployment is sent again, what its runs so far have named is
written down, for ``deprovision`` to find; where that is written down already, reads are all that it costs.
"""

from functools import partial

from azvm_async.errors import ProtocolError, StatusUnreadable
from azvm_async.outbox import Outbox
from azvm_async.pipeline import Pipeline
from azvm_async.protocol import lro
from azvm_async.protocol.deployment import deployment_url, memory_of, remembering
from azvm_async.protocol.faults import absent, facts
from azvm_async.protocol.machine import About
from azvm_async.protocol.patience import miss_of
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.survey import Survey
from azvm_async.reader import next_page, read
from azvm_async.wire import Request


class Memory:
    """Remembers.

    Parameters
    ----------
    pipeline, outbox : Pipeline, Outbox
        The client's.
    endpoint : str
        Where.
    """

    def __init__(self, pipeline: Pipeline, outbox: Outbox, endpoint: str) -> None:
        self._pipeline = pipeline
        self._outbox = outbox
        self._endpoint = endpoint

    async def keep(self, about: About, deployment: str) -> None:
        """Write down what the runs of a deployment have named so far; it is not running.

        Raises
        ------
        AzureVMError
            When that can't be read or written; then it must not be sent again, for what it brought would be forgotten.
        """
        survey = await self._walked(about, deployment)
        made = survey.facts.targets
        if made.keys() <= survey.remembered:
            return
        url = deployment_url(self._endpoint, memory_of(deployment))
        request = Request.with_json("PUT", url, remembering(list(made.values()), deployment))
        begin = partial(lro.begin, about, request)
        await (await self._outbox.submit(about, request, Repeat.ALWAYS, begin))

    async def _walked(self, about: About, deployment: str) -> Survey:
        """Ask what a deployment names, and nothing of the resources themselves."""
        survey = Survey.of(self._endpoint, deployment, assume_owned=True, halting=False)
        while not survey.walked:
            question = survey.next
            assert question is not None  # noqa: S101 - it would have been walked
            document, response = await read(self._pipeline, about, question.request, absence=True)
            if miss_of(response) is not None and not absent(response):
                what = f"What the deployment brought so far can't be read, so the {about} was not sent"
                raise StatusUnreadable(what, vm=about.resource, **facts(response))
            page = None if miss_of(response) else document
            following = page and next_page(about, question.request, response, page.get("nextLink"))
            more = following.url if following else None
            if survey.leads_back(more):
                raise ProtocolError(f"What the {about} needs to know goes round in circles", vm=about.resource)
            survey = survey.answered(page, more)
        return survey
