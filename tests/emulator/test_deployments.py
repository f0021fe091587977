"""Deployments: what each request answers."""

import pytest

from azvm_async.emulator import Emulator
from azvm_async.wire import Request
from emulator.deploying import Deployer
from emulator.small_templates import ALL, GROUP, ONE, balancer, balancer_id, body, nested, template

SUBSCRIPTION = GROUP.partition("/resourceGroups")[0]
ELSEWHERE = f"{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/d1"
LINK = {"uri": "https://example.org/template.json"}
SECRETS = {"parameters": {"key": {"type": "securestring"}, "size": {"type": "int"}}}


async def test_a_put_is_followed_by_a_url_of_the_deployment_and_no_location(deployer: Deployer):
    answer = await deployer.send("PUT", ONE, body(balancer("a")))
    assert answer.status == 201
    assert f"{ONE}/operationStatuses/" in answer.headers["azure-asyncoperation"]
    assert "location" not in answer.headers


async def test_a_second_put_answers_200_with_a_new_correlation(deployer: Deployer):
    first = await deployer.deploy(body(balancer("a")))
    answer = await deployer.send("PUT", ONE, body(balancer("a")))
    assert answer.status == 200
    assert answer.document()["properties"]["correlationId"] != first["correlationId"]


async def test_a_deployment_is_accepted_then_runs_then_has_succeeded(deployer: Deployer):
    accepted = await deployer.send("PUT", ONE, body(balancer("a")))
    states = [accepted.document()["properties"]["provisioningState"]]
    for _ in range(3):
        await deployer.clock.sleep(2)
        states.append((await deployer.poll(accepted))["status"])
    assert states == ["Accepted", "Running", "Running", "Succeeded"]


async def test_its_duration_grows_until_it_ends(deployer: Deployer):
    await deployer.send("PUT", ONE, body(balancer("a")))
    shown = []
    for _ in range(3):
        await deployer.clock.sleep(3)
        shown.append((await deployer.get(ONE))["properties"]["duration"])
    assert shown == ["PT3S", "PT5S", "PT5S"]


async def test_tags_mode_and_what_depends_on_what_are_shown(deployer: Deployer):
    asked = body(balancer("a"), balancer("b", "a")) | {"tags": {"x": "y"}}
    await deployer.deploy(asked)
    shown = await deployer.get(ONE)
    (dependency,) = shown["properties"]["dependencies"]
    assert (shown["tags"], shown["properties"]["mode"]) == ({"x": "y"}, "Incremental")
    assert (dependency["resourceName"], dependency["dependsOn"][0]["id"]) == ("b", balancer_id("a"))
    assert shown["properties"]["providers"] == [
        {
            "namespace": "Microsoft.Network",
            "resourceTypes": [{"resourceType": "loadBalancers", "locations": ["westeurope"]}],
        }
    ]


async def test_parameters_are_shown_with_their_types_but_secure_ones_without_value(deployer: Deployer):
    shown = await deployer.deploy(body(values={"key": "hunter2!", "size": 3}, **SECRETS))
    assert shown["parameters"] == {"key": {"type": "SecureString"}, "size": {"type": "Int", "value": 3}}


async def test_the_same_template_has_the_same_hash(deployer: Deployer):
    hashes = [(await deployer.deploy(body(balancer(name))))["templateHash"] for name in "aab"]
    assert hashes[0] == hashes[1] != hashes[2]


