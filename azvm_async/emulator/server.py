"""The loopback server: HTTP outside, the door inside. The emulator's only place that knows aiohttp."""

from aiohttp import web

from azvm_async.clock import Clock
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.door import Door
from azvm_async.wire import Request, Response, joined

_HOST = "127.0.0.1"
_NAMES = {_HOST, "localhost"}
_LARGEST_BODY = 4 * 1024 * 1024
_TOO_LARGE = Refusal(413, "RequestContentTooLarge", "The request is larger than 4 MB.").response()


class Server:
    """Serves a door on the loopback interface.

    Parameters
    ----------
    door : Door
        Answers the requests.
    clock : Clock
        Is told that work is under way from a request's arrival to its answer.
    """

    def __init__(self, door: Door, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        # No access log: it would write signed URLs into the logs of who uses this in a program of his own.
        self._runner = web.ServerRunner(
            web.Server(self._answer, access_log=None), handle_signals=False, shutdown_timeout=1.0
        )

    async def start(self, port: int) -> str:
        """Begin to listen, on a free port when ``port`` is 0; return the endpoint.

        Raises
        ------
        OSError
            When the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, _HOST, port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return f"http://{_HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more, and close all connections."""
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        with self._clock.working():
            response = _refusal(request)
            if response is None:
                body = await _body(request)
                response = _TOO_LARGE if body is None else self._door.handle(_from_aiohttp(request, body))
            return web.Response(status=response.status, body=response.body or None, headers=response.headers)


def _refusal(request: web.BaseRequest) -> Response | None:
    """Return the answer to a request that doesn't get as far as the door.

    A web page can make a browser believe that its own host name means 127.0.0.1, and would then get tokens here and run
    scripts: whoever calls must do so by a name of this host.
    """
    name = request.host.rpartition(":")[0] or request.host
    if name not in _NAMES:
        return Refusal(421, "MisdirectedRequest", f"The emulator doesn't answer for '{name}'.").response()
    return None


async def _body(request: web.BaseRequest) -> bytes | None:
    """Read a request's body; ``None`` where it is too large, of which no more is read than shows that."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > _LARGEST_BODY:
            return None
    return bytes(body)


def _from_aiohttp(request: web.BaseRequest, body: bytes) -> Request:
    url = f"{request.scheme}://{request.host}{request.raw_path}"
    return Request(request.method, url, body, joined(request.headers.items()))
