"""What ``reference()`` and ``list…()`` of a template find: the emulated world as it is at that moment."""

from azvm_async.emulator import resource_changes
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.deployment_documents import deployment_document
from azvm_async.emulator.deployment_model import DEPLOYMENTS, find_deployment
from azvm_async.emulator.documents import group_document
from azvm_async.emulator.ids import label_of, part
from azvm_async.emulator.model import Document, Moment, World

NOT_A_KEY = "emulated: not a key"
_IN_NO_PROVIDER = 5


class Reading:
    """Reads the world for a template.

    Parameters
    ----------
    now : Moment
        When it is read.
    """

    def __init__(self, world: World, now: Moment) -> None:
        self._world = world
        self._now = now

    def reference(self, resource_id: str, api_version: str | None, full: bool) -> Document:  # noqa: ARG002
        """Return a resource's properties, or all of its document; ``KeyError`` when there is none."""
        document = self._document(resource_id)
        properties: Document = document.get("properties") or {}
        return document if full else properties

    def listed(self, resource_id: str, function: str, api_version: str, body: object) -> object:  # noqa: ARG002
        """Return keys that say of themselves that they are none; ``KeyError`` when there is no such resource."""
        self._document(resource_id)
        keys = [{"keyName": name, "value": NOT_A_KEY, "permissions": "FULL"} for name in ("key1", "key2")]
        named = ("primaryKey", "secondaryKey", "primaryConnectionString", "secondaryConnectionString")
        tokens = ("accountSasToken", "serviceSasToken")
        return {"keys": keys, **dict.fromkeys((*named, *tokens), NOT_A_KEY)}

    def _document(self, resource_id: str) -> Document:
        try:
            return self._looked_up(resource_id)
        except Refusal as refusal:
            raise KeyError(resource_id) from refusal

    def _looked_up(self, resource_id: str) -> Document:
        if resource_id.count("/") < _IN_NO_PROVIDER:
            return group_document(self._world.group(*_place(resource_id)))
        if label_of(resource_id).lower().startswith(f"{DEPLOYMENTS.lower()}/"):
            group = self._world.group(*_place(resource_id))
            found = find_deployment(group, resource_id.rpartition("/")[2])
            return deployment_document(self._world, found, self._now.monotonic)
        return resource_changes.document_of(self._world, resource_id, self._now)


def _place(resource_id: str) -> tuple[str, str]:
    padded = f"{resource_id}////"
    return part(padded, 2), part(padded, 4)