async def test_while_one_is_active_its_name_is_taken(deployer: Deployer):
    await deployer.send("PUT", ONE, body(balancer("a")))
    status, error = await deployer.refused(body(balancer("a")))
    assert (status, error["code"]) == (409, "DeploymentActive")
    assert "from '1/1/2026 12:00:00 AM' is still active (expiration time is '1/8/2026 12:00:00 AM')" in error["message"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "InvalidRequestContent"),
        ({"properties": {"template": template()}}, "InvalidRequestContent"),
        ({"properties": {"template": template(), "mode": "Hasty"}}, "InvalidRequestContent"),
        ({"properties": {"template": template(), "templateLink": LINK, "mode": "Complete"}}, "InvalidDeployment"),
        ({"properties": {"templateLink": LINK, "mode": "Complete"}}, "InvalidContentLink"),
        ({"properties": {"template": template(), "parametersLink": LINK, "mode": "Complete"}}, "InvalidContentLink"),
        ({"properties": {"template": "{", "mode": "Complete"}}, "InvalidTemplate"),
        ({"properties": {"template": [], "mode": "Complete"}}, "InvalidTemplate"),
        ({"properties": {"mode": "Complete"}}, "InvalidTemplate"),
        ({"properties": {"template": template(), "mode": "Complete", "onErrorDeployment": {}}}, "InvalidDeployment"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(deployer: Deployer, document: object, code: str):
    status, error = await deployer.refused(document)
    assert (status, error["code"]) == (400, code)


async def test_an_invalid_template_is_refused_with_the_place(deployer: Deployer):
    status, error = await deployer.refused(body(balancer("[parameters('ghost')]")))
    assert (status, error["code"]) == (400, "InvalidTemplate")
    assert error["additionalInfo"][0]["type"] == "TemplateViolation"


async def test_an_invalid_nested_template_is_refused_before_anything_begins(arm: Emulator, deployer: Deployer):
    inner = nested("inner", template(balancer("[nonsense()]")))
    assert (await deployer.refused(body(balancer("a"), inner)))[0] == 400
    assert arm.resources() == []


@pytest.mark.parametrize("name", ["a b", "a" * 65, "a!"])
async def test_a_name_that_cannot_be_one_is_refused(deployer: Deployer, name: str):
    status, error = await deployer.refused(body(), f"{ALL}/{name.replace(' ', '%20')}")
    assert (status, error["code"]) == (400, "InvalidDeploymentName")


async def test_a_missing_deployment_has_its_code(deployer: Deployer):
    answer = await deployer.send("GET", ONE)
    assert (answer.status, answer.document()["error"]["code"]) == (404, "DeploymentNotFound")


async def test_head_tells_whether_it_exists(deployer: Deployer):
    before = await deployer.send("HEAD", ONE)
    await deployer.deploy(body())
    after = await deployer.send("HEAD", ONE)
    assert (before.status, after.status) == (404, 204)


async def test_deployments_are_listed_in_pages(deployer: Deployer):
    for name in ("d1", "d2", "d3"):
        await deployer.deploy(body(), f"{ALL}/{name}")
    first = await deployer.get(f"{ALL}?$top=2")
    rest = await deployer.get(first["nextLink"])
    assert [each["name"] for page in (first, rest) for each in page["value"]] == ["d1", "d2", "d3"]
    assert "nextLink" not in rest


async def test_deployments_are_filtered_by_state(deployer: Deployer):
    await deployer.deploy(body())
    await deployer.send("PUT", f"{ALL}/d2", body(balancer("a")))
    listed = await deployer.get(f"{ALL}?$filter=provisioningState%20eq%20'Succeeded'")
    assert [each["name"] for each in listed["value"]] == ["d1"]


async def test_another_filter_is_refused(deployer: Deployer):
    assert (await deployer.refused(None, f"{ALL}?$filter=name%20eq%20'x'", "GET"))[0] == 400


async def test_a_deleted_deployment_leaves_its_resources(arm: Emulator, deployer: Deployer):
    await deployer.deploy(body(balancer("a")))
    assert (await deployer.followed(await deployer.send("DELETE", ONE))).status == 204
    assert (arm.deployments(), arm.resources()) == ([], [balancer_id("a")])


async def test_there_is_nothing_to_delete_where_there_is_no_deployment(deployer: Deployer):
    assert (await deployer.send("DELETE", ONE)).status == 204


async def test_an_active_deployment_is_not_deleted(deployer: Deployer):
    await deployer.send("PUT", ONE, body(balancer("a")))
    assert (await deployer.send("DELETE", ONE)).status == 409


async def test_the_template_is_exported_as_it_was_given(deployer: Deployer):
    asked = body(balancer("a"))
    await deployer.deploy(asked)
    exported = await deployer.send("POST", f"{ONE}/exportTemplate")
    assert exported.document()["template"] == asked["properties"]["template"]


async def test_validate_shows_what_would_be_deployed_and_deploys_nothing(arm: Emulator, deployer: Deployer):
    answer = await deployer.send("POST", f"{ONE}/validate", body(balancer("a")))
    properties = answer.document()["properties"]
    assert (answer.status, properties["validatedResources"]) == (200, [{"id": balancer_id("a")}])
    assert (arm.resources(), arm.deployments()) == ([], [])


async def test_validate_refuses_as_a_put_does(deployer: Deployer):
    status, error = await deployer.refused(body(balancer("[parameters('ghost')]")), f"{ONE}/validate", "POST")
    assert (status, error["code"]) == (400, "InvalidTemplate")


@pytest.mark.parametrize(("method", "end"), [("PUT", ""), ("POST", "/validate")])
async def test_a_failing_preflight_refuses_the_whole_deployment(
    arm: Emulator, deployer: Deployer, method: str, end: str
):
    arm.fail("*/loadBalancers/b", "QuotaExceeded", "No more.", preflight=True)
    status, error = await deployer.refused(body(balancer("a"), balancer("b")), f"{ONE}{end}", method)
    assert (status, error["code"]) == (400, "InvalidTemplateDeployment")
    assert error["details"] == [{"code": "QuotaExceeded", "message": "No more."}]
    assert arm.resources() == []


async def test_operations_are_listed_and_read_one_by_one(deployer: Deployer):
    await deployer.deploy(body(balancer("a")))
    listed = await deployer.get(f"{GROUP}/deployments/d1/operations")
    one = await deployer.get(f"{GROUP}/deployments/d1/operations/{listed['value'][0]['operationId']}")
    assert one == listed["value"][0]
    assert (await deployer.get(f"{ONE}/operations?$top=1"))["value"] == [one]


async def test_a_missing_operation_is_not_found(deployer: Deployer):
    await deployer.deploy(body())
    assert (await deployer.refused(None, f"{ONE}/operations/ghost", "GET"))[0] == 404


@pytest.mark.parametrize(("method", "end"), [("PUT", ""), ("POST", "/validate"), ("POST", "/whatIf")])
async def test_a_deployment_to_a_subscription_is_refused(deployer: Deployer, method: str, end: str):
    status, error = await deployer.refused(body(), f"{ELSEWHERE}{end}", method)
    assert (status, "resource groups only" in error["message"]) == (400, True)


async def test_a_subscription_has_no_deployments(deployer: Deployer):
    assert (await deployer.get(ELSEWHERE.rpartition("/")[0]))["value"] == []
    status, error = await deployer.refused(None, ELSEWHERE, "GET")
    assert (status, error["code"]) == (404, "DeploymentNotFound")
    assert [(await deployer.send(method, ELSEWHERE)).status for method in ("HEAD", "DELETE")] == [404, 204]


async def test_a_poll_with_a_changed_signature_is_refused(deployer: Deployer):
    accepted = await deployer.send("PUT", ONE, body())
    url = accepted.headers["azure-asyncoperation"]
    answer = await deployer.arm.send(Request("GET", f"{url[:-3]}AAA", b"", deployer.headers))
    assert answer.status == 403


async def test_a_deployment_that_was_replaced_can_still_be_polled(deployer: Deployer):
    first = await deployer.send("PUT", ONE, body())
    await deployer.ended(first)
    await deployer.send("PUT", ONE, body(balancer("a")))
    assert (await deployer.poll(first))["status"] == "Succeeded"


async def test_a_group_made_anew_has_no_deployments_of_the_old_one(deployer: Deployer):
    await deployer.deploy(body())
    await deployer.followed(await deployer.send("DELETE", GROUP))
    await deployer.send("PUT", GROUP, {"location": "westeurope"})
    assert (await deployer.get(ALL))["value"] == []
