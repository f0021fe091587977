"""What tests of the facade start with: credentials that are a token, facades on virtual time or on a script."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from client.scripted import ENDPOINT, SUBSCRIPTION
from doubles import ScriptedTransport, Step

from azvm_async import AzureVMClient, Clock, SystemClock
from azvm_async.facade import VMFacade
from azvm_async.facade.settings import Settings
from azvm_async.transport import Transport
from azvm_async.wire import Request, Response

VM = {"vmName": "vm1"}
SCRIPT = {**VM, "commandName": "mlos-bench-run"}
CONFIG = {"subscription": SUBSCRIPTION, "resourceGroup": "group"}


class AccessToken(NamedTuple):
    """A token as credentials hand it out."""

    token: str
    expires_on: int


class Token:
    """A credential that has but one token; a sync one, as mlos_bench's are, and one that can be pickled."""

    def __init__(self, text: str = "token") -> None:
        self.text = text

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002
        """Return it."""
        return AccessToken(self.text, 4_000_000_000)


class NoToken(Token):
    """A credential that has none."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ARG002
        """Fail."""
        raise ValueError("nobody is signed in")


class TimedFacade(VMFacade):
    """A facade whose time is a given clock's."""

    def __init__(self, config: dict[str, Any], clock: Clock, **more: Any) -> None:
        super().__init__(config, **more)
        self._clock = clock
        self.sent: list[Request] = []

    def _client(self, settings: Settings) -> AzureVMClient:
        client = super()._client(settings)
        client._pipeline._transport = Recording(client._pipeline._transport, self.sent)
        return client

    @property
    def puts(self) -> list[dict[str, Any]]:
        """Return the ``properties`` of all that was PUT."""
        return [json.loads(each.body)["properties"] for each in self.sent if each.method == "PUT"]


class Recording:
    """A transport that remembers what it carried."""

    def __init__(self, inner: Transport, sent: list[Request]) -> None:
        self._inner = inner
        self._sent = sent

    async def send(self, request: Request) -> Response:
        """Send once."""
        self._sent.append(request)
        return await self._inner.send(request)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._inner.close()


class ScriptedFacade(VMFacade):
    """A facade whose network is a script."""

    def __init__(self, steps: Iterable[Step], credential: Any = None, **config: Any) -> None:
        super().__init__({**CONFIG, "requestBackoffFactor": 0.001, **config}, credential=credential or Token())
        self.network = ScriptedTransport(SystemClock(), *steps)

    def _client(self, settings: Settings) -> AzureVMClient:
        return AzureVMClient(
            settings.subscription,
            settings.resource_group,
            self._credential,
            ENDPOINT,
            retry=settings.retry,
            transport=self.network,
        )

    @property
    def sent(self) -> list[str]:
        """Methods and URLs of what was sent."""
        return [f"{each.request.method} {each.request.url}" for each in self.network.sent]
