"""A program that asks each endpoint for a VM, with nothing but the environment; it says what came of each, as JSON."""

import asyncio
import json
import sys
import time
from typing import NamedTuple

from azvm_async import AzureVMClient
from azvm_async.errors import AzureVMError
from azvm_async.pipeline import Retry


class Token(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class Credential:
    """Gives the token that nobody else is to get."""

    async def get_token(self, *_scopes: str) -> Token:
        """Return it."""
        return Token("t0ps3cret", int(time.time()) + 3600)


async def visit(endpoint: str) -> str:
    """Return what came of asking an endpoint."""
    subscription = "00000000-0000-0000-0000-000000000001"
    async with AzureVMClient(subscription, "g", Credential(), endpoint, retry=Retry(attempts=1)) as client:
        try:
            return (await client.get("vm1")).name
        except AzureVMError as error:
            return f"{type(error).__name__}: {error}"


async def main() -> None:
    """Visit all."""
    print(json.dumps({endpoint: await visit(endpoint) for endpoint in sys.argv[1:]}))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
