"""Inside FastAPI: one request begins an operation and returns a token, another tells how it stands, in any process.

Run it with no arguments for a visit of the service within one process, on the emulator. To serve it, with Azure:

    AZURE_SUBSCRIPTION_ID=… AZURE_RESOURCE_GROUP=… uvicorn --app-dir examples web_service:app

The operation's own token holds a signed URL, so it stays here: whoever asks gets a token of the service's in its place. In
earnest ``tokens`` is a table of your database, and whoever may ask is checked.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI, HTTPException, Request
from place import place

from azvm_async import AzureVMClient, AzureVMError, NotFound, OperationFailed, WaitTimeout

tokens: dict[str, str] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have one client for all requests."""
    async with place("vm1") as here, here.client() as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


def client_of(request: Request) -> AzureVMClient:
    """Return the service's client."""
    client: AzureVMClient = request.app.state.client
    return client


@app.post("/vms/{name}/start", status_code=HTTPStatus.ACCEPTED)
async def start(name: str, request: Request) -> dict[str, str]:
    """Begin, and return once Azure has accepted."""
    try:
        operation = await client_of(request).start(name)
    except NotFound as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no VM {name}") from error
    except AzureVMError as error:
        raise HTTPException(HTTPStatus.BAD_GATEWAY, error.code or type(error).__name__) from error
    token = uuid4().hex
    tokens[token] = operation.token
    return {"token": token}


@app.get("/operations/{token}")
async def report(token: str, request: Request, wait: float = 0.0) -> dict[str, Any]:
    """Tell how it stands, after up to ``wait`` seconds."""
    if token not in tokens:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such operation")
    operation = client_of(request).resume(tokens[token])
    told: dict[str, Any] = {"verb": operation.about.verb, "done": True}
    try:
        await operation.result(timeout=min(max(wait, 0.5), 30.0))
    except WaitTimeout:
        told["done"] = False
    except OperationFailed as error:
        told["error"] = {"code": error.code, "message": error.message}
    except AzureVMError as error:  # it may well go on: ask again
        raise HTTPException(HTTPStatus.BAD_GATEWAY, error.code or type(error).__name__) from error
    return {**told, "status": operation.status}


async def visit() -> None:
    """Start a VM by the service, and ask until it runs."""
    name = sys.argv[1] if sys.argv[1:] else "vm1"
    transport = httpx.ASGITransport(app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://service") as web:
        answer = await web.post(f"/vms/{name}/start")
        print(answer.status_code, "a token of", len(answer.json()["token"]), "characters")
        told: dict[str, Any] = {"done": False}
        while not told["done"]:
            told = (await web.get(f"/operations/{answer.json()['token']}", params={"wait": 10})).json()
            print(told)


if __name__ == "__main__":
    asyncio.run(visit())
