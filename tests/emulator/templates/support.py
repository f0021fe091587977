"""Small templates, and a world of resources to refer to."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from azvm_async.emulator.templates import Expanded, Planned, Site, TemplateError, expand

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
SITE = Site(
    subscription={
        "id": SUBSCRIPTION,
        "subscriptionId": SUBSCRIPTION.rpartition("/")[2],
        "tenantId": "00000000-0000-0000-0000-00000000000a",
        "displayName": "Main",
    },
    group={"id": GROUP, "name": "rg", "location": "westeurope", "tags": {}, "properties": {}},
    deployment="first",
    utc=datetime(2026, 3, 5, 14, 7, 9, tzinfo=UTC),
    new_guid=lambda: "0f0f0f0f-0000-4000-8000-000000000000",
)


@dataclass
class Known:
    """References to a few resources, by lower-case id."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: list[str | None] = field(default_factory=list)

    def reference(self, resource_id: str, api_version: str | None, full: bool) -> dict[str, Any]:
        self.versions.append(api_version)
        document = self.documents[resource_id.lower()]
        return document if full else document["properties"]

    def listed(self, resource_id: str, function: str, api_version: str, body: object) -> object:
        return {"of": self.documents[resource_id.lower()]["name"], "by": [function, api_version, body]}


NOTHING = Known()


def template(*resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """Return a template."""
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def address(name: str, **members: Any) -> dict[str, Any]:
    """Return a resource: a public IP address."""
    return {"type": "Microsoft.Network/publicIPAddresses", "apiVersion": "2021-05-01", "name": name, **members}


def address_id(name: str, group: str = GROUP) -> str:
    """Return the id of such a resource."""
    return f"{group}/providers/Microsoft.Network/publicIPAddresses/{name}"


def exists(name: str, **properties: Any) -> Known:
    """Return a world with one such resource."""
    return Known({address_id(name).lower(): {"name": name, "location": "westeurope", "properties": properties}})


def deploy(*resources: dict[str, Any], **sections: Any) -> Expanded:
    """Expand a template without parameters."""
    return expand(template(*resources, **sections), None, SITE)


def given(values: dict[str, Any], /, *resources: dict[str, Any], **sections: Any) -> Expanded:
    """Expand a template with values for its parameters."""
    return expand(template(*resources, **sections), {name: {"value": each} for name, each in values.items()}, SITE)


def planned(*resources: dict[str, Any], **sections: Any) -> Planned:
    """Return the one resource of a template."""
    (one,) = deploy(*resources, **sections).resources
    return one


def names(expanded: Expanded) -> list[str]:
    """Return the names of the resources to deploy."""
    return [each.name for each in expanded.resources]


def waits(expanded: Expanded) -> dict[str, list[str]]:
    """Return for each resource the last parts of what it waits for."""
    return {each.name: sorted(one.rpartition("/")[2] for one in each.depends_on) for each in expanded.resources}


def value(expression: Any, **sections: Any) -> Any:
    """Return what an expression evaluates to."""
    one = planned(address("ip", properties={"value": expression}), **sections)
    return one.document(NOTHING)["properties"]["value"]


def refusal(*resources: dict[str, Any], **sections: Any) -> TemplateError:
    """Return how a template is refused."""
    return refused(template(*resources, **sections))


def refused(document: Any, parameters: Any = None) -> TemplateError:
    """Return how a template is refused with its parameters."""
    try:
        expand(document, parameters, SITE)
    except TemplateError as error:
        return error
    raise AssertionError("the template was taken")
