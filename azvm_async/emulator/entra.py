"""Microsoft Entra as far as one service principal needs it: its tenant's metadata, and tokens for its secret.

azure-identity signs in over https only, so it comes here where the emulator has TLS. There is one tenant with one
application, whose secret is another in each emulator. Tokens are those of :mod:`~azvm_async.emulator.identity`.
"""

import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from azvm_async.emulator import identity
from azvm_async.emulator.calls import Call
from azvm_async.emulator.identity import TENANT
from azvm_async.emulator.model import World
from azvm_async.wire import Response

CLIENT_ID = "00000000-0000-0000-0000-000000000003"
_PATH = re.compile(
    r"/(?P<tenant>[^/]+)/(?P<what>v2\.0/\.well-known/openid-configuration|oauth2/v2\.0/token)", re.IGNORECASE
)


class _Refused(Exception):
    """A sign-in refused, with OAuth's code and Entra's number."""

    def __init__(self, status: int, code: str, number: int, why: str) -> None:
        super().__init__(f"AADSTS{number}: {why}")
        self.status = status
        self.code = code
        self.number = number


def concerns(path: str) -> bool:
    """Tell whether a request for this path comes to sign in."""
    return _PATH.fullmatch(path) is not None


def answer(world: World, call: Call) -> Response | None:
    """Answer a request to sign in; ``None`` when this isn't one."""
    asked = _PATH.fullmatch(call.path)
    if asked is None:
        return None
    try:
        _check_tenant(unquote(asked["tenant"]))
        return _granted(world, call) if asked["what"].lower().endswith("token") else _metadata(call)
    except _Refused as refused:
        return _refusal(world, call, refused)


def _check_tenant(tenant: str) -> None:
    if tenant != TENANT:
        why = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
        raise _Refused(400, "invalid_request", 90002, why)


def _metadata(call: Call) -> Response:
    """Return where the tenant's doors are."""
    if call.method != "GET":
        raise _only("GET")
    base = f"{call.base}/{TENANT}"
    document = {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
    }
    return Response.with_json(200, document)


def _granted(world: World, call: Call) -> Response:
    """Return a token for the application's secret."""
    if call.method != "POST":
        raise _only("POST")
    form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    _check(world, form)
    token, _ = identity.issue(world, call.now, _proven(world, form.get("claims")), CLIENT_ID)
    lifetime = int(world.settings.token_lifetime)
    document = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
    return Response.with_json(200, document, {"cache-control": "no-store"})


def _check(world: World, form: dict[str, str]) -> None:
    """Refuse a form that isn't the application's with its secret."""
    for name in ("grant_type", "client_id", "scope"):
        if name not in form:
            raise _Refused(
                400, "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
            )
    if form["grant_type"] != "client_credentials":
        why = f"The app requested an unsupported grant type '{form['grant_type']}'."
        raise _Refused(400, "unsupported_grant_type", 70003, why)
    if form["client_id"] != CLIENT_ID:
        why = f"Application with identifier '{form['client_id']}' was not found in the directory 'emulated'."
        raise _Refused(400, "unauthorized_client", 700016, why)
    if not all(scope.endswith("/.default") for scope in form["scope"].split()):
        raise _Refused(
            400, "invalid_scope", 1002012, "The provided value for scope is not valid: it ends with /.default."
        )
    _check_secret(world, form)


def _check_secret(world: World, form: dict[str, str]) -> None:
    secret = form.get("client_secret")
    if secret is None:
        why = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise _Refused(401, "invalid_client", 7000218, why)
    if not hmac.compare_digest(secret.encode(), world.client_secret.encode()):
        why = f"Invalid client secret provided for the app '{CLIENT_ID}'."
        raise _Refused(401, "invalid_client", 7000215, why)


def _proven(world: World, claims: str | None) -> str | None:
    """Return the claims that ARM asks for, where these are the same but for what the client says about itself."""
    try:
        given, wanted = json.loads(claims or "{}"), json.loads(world.challenge or "{}")
    except (ValueError, RecursionError):
        return None
    return world.challenge if _without_capabilities(given) == _without_capabilities(wanted) else None


def _without_capabilities(claims: Any) -> Any:
    if not isinstance(claims, dict) or not isinstance(claims.get("access_token"), dict):
        return claims
    wanted = {name: claim for name, claim in claims["access_token"].items() if name != "xms_cc"}
    return {**claims, "access_token": wanted}


def _only(method: str) -> _Refused:
    return _Refused(405, "invalid_request", 900561, f"The endpoint only accepts {method} requests.")


def _refusal(world: World, call: Call, refused: _Refused) -> Response:
    trace = world.new_id()
    document = {
        "error": refused.code,
        "error_description": f"{refused} Trace ID: {trace} Timestamp: {call.now.utc:%Y-%m-%d %H:%M:%SZ}",
        "error_codes": [refused.number],
        "timestamp": f"{call.now.utc:%Y-%m-%d %H:%M:%SZ}",
        "trace_id": trace,
        "correlation_id": call.headers.get("client-request-id", trace),
    }
    return Response.with_json(refused.status, document)
