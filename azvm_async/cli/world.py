"""What the commands stand on: how a client is had. Tests and the demonstration have theirs, by click's ``obj``."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import click

from azvm_async import AzureVMClient
from azvm_async.cli.options import NO_GROUP, Site


def connected(site: Site, credential: Any = None) -> AzureVMClient:
    """Return a client; without a credential ``DefaultAzureCredential`` is its."""
    return AzureVMClient(
        site.subscription,
        NO_GROUP if site.group else str(site.resource_group),
        credential,
        site.endpoint,
        cloud=site.cloud,
        ca_file=site.ca_file,
    )


@dataclass(frozen=True, slots=True)
class World:
    """How a client is had."""

    connect: Callable[[Site], AbstractAsyncContextManager[AzureVMClient]] = connected


def current() -> World:
    """Return the world of the command that runs."""
    found = click.get_current_context().find_root().obj
    return found if isinstance(found, World) else World()
