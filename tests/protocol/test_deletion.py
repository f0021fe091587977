"""One deletion: asked for, followed, asked for again while something holds the resource, and given up."""

import pytest

from azvm_async.errors import StatusUnreadable, TransportError
from azvm_async.protocol.deletion import HOLD_SECONDS, Deletion, State
from azvm_async.protocol.machine import Wait
from azvm_async.protocol.plan import Deletable
from azvm_async.wire import Request
from protocol.group import NIC, refusal
from protocol.support import BY_LOCATION, BY_STATUS, ENDPOINT, NOW, STATUS_URL, VM, answer, at, says

URL = f"{ENDPOINT}{NIC}?api-version=2023-09-01"
LOST = TransportError("lost", maybe_applied=True)
BINDING = '{"properties": {}}'
HELD = refusal(409, "NicReservedForAnotherVm")
GONE = refusal(404, "ResourceNotFound")


def deletion(*, disks=None):
    return Deletion.of(Deletable(NIC, URL, disks=disks), NOW)


def after(state, *answers, every=60.0):
    """Return a deletion after some answers, a minute apart; ``None`` for one that got lost."""
    for place, response in enumerate(answers):
        now = at(place * every)
        state = state.missed(LOST, now) if response is None else state.receive(response, now)
    return state


def sent(state):
    """Return method and URL of the next request, whenever it is due."""
    step = state.due(at(1e9))
    assert isinstance(step, Request)
    return step.method, step.url


def test_it_is_asked_for_at_once():
    assert deletion().due(NOW) == Request("DELETE", URL)


@pytest.mark.parametrize("response", [answer(200), answer(204), GONE], ids=["200", "204", "404"])
def test_it_is_gone(response):
    assert after(deletion(), response).state is State.DELETED


@pytest.mark.parametrize("headers", [BY_STATUS, BY_LOCATION], ids=["status", "location"])
def test_what_is_accepted_is_followed(headers):
    state = after(deletion(), answer(202, headers=headers))
    assert (state.state, sent(state)) == (State.DELETING, ("GET", next(iter(headers.values()))))


def test_it_is_gone_when_its_operation_succeeded():
    assert after(deletion(), answer(202, headers=BY_STATUS), says("Succeeded")).state is State.DELETED


def test_it_is_followed_while_the_operation_runs():
    assert sent(after(deletion(), answer(202, headers=BY_STATUS), says("Running"))) == ("GET", STATUS_URL)


def test_operation_is_asked_when_it_is_due():
    state = after(deletion(), answer(202, headers={**BY_STATUS, "retry-after": "9"}))
    assert (state.due_at, state.due(NOW)) == (9.0, Wait(9.0))


@pytest.mark.parametrize(
    "code", ["InUseSubnetCannotBeDeleted", "PublicIPAddressCannotBeDeleted", "NetworkSecurityGroupInUse"]
)
@pytest.mark.parametrize("status", [400, 409])
def test_refusal_that_may_pass_is_asked_again(status, code):
    state = after(deletion(), refusal(status, code))
    assert (state.ended, sent(state)) == (False, ("DELETE", URL))


def test_any_conflict_may_pass():
    assert not after(deletion(), refusal(409, "Whatever")).ended


def test_failed_operation_is_asked_for_again():
    state = after(deletion(), answer(202, headers=BY_STATUS), says("Failed", error={"code": "Whatever"}))
    assert (state.ended, sent(state)) == (False, ("DELETE", URL))


@pytest.mark.parametrize(
    "response",
    [
        refusal(409, "ScopeLocked"),
        refusal(409, "DenyAssignmentAuthorizationFailed"),
        refusal(403, "AuthorizationFailed"),
        refusal(403, "InUse"),
        refusal(401, "InUse"),
        refusal(400, "BadRequest"),
        answer(301),
    ],
    ids=lambda response: f"{response.status} {response.document().get('error', {}).get('code')}",
)
def test_refusal_that_time_does_not_cure_leaves_it(response):
    assert after(deletion(), response).state is State.LEFT


def test_lock_that_its_operation_met_leaves_it():
    state = after(deletion(), answer(202, headers=BY_STATUS), says("Failed", error={"code": "ScopeLocked"}))
    assert state.state is State.LEFT


def test_it_is_asked_again_for_ten_minutes():
    assert not after(deletion(), HELD, HELD, every=HOLD_SECONDS - 1).ended
    assert after(deletion(), HELD, HELD, every=HOLD_SECONDS).state is State.LEFT


