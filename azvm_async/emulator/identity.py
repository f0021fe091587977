"""Managed identity: the two token endpoints that Azure's own credentials know, and the check of tokens.

On a VM they ask the instance metadata service (IMDS), whose host ``AZURE_POD_IDENTITY_AUTHORITY_HOST`` replaces; in an
App Service they ask ``IDENTITY_ENDPOINT``. Tokens are JSON Web Tokens, as those for ARM are, that tell a client who it is;
here they are opaque, known as a whole, valid for every resource asked for, and their signature is a random secret. All
are one principal's, but those asked for with a ``client_id`` are that one's.
"""

import base64
from datetime import datetime, timedelta
from itertools import takewhile

from azvm_async.emulator.answers import Refusal, error_body
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Grant, Moment, World
from azvm_async.emulator.packing import pack, unpadded
from azvm_async.wire import Response

IMDS_PATH = "/metadata/identity/oauth2/token"
APP_SERVICE_PATH = "/msi/token"
PRINCIPAL = "00000000-0000-0000-0000-00000000000b"
TENANT = "00000000-0000-0000-0000-000000000002"
_AUTHORITY = f"https://login.microsoftonline.com/{TENANT}"
_AUDIENCE = "https://management.azure.com"
_HEADER = unpadded(pack({"typ": "JWT", "alg": "none"}).encode())


def issue(world: World, now: Moment, claims: str | None = None, principal: str = PRINCIPAL) -> tuple[str, datetime]:
    """Return a new token of a principal, which proves these claims, and its expiry; forget those that have expired."""
    before = now.utc - timedelta(days=1)
    for token in list(takewhile(lambda token: world.tokens[token].expiry <= before, world.tokens)):  # oldest first
        del world.tokens[token]
        world.challenged.pop(token, None)
    expiry = now.utc + timedelta(seconds=world.settings.token_lifetime)
    token = f"{_HEADER}.{_payload(now.utc, expiry, principal)}.{unpadded(world.secrets.randbytes(32))}"
    world.tokens[token] = Grant(expiry, principal)
    if world.challenge is not None and claims != world.challenge:
        world.challenged[token] = world.challenge
    else:
        world.challenge = None
    return token, expiry


def answer(world: World, call: Call) -> Response | None:
    """Answer a request for a token; ``None`` when this isn't one."""
    path = call.path.rstrip("/").lower()
    if path == IMDS_PATH:
        return _granted(world, call, allowed=call.headers.get("metadata", "").lower() == "true")
    if path == APP_SERVICE_PATH:
        return _granted(world, call, allowed=call.headers.get("x-identity-header") == world.identity_header)
    return None


def authenticate(world: World, call: Call) -> str:
    """Return the principal whose token a call brings; refuse one that brings no valid token."""
    token = _token(call)
    if token is None:
        raise _unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    grant = world.tokens.get(token)
    if grant is None:
        raise _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
    if grant.expiry <= call.now.utc:
        raise _unauthorized("ExpiredAuthenticationToken", f"The access token expired at {grant.expiry.isoformat()}.")
    if (claims := world.challenged.get(token)) is not None:
        raise _challenge(claims)
    return grant.principal


def expire(world: World, call: Call) -> None:
    """Let the token that a call brings expire now."""
    token = _token(call)
    if token in world.tokens:
        world.tokens[token] = world.tokens[token]._replace(expiry=call.now.utc)


def challenge(world: World, claims: str) -> None:
    """Refuse all tokens that there are, and new ones until one comes that proves these claims."""
    world.challenge = claims
    world.challenged = dict.fromkeys(world.tokens, claims)


def _payload(issued: datetime, expiry: datetime, principal: str) -> str:
    """Return what a token says of itself."""
    since = int(issued.timestamp())
    claims = {
        "aud": _AUDIENCE,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": since,
        "nbf": since,
        "exp": int(expiry.timestamp()),
        "oid": principal,
        "tid": TENANT,
        "ver": "1.0",
    }
    return unpadded(pack(claims).encode())


def _token(call: Call) -> str | None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _granted(world: World, call: Call, *, allowed: bool) -> Response:
    if call.method != "GET":
        return Response.with_json(405, error_body("method_not_allowed", "Only GET is allowed."), {"allow": "GET"})
    if not allowed:
        return _invalid("Required metadata header not specified")
    if not (resource := call.query.get("resource")):
        return _invalid("Required query variable 'resource' is missing")
    token, expiry = issue(world, call.now, principal=call.query.get("client_id") or PRINCIPAL)
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
    """Return the 400 in both ways at once, of a VM's endpoint and of an App Service's: a client reads one of them."""
    document = {"error": "invalid_request", "error_description": why, "statusCode": 400, "message": why}
    return Response.with_json(400, document)


def _unauthorized(code: str, message: str) -> Refusal:
    challenge = f'Bearer authorization_uri="{_AUTHORITY}", error="invalid_token", error_description="{message}"'
    return Refusal(401, code, message, {"www-authenticate": challenge})


def _challenge(claims: str) -> Refusal:
    """Return the 401 of Continuous Access Evaluation."""
    encoded = base64.b64encode(claims.encode()).decode()
    parameters = f'realm="", authorization_uri="{_AUTHORITY}", error="insufficient_claims", claims="{encoded}"'
    message = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
    return Refusal(401, "InvalidAuthenticationToken", message, {"www-authenticate": f"Bearer {parameters}"})
