"""What a facade has on the portal's loop: its clients. It doesn't know the facade, which could else never be collected."""

import weakref
from collections.abc import Callable
from typing import Any

from azvm_async.client import AzureVMClient
from azvm_async.errors import ClientClosed
from azvm_async.facade.settings import Settings
from azvm_async.portal import Portal, lease


class Session:
    """What a facade has on the portal's loop: its clients, one for each way to be patient. Doesn't know the facade."""

    def __init__(self) -> None:
        self._clients: dict[Any, AzureVMClient] = {}
        self._closed = False
        self._lease = lease(self._close)
        self._finalizer: weakref.finalize[Any, Any] | None = None

    @property
    def portal(self) -> Portal:
        """To call by."""
        return self._lease.portal

    def client(self, settings: Settings, make: Callable[[Settings], AzureVMClient]) -> AzureVMClient:
        """Return the client for some settings; only on the loop."""
        if self._closed:
            raise ClientClosed("The facade was closed meanwhile; nothing was sent")
        key = settings.timeouts, settings.retry
        if key not in self._clients:
            self._clients[key] = make(settings)
        return self._clients[key]

    def ends_with(self, facade: object) -> None:
        """Let go when a facade is collected; the interpreter's end is the portal's own business."""
        self._finalizer = weakref.finalize(facade, self._lease.drop)
        self._finalizer.atexit = False

    def release(self) -> None:
        """Close everything, and wait for that."""
        if self._finalizer is not None:
            self._finalizer.detach()
        self._lease.release()

    async def _close(self) -> None:
        self._closed = True
        for client in self._clients.values():
            await client.close()
