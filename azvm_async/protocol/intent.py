"""The mark that a deployment carries, by which it is known again: two tags.

``azvm-intent``
    ``{nonce}.{digest}``: the nonce names one call, so that a PUT whose answer was lost is found and not sent twice; the
    digest stands for template, parameters and mode, so that a later run with the same adopts a deployment that is still
    running. Secure parameters are not in it. (ARM's own templateHash can't be reproduced.)
``azvm-since``
    When the first deployment of this name was sent, by Azure's clock, carried through all later ones. The deployment's
    operations call every PUT a creation, so they can't tell what stood before; this can: ours is what is not older.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self

from azvm_async.protocol.fields import date, line, within
from azvm_async.wire import Response

INTENT_TAG, SINCE_TAG = "azvm-intent", "azvm-since"

SETTLING = 1.0
"""Seconds between the reading of Azure's clock, which shows whole seconds, and the first PUT. What is created in the
second of the reading stood before; the mark is the second after it, and the PUT comes later than that."""

_INTENT = re.compile(r"(?P<nonce>[0-9a-f]{32})\.(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Intent:
    """What one call wants deployed."""

    nonce: str
    digest: str

    @classmethod
    def of(cls, nonce: str, template: Mapping[str, Any], parameters: Mapping[str, Any], mode: str) -> Self:
        """Return the intent of a call.

        Parameters
        ----------
        nonce : str
            32 hexadecimal digits of its own.
        template, parameters : Mapping
            As they are sent, but for the secure parameters.
        mode : str
            The deployment's mode.
        """
        said = json.dumps([template, parameters, mode], sort_keys=True, separators=(",", ":"))
        return cls(nonce, hashlib.sha256(said.encode()).hexdigest())

    @classmethod
    def on(cls, document: Mapping[str, Any]) -> Self | None:
        """Read the mark of a deployment; ``None`` where it carries none of ours."""
        match = _INTENT.fullmatch(_tag(document, INTENT_TAG))
        return match and cls(match["nonce"], match["digest"])

    def is_on(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a deployment was sent with the same template, parameters and mode."""
        other = Intent.on(document)
        return other is not None and other.digest == self.digest

    def tags(self, since: datetime) -> dict[str, str]:
        """Return the tags to send."""
        mark = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {INTENT_TAG: f"{self.nonce}.{self.digest}", SINCE_TAG: mark}


def since_on(document: Mapping[str, Any]) -> datetime | None:
    """Return when the first deployment of this name was sent, if its tag tells."""
    return date(_tag(document, SINCE_TAG))


def mark_of(document: Mapping[str, Any]) -> str:
    """Return what tells one run of a deployment from another of its name: our mark, and Azure's correlation id."""
    return f"{_tag(document, SINCE_TAG)} {line(within(document, 'properties').get('correlationId'))}".strip()


def since_after(response: Response, utc: datetime) -> datetime:
    """Return the mark for a first PUT that is sent :data:`SETTLING` seconds after ``response`` came.

    Parameters
    ----------
    response : Response
        Its ``Date`` is Azure's clock.
    utc : datetime
        The present by our own clock, for an answer without a ``Date``.
    """
    try:
        azure = parsedate_to_datetime(response.headers.get("date", ""))
        return _mark(azure if azure.tzinfo else azure.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return _mark(utc)


def _mark(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=SETTLING)


def _tag(document: Mapping[str, Any], name: str) -> str:
    """Return a tag's value; ARM compares names of tags without case."""
    tags = {key.lower(): value for key, value in within(document, "tags").items()}
    return line(tags.get(name))
