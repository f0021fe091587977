"""Tokens that somebody tampered with: each is refused, or a machine that asks nobody but the endpoint."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol.bulks import SECOND, started
from protocol.deployments import STACK_URL, provisioned
from protocol.group import removal
from protocol.support import BY_BOTH, COMMAND_URL, ENDPOINT, NOW, URL, VM, answer, begun, commanded

from azvm_async.errors import InvalidRequest
from azvm_async.protocol import tokens
from azvm_async.protocol.machine import About, Success, Unresolved
from fuzz.hostile import BODIES, DEEP, DOCUMENTS, FUZZ, SECRET, URLS, VALUES, damaged, is_ours, is_whole, walked

TRUE = {
    "lro": begun(),
    "result": begun(first=answer(202, headers=BY_BOTH), wants_result=True),
    "command": commanded(),
    "deployment": provisioned(),
    "stack": provisioned(answer(201, {}), STACK_URL),
    "removal": removal(),
    "bulk": started(),
    "bulk-alone": started().only(SECOND),
}
INTENTS = {
    "intent-command": tokens.intent(About("run_command", VM), COMMAND_URL)("r"),
    "intent-start": tokens.intent(About("start", VM), URL)("r"),
    "intent-reboot": tokens.intent(About("reboot", VM))("r"),
}
TEXTS = {**{name: tokens.dump(machine) for name, machine in TRUE.items()}, **INTENTS}


def is_taken_or_refused(token, endpoint=ENDPOINT):
    """Check what comes of a token."""
    try:
        machine = tokens.load(token, endpoint, NOW)
    except InvalidRequest as error:
        is_ours(error)
        return
    if SECRET in str(machine.about):  # what a token calls things is shown: who wrote that knows it
        return
    assert is_whole(machine) or isinstance(machine.outcome, Success | Unresolved)
    walked(machine, [answer(200, {}), answer(404), answer(400)], hands={0, 1})


@pytest.mark.parametrize("name", TEXTS)
def test_any_change_of_a_token_is_refused_or_stays_on_the_endpoint(name):
    true = json.loads(TEXTS[name])

    @FUZZ
    @given(
        token=damaged(st.just(true)) | st.dictionaries(st.sampled_from(sorted(true)), VALUES | URLS).map(true.__or__)
    )
    def loads(token):
        is_taken_or_refused(token)
        is_taken_or_refused(json.dumps(token))

    loads()


@pytest.mark.parametrize("name", TEXTS)
def test_any_token_cut_short_or_with_something_in_it_is_refused_or_stays_on_the_endpoint(name):
    text = TEXTS[name]

    @FUZZ
    @given(start=st.integers(0, len(text)), size=st.integers(0, 60), instead=st.text(max_size=6) | URLS | DEEP)
    def loads(start, size, instead):
        is_taken_or_refused(text[:start])
        is_taken_or_refused(text[:start] + instead + text[start + size :])

    loads()


@FUZZ
@given(token=VALUES | DOCUMENTS | URLS | BODIES | DEEP)
def test_any_value_is_no_token_or_one_of_the_endpoint(token):
    is_taken_or_refused(token)


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if "://" in text])
def test_token_is_of_no_other_endpoint(name):
    with pytest.raises(InvalidRequest):
        tokens.load(TEXTS[name], "https://management.usgovcloudapi.net", NOW)


@FUZZ
@given(token=st.text(max_size=30) | BODIES.map(lambda body: body.decode("utf-8", "replace")))
def test_any_text_is_told_to_be_a_bulk_token_or_not(token):
    try:
        assert tokens.is_bulk(token) in {True, False}
    except InvalidRequest as error:
        is_ours(error)
