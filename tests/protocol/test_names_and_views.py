"""Names that Azure takes, the requests made of them, and typed views of the answers."""

import pytest

from azvm_async.errors import InvalidRequest
from azvm_async.protocol import vm
from azvm_async.protocol.clouds import CLOUDS, cloud_named
from azvm_async.protocol.ids import VmId, checked_resource_group, checked_subscription, checked_vm_name, short_name
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.wire import Request
from protocol.support import ENDPOINT, GROUP, SUBSCRIPTION, VM

TARGET = VmId(SUBSCRIPTION, "rg", "vm1")
VERSION = "api-version=2024-07-01"


@pytest.mark.parametrize("name", ["a", "9", "vm-1", "vm_1", "vm.1", "VM1_", "a" * 64])
def test_a_vms_name_is_taken(name):
    assert checked_vm_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        ".a",
        "_a",
        "a-",
        "a.",
        "a" * 65,
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a%2fb",
        "vm1\n",
        "ü",
        "a\\b",
        "..",
        "a;b",
    ],
)
def test_what_is_no_vms_name_is_refused_with_what_is_allowed(name):
    with pytest.raises(InvalidRequest, match="1 to 64 ASCII letters"):
        checked_vm_name(name)


@pytest.mark.parametrize("name", ["a", "rg", "my_rg-(1).x", "ü", "1", "_", "a" * 90])
def test_a_resource_groups_name_is_taken(name):
    assert checked_resource_group(name) == name


@pytest.mark.parametrize("name", ["", "a.", ".", "..", "a" * 91, "a b", "a/b", "a?b", "a\n", "a#b", None, 5])
def test_what_is_no_resource_groups_name_is_refused_with_what_is_allowed(name):
    with pytest.raises(InvalidRequest, match="1 to 90 letters"):
        checked_resource_group(name)


@pytest.mark.parametrize("guid", [SUBSCRIPTION, SUBSCRIPTION.upper()])
def test_a_subscription_is_a_guid(guid):
    assert checked_subscription(guid) == guid


@pytest.mark.parametrize(
    "guid",
    [
        "",
        "my-subscription",
        SUBSCRIPTION[:-1],
        f"{SUBSCRIPTION}\n",
        f"{{{SUBSCRIPTION}}}",
        SUBSCRIPTION.replace("-", ""),
        None,
    ],
)
def test_what_is_no_guid_is_refused_with_how_to_find_it(guid):
    with pytest.raises(InvalidRequest, match="az account show"):
        checked_subscription(guid)


def test_a_bare_name_is_looked_for_in_the_clients_group():
    assert VmId.parse("vm1", SUBSCRIPTION, "rg") == TARGET


@pytest.mark.parametrize(
    "spelled", [VM, VM.replace("resourceGroups", "resourcegroups"), VM.replace("Microsoft", "MICROSOFT")]
)
def test_a_full_id_names_a_vm_anywhere(spelled):
    assert VmId.parse(spelled, "other", "other") == TARGET


@pytest.mark.parametrize(
    "wrong",
    [
        "/",
        "/vm1",
        f"{VM}/",
        f"{VM}/runCommands/x",
        VM.replace("Compute", "Network"),
        VM.replace(SUBSCRIPTION, "1234"),
        VM.replace("vm1", "-vm1"),
        VM.replace("/rg/", "/r g/"),
        f"{ENDPOINT}{VM}",
        f"{VM}?x=1",
        f"{VM}\n",
        GROUP,
        None,
        5,
        b"vm1",
    ],
)
def test_what_names_no_vm_is_refused(wrong):
    with pytest.raises(InvalidRequest):
        VmId.parse(wrong, SUBSCRIPTION, "rg")


def test_an_id_is_written_as_arm_writes_it():
    assert str(TARGET) == VM


def test_a_path_is_quoted():
    assert VmId(SUBSCRIPTION, "(ü)", "vm1").path == VM.replace("/rg/", "/%28%C3%BC%29/")


@pytest.mark.parametrize(("resource", "short"), [(VM, "vm1"), (f"{VM}/", "vm1"), ("vm1", "vm1"), ("/", "/"), ("", "")])
def test_people_call_a_resource_by_its_last_name(resource, short):
    assert short_name(resource) == short


def test_what_is_done_is_told_shortly():
    assert str(About("start", VM)) == "start of vm1"


VERBS = [
    (vm.START, "POST", "/start", Repeat.ALWAYS),
    (vm.STOP, "POST", "/powerOff", Repeat.ALWAYS),
    (vm.DEALLOCATE, "POST", "/deallocate", Repeat.ALWAYS),
    (vm.REAPPLY, "POST", "/reapply", Repeat.ALWAYS),
    (vm.DELETE, "DELETE", "", Repeat.ALWAYS),
    (vm.REBOOT, "POST", "/restart", Repeat.REFUSED),
    (vm.REDEPLOY, "POST", "/redeploy", Repeat.REFUSED),
    (vm.REIMAGE, "POST", "/reimage", Repeat.REFUSED),
    (vm.SIMULATE_EVICTION, "POST", "/simulateEviction", Repeat.REFUSED),
]


