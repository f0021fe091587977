"""Random ARM servers drive the machines by the poller's contract; the token goes round at any step."""

import json

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from azvm_async.errors import ProtocolError, StatusUnreadable, TransportError
from azvm_async.protocol import tokens
from azvm_async.protocol.machine import Success, Wait
from azvm_async.protocol.urls import origin
from azvm_async.wire import Request
from protocol.bulks import OPERATIONS, VMS, error, results, started, told, unheard_of
from protocol.deployments import (
    ANOTHER,
    DEPLOYMENT,
    DEPLOYMENT_URL,
    DISK,
    LIST_URL,
    NIC,
    STACK_URL,
    deployment,
    document,
    operation,
    operations,
    provisioned,
)
from protocol.support import (
    BY_BOTH,
    BY_LOCATION,
    BY_OPERATION,
    BY_STATUS,
    COMMAND_URL,
    CREATING,
    ENDPOINT,
    STATUS_URL,
    STEADY,
    VM,
    answer,
    at,
    begun,
    commanded,
    resource,
    viewed,
)

RESULT = "the-result-of-it-all"
MARK = {"marker": RESULT}
RUNNING = st.sampled_from(["InProgress", "Updating", "Accepted", "Succeeding", "new word"])
ENDINGS = st.sampled_from(["Succeeded", "Failed", "Canceled"])
RETRY_AFTER = st.sampled_from([None, None, "0", "1", "12.5", "soon", "-5", "99999", "Sun, 01 Jun 2025 00:10:00 GMT"])
LUCK = st.floats(0, 1, exclude_max=True)
TRANSIENT = st.sampled_from([408, 429, 500, 503, None])
GIBBERISH = st.sampled_from([b"<html>", b"{", b"\xff", b"[" * 5_000])
LOST = TransportError("lost", maybe_applied=True)


class Server(RuleBasedStateMachine):
    """What each random server has: time, misses, and a client that keeps to the contract."""

    machine = None
    now = 0.0
    luck = 0.5
    truth = None
    """How the operation ended in Azure, once it has."""
    ended = 0

    def moment(self):
        return at(self.now, self.luck)

    def polled(self, answered):
        """Poll once, as the poller does: wait until it is due, send, and take in the answer for that request."""
        step = self.machine.due(self.moment())
        if isinstance(step, Wait):
            assert step.until > self.now
            early = self.now + 0.9 * (step.until - self.now)
            assert early == step.until or self.machine.due(at(early)) == step
            self.now = step.until
            step = self.machine.due(self.moment())
        assert isinstance(step, Request)
        response = answered(step)
        before = self.machine
        try:
            if response is None:
                self.machine = before.missed(LOST, self.moment())
            else:
                self.machine = before.receive(response, self.moment())
        except (StatusUnreadable, ProtocolError):
            assert self.machine is before
            assert before.outcome is None
            self.machine = before.again(self.moment())
            assert isinstance(self.machine.due(self.moment()), Request)
        if self.machine.outcome is not None:
            self.ended += 1

    def is_open(self):
        return self.machine is not None and self.machine.outcome is None

    @precondition(is_open)
    @rule(status=TRANSIENT, asked=RETRY_AFTER, luck=LUCK)
    def trouble(self, status, asked, luck):
        self.luck = luck
        headers = {} if asked is None else {"retry-after": asked}
        self.polled(lambda _: None if status is None else answer(status, {"status": "Failed"}, headers))

    @precondition(is_open)
    @rule(status=st.sampled_from([301, 400, 401, 403, 404, 404, 404, 409, 410]))
    def refusal(self, status):
        if not self.deleting():
            self.polled(lambda _: answer(status))

    @precondition(is_open)
    @rule(body=GIBBERISH)
    def gibberish(self, body):
        if not self.deleting() and not self.fetching():
            self.polled(lambda _: answer(200, body))

    @precondition(is_open)
    @rule(seconds=st.floats(0, 4000))
    def time_passes(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.machine is not None)
    @rule(spell=st.sampled_from([str, json.loads]))
    def resumed(self, spell):
        """Another process takes it up; what had ended is read again, and may end once more there."""
        token = tokens.dump(self.machine)
        assert RESULT not in token
        if self.machine.outcome is None:
            self.machine = tokens.load(spell(token), ENDPOINT, self.moment())
            assert isinstance(self.machine.due(self.moment()), Request)

    @precondition(lambda self: self.machine is not None and self.machine.outcome is not None)
    @rule(status=st.sampled_from([200, 404, 500]))
    def late_answer(self, status):
        with pytest.raises(ProtocolError):
            self.machine.receive(answer(status), self.moment())

    def deleting(self):
        return False

    def fetching(self):
        return getattr(self.machine, "fetching", False)

    @invariant()
    def only_the_endpoint_is_asked(self):
        if self.machine is not None:
            step = self.machine.due(at(1e9))
            assert not isinstance(step, Request) or origin(step.url) == origin(ENDPOINT)

    @invariant()
    def it_ends_once_at_most(self):
        assert self.ended <= 1

    @invariant()
    def it_ends_only_as_it_ended_in_azure(self):
        if self.machine is not None and self.machine.outcome is not None:
            assert self.machine.outcome.status == self.truth


