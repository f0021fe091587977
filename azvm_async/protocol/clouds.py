"""Azure's clouds: where each has its Resource Manager, its sign-in, and what a token is asked for.

Source: azure-identity's ``AzureAuthorityHosts`` and Microsoft's "National clouds".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from azvm_async.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Azure's clouds."""

    endpoint: str
    authority: str
    scope: str


CLOUDS: Mapping[str, Cloud] = {
    "public": Cloud(
        "https://management.azure.com", "login.microsoftonline.com", "https://management.azure.com/.default"
    ),
    "usgovernment": Cloud(
        "https://management.usgovcloudapi.net",
        "login.microsoftonline.us",
        "https://management.core.usgovcloudapi.net/.default",
    ),
    "china": Cloud(
        "https://management.chinacloudapi.cn", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"
    ),
}


def cloud_named(name: str) -> Cloud:
    """Return a cloud by its name, or raise :class:`InvalidRequest`."""
    if name not in CLOUDS:
        raise InvalidRequest(f"{name!r} is not a cloud; {', '.join(map(repr, CLOUDS))} are")
    return CLOUDS[name]
