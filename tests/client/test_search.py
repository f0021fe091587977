"""What is looked for when its answer was lost: found, it is followed; not there, it is sent again."""

import asyncio
from functools import partial

import pytest
from client.scripted import ACCEPTED, FORBIDDEN, STATUS_URL, SUCCEEDED, Script, lost

from azvm_async import AuthenticationError, Conflict, OutcomeUnknown, VirtualClock
from azvm_async.outbox import SEARCHES, SENDINGS
from azvm_async.protocol import lro
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.repeat import Repeat
from azvm_async.wire import Request, Response

ABOUT = About("provision", "vm1")
PUT = Request("PUT", "https://management.azure.com/x?api-version=1")
BUSY = Response(409)
MISSES = [False] * len(SEARCHES)
ASKED = Response(503, {"retry-after": "60"})


class Search:
    """Looks for what a request began, and tells what it was asked.

    Parameters
    ----------
    clock : VirtualClock
        Passes by ``delay`` seconds each time.
    *found : bool or Exception
        Whether it is there, each time it is looked for; the last holds for all that follow.
    """

    def __init__(self, clock: VirtualClock, *found: bool | Exception, delay: float = 0.0) -> None:
        self.errors = []
        self.times = []
        self._clock = clock
        self._found = list(found)
        self._delay = delay

    async def __call__(self, error):
        self.errors.append(type(error))
        self.times.append(round(self._clock.monotonic()))
        await self._clock.sleep(self._delay)
        found = self._found.pop(0) if len(self._found) > 1 else self._found[0]
        if isinstance(found, Exception):
            raise found
        due = Moment(self._clock.monotonic() + 60, self._clock.utcnow())
        return lro.bare(ABOUT, STATUS_URL, due) if found else None


async def submitted(client, search):
    """Submit, and return the handle."""
    return await client._outbox.submit(ABOUT, PUT, Repeat.REFUSED, partial(lro.begin, ABOUT, PUT), search)


def puts(script: Script) -> int:
    return sum(request.method == "PUT" for request in script.requests)


async def test_what_was_accepted_is_not_looked_for(clock: VirtualClock):
    search = Search(clock, True)
    async with Script(clock, [ACCEPTED, SUCCEEDED]).client() as client:
        await (await submitted(client, search))
    assert search.errors == []


@pytest.mark.parametrize(
    ("answer", "error"), [(lost(), OutcomeUnknown), (Response(503), OutcomeUnknown), (BUSY, Conflict)]
)
async def test_what_was_found_is_followed_and_not_sent_again(clock: VirtualClock, answer, error):
    search = Search(clock, True)
    script = Script(clock, [answer, SUCCEEDED])
    async with script.client() as client:
        operation = await submitted(client, search)
        assert operation.async_results_url == STATUS_URL
        await operation
    assert (search.errors, puts(script)) == ([error], 1)


async def test_what_was_not_there_is_sent_again(clock: VirtualClock):
    search = Search(clock, False)
    script = Script(clock, [lost(), ACCEPTED, SUCCEEDED])
    async with script.client() as client:
        await (await submitted(client, search))
    assert (len(search.errors), puts(script)) == (len(SEARCHES), 2)


async def test_lost_answer_is_looked_for_at_once_and_twice_later(clock: VirtualClock):
    search = Search(clock, False)
    async with Script(clock, [lost(), ACCEPTED, SUCCEEDED]).client() as client:
        await (await submitted(client, search))
    assert search.times == [0, 2, 10]


@pytest.mark.parametrize("misses", range(len(SEARCHES)))
async def test_what_is_found_late_is_not_sent_again(clock: VirtualClock, misses: int):
    script = Script(clock, [lost(), SUCCEEDED])
    async with script.client() as client:
        await (await submitted(client, Search(clock, *[False] * misses, True)))
    assert puts(script) == 1


async def test_what_azure_asks_to_wait_is_waited_before_it_is_sent_again(clock: VirtualClock):
    script = Script(clock, [ASKED, ACCEPTED, SUCCEEDED])
    async with script.client() as client:
        await (await submitted(client, Search(clock, False)))
    assert [round(sent.at) for sent in script.sent if sent.request.method == "PUT"] == [0, 60]


