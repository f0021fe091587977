"""The official SDKs, sync and async, called in one way: each call is awaited to its end."""

import asyncio
import inspect
from typing import Any, NamedTuple

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy

from azvm_async.emulator import Emulator


class Bearer(SansIOHTTPPolicy):
    """Sets the header on plain http, where the SDK's own policy refuses to."""

    def __init__(self, token: str) -> None:
        self.token = token

    def on_request(self, request: Any) -> None:
        """Set the header."""
        request.http_request.headers["Authorization"] = f"Bearer {self.token}"


class Unused:
    """A credential that nobody asks."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Fail."""
        raise AssertionError

    async def close(self) -> None:
        """Do nothing."""


class Service(NamedTuple):
    """One operation group of a client."""

    client: Any
    group: str

    async def __call__(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method; wait for the end of what it begins, and gather what it lists."""
        called = getattr(getattr(self.client, self.group), method)
        if hasattr(self.client, "__aenter__"):
            return await _async_result(called(*arguments, **options))
        return await asyncio.to_thread(_sync_result, called, *arguments, **options)


async def options(arm: Emulator) -> dict[str, Any]:
    """Return what a client is made with: it polls as fast as it can and retries nothing."""
    token = (await arm.credential().get_token()).token
    return {
        "credential": Unused(),
        "subscription_id": arm.subscription,
        "base_url": arm.endpoint,
        "authentication_policy": Bearer(token),
        "polling_interval": 0.02,
        "retry_total": 0,
    }


def _sync_result(called: Any, *arguments: Any, **chosen: Any) -> Any:
    answer = called(*arguments, **chosen)
    if hasattr(answer, "result"):
        return answer.result()
    return list(answer) if hasattr(answer, "by_page") else answer


async def _async_result(answer: Any) -> Any:
    if hasattr(answer, "by_page"):
        return [item async for item in answer]
    answer = await answer if inspect.isawaitable(answer) else answer
    return await answer.result() if hasattr(answer, "polling_method") else answer