class LroServer(Server):
    """A server of one long-running operation."""

    @initialize(
        tracked=st.sampled_from(
            [
                ("POST", BY_STATUS),
                ("POST", BY_BOTH),
                ("POST", BY_LOCATION),
                ("DELETE", BY_BOTH),
                ("DELETE", BY_LOCATION),
                ("PUT", {}),
                ("PUT", BY_STATUS),
                ("PUT", BY_LOCATION),
                ("PATCH", BY_OPERATION),
            ]
        ),
        wants_result=st.booleans(),
        asked=RETRY_AFTER,
    )
    def begins(self, tracked, wants_result, asked):
        method, headers = tracked
        self.headers = headers
        self.wants_result = wants_result
        pace = {} if asked is None else {"retry-after": asked}
        self.machine = begun(method, answer(202, None, {**headers, **pace}), wants_result=wants_result)

    def truthful(self, word, headers=None):
        """Answer as ARM does: by a status document, a Location, or the resource."""
        is_running = word not in {"Succeeded", "Failed", "Canceled"}
        if self.fetching():
            return answer(200, MARK)
        if "azure-asyncoperation" in self.headers or "operation-location" in self.headers:
            error = {"error": {"code": "X"}} if word in {"Failed", "Canceled"} else {}
            return answer(200, {"status": word, **error, **MARK}, headers)
        if "location" in self.headers and is_running:
            return answer(202, None, headers)
        return answer(200, {**resource(word), **MARK}, headers)

    @precondition(lambda self: self.is_open() and self.truth is None)
    @rule(word=RUNNING, asked=RETRY_AFTER, number=st.none() | st.integers(0, 5), luck=LUCK)
    def goes_on(self, word, asked, number, luck):
        self.luck = luck
        headers = {} if asked is None else {"retry-after": asked}
        if number is not None:
            headers |= {name: f"{url}&n={number}" for name, url in self.headers.items()}
        self.polled(lambda _: self.truthful(word, headers))
        assert self.machine.outcome is None

    @precondition(lambda self: self.is_open() and self.truth is None)
    @rule(header=st.sampled_from(["azure-asyncoperation", "operation-location", "location"]))
    def points_elsewhere(self, header):
        if header in self.headers:
            headers = {header: "https://elsewhere.example/x"}
            self.polled(lambda _: self.truthful("Running", headers))

    @precondition(lambda self: self.truth is None)
    @rule(word=ENDINGS)
    def ends_in_azure(self, word):
        self.truth = word

    @precondition(lambda self: self.is_open() and self.truth is not None)
    @rule()
    def is_read_at_its_end(self):
        self.polled(lambda _: self.truthful(self.truth))
        assert self.machine.outcome is not None or self.fetching()

    @invariant()
    def an_unwanted_result_is_never_read(self):
        assert self.machine is None or self.wants_result or not self.fetching()

    @invariant()
    def a_wanted_result_is_brought(self):
        outcome = self.machine and self.machine.outcome
        if isinstance(outcome, Success):
            assert (outcome.result is not None) == self.wants_result
            assert not self.wants_result or outcome.result["marker"] == RESULT

    def teardown(self):
        """Once Azure answers as it should, the operation ends: none is lost."""
        if self.machine is None:
            return
        self.truth = self.truth or "Succeeded"
        for _ in range(3):
            if self.is_open():
                self.is_read_at_its_end()
        assert self.machine.outcome.status == self.truth
        assert self.ended == 1