@pytest.mark.parametrize(("verb", "method", "path", "repeat"), VERBS, ids=lambda each: getattr(each, "name", None))
def test_each_verb_is_asked_for_as_azures_reference_says(verb, method, path, repeat):
    assert verb.request(ENDPOINT, TARGET) == Request(method, f"{ENDPOINT}{VM}{path}?{VERSION}")
    assert verb.repeat is repeat


def test_the_table_of_verbs_is_whole():
    assert set(vm.VERBS) == {row[0] for row in VERBS}


@pytest.mark.parametrize(("force", "query"), [(True, "&skipShutdown=true"), (False, "")])
def test_a_flag_is_there_only_when_it_is_true(force, query):
    url = vm.STOP.request(ENDPOINT, TARGET, skipShutdown=vm.flag(force)).url
    assert url == f"{ENDPOINT}{VM}/powerOff?{VERSION}{query}"


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (vm.get(ENDPOINT, TARGET), f"{VM}?{VERSION}&$expand=instanceView"),
        (vm.get_instance_view(ENDPOINT, TARGET), f"{VM}/instanceView?{VERSION}"),
        (vm.list_in_group(ENDPOINT, SUBSCRIPTION, "rg"), f"{VM.rpartition('/')[0]}?{VERSION}"),
        (
            vm.list_states(ENDPOINT, SUBSCRIPTION),
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines?{VERSION}&statusOnly=true",
        ),
    ],
    ids=["get", "instance-view", "list", "states"],
)
def test_each_read_is_asked_for_as_azures_reference_says(request_, path):
    assert request_ == Request("GET", ENDPOINT + path)


def statuses(*codes):
    """Return an instance view's JSON."""
    return {"statuses": [{"code": code, "level": "Info"} for code in codes]}


@pytest.mark.parametrize(
    ("codes", "power", "provisioning"),
    [
        (["ProvisioningState/succeeded", "PowerState/running"], "running", "succeeded"),
        (["PowerState/deallocated", "ProvisioningState/updating"], "deallocated", "updating"),
        (["ProvisioningState/creating"], None, "creating"),
        (["ProvisioningState/failed/AllocationFailed", "PowerState/stopped"], "stopped", "failed"),
        (["powerstate/Running", "PROVISIONINGSTATE/Succeeded"], "running", "succeeded"),
        (["OSState/generalized", "HibernationState/Hibernated"], None, None),
        (["PowerState/", "PowerState", ""], None, None),
        (["PowerState/unknown"], "unknown", None),
        ([], None, None),
    ],
)
def test_states_are_read_out_of_the_codes(codes, power, provisioning):
    view = InstanceView.of(statuses(*codes))
    assert (view.power_state, view.provisioning_state, view.codes) == (power, provisioning, tuple(codes))


@pytest.mark.parametrize(
    "document", [{}, {"statuses": None}, {"statuses": []}, {"statuses": ["x", None, {}, {"code": 5}]}]
)
def test_a_view_that_tells_nothing_is_empty(document):
    assert InstanceView.of(document) == InstanceView(None, None, ())


DOCUMENT = {
    "id": VM,
    "name": "vm1",
    "location": "westeurope",
    "tags": {"team": "blue"},
    "properties": {
        "provisioningState": "Succeeded",
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {"osDisk": {"osType": "Linux"}},
        "instanceView": statuses("PowerState/running"),
    },
}


def test_a_vm_is_read_whole():
    assert VirtualMachine.of(DOCUMENT) == VirtualMachine(
        VM, "vm1", "westeurope", "Standard_B2s", "Linux", "running", "Succeeded", {"team": "blue"}
    )


def test_a_vms_own_power_state_beats_one_from_elsewhere():
    assert VirtualMachine.of(DOCUMENT, "stopped").power_state == "running"


def test_a_power_state_from_elsewhere_fills_the_gap():
    assert VirtualMachine.of({"id": VM}, "stopped").power_state == "stopped"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"properties": None},
        {"properties": []},
        {"tags": None, "properties": {"hardwareProfile": 5, "instanceView": "x"}},
    ],
)
def test_a_vm_that_tells_nothing_is_empty(document):
    assert VirtualMachine.of(document) == VirtualMachine("", "", "", None, None, None, None, {})


@pytest.mark.parametrize(
    ("page", "found"),
    [({"value": [{"a": 1}, None, "x", {"b": 2}]}, [{"a": 1}, {"b": 2}]), ({"value": None}, []), ({}, [])],
)
def test_the_resources_of_a_page_are_its_objects(page, found):
    assert list(vm.documents(page)) == found


def test_power_states_are_found_without_regard_to_the_ids_case():
    assert vm.power_states({"value": [{**DOCUMENT, "id": VM.upper()}]}) == {VM.lower(): "running"}


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("public", "management.azure.com"),
        ("usgovernment", "management.usgovcloudapi.net"),
        ("china", "management.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_own_resource_manager(name, host):
    assert cloud_named(name).endpoint == f"https://{host}"


def test_no_two_clouds_share_anything():
    for field in ("endpoint", "authority", "scope"):
        assert len({getattr(cloud, field) for cloud in CLOUDS.values()}) == len(CLOUDS)


@pytest.mark.parametrize("name", ["", "Public", "germany", None])
def test_an_unknown_cloud_is_refused_with_those_that_are(name):
    with pytest.raises(InvalidRequest, match="'usgovernment'"):
        cloud_named(name)
