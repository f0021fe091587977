"""Azure's limits: which buckets a request draws from, what answers tell of them, and which one a 429 is for."""

import json

import pytest

from azvm_async.protocol import vm
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.throttling import Key, blamed, keys_of, subscription_of, told
from azvm_async.wire import Request, joined
from protocol.support import ENDPOINT, GROUP, STATUS_URL, SUBSCRIPTION, VM, answer

OWNER = VM.lower()
REGION = f"{SUBSCRIPTION}/westeurope"
OPERATION = f"{REGION}/operations/1"
COMPUTE = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"

READS, WRITES, DELETES = (Key(SUBSCRIPTION, kind) for kind in ("reads", "writes", "deletes"))
UPDATES, UPDATES_OF_VM = Key(REGION, "UpdateVMSubscriptionMaximum"), Key(OWNER, "UpdateVMResource")
POLLS, POLLS_OF_ONE = Key(REGION, "GetOperationSubscriptionMaximum"), Key(OPERATION, "GetOperationResource")
LISTS = Key(f"{SUBSCRIPTION}/all regions", "HighCostGetSubscriptionMaximum")


def regions(_: str) -> str:
    return "westeurope"


def keys(method: str, url: str, region=regions):
    """Return the keys of a request for a path or a URL."""
    url = url if url.startswith("http") else f"{ENDPOINT}{url}?api-version=2024-07-01"
    return keys_of(Request(method, url), region)


def of_vm(policy: str):
    """Return Compute's two buckets for a request about the VM."""
    return Key(REGION, f"{policy}SubscriptionMaximum"), Key(OWNER, f"{policy}Resource")


POLICIES = {
    "start": "UpdateVM",
    "stop": "UpdateVM",
    "deallocate": "DeleteVM",
    "reapply": "UpdateVM",
    "delete": "DeleteVM",
    "reboot": "UpdateVM",
    "redeploy": "UpdateVM",
    "reimage": "UpdateVM",
    "simulate_eviction": "DeleteVM",
}


def test_the_table_of_policies_has_all_verbs():
    assert set(POLICIES) == {verb.name for verb in vm.VERBS}


@pytest.mark.parametrize("verb", vm.VERBS, ids=lambda verb: verb.name)
def test_a_verb_draws_from_its_kind_of_method_its_region_and_its_vm(verb):
    request = verb.request(ENDPOINT, VmId.parse(VM, "", ""))
    arm = DELETES if verb.name == "delete" else WRITES
    assert keys_of(request, regions) == (arm, *of_vm(POLICIES[verb.name]))


ABOUT_ONE_VM = [
    ("GET", "", READS, "LowCostGet"),
    ("HEAD", "", READS, "LowCostGet"),
    ("GET", "/instanceView", READS, "LowCostGet"),
    ("GET", "/vmSizes", READS, "LowCostGet"),
    ("POST", "/retrieveBootDiagnosticsData", WRITES, "LowCostGet"),
    ("PUT", "", WRITES, "PutVM"),
    ("PATCH", "", WRITES, "UpdateVM"),
    ("POST", "/runCommand", WRITES, "UpdateVM"),
    ("PUT", "/runCommands/c", WRITES, "UpdateVM"),
    ("PATCH", "/runCommands/c", WRITES, "UpdateVM"),
    ("DELETE", "/runCommands/c", DELETES, "UpdateVM"),
    ("GET", "/runCommands/c", READS, "LowCostGet"),
    ("GET", "/runCommands", READS, "LowCostGet"),
    ("PUT", "/extensions/e", WRITES, "UpdateVM"),
    ("DELETE", "/extensions/e", DELETES, "UpdateVM"),
    ("POST", "/verbOfTomorrow", WRITES, "UpdateVM"),
]


@pytest.mark.parametrize(("method", "action", "arm", "policy"), ABOUT_ONE_VM)
def test_a_request_about_one_vm_draws_from_three_buckets(method, action, arm, policy):
    assert keys(method, f"{VM}{action}") == (arm, *of_vm(policy))


