"""Answers of a server, or of what stands between, that means ill or is out of its mind: strategies for Hypothesis.

Three kinds, from the likely to the absurd: true answers in which one value is another (:func:`damaged`), JSON that has the
names which the readers look for and anything under them (:data:`DOCUMENTS`), and bytes (:data:`BODIES`). What is secret in
them is :data:`SECRET`, which no error may show.
"""

import json
import pickle
from urllib.parse import urlsplit

from hypothesis import settings
from hypothesis import strategies as st
from protocol.support import ENDPOINT, STATUS_URL, STEADY, URL, VM, at

from azvm_async.errors import AzureVMError, TransportError
from azvm_async.protocol import tokens
from azvm_async.protocol.machine import Success, Wait
from azvm_async.protocol.pacing import LONGEST_WAIT
from azvm_async.wire import Request, Response

_PROFILE = settings.get_current_profile_name()
FUZZ = STEADY if _PROFILE in {"default", "ci"} else settings.get_profile(_PROFILE)
"""As the command line wants it (``--hypothesis-profile=thorough``), else few examples, the same in each run."""

SECRET = "s3cr3t-s1gnature"
LONGEST_MESSAGE = 8_000
"""Characters that an error may have in all."""

_SIGNED = f"{STATUS_URL}&sig={SECRET}"
_OTHERS = f"""{ENDPOINT}.evil.example/?s={SECRET} https://evil.example/x?sig={SECRET} //evil.example/?s={SECRET}
    http://management.azure.com/?s={SECRET} https://u:{SECRET}@management.azure.com/ https://management.azure.com:1/?s={SECRET}
    https://management.azure.com:port/?s={SECRET} https://[?s={SECRET} https://℀.example?s={SECRET} https://u:{SECRET}@℀/
    https://management.azure.com\\@evil.example/?s={SECRET} /x?s={SECRET} x?s={SECRET} ?s={SECRET} #s={SECRET} / . : \\ a:b
    javascript:alert(1) file:///etc/passwd {ENDPOINT} {ENDPOINT}:443/x?s={SECRET} {ENDPOINT}:0443/x?s={SECRET}
    HTTPS://MANAGEMENT.AZURE.COM/x?s={SECRET} https://management.azure.com./x?s={SECRET} {ENDPOINT}#?s={SECRET}""".split()
LONG = st.integers(1_000, 300_000).map(lambda size: "x" * size)
URLS = st.one_of(
    st.sampled_from([_SIGNED, STATUS_URL, URL, f"{_SIGNED}&monitor=true"]),
    st.sampled_from(
        [*_OTHERS, f" {_SIGNED} ", f"{_SIGNED}\u0661", f"{_SIGNED}, {_SIGNED}", f"{_SIGNED}\x00", "\ud800", ""]
    ),
    st.integers(1_000, 200_000).map(lambda size: f"{ENDPOINT}/{'x' * size}?s={SECRET}"),
    st.integers(1_000, 200_000).map(lambda size: f"https://evil.example/{'x' * size}?s={SECRET}"),
    st.text(max_size=20),
)

_ZONES = st.sampled_from(["GMT", "+0000", "-0000", "+2359", "-9999", "+99999999", "EST", "UT", ""])
DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Sun", "", "0", "Caturday"]),
    st.integers(-1, 40) | st.sampled_from(["", "\u0663", "1" * 5_000]),
    st.sampled_from(["Jan", "Jun", "Dec", "x", ""]),
    st.integers(-1, 10_001) | st.sampled_from(["", "1" * 5_000, "\u0662\u0660\u0662\u0665"]),
    *([st.integers(-1, 99)] * 3),
    _ZONES,
)
ISO_DATES = st.sampled_from(
    """2025-05-31T12:00:00Z 2025-05-31T12:00:01.1234567Z 0001-01-01T00:00:00Z 9999-12-31T23:59:59.9999999Z
    0001-01-01T00:00:00+23:59 9999-12-31T23:59:59-23:59 2025-02-30 2025-06-01 20250601T000000 2025-W23-1 12:00 \u0662\u0660\u0662\u0665-\u0660\u0665-\u0663\u0661""".split()
)
PERIODS = st.sampled_from(
    f"""PT1S PT2M5.5S P1DT1H P999999999D P{"9" * 400}D PT{"9" * 5_000}S PT0.{"9" * 5_000}S P\u0663D PT P -PT1S""".split()
)
WAITS = st.one_of(
    st.sampled_from(
        "0 00 1 1.5 -1 -0 +5 1e400 1E3 NaN inf -inf Infinity \u0663 \u0661\u0665 1_0 0x10 5,10 , . 1. .5 1;2 soon".split()
    ),
    st.sampled_from(["", " ", "\x00", "1" * 400, f"0.{'1' * 5_000}", "1" * 5_000, " 7 ", "1, Sun"]),
    DATES,
    st.integers().map(str),
    st.text(max_size=12),
)
LEFT = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "1e9",
        "\u0663",
        "9" * 400,
        "Microsoft.Compute/UpdateVMResource;0",
        "Microsoft.Compute/UpdateVMResource;",
        f"Microsoft.Compute/GetOperationResource;{'9' * 40},Microsoft.Compute/GetOperationSubscriptionMaximum;0",
    ]
) | st.text(max_size=20)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "azure-asyncoperation": URLS,
        "operation-location": URLS,
        "location": URLS,
        "retry-after": WAITS,
        "date": DATES | st.text(max_size=12) | st.just("Sun, 01 Jun 2025 00:00:00 GMT"),
        "content-type": st.text(max_size=12) | LONG,
        "x-ms-request-id": st.text(max_size=8) | LONG,
        "x-ms-failure-cause": st.sampled_from(["gateway", "service", ""]),
        "x-ms-ratelimit-remaining-subscription-reads": LEFT,
        "x-ms-ratelimit-remaining-subscription-writes": LEFT,
        "x-ms-ratelimit-remaining-subscription-deletes": LEFT,
        "x-ms-ratelimit-remaining-resource": LEFT,
        "www-authenticate": st.text(max_size=20) | st.just('Bearer error="insufficient_claims", claims="=="'),
    },
)
STATUSES = (
    st.sampled_from([200, 200, 200, 200, 201, 202, 204, 302, 400, 401, 403, 404, 408, 409, 429, 500, 503])
    | st.integers(100, 599)
    | st.integers(-1, 10_000)
)

