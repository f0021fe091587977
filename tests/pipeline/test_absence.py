"""404 as an answer: for those who ask whether something is there."""

from collections.abc import Callable

import pytest

from azvm_async.errors import AuthenticationError, Conflict, NotFound, RequestRefused
from azvm_async.sending import Sending
from pipeline.support import GET, OK, Line, lost, refused, unsent


async def asked(line: Line):
    """Send a question whether something is there."""
    return await line.send(request=GET, sending=Sending(absence=True))


async def test_absence_is_an_answer_to_who_asks_for_it(line: Callable[..., Line]):
    asking = line(refused(404, "DeploymentNotFound"))
    answer = await asked(asking)
    assert (answer.status, answer.document()["error"]["code"]) == (404, "DeploymentNotFound")
    assert len(asking.sent) == 1


async def test_absence_is_an_error_to_all_others(line: Callable[..., Line]):
    with pytest.raises(NotFound):
        await line(refused(404)).send(request=GET, sending=Sending())


async def test_presence_is_an_answer_as_ever(line: Callable[..., Line]):
    assert await asked(line(OK)) is OK


@pytest.mark.parametrize(
    "failure", [lost(), unsent(), refused(503), refused(429)], ids=["lost", "unsent", "503", "429"]
)
async def test_absence_is_an_answer_after_a_failure_too(line: Callable[..., Line], failure):
    assert (await asked(line(failure, refused(404)))).status == 404


@pytest.mark.parametrize(("status", "error"), [(403, AuthenticationError), (409, Conflict), (410, RequestRefused)])
async def test_other_refusals_are_errors_also_to_who_asks_for_absence(line: Callable[..., Line], status, error):
    with pytest.raises(error):
        await asked(line(refused(status)))
