"""Managed identity: the two token endpoints that Azure's own credentials know, and the check of tokens.

On a VM they ask the instance metadata service (IMDS), whose host ``AZURE_POD_IDENTITY_AUTHORITY_HOST`` replaces; in an
App Service they ask ``IDENTITY_ENDPOINT``. Tokens are opaque, valid here only, and for every resource asked for.
"""

from datetime import datetime, timedelta

from azvm_async.emulator.answers import Refusal, error_body
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Moment, World
from azvm_async.wire import Response

IMDS_PATH = "/metadata/identity/oauth2/token"
APP_SERVICE_PATH = "/msi/token"
_AUTHORITY = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000002"


def issue(world: World, now: Moment) -> tuple[str, datetime]:
    """Return a new token and its expiry, and forget those that have expired."""
    for token in [token for token, expiry in world.tokens.items() if expiry <= now.utc - timedelta(days=1)]:
        del world.tokens[token]
    token = f"emulated.{world.secrets.randbytes(32).hex()}"
    expiry = now.utc + timedelta(seconds=world.settings.token_lifetime)
    world.tokens[token] = expiry
    return token, expiry


def answer(world: World, call: Call) -> Response | None:
    """Answer a request for a token; ``None`` when this isn't one."""
    path = call.path.rstrip("/").lower()
    if path == IMDS_PATH:
        return _granted(world, call, allowed=call.headers.get("metadata", "").lower() == "true")
    if path == APP_SERVICE_PATH:
        return _granted(world, call, allowed=call.headers.get("x-identity-header") == world.identity_header)
    return None


def authenticate(world: World, call: Call) -> None:
    """Refuse a call that brings no valid token."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    expiry = world.tokens.get(token.strip())
    if expiry is None:
        raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
    if expiry <= call.now.utc:
        raise _unauthorized("ExpiredAuthenticationToken", f"The access token expired at {expiry.isoformat()}.")


def _granted(world: World, call: Call, *, allowed: bool) -> Response:
    if call.method != "GET":
        return Response.with_json(405, error_body("method_not_allowed", "Only GET is allowed."), {"allow": "GET"})
    if not allowed:
        return _invalid("Required metadata header not specified")
    if not (resource := call.query.get("resource")):
        return _invalid("Required query variable 'resource' is missing")
    token, expiry = issue(world, call.now)
    document = {
        "access_token": token,
        "expires_in": str(int(world.settings.token_lifetime)),
        "expires_on": str(int(expiry.timestamp())),
        "not_before": str(int(call.now.utc.timestamp())),
        "resource": resource,
        "token_type": "Bearer",
    }
    return Response.with_json(200, document, {"cache-control": "no-store"})


def _invalid(why: str) -> Response:
    return Response.with_json(400, {"error": "invalid_request", "error_description": why})


def _unauthorized(code: str, message: str) -> Refusal:
    challenge = f'Bearer authorization_uri="{_AUTHORITY}", error="invalid_token", error_description="{message}"'
    return Refusal(401, code, message, {"www-authenticate": challenge})