WORDS = st.sampled_from(
    """Succeeded Failed Canceled Cancelled Completed Running InProgress Accepted Creating Updating Deleting Unknown TimedOut
    Pending Blocked OperationNotFound OperationPreempted AnotherOperationInProgress InUseSubnetCannotBeDeleted Conflict
    DeploymentNotFound ResourceNotFound ResourceGroupNotFound SubscriptionNotFound TooManyRequests HighCostGet Create Delete
    Attach FromImage PowerState/running PowerState/ ProvisioningState/failed/x registered""".split()
)
KEYS = st.sampled_from(
    """status properties provisioningState error Error code message details target innererror instanceView executionState
    executionMessage exitCode output startTime endTime percentComplete resourceLocation results operation operationId
    resourceId state errorCode errorDetails resourceOperationError completedAt value nextLink id name location tags
    azvm-intent azvm-since correlationId deploymentId outputs outputResources resources dependencies dependsOn duration
    targetResource resourceType resourceName provisioningOperation timestamp statusMessage changes delta children
    validatedResources createdTime systemData createdAt resourceTypes apiVersions storageProfile osDisk dataDisks managedDisk
    createOption deleteOption statuses hardwareProfile vmSize registrationState made x""".split()
)
IDS = st.sampled_from(
    [VM, VM.upper(), f"{VM}/x/y", f"{VM}/providers/A.B/c/d", f"{VM}\ud800", f"{VM}\n", f"{VM}?x#", "/", "//"]
)
TEXTS = st.text(max_size=8) | WORDS | IDS | URLS | ISO_DATES | PERIODS | LONG | st.just(f"see {_SIGNED}")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**4_000, -(10**400), 1e308, -0.0, '{"error": {"code": "x", "message": "{"}}', "{" * 3_000])
    | TEXTS
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=10
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=6)

_RAW = st.recursive(
    st.sampled_from(
        [
            *"null true NaN Infinity -Infinity 1e400 -0 1E 01 'x'".split(),
            "",
            "1" * 4_300,
            "1" * 5_000,
            '"\\ud800"',
            '"\\udfff\\ud800"',
            '"\\u0000"',
            '"Succeeded"',
            '"Failed"',
            '"\\"',
            '"[{["',
            '"]"',
            '"x\n"',
            '"x',
            "//",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda each: f"[{','.join(each)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=5).map(
            lambda pairs: (
                f"{{{','.join(f'{json.dumps(key)}:{value}' for key, value in pairs)}}}"
            )  # names may come twice
        )
    ),
    max_leaves=8,
)
_OPENINGS = st.sampled_from(
    ["[", '{"error":', '{"details":[', '{"properties":', '{"a":"]}","b":', '["]",[', '{"value":[{"x":']
)
DEEP = st.builds(
    lambda opening, depth, inner, whole: (
        opening * depth
        + inner
        + "".join({"[": "]", "{": "}"}.get(each, "") for each in reversed(opening)) * depth * whole
    ),
    _OPENINGS,
    st.sampled_from([10, 30, 60, 64, 65, 100, 300, 900, 1_100, 5_000, 100_000]),
    st.sampled_from(["1", "{}", '"Failed"', ""]),
    st.booleans(),
)


def encoded(document):
    """Return a document's bytes, lone surrogates as they are escaped."""
    return json.dumps(document).encode()


