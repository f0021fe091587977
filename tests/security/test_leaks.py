"""The watch over the whole suite's logs works: it finds what is secret, lets pass what is not, and fails the test."""

import logging
from pathlib import Path

import leaks
import pytest
from doubles import Credential

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.emulator import Emulator

pytest_plugins = ["pytester"]

JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL20ifQ.c2VjcmV0LXNlY3JldA"  # of no use anywhere

SHOWN = {
    "a bearer token": "sending Bearer abcdef.ghijkl",
    "a bearer token in a header": "{'authorization': 'bearer abcdefghijkl'}",
    "a header alone": "Authorization: Basic x",
    "a header in a dict": "{'Authorization': '***'}",
    "a token of Azure's": f"got {JWT}",
    "a token of the suite's": "got token-12",
    "a tracking URL": "https://management.azure.com/subscriptions/x?p=1&api-version=2&t=3",
    "its certificate": "x?api-version=2&c=MIIH",
    "its signature": "/operations/1?api-version=2&s=abc",
    "its hash": "GET /x?h=abc",
    "a shared access signature": "https://x.blob.core.windows.net/out?sv=1&sig=abc",
    "a token to resume from": '{"azvm":1,"kind":"lro"}',
    "a password": "user:hunter2@x",
}
HARMLESS = {
    "a code of Azure's": "AuthorizationFailed: The client does not have authorization to perform this",
    "a header that is missing": "Authentication failed. The 'Authorization' header is missing.",
    "a challenge": 'Bearer authorization_uri="https://login", error="invalid_token"',
    "what azure-core made of it": "{'Authorization': 'REDACTED'} https://x?sig=REDACTED",
    "what we made of it": "GET https://management.azure.com/x?…",
    "an api version": "/x?api-version=2024-07-01&$expand=instanceView",
    "a request": "POST /subscriptions/s/virtualMachines/vm1/start: 202, request id 5",
    "a line of our source in a traceback": """_with_headers(request, {"authorization": f"Bearer {token}"})""",
    "words": "Who has a token of it can take it up again; token: none; a bearer token",
}


@pytest.mark.parametrize("text", SHOWN.values(), ids=SHOWN)
def test_a_secret_is_found(text: str):
    assert leaks.leaks(text)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_is_harmless_is_not(text: str):
    assert leaks.leaks(text) == []


async def test_tokens_and_tracking_urls_of_the_emulator_are_known_as_secrets():
    clock = VirtualClock()
    async with Emulator(clock) as arm:
        arm.add_vm("vm1")
        async with AzureVMClient(
            arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
        ) as client:
            operation = await client.start("vm1")
            found = [leaks.leaks(each) for each in (operation.async_results_url, operation.token)]
            await operation
        assert all([*found, leaks.leaks((await arm.credential().get_token()).token)])


async def test_tokens_of_the_doubles_are_known_as_secrets():
    assert leaks.leaks((await Credential(VirtualClock()).get_token()).token)


@pytest.fixture
def watch() -> leaks.Watch:
    return leaks.Watch()


def logged(watch: leaks.Watch, text: str, *arguments: object, **more: object) -> list[leaks.Find]:
    """Return what a watch finds in a line."""
    watch.emit(logging.LogRecord("azvm_async.x", logging.DEBUG, "x.py", 1, text, arguments, more.get("exc_info")))
    return watch.taken()


def test_a_find_says_where_and_what_and_does_not_show_it(watch: leaks.Watch):
    (find,) = logged(watch, "%s has %d", "hunter2", 5)
    assert str(find) == "azvm_async.x logged a registered secret at DEBUG, by '%s has %d'"


def test_a_secret_in_a_traceback_is_found(watch: leaks.Watch):
    with pytest.raises(ValueError, match="hunter") as caught:
        int("hunter2")
    assert logged(watch, "failed", exc_info=caught._excinfo)


def test_a_secret_in_an_argument_that_the_line_does_not_show_is_found(watch: leaks.Watch):
    assert logged(watch, "%.0s", "hunter2")


def test_a_registered_secret_is_found(watch: leaks.Watch):
    try:
        assert logged(watch, leaks.register("a word of this test alone"))
    finally:
        leaks.SECRETS.discard("a word of this test alone")


CONFTEST = """
import leaks, pytest

def pytest_sessionstart(session):
    global watch
    watch = leaks.opened(session.config)

@pytest.fixture(autouse=True)
def _no_secret_is_logged():
    yield from leaks.checked(watch)
"""
ALONE = ("-p", "no:hypothesispytest", "-p", "no:asyncio", "-p", "no:anyio")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a suite of its own, under the same watch."""
    monkeypatch.setenv("PYTHONPATH", str(Path(leaks.__file__).parent))
    pytester.makeconftest(CONFTEST)
    return pytester


def ends(suite: pytest.Pytester, body: str) -> dict[str, int]:
    """Run a test, in a process of its own for it opens and closes loggers; return how many tests ended how."""
    suite.makepyfile(f"import logging\nlog = logging.getLogger('azvm_async.x')\n\ndef test(caplog):\n    {body}\n")
    return suite.runpytest_subprocess(*ALONE).parseoutcomes()


LEAKY = {"passed": 1, "errors": 1}


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_test_that_logs_a_secret_fails(suite: pytest.Pytester, level: str):
    assert ends(suite, f"log.{level}('a %s', 'hunter' + '2')") == LEAKY


def test_a_test_that_logs_none_passes(suite: pytest.Pytester):
    assert ends(suite, "log.debug('a hunter')") == {"passed": 1}


@pytest.mark.parametrize(
    "body",
    [
        "log.debug('x'); log.info('x'); assert caplog.records == []",
        "log.warning('x'); assert len(caplog.records) == 1",
        "caplog.set_level(logging.INFO); log.debug('x'); log.info('x'); assert len(caplog.records) == 1",
        "caplog.set_level(logging.DEBUG, 'azvm_async'); log.debug('x'); assert len(caplog.records) == 1",
        "caplog.set_level(logging.INFO, 'azvm_async.x'); log.debug('x'); log.info('x'); assert len(caplog.records) == 1",
    ],
)
def test_what_caplog_sees_is_as_before(suite: pytest.Pytester, body: str):
    assert ends(suite, body) == {"passed": 1}


def test_this_suite_is_under_the_watch(request: pytest.FixtureRequest):
    assert "_no_secret_is_logged" in request.fixturenames
    handlers = logging.getLogger("azvm_async").handlers
    assert [type(each).__name__ for each in handlers if not isinstance(each, logging.NullHandler)] == ["Watch"]
    assert logging.getLogger("azvm_async.pipeline").isEnabledFor(logging.DEBUG)