def test_tries_come_further_apart():
    first, second = after(deletion(), HELD, every=0), after(deletion(), HELD, HELD, every=0)
    assert 0 < first.due_at < second.due_at


def test_azures_pace_holds_after_a_refusal():
    headers = {"retry-after": "42"}
    assert after(deletion(), answer(409, {"error": {"code": "InUse"}}, headers)).due_at == 42.0


def test_refusal_is_told_when_it_is_left():
    left = after(deletion(), refusal(403, "AuthorizationFailed")).why_left
    assert (left.id, left.reason) == (NIC, "AuthorizationFailed: Azure says AuthorizationFailed.")


def test_refusal_without_words_is_told_too():
    assert after(deletion(), answer(403)).why_left.reason == "Azure refused to delete it"


def test_what_is_held_names_its_holder():
    state = deletion().held_by(VM.lower())
    assert (state.state, "vm1 needs it" in state.why_left.reason) == (State.LEFT, True)


@pytest.mark.parametrize("trouble", [answer(408), answer(429), answer(503), None], ids=["408", "429", "503", "lost"])
def test_trouble_is_borne(trouble):
    state = after(deletion(), trouble)
    assert (state.state, sent(state)) == (State.WAITING, ("DELETE", URL))


def test_trouble_without_end_is_told():
    with pytest.raises(StatusUnreadable):
        after(deletion(), *[answer(503)] * 31)


def test_refusal_forgives_the_trouble_before():
    state = after(deletion(), answer(503), HELD, *[answer(503)] * 29)
    assert not state.ended


def test_refusals_do_not_add_up_to_an_unreadable_state():
    assert after(deletion(), *[None, *[answer(503)] * 28, HELD, HELD]).fault.code == "NicReservedForAnotherVm"


@pytest.mark.parametrize(
    "response",
    [answer(202), answer(200, b"<html>"), answer(202, headers={"location": "https://elsewhere.example/x"})],
    ids=["untracked", "html", "elsewhere"],
)
def test_what_is_accepted_but_can_not_be_followed_is_asked_for_again(response):
    state = after(deletion(), response)
    assert (state.state, sent(state)) == (State.DELETING, ("DELETE", URL))


def test_operation_that_can_not_be_read_is_asked_for_again():
    state = after(deletion(), answer(202, headers=BY_STATUS), answer(403))
    assert (state.ended, sent(state)) == (False, ("DELETE", URL))


UNREAD = [answer(202, headers=BY_STATUS), answer(403)]


@pytest.mark.parametrize("answers", [[answer(202)], UNREAD], ids=["untracked", "unread"])
def test_what_can_not_be_followed_is_asked_for_with_growing_pauses(answers):
    once, more = after(deletion(), *answers, every=0), after(deletion(), *answers * 3, every=0)
    assert 0 < once.due_at < more.due_at


@pytest.mark.parametrize("answers", [[answer(202)], UNREAD], ids=["untracked", "unread"])
def test_what_can_not_be_followed_is_left_after_ten_minutes(answers):
    count = len(answers)
    assert not after(after(deletion(), *answers, every=0), *answers, every=(HOLD_SECONDS - 1) / count).ended
    late = deletion()
    for start in (0.0, HOLD_SECONDS):
        for response in answers:
            late = late.receive(response, at(start))
    assert late.state is State.LEFT


def test_what_could_not_be_followed_tells_why_it_is_left():
    state = deletion().receive(answer(202), NOW).receive(answer(202), at(HOLD_SECONDS))
    assert state.why_left.reason.startswith("OutcomeUnknown: ")


def test_what_can_not_be_followed_may_turn_out_to_be_gone():
    assert after(deletion(), answer(202), GONE).state is State.DELETED


@pytest.mark.parametrize(
    ("answers", "held"),
    [
        ([], False),
        ([HELD], True),
        ([answer(202)], True),
        ([answer(503)], False),
        ([answer(202, headers=BY_STATUS)], False),
        ([HELD, GONE], False),
        ([refusal(403, "AuthorizationFailed")], False),
    ],
    ids=["new", "refused", "not followed", "trouble", "accepted", "gone", "left"],
)
def test_it_is_held_while_it_is_asked_for_in_vain(answers, held):
    assert after(deletion(), *answers).held is held


def test_binding_that_can_not_be_followed_does_not_make_it_held():
    state = after(deletion(disks=BINDING), *UNREAD)
    assert (state.held, sent(state)[0]) == (False, "PATCH")