@st.composite
def _broken(draw, wholes):
    """Return bytes that were JSON before something happened to them."""
    body = draw(wholes)
    at_byte = draw(st.integers(0, min(len(body), 400)))
    kind = draw(st.sampled_from("whole whole whole cut bom utf-16 byte surrogate html nul".split()))
    if kind == "cut":
        return body[:at_byte]
    if kind == "utf-16":
        return body.decode("utf-8", "replace").encode("utf-16")
    if kind in {"bom", "html"}:
        return {"bom": b"\xef\xbb\xbf", "html": b"<html>"}[kind] + body
    inserted = {"byte": b"\xff", "surrogate": b"\xed\xa0\x80", "nul": b"\x00"}.get(kind, b"")
    return body[:at_byte] + inserted + body[at_byte:]


BODIES = st.one_of(
    _broken(DOCUMENTS.map(encoded)),
    _broken(_RAW.map(str.encode)),
    DEEP.map(str.encode),
    VALUES.map(encoded),
    st.binary(max_size=60),
)
RESPONSES = st.builds(Response, STATUSES, HEADERS, BODIES)


def replaced(document, path, value):
    """Return JSON in which one value, at the end of a path of numbers, is another; ``...`` takes it away."""
    if not path or not isinstance(document, dict | list) or not document:
        return value
    keys = list(document) if isinstance(document, dict) else range(len(document))
    key = keys[path[0] % len(keys)]
    inner = replaced(document[key], path[1:], value)
    if isinstance(document, dict):
        return {
            name: inner if name == key else each for name, each in document.items() if name != key or inner is not ...
        }
    return [inner if place == key else each for place, each in enumerate(document) if place != key or inner is not ...]


SUBSTITUTES = VALUES | ISO_DATES | PERIODS | IDS | WORDS | st.just(...)
"""What stands where something else was to stand; ``...`` is nothing."""
PATHS = st.lists(st.integers(0, 30), min_size=1, max_size=6)


CHANGES = st.lists(st.tuples(PATHS, SUBSTITUTES), min_size=1, max_size=3)


def damaged(documents):
    """Return a strategy of these documents with some of their values replaced or taken away."""
    return st.builds(changed, documents, CHANGES)


def changed(document, changes):
    """Return JSON after some changes."""
    for path, value in changes:
        document = replaced(document, path, value)
    return document if document is not ... else None


def likely(*truths):
    """Return a strategy of answers: mostly such as these, with something wrong in them, else anything."""
    documents = st.sampled_from([each.json() for each in truths])
    near = st.builds(Response, STATUSES, HEADERS, damaged(documents).map(encoded))
    return st.sampled_from(truths) | near | near | RESPONSES


def is_ours(error):
    """Check what a caller sees of an error: its class, its size, what it must not show, and that it can be handed on."""
    assert isinstance(error, AzureVMError), repr(error)
    shown = f"{error} {error!r}"
    assert SECRET not in shown
    assert len(str(error)) <= LONGEST_MESSAGE
    shown.encode()
    assert error.retry_after is None or 0 <= error.retry_after <= LONGEST_WAIT
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return True


def is_whole(machine):
    """Check all that a caller, or the poller, may ask of a machine."""
    step = machine.due(at(1e9))
    assert isinstance(step, Request) == (machine.outcome is None)
    if isinstance(step, Request):
        assert is_at_home(step.url)
    elif not isinstance(machine.outcome, Success):
        is_ours(machine.outcome.error(machine.about))
    assert machine.percent_complete is None or 0 <= machine.percent_complete <= 100
    assert all(isinstance(each, str) for each in (machine.status, *(one.state for one in machine.progress)))
    assert SECRET not in (machine.warning or "")
    if machine.outcome is None:
        assert resumed(machine).about.verb == machine.about.verb
    return True


def is_at_home(url):
    """Tell whether a URL is one that a bearer token may go to."""
    parts = urlsplit(url)
    home = parts.hostname.rstrip(".") == urlsplit(ENDPOINT).hostname and parts.port in {None, 443}
    return home and parts.scheme == "https" and parts.username is None and url.isascii() and url.isprintable()


def resumed(machine, seconds=0.0):
    """Return a machine that went through its token."""
    return tokens.load(tokens.dump(machine), ENDPOINT, at(seconds))


def walked(machine, answers, *, hands=()):
    """Drive a machine as the poller does, by answers (``None``: it was lost); at some it goes to other hands.

    Returns
    -------
    machine
        As it is after the last answer, or at its end.
    """
    now = 0.0
    for number, answer in enumerate(answers):
        step = machine.due(at(now))
        if isinstance(step, Wait):
            assert now < step.until <= now + 1.1 * LONGEST_WAIT
            now = step.until
            step = machine.due(at(now))
        if not isinstance(step, Request):
            break
        try:
            machine = _moved(machine, answer(step) if callable(answer) else answer, now)
        except AzureVMError as error:
            is_ours(error)
            machine = machine.again(at(now))
        assert is_whole(machine)
        if number in hands and machine.outcome is None:
            machine = resumed(machine, now)
    return machine


def _moved(machine, response, now):
    if response is None:
        return machine.missed(TransportError("lost", maybe_applied=True), at(now))
    assert isinstance(machine.is_trouble(response), bool)
    return machine.receive(response, at(now))