class ScriptServer(Server):
    """A server of one run command."""

    @initialize(keep=st.booleans(), tracked=st.booleans())
    def begins(self, keep, tracked):
        self.gone = False
        self.keep = keep
        self.machine = commanded(CREATING if tracked else answer(201, resource("Creating")), keep=keep)

    def deleting(self):
        return isinstance(step := self.machine.due(at(1e9)), Request) and step.method == "DELETE"

    def truthful(self, request):
        if request.method == "DELETE":
            assert request.url == COMMAND_URL
            assert self.truth is not None
            assert not self.keep
            return answer(202)
        if request.url.startswith(STATUS_URL):
            return answer(200, {"status": self.truth or "InProgress", "error": {"code": "X"}})
        if self.truth is None:
            return viewed("Running", provisioning="Updating")
        if self.truth == "Succeeded":
            return viewed("Failed", exitCode=1, output=RESULT)
        return viewed("Unknown", provisioning=self.truth)

    @precondition(lambda self: self.truth is None)
    @rule(word=ENDINGS)
    def ends_in_azure(self, word):
        self.truth = word

    @precondition(Server.is_open)
    @rule()
    def is_read(self):
        self.polled(self.truthful)

    def teardown(self):
        """Once Azure answers as it should, the script's end is known: none is lost."""
        if self.machine is None:
            return
        self.truth = self.truth or "Succeeded"
        for _ in range(5):
            if self.is_open():
                self.polled(self.truthful)
        assert self.machine.outcome.status == self.truth
        assert self.ended == 1


class DeploymentServer(Server):
    """A server of one deployment, or of one stack and its deployment."""

    @initialize(is_told=st.booleans(), is_stack=st.sampled_from([False, False, True]), page=st.integers(1, 4))
    def begins(self, is_told, is_stack, page):
        self.is_stack, self.page = is_stack, page
        self.states = {}
        first = answer(201, self.record()) if is_told else answer(201, {})
        self.machine = provisioned(first, STACK_URL if is_stack else DEPLOYMENT_URL)

    def record(self):
        """Return the JSON of the deployment, or of the stack, as it is now."""
        outputs = {"marker": {"value": RESULT}} if self.truth == "Succeeded" else {}
        found = document(self.truth or "Running", *self.states, outputs=outputs)
        if self.is_stack:
            found["properties"] |= {"deploymentId": DEPLOYMENT}
        return found

    def truthful(self, request):
        if request.url == self.machine.tracking_url:
            return answer(200, self.record())
        assert request.url.startswith(LIST_URL)
        begin = int(request.url.partition("skiptoken=")[2] or 0)
        end = begin + self.page
        more = f"{LIST_URL}&$skiptoken={end}" if end < len(self.states) else None
        listed = [operation(*each) for each in [*self.states.items()][begin:end]]
        return operations(operation(VM, "Running", "Read"), *listed, more=more)

    def lists(self):
        """Tell whether the operations are read next."""
        return self.is_open() and self.machine.due(at(1e9)).url.startswith(LIST_URL)

    @precondition(lambda self: self.truth is None)
    @rule(
        resource=st.sampled_from([VM, NIC, DISK, f"{VM}2"]), state=st.sampled_from(["Running", "Succeeded", "Failed"])
    )
    def goes_on(self, resource, state):
        self.states[resource] = state

    @precondition(lambda self: self.truth is None)
    @rule(word=ENDINGS)
    def ends_in_azure(self, word):
        self.truth = word

    @precondition(Server.is_open)
    @rule(times=st.integers(1, 6))
    def is_read(self, times):
        for _ in range(times):
            if self.is_open():
                self.polled(self.truthful)

    @precondition(lists)
    @rule(link=st.sampled_from(["https://elsewhere.example/x", "//elsewhere.example", "https://[", LIST_URL]))
    def leads_astray(self, link):
        self.polled(lambda _: operations(more=link))

    def can_be_replaced(self):
        return self.is_open() and not self.is_stack and self.machine.correlation_id is not None

    @precondition(can_be_replaced)
    @rule(word=ENDINGS)
    def is_replaced(self, word):
        """Somebody else's deployment answers under its name, for a while; it has no operations yet."""
        for _ in range(2):
            if self.is_open():
                self.polled(lambda _: answer(404) if self.lists() else deployment(word, correlation=ANOTHER))

    @precondition(Server.is_open)
    @rule()
    def is_canceled(self):
        self.truth = self.truth or "Canceled"
        self.machine = self.machine.canceled(self.moment())

    @invariant()
    def it_is_complete_only_when_it_succeeded(self):
        if self.machine is not None and self.machine.percent_complete is not None:
            assert 0.0 <= self.machine.percent_complete <= 100.0
            assert (self.machine.percent_complete == 100.0) == isinstance(self.machine.outcome, Success)

    @invariant()
    def success_brings_the_outputs(self):
        if self.machine is not None and isinstance(self.machine.outcome, Success):
            assert self.machine.outcome.result.outputs == {"marker": RESULT}

    def teardown(self):
        """Once Azure answers as it should, the deployment's end is known: none is lost."""
        if self.machine is None:
            return
        self.truth = self.truth or "Succeeded"
        for _ in range(40):
            if self.is_open():
                self.polled(self.truthful)
        assert self.machine.outcome.status == self.truth
        assert self.ended == 1