async def test_last_search_comes_after_what_azure_asks_to_wait(clock: VirtualClock):
    search = Search(clock, False)
    async with Script(clock, [ASKED, ACCEPTED, SUCCEEDED]).client() as client:
        await (await submitted(client, search))
    assert search.times == [0, 2, 60]


async def test_what_is_not_sent_again_waits_for_nothing(clock: VirtualClock):
    async with Script(clock, [ASKED]).client() as client:
        with pytest.raises(OutcomeUnknown):
            await submitted(client, Search(clock, False))
    assert round(clock.monotonic()) == 60 * (SENDINGS - 1) + 10


async def test_what_is_in_the_way_of_the_second_sending_may_be_the_first(clock: VirtualClock):
    search = Search(clock, *MISSES, True)
    async with Script(clock, [lost(), BUSY, SUCCEEDED]).client() as client:
        await (await submitted(client, search))
    assert len(search.errors) == len(SEARCHES) + 1


async def test_what_stays_lost_is_sent_so_often(clock: VirtualClock):
    search = Search(clock, False)
    script = Script(clock, [lost()])
    async with script.client() as client:
        with pytest.raises(OutcomeUnknown):
            await submitted(client, search)
    assert (puts(script), len(search.errors)) == (SENDINGS, SENDINGS * len(SEARCHES))


async def test_last_sending_is_looked_for_too(clock: VirtualClock):
    search = Search(clock, *MISSES * (SENDINGS - 1), True)
    async with Script(clock, [*[lost()] * SENDINGS, SUCCEEDED]).client() as client:
        await (await submitted(client, search))


async def test_conflict_with_nothing_of_ours_is_told(clock: VirtualClock):
    search, script = Search(clock, False), Script(clock, [BUSY])
    async with script.client() as client:
        with pytest.raises(Conflict):
            await submitted(client, search)
    assert (puts(script), len(search.errors)) == (1, 1)


async def test_refusal_is_not_looked_into(clock: VirtualClock):
    search = Search(clock, True)
    async with Script(clock, [FORBIDDEN]).client() as client:
        with pytest.raises(AuthenticationError):
            await submitted(client, search)
    assert search.errors == []


async def test_error_of_the_search_is_the_submissions(clock: VirtualClock):
    conflict = Conflict("Another deployment has the name")
    script = Script(clock, [lost()])
    async with script.client() as client:
        with pytest.raises(Conflict, match="has the name"):
            await submitted(client, Search(clock, conflict))
    assert puts(script) == 1


@pytest.mark.parametrize(("answer", "error"), [(lost(), OutcomeUnknown), (BUSY, Conflict)])
async def test_without_a_search_the_error_is_told(clock: VirtualClock, answer, error):
    script = Script(clock, [answer])
    async with script.client() as client:
        with pytest.raises(error):
            await submitted(client, None)
    assert puts(script) == 1


async def given_up(clock: VirtualClock, client, search):
    """Cancel the caller of a submission while it is being looked for what that began, and wait for the end of it."""
    submission = asyncio.create_task(submitted(client, search))
    await clock.sleep(1)
    submission.cancel()
    await asyncio.wait([submission])
    await clock.sleep(30)


async def test_what_was_given_up_is_not_sent_again(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    search = Search(clock, False, delay=5)
    script = Script(clock, [lost(), ACCEPTED])
    async with script.client() as client:
        await given_up(clock, client, search)
        assert client.outstanding == []
    assert (len(search.errors), puts(script)) == (len(SEARCHES), 1)
    assert "came to nothing" in caplog.text


async def test_what_was_given_up_and_is_found_is_outstanding(clock: VirtualClock):
    script = Script(clock, [lost(), SUCCEEDED])
    async with script.client() as client:
        await given_up(clock, client, Search(clock, True, delay=5))
        (found,) = client.outstanding
        await found
    assert puts(script) == 1