ELSEWHERE = {
    "list in a group": ("GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachines", (READS, LISTS)),
    "list of all": ("GET", f"{COMPUTE}/virtualMachines?api-version=1&statusOnly=true", (READS, LISTS)),
    "list in a region": (
        "GET",
        f"{COMPUTE}/locations/WestEurope/virtualMachines?api-version=1",
        (READS, Key(REGION, "HighCostGetSubscriptionMaximum")),
    ),
    "poll": ("GET", STATUS_URL, (READS, POLLS, POLLS_OF_ONE)),
    "poll by location": ("GET", f"{STATUS_URL}&monitor=true", (READS, POLLS, POLLS_OF_ONE)),
    "deployment": ("PUT", f"{GROUP}/providers/Microsoft.Resources/deployments/d", (WRITES,)),
    "reading of a deployment": ("GET", f"{GROUP}/providers/Microsoft.Resources/deployments/d", (READS,)),
    "poll of a deployment": (
        "GET",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/d/operationStatuses/1",
        (READS,),
    ),
    "resource group": ("DELETE", GROUP, (DELETES,)),
    "subscription": ("GET", f"/subscriptions/{SUBSCRIPTION}", (READS,)),
    "network": ("DELETE", f"{GROUP}/providers/Microsoft.Network/networkInterfaces/n", (DELETES,)),
    "disk": ("DELETE", f"{GROUP}/providers/Microsoft.Compute/disks/d", (DELETES,)),
    "scale set": ("PUT", f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/s", (WRITES,)),
    "scale sets": ("GET", f"{COMPUTE}/virtualMachineScaleSets?api-version=1", (READS,)),
    "bulk": (
        "POST",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ComputeSchedule/locations/l/virtualMachinesExecuteStart",
        (WRITES,),
    ),
    "lock of a VM": ("PUT", f"{VM}/providers/Microsoft.Authorization/locks/l", (WRITES,)),
    "VM without a group": ("GET", f"{COMPUTE}/virtualMachines/vm1?api-version=1", (READS,)),
    "no subscription": ("GET", "/providers/Microsoft.Compute/operations", ()),
    "list of subscriptions": ("GET", "/subscriptions", ()),
    "VM in a query": ("GET", f"{ENDPOINT}/tenants?next={VM}", ()),
}


@pytest.mark.parametrize(("method", "url", "expected"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_any_other_request_draws_from_its_own_buckets(method, url, expected):
    assert keys(method, url) == expected


@pytest.mark.parametrize("url", [f"{VM}/powerOff", STATUS_URL.partition("?")[0], f"{COMPUTE}/virtualMachines"])
@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase])
def test_one_bucket_has_one_name_in_any_case(url, change):
    def written(so):
        path = url.removeprefix(ENDPOINT)
        return keys("POST", f"{ENDPOINT}{so(path)}?api-version=1")

    assert written(change) == written(str)


def test_the_verb_is_known_in_any_case():
    assert keys("POST", f"{VM}/DEALLOCATE") == keys("POST", f"{VM}/deallocate")


def test_regions_are_asked_for_by_ids_in_lower_case():
    asked = []
    keys("POST", f"{VM.upper()}/start", asked.append)
    assert asked == [OWNER]


def test_vms_of_one_region_share_its_bucket_and_no_other():
    assert keys("POST", f"{VM}2/start", lambda _: "eastus") == (
        WRITES,
        Key(f"{SUBSCRIPTION}/eastus", "UpdateVMSubscriptionMaximum"),
        Key(f"{OWNER}2", "UpdateVMResource"),
    )


def test_vms_of_unknown_regions_share_a_bucket():
    one, other = (keys("POST", f"{each}/start", lambda _: None) for each in (VM, f"{VM}2"))
    assert one[1] == other[1] == Key(f"{SUBSCRIPTION}/unknown region", "UpdateVMSubscriptionMaximum")


@pytest.mark.parametrize(("method", "url"), [(row[0], row[1]) for row in ELSEWHERE.values()], ids=ELSEWHERE)
def test_the_limit_of_each_bucket_is_known(method, url):
    for key in keys(method, url):
        assert key.limit.burst > key.limit.rate > 0


PUBLISHED = [
    (READS, 250, 25),
    (WRITES, 200, 10),
    (DELETES, 200, 10),
    *((Key(OWNER, f"{policy}Resource"), 12, 4 / 60) for policy in ("PutVM", "UpdateVM", "DeleteVM")),
    *((Key(REGION, f"{policy}SubscriptionMaximum"), 1500, 500 / 60) for policy in ("PutVM", "UpdateVM", "DeleteVM")),
    (Key(OWNER, "LowCostGetResource"), 36, 12 / 60),
    (Key(REGION, "LowCostGetSubscriptionMaximum"), 24_000, 8_000 / 60),
    (LISTS, 900, 300 / 60),
    (POLLS_OF_ONE, 45, 15 / 60),
    (POLLS, 15_000, 5_000 / 60),
]


@pytest.mark.parametrize(("key", "burst", "rate"), PUBLISHED, ids=lambda value: str(getattr(value, "policy", "")))
def test_limits_are_as_published(key, burst, rate):
    assert key.limit[:2] == (burst, pytest.approx(rate))


@pytest.mark.parametrize("key", [row[0] for row in PUBLISHED], ids=lambda key: key.policy)
def test_only_what_a_single_vm_or_operation_allows_is_not_divided_among_processes(key):
    assert key.limit.divided is not key.policy.endswith("Resource")


@pytest.mark.parametrize(
    ("url", "subscription"),
    [
        (f"{ENDPOINT}{VM.upper()}?x=/subscriptions/other", SUBSCRIPTION),
        (f"{ENDPOINT}/subscriptions/ABC?api-version=1", "abc"),
        (f"{ENDPOINT}/subscriptions?api-version=1", ""),
        (f"{ENDPOINT}/tenants?x=/subscriptions/other", ""),
        ("http://127.0.0.1:8080/subscriptions/abc/x", "abc"),
    ],
)
def test_the_subscription_of_a_url_is_that_of_its_path(url, subscription):
    assert subscription_of(url) == subscription


# What answers tell.

START = (WRITES, UPDATES, UPDATES_OF_VM)
POLL = (READS, POLLS, POLLS_OF_ONE)
ARM_SAYS = "x-ms-ratelimit-remaining-subscription-"
COMPUTE_SAYS = "x-ms-ratelimit-remaining-resource"
ONE_BY_ONE = ["Microsoft.Compute/UpdateVMSubscriptionMaximum;1499", "Microsoft.Compute/UpdateVMResource;11"]
SPELLINGS = {
    "one with all": [(COMPUTE_SAYS, ",".join(ONE_BY_ONE))],
    "one with spaces": [(COMPUTE_SAYS, ", ".join(reversed(ONE_BY_ONE)))],
    "one for each": [(COMPUTE_SAYS, value) for value in ONE_BY_ONE],
    "in capitals": [(COMPUTE_SAYS.upper(), ",".join(ONE_BY_ONE).upper())],
    "with others": [
        (COMPUTE_SAYS, f"Microsoft.Compute/HighCostGet3Min;0,{','.join(ONE_BY_ONE)},Microsoft.Network/X;1")
    ],
}


def heard(of, **headers: str):
    """Return what an answer with these headers tells."""
    return dict(told(of, answer(200, headers={name.replace("_", "-"): value for name, value in headers.items()})))


@pytest.mark.parametrize("headers", SPELLINGS.values(), ids=SPELLINGS)
def test_computes_numbers_are_read_in_each_spelling(headers):
    assert dict(told(START, answer(202, headers=joined(headers)))) == {UPDATES: 1499, UPDATES_OF_VM: 11}


@pytest.mark.parametrize("kind", ["reads", "writes", "deletes"])
def test_arms_number_is_read_of_its_kind_of_method(kind):
    key = Key(SUBSCRIPTION, kind)
    assert heard((key,), **{ARM_SAYS + kind: "123", f"{ARM_SAYS}global-{kind}": "2"}) == {key: 123}


def test_arms_number_of_another_kind_says_nothing():
    assert heard((READS,), **{f"{ARM_SAYS}writes": "5"}) == {}


def test_both_services_are_heard_at_once():
    headers = {f"{ARM_SAYS}reads": "249", COMPUTE_SAYS: "Microsoft.Compute/GetOperationResource;44"}
    assert heard(POLL, **headers) == {READS: 249, POLLS_OF_ONE: 44}


NONSENSE = ["", "many", "-1", "1.5", "1e3", "+7", "0x10", "5, 10", "\u0661\u0662", "²", "1" * 10, "1" * 5_000, " "]


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_of_arms_tells_nothing(value):
    assert heard(START, **{f"{ARM_SAYS}writes": value}) == {}


@pytest.mark.parametrize("value", [each for each in NONSENSE if each != "5, 10"])
def test_nonsense_of_computes_tells_nothing(value):
    assert heard(START, **{COMPUTE_SAYS: f"Microsoft.Compute/UpdateVMResource;{value}"}) == {}


def test_nothing_is_told_of_buckets_that_were_not_drawn_from():
    assert heard((WRITES,), **{COMPUTE_SAYS: ",".join(ONE_BY_ONE)}) == {}


def test_nothing_is_told_to_what_drew_from_none():
    assert heard((), **{f"{ARM_SAYS}writes": "5"}) == {}


# Whom a 429 blames.


def by_arm(kind="write", left="0", code="SubscriptionRequestsThrottled"):
    """Return a 429 of Resource Manager's."""
    message = f"Number of '{kind}' requests for subscription '{SUBSCRIPTION}' actor 'a' exceeded."
    headers = {f"{ARM_SAYS}{kind}s": left, f"{ARM_SAYS}global-{kind}s": "0", "retry-after": "7"}
    return answer(429, {"error": {"code": code, "message": message}}, {**headers, "x-ms-failure-cause": "gateway"})


def by_compute(policy="UpdateVM", remaining="", arm="199", **more):
    """Return a 429 of Microsoft.Compute's."""
    measured = {"operationGroup": policy, "allowedRequestCount": 12, "measuredRequestCount": 13}
    detail = {"code": "TooManyRequests", "target": policy, "message": json.dumps(measured)}
    error = {"code": "OperationNotAllowed", "message": "The server rejected the request", "details": [detail], **more}
    headers = {f"{ARM_SAYS}{kind}": arm for kind in ("reads", "writes")}
    return answer(429, {"error": error}, {**headers, "retry-after": "1200", COMPUTE_SAYS: remaining})


def remaining(vm: int, region: int, policy="UpdateVM"):
    return f"Microsoft.Compute/{policy}Resource;{vm},Microsoft.Compute/{policy}SubscriptionMaximum;{region}"


BLAMED = {
    "ARM": (START, by_arm(), WRITES),
    "ARM, of all principals": (START, by_arm(left="63"), WRITES),
    "ARM, by its code alone": (START, answer(429, {"error": {"code": "SubscriptionRequestsThrottled"}}), WRITES),
    "ARM, by its cause alone": (START, by_arm(left="63", code="TooManyRequests"), WRITES),
    "ARM, to a poll": (POLL, by_arm("read"), READS),
    "Compute, one VM": (START, by_compute(remaining=remaining(0, 1_400)), UPDATES_OF_VM),
    "Compute, the region": (START, by_compute(remaining=remaining(4, 0)), UPDATES),
    "Compute, both": (START, by_compute(remaining=remaining(0, 0)), UPDATES_OF_VM),
    "Compute, without numbers": (START, by_compute(), UPDATES),
    "Compute, of the region more is left": (
        START,
        by_compute(remaining="Microsoft.Compute/UpdateVMSubscriptionMaximum;9"),
        UPDATES_OF_VM,
    ),
    "Compute, one operation": (POLL, by_compute("GetOperation", remaining(0, 9_000, "GetOperation")), POLLS_OF_ONE),
    "Compute, in other letters": (START, by_compute("updatevm", remaining(0, 9)), UPDATES_OF_VM),
    "Compute, lists": ((READS, LISTS), by_compute("HighCostGet"), LISTS),
    "Compute, by its numbers alone": (START, by_compute(remaining=remaining(0, 9), details=[]), UPDATES_OF_VM),
    "nobody says": (START, answer(429), WRITES),
    "no JSON": (START, answer(429, b"<html>Too many"), WRITES),
    "odd details": (START, answer(429, {"error": {"details": ["x", {}, {"target": None}, {"target": 5}]}}), WRITES),
    "a service, without a word of ARM's": ((DELETES,), by_compute("PutDisk"), DELETES),
}


@pytest.mark.parametrize(("of", "response", "key"), BLAMED.values(), ids=BLAMED)
def test_a_429_is_for_the_bucket_that_it_names(of, response, key):
    assert blamed(of, response) == key


@pytest.mark.parametrize("policy", ["PutDisk", "AnotherOperationInProgress", ""])
def test_a_429_for_reasons_of_a_service_closes_none_of_the_buckets_that_are_known(policy):
    assert blamed(START, by_compute(policy, remaining(3, 900))) is None


@pytest.mark.parametrize("status", [200, 202, 403, 409, 503])
def test_another_status_blames_no_bucket(status):
    assert blamed(START, answer(status, headers={f"{ARM_SAYS}writes": "0"})) is None


def test_a_429_to_what_drew_from_no_bucket_blames_none():
    assert blamed((), by_arm()) is None