class BulkServer(Server):
    """A server of what one request began on three VMs; it may tell of each when, and of as many, as it likes."""

    truth = "Succeeded"
    """How the whole ends; how each VM does is in ``truths``."""

    @initialize()
    def begins(self):
        self.truths, self.seen, self.alone = {}, {}, None
        self.machine = started()

    def numbers(self, request):
        """Return which VMs are asked for: never one that has ended, nor another than was begun."""
        asked = [OPERATIONS.index(each) for each in json.loads(request.body)["operationIds"]]
        assert set(asked) == {number for number in range(3) if number not in self.seen and self.alone in {None, number}}
        return asked

    def result(self, number, word):
        return told(number, self.truths.get(number, word), **(error(RESULT) if word == "Blocked" else {}))

    def truthful(self, word, left_out=()):
        def answered(request):
            asked = [number for number in self.numbers(request) if number not in left_out]
            self.seen |= {number: self.truths[number] for number in asked if number in self.truths}
            return results(*(self.result(number, word) for number in reversed(asked)))

        return answered

    @rule(number=st.integers(0, 2), word=st.sampled_from(["Succeeded", "Failed", "Cancelled"]))
    def one_ends_in_azure(self, number, word):
        self.truths.setdefault(number, word)

    @precondition(Server.is_open)
    @rule(
        word=st.sampled_from(
            ["PendingScheduling", "Scheduled", "PendingExecution", "Executing", "Blocked", "new word"]
        ),
        left_out=st.sets(st.integers(0, 2)),
        luck=LUCK,
    )
    def is_read(self, word, left_out, luck):
        """Who is left out four times in a row or more may be lost: then all are told of in between."""
        self.luck = luck
        self.polled(self.truthful(word, left_out))
        if self.is_open():
            self.polled(self.truthful(word))

    @precondition(Server.is_open)
    @rule(times=st.integers(1, 4))
    def knows_none(self, times):
        for _ in range(times):
            self.polled(lambda request: results(*map(unheard_of, self.numbers(request))))
        self.machine = self.machine.again(self.moment())

    @precondition(lambda self: self.is_open() and self.alone is None and len(self.seen) < 2)
    @rule(number=st.integers(0, 2))
    def one_is_given_away(self, number):
        if number not in self.seen:
            self.alone, self.machine = number, self.machine.only(VMS[number].upper())

    @precondition(Server.is_open)
    @rule()
    def is_canceled(self):
        self.machine = self.machine.canceled(self.moment())

    @invariant()
    def it_ends_only_as_it_ended_in_azure(self):
        """Each VM does, and all of them make up the whole."""
        for member in self.machine.members if self.machine is not None else ():
            truth = self.seen.get(VMS.index(member.resource))
            assert (member.outcome and member.state) == (truth and truth.replace("Cancelled", "Canceled"))

    def teardown(self):
        """Once Azure answers as it should, the end of each is known: none is lost."""
        if self.machine is None:
            return
        for number in range(3):
            self.truths.setdefault(number, "Succeeded")
        if self.is_open():
            self.polled(self.truthful("Executing"))
        self.it_ends_only_as_it_ended_in_azure()
        assert self.ended == 1
        if self.alone is None:
            assert self.machine.outcome == Success(self.machine.members)


TestAnyOperation = LroServer.TestCase
TestAnyOperation.settings = STEADY
TestAnyScript = ScriptServer.TestCase
TestAnyScript.settings = STEADY
TestAnyDeployment = DeploymentServer.TestCase
TestAnyDeployment.settings = STEADY
TestAnyBulkOperation = BulkServer.TestCase
TestAnyBulkOperation.settings = STEADY
