"""What a PUT, ``validate`` or ``whatIf`` of a deployment says: its body read and checked, before the template itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import section, string_map, text
from azvm_async.emulator.model import Document

_NAME = re.compile(r"[\w().-]{1,64}")
_FILTER = re.compile(r"\s*provisioningState\s+eq\s+'(\w+)'\s*", re.IGNORECASE)
_MODES = {"incremental": "Incremental", "complete": "Complete"}


@dataclass(frozen=True, slots=True)
class Requested:
    """A template with its parameters, and how to deploy it."""

    template: Document = field(repr=False)
    parameters: Document = field(repr=False)
    mode: str = "Incremental"
    tags: dict[str, str] | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a body.

        Raises
        ------
        Refusal
            400 where something is missing, contradictory, or beyond the emulator.
        """
        properties = required_properties(document)
        return cls(
            template_of(properties), section(properties, "parameters"), _mode(properties), string_map(document, "tags")
        )


def required_properties(document: Mapping[str, Any]) -> Document:
    """Return the properties of a body, which must have them."""
    if document.get("properties") is None:
        raise Refusal.bad_content("Required property 'properties' not found in JSON. Path '', line 1, position 1.")
    return section(document, "properties")


def template_of(properties: Mapping[str, Any]) -> Document:
    """Return the template, which may also be JSON in a string."""
    template, link = properties.get("template"), properties.get("templateLink")
    if template is not None and link is not None:
        message = "The deployment has both a template and a link to a template. Please give one of them only."
        raise Refusal(400, "InvalidDeployment", message)
    for name in ("templateLink", "parametersLink"):
        if properties.get(name) is not None:
            message = (
                f"Unable to download deployment content: the emulator reads no URLs, so '{name}' is not supported."
            )
            raise Refusal(400, "InvalidContentLink", message)
    if properties.get("onErrorDeployment") is not None:
        raise Refusal(400, "InvalidDeployment", "The emulator does not support 'onErrorDeployment'.")
    return _parsed(template)


def checked_name(name: str) -> str:
    """Return the name of a deployment, refused where it can't be one."""
    if not _NAME.fullmatch(name):
        message = (
            f"The deployment name '{name}' is not valid. It must have 1 to 64 characters: letters, digits, underscores, "
            "hyphens, periods and parentheses."
        )
        raise Refusal(400, "InvalidDeploymentName", message)
    return name


def wanted_state(query: Mapping[str, str]) -> str | None:
    """Return the state, in lower case, that the filter of a list of deployments asks for."""
    if not (given := query.get("$filter", "")):
        return None
    if (found := _FILTER.fullmatch(given)) is None:
        raise Refusal(400, "InvalidFilterInQueryString", f"The filter '{given}' is not supported for deployments.")
    return found[1].lower()


def _mode(properties: Mapping[str, Any]) -> str:
    given = text(properties, "mode")
    if not given:
        raise Refusal.bad_content("Required property 'mode' not found in JSON. Path 'properties', line 1, position 1.")
    if (mode := _MODES.get(given.lower())) is None:
        message = (
            f"Error converting value \"{given}\" to type 'DeploymentMode'. Path 'properties.mode', line 1, position 1."
        )
        raise Refusal.bad_content(message)
    return mode


def _parsed(template: object) -> Document:
    try:
        found = json.loads(template) if isinstance(template, str) else template
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "InvalidTemplate", f"Deployment template parse failed: '{error}'.") from error
    if not isinstance(found, dict):
        raise Refusal(400, "InvalidTemplate", "Deployment template parse failed: 'The template is not an object.'.")
    return found