def test_it_is_not_held_for_what_became_of_the_binding():
    done = after(deletion(disks=BINDING), *UNREAD, refusal(403, "AuthorizationFailed"))
    assert (done.binding, done.held) == (False, False)


def test_binding_that_can_not_be_followed_for_ten_minutes_is_done_without():
    state = after(after(deletion(disks=BINDING), *UNREAD, every=0), *UNREAD, every=HOLD_SECONDS)
    assert (state.ended, sent(state)) == (False, ("DELETE", URL))


@pytest.mark.parametrize(
    "code",
    [
        "NicInUse",
        "ResourceIsBeingUsed",
        "DiskAttachedToVm",
        "AnotherOperationInProgress",
        "OperationNotAllowed",
        "ResourceDependencyExists",
        "CannotDeleteResourceHasNestedResources",
        "NestedResourcesExist",
    ],
)
def test_code_that_tells_of_a_holder_may_pass(code):
    assert not after(deletion(), refusal(400, code)).ended


@pytest.mark.parametrize("code", ["IdentityNotDependable", "NestedTemplateInvalid", "FeatureNotUsedHere", "NotAllowed"])
def test_code_that_only_sounds_like_it_does_not(code):
    assert after(deletion(), refusal(400, code)).state is State.LEFT


def test_vm_that_is_left_after_the_binding_tells_that_its_disks_go_with_it_now():
    state = after(deletion(disks=BINDING), answer(200, {}), refusal(409, "ScopeLocked"))
    assert "its disks are set to go with it now" in state.why_left.reason


def test_what_is_left_without_a_binding_tells_nothing_of_disks():
    assert "disks" not in after(deletion(), refusal(403, "AuthorizationFailed")).why_left.reason


@pytest.mark.parametrize(
    "odd", [answer(404), answer(404, b"<html>"), refusal(404, "SubscriptionNotFound")], ids=["empty", "html", "arm"]
)
def test_404_that_is_no_word_of_absence_is_trouble(odd):
    state = after(deletion(), odd)
    assert (state.state, sent(state)) == (State.WAITING, ("DELETE", URL))


def test_operation_that_ran_long_does_not_count_as_trouble():
    running = [says("Running")] * 40
    state = after(deletion(), answer(503), answer(202, headers=BY_STATUS), *running, answer(403))
    assert sent(state) == ("DELETE", URL)


def test_operation_that_gives_no_answer_for_long_is_asked_for_again():
    state = after(deletion(), answer(202, headers=BY_STATUS), *[None] * 32)
    assert sent(state) == ("DELETE", URL)


def test_operation_that_gives_no_answer_is_asked_again():
    assert sent(after(deletion(), answer(202, headers=BY_STATUS), None)) == ("GET", STATUS_URL)


def test_new_try_is_due_now():
    state = after(deletion(), answer(503), answer(202, headers={**BY_STATUS, "retry-after": "900"}))
    assert (state.again(at(70)).due_at, after(deletion(), answer(503)).again(at(0.1)).due_at) == (70.0, 0.1)


def test_disks_are_bound_first():
    request = deletion(disks=BINDING).due(NOW)
    assert (request.method, request.url, request.body) == ("PATCH", URL, BINDING.encode())
    assert request.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "answers",
    [
        [answer(200, {"properties": {"provisioningState": "Succeeded"}})],
        [answer(202, headers=BY_STATUS), says("Succeeded")],
        [answer(202, headers=BY_STATUS), says("Failed", error={"code": "X"})],
        [refusal(403, "AuthorizationFailed")],
        [refusal(409, "OperationNotAllowed")],
        [GONE],
    ],
    ids=["200", "succeeded", "failed", "403", "409", "404"],
)
def test_deletion_follows_the_binding_however_it_ended(answers):
    state = after(deletion(disks=BINDING), *answers)
    assert (state.ended, state.due_at <= 60.0, sent(state)) == (False, True, ("DELETE", URL))


@pytest.mark.parametrize(
    "answers",
    [[answer(503)], [None], [answer(202, headers={**BY_STATUS}), says("Updating")]],
    ids=["503", "lost", "running"],
)
def test_nothing_is_deleted_before_the_binding_ended(answers):
    assert sent(after(deletion(disks=BINDING), *answers))[0] in {"PATCH", "GET"}


def test_progress_tells_the_state():
    progress = after(deletion(), GONE).progress
    assert (progress.id, progress.type, progress.name, progress.state) == (
        NIC,
        "Microsoft.Network/networkInterfaces",
        "nic",
        "Deleted",
    )
