"""What a caller may give wrongly: refused before anything is sent, with what is allowed."""

import pytest
from client.scripted import ACCEPTED, Script

from azvm_async import AzureVMClient, InvalidRequest, VirtualClock
from azvm_async.wire import Response

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("not-a-guid", "group"), "GUID"),
        (("", "group"), "GUID"),
        ((None, "group"), "GUID"),
        ((SUBSCRIPTION, "a/b"), "resource group"),
        ((SUBSCRIPTION, ""), "resource group"),
        ((SUBSCRIPTION, "group", "a-secret"), "no credential"),
        ((SUBSCRIPTION, "group", None, "http://example.com"), "plain http"),
        ((SUBSCRIPTION, "group", None, "ftp://example.com"), "http"),
        ((SUBSCRIPTION, "group", None, ""), "endpoint"),
        ((SUBSCRIPTION, "group", None, 5), "endpoint"),
    ],
)
def test_client_of_nothing_is_refused(arguments, match: str):
    with pytest.raises(InvalidRequest, match=match):
        AzureVMClient(*arguments)


def test_unknown_cloud_is_refused_with_those_there_are():
    with pytest.raises(InvalidRequest, match="'public', 'usgovernment', 'china' are"):
        AzureVMClient(SUBSCRIPTION, "group", cloud="moon")


@pytest.mark.parametrize(
    ("cloud", "endpoint"),
    [
        ("public", "https://management.azure.com"),
        ("usgovernment", "https://management.usgovcloudapi.net"),
        ("china", "https://management.chinacloudapi.cn"),
    ],
)
def test_cloud_sets_the_endpoint(cloud: str, endpoint: str):
    assert AzureVMClient(SUBSCRIPTION, "group", cloud=cloud).endpoint == endpoint


async def test_cloud_sets_the_scope(clock: VirtualClock):
    script = Script(clock, [Response(200)])
    endpoint = "https://management.usgovcloudapi.net"
    async with AzureVMClient(
        SUBSCRIPTION, "group", script.credential, endpoint, cloud="usgovernment", clock=clock, transport=script
    ) as client:
        await client.start("vm1")
    assert script.credential.scopes == [("https://management.core.usgovcloudapi.net/.default",)]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.stop("vm1", force="false"),
        lambda client: client.delete("vm1", force=1),
        lambda client: client.deallocate("vm1", hibernate="no"),
        lambda client: client.begin(None, "/x"),
        lambda client: client.begin("PUT", None),
        lambda client: client.start("vm1").result(timeout="5"),
        lambda client: client.reboot("vm1").result(timeout=float("nan")),
        lambda client: client.start(5),
        lambda client: client.run_command("vm1", b"echo"),
        lambda client: client.run_command("vm1", "echo", location=5),
        lambda client: client.run_command("vm1", "echo", run_as_user=5, location="here"),
    ],
)
async def test_argument_of_the_wrong_kind_is_refused_before_any_request(clock: VirtualClock, call):
    script = Script(clock, [ACCEPTED])
    async with script.client() as client:
        with pytest.raises(InvalidRequest):
            await call(client)
    assert script.requests == []
