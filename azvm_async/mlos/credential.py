"""The authorization service of mlos_bench in the shape of a credential."""

import time
from typing import Any, NamedTuple

from mlos_bench.services.types.authenticator_type import SupportsAuth

LIFE = 300.0
"""Seconds for which a token is taken to be good: mlos_bench's service renews one that has less to live."""


class Token(NamedTuple):
    """A token as azure-core's credentials hand it out."""

    token: str
    expires_on: int


class ParentCredential:
    """Gets tokens where mlos_bench's own VM service gets them: from the service that is its parent.

    Whoever uses it may be held up by it, so it is asked in a thread.

    Parameters
    ----------
    parent : Service, optional
        The parent service.
    """

    def __init__(self, parent: Any) -> None:
        self._parent = parent

    def get_token(self, *scopes: str, claims: str | None = None, **_: object) -> Any:
        """Return a token; one that proves claims comes from the credential behind the service, which keeps none for them.

        Raises
        ------
        RuntimeError
            When there is no such service.
        """
        if not isinstance(self._parent, SupportsAuth):
            what = "There is no authorization service: one, such as AzureAuthService, must come before the VM service"
            raise RuntimeError(what)  # noqa: TRY004 - a configuration's fault
        if claims is not None and hasattr(credential := self._parent.get_credential(), "get_token"):
            return credential.get_token(*scopes, claims=claims)
        return Token(self._parent.get_access_token(), int(time.time() + LIFE))
