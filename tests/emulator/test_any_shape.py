"""Documents of any shape: every request on a resource has an answer, and none leaves the emulator broken."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from azvm_async.emulator.core import Core
from azvm_async.emulator.identity import issue
from azvm_async.emulator.model import World
from azvm_async.emulator.settings import Settings
from azvm_async.wire import Request, Response
from emulator.sites import ADDRESS, COMPUTE, LOCK, NETWORK, NIC, NSG, RG, SUB, SUBNET, VM, VNET
from emulator.test_core import START, at

NAMES = st.sampled_from(
    "location tags properties identity type name id level subnets securityRules ipConfigurations subnet addressPrefix "
    "addressPrefixes publicIPAddress privateIPAddress dnsSettings domainNameLabel networkProfile networkInterfaces "
    "storageProfile osDisk dataDisks managedDisk lun vhd deleteOption createOption availabilitySet osProfile "
    "networkInterfaceConfigurations toBeDetached publicIPAddressVersion".split()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["westeurope", "one", "Delete", "SystemAssigned", "IPv6", "10.0.0.0/30", "Attach", "/", ""])
    | st.sampled_from(
        [SUBNET, NIC, VM, NSG, ADDRESS, f"{COMPUTE}/disks/d", "/providers/", "/subscriptions/x/providers/"]
    )
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=25
)
PROPERTIES = st.dictionaries(NAMES, DOCUMENTS, max_size=6)
BODIES = st.fixed_dictionaries(
    {"location": st.just("westeurope"), "properties": PROPERTIES}, optional={"identity": DOCUMENTS, "tags": DOCUMENTS}
)
PATHS = st.sampled_from(
    [
        *(NSG, VNET, SUBNET, NIC, ADDRESS, VM, f"{VM}/extensions/e", f"{RG}/{LOCK}", f"{COMPUTE}/disks/d"),
        f"{NETWORK}/loadBalancers/lb",
        f"{RG}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
    ]
)
METHODS = st.sampled_from(["PUT", "PUT", "PUT", "PATCH", "DELETE", "GET"])


def ask(core: Core, token: str, method: str, path: str, document: object = None) -> Response:
    """Send a request at the start of time."""
    body = b"" if document is None else json.dumps(document).encode()
    url = f"http://127.0.0.1{path}?api-version=2024-07-01"
    return core.handle(Request(method, url, body, {"authorization": f"Bearer {token}"}), START)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(METHODS, PATHS, BODIES), max_size=5))
def test_whatever_is_put_has_an_answer_and_so_has_every_look_afterwards(requests: list[tuple[str, str, object]]):
    world = World(START, Settings())
    world.add_group(world.add_subscription(SUB.rpartition("/")[2]), "emulated-rg", "westeurope")
    core, token = Core(world), issue(world, START)[0]
    answers = [ask(core, token, *request) for request in requests]
    core.settle(at(50))
    answers += [ask(core, token, "GET", path) for _, path, _ in requests]
    answers += [ask(core, token, "GET", f"{RG}/resources"), ask(core, token, "DELETE", VM)]
    core.settle(at(200))
    answers.append(ask(core, token, "DELETE", RG))
    core.settle(at(500))
    assert all(answer.status < 500 for answer in answers)
    assert not world.children
    assert all(json.dumps(answer.json(), allow_nan=False) for answer in answers if answer.body)
