"""What a token may name: URLs on the endpoint, and in one subscription. All else is refused before anything is asked."""

import json

import pytest

from azvm_async.errors import InvalidRequest
from azvm_async.protocol import tokens
from protocol.bulks import started
from protocol.deployments import provisioned
from protocol.group import removal
from protocol.support import ENDPOINT, LOCATION_URL, NOW, STATUS_URL, SUBSCRIPTION, VM, begun, commanded

OTHER = "fedcba98-7654-3210-fedc-ba9876543210"
STATES = {"lro": begun(), "script": commanded(), "deployment": provisioned(), "bulk": started(), "removal": removal()}
STATES_BY_NAME = pytest.mark.parametrize("state", STATES.values(), ids=STATES)


def load(token):
    return tokens.load(token, ENDPOINT, NOW, SUBSCRIPTION)


@STATES_BY_NAME
def test_token_of_the_subscription_is_taken(state):
    assert tokens.dump(load(tokens.dump(state))) == tokens.dump(state)


@STATES_BY_NAME
def test_token_of_another_subscription_is_refused(state):
    with pytest.raises(InvalidRequest, match="subscription"):
        load(tokens.dump(state).replace(SUBSCRIPTION, OTHER))


@STATES_BY_NAME
def test_case_of_letters_does_not_matter(state):
    assert load(tokens.dump(state).replace(SUBSCRIPTION, SUBSCRIPTION.upper()))


@pytest.mark.parametrize("field", ["url", "poll_url", "location", "resource", "unheard_of"])
@pytest.mark.parametrize(
    "path",
    [
        f"/subscriptions/{OTHER}/x",
        "/providers/Microsoft.Management/managementGroups/root",
        f"/subscriptions/{SUBSCRIPTION}/../{OTHER}/x",
        f"/subscriptions/{SUBSCRIPTION}/%2e%2e/{OTHER}/x",
        f"/subscriptions/{SUBSCRIPTION}/%252e%252e/{OTHER}/x",
        f"/subscriptions/{SUBSCRIPTION}/..%5c{OTHER}/x",
        f"/subscriptions/{SUBSCRIPTION}/%25252e%25252e/{OTHER}/x",
        f"/subscriptions/{SUBSCRIPTION}/..;/{OTHER}/x",
        f"/subscriptions/{SUBSCRIPTION}x/y",
        f"/subscriptions/{SUBSCRIPTION}",
    ],
)
def test_path_elsewhere_is_refused_wherever_it_stands(field: str, path: str):
    token = json.loads(tokens.dump(begun()))
    with pytest.raises(InvalidRequest):
        load({**token, field: path if field == "resource" else ENDPOINT + path})


@pytest.mark.parametrize("field", ["url", "poll_url", "location", "unheard_of"])
@pytest.mark.parametrize("base", ["https://arm.example", "http://management.azure.com", "ftp://management.azure.com"])
def test_changed_host_or_scheme_is_refused_wherever_it_stands(field: str, base: str):
    token = json.loads(tokens.dump(begun()))
    with pytest.raises(InvalidRequest):
        load({**token, field: f"{base}{VM}"})


@pytest.mark.parametrize("url", [STATUS_URL, LOCATION_URL])
def test_bare_url_of_the_subscription_is_taken_and_that_of_another_refused(url: str):
    assert load(url)
    with pytest.raises(InvalidRequest, match="subscription"):
        load(url.replace(SUBSCRIPTION, OTHER))


@pytest.mark.parametrize("field", ["azvm", "version"])
@pytest.mark.parametrize("number", [True, 1.0, "1", None])
def test_what_only_equals_the_version_is_refused(field: str, number):
    with pytest.raises(InvalidRequest, match="version"):
        load({**json.loads(tokens.dump(begun())), field: number})


@STATES_BY_NAME
def test_unknown_version_is_refused(state):
    token = json.loads(tokens.dump(state))
    with pytest.raises(InvalidRequest, match="version"):
        load({**token, "version": token["version"] + 1})
