"""A resource group in memory, for the tests of the removal: what stands in it, which deployments made it, who needs whom.

It answers as ARM does, each type under its own api-version only, and notes every change that it accepts.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from azvm_async.protocol import deprovision
from azvm_async.protocol.deployment import memory_of
from azvm_async.protocol.machine import About, Wait
from azvm_async.wire import Response
from protocol.support import ENDPOINT, GROUP, NOW, SUBSCRIPTION, VM, answer, at

SINCE, BEFORE, AFTER = "2025-05-31T12:00:00Z", "2025-05-31T11:59:59.9Z", "2025-05-31T12:00:01.1234567Z"
DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"
ROOT, NESTED = f"{DEPLOYMENTS}/vm1-deployment", f"{DEPLOYMENTS}/inner"
ROOT_URL = f"{ENDPOINT}{ROOT}?api-version=2024-03-01"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic"
NET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
SUBNET = f"{NET}/subnets/default"
STORE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/store"
DISK, DATA_DISK = (f"{GROUP}/providers/Microsoft.Compute/disks/{name}" for name in ("os", "data"))
ROUTES = f"{GROUP}/providers/Microsoft.Network/routeTables/rt"
LOCK = "providers/Microsoft.Authorization/locks/keep"
DIAGNOSTICS = "providers/Microsoft.Insights/diagnosticSettings/tell"
ASSIGNMENT = "providers/Microsoft.Authorization/roleAssignments/may"
CORRELATION, ANOTHER = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"
MEMORY = memory_of(ROOT)

VERSIONS = {
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Compute/disks": "2024-03-02",
    "Microsoft.Compute/virtualMachines": "2024-07-01",
    "Microsoft.Compute/virtualMachines/extensions": "2024-11-01",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01",
    "Microsoft.Network/networkInterfaces": "2023-09-01",
    "Microsoft.Network/routeTables": "2024-02-01",
    "Microsoft.Network/virtualNetworks": "2023-11-01",
    "Microsoft.Network/virtualNetworks/subnets": "2024-01-01",
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings": "2024-03-01",
    "Microsoft.Storage/storageAccounts": "2023-05-01",
    "Microsoft.Resources/deployments": "2024-03-01",
}
_VERSION_OF = {kind.lower(): version for kind, version in VERSIONS.items()}


def kind_of(key):
    namespace, *rest = key.rpartition("/providers/")[2].split("/")
    return "/".join([namespace, *rest[::2]]).lower()


def refusal(status, code):
    return answer(status, {"error": {"code": code, "message": f"Azure says {code}."}})


@dataclass
class Thing:
    """A resource: when it was created and where Azure tells that, what it needs, and why it is not deleted."""

    id: str
    created: str = AFTER
    told: str = "list"
    needs: tuple[str, ...] = ()
    stuck: tuple[int, str] | None = None
    refusals: list[tuple[int, str]] = field(default_factory=list)
    polls: int | None = None
    storage: dict = field(default_factory=dict)


@dataclass
class Record:
    """A deployment: what it names, which of that depends on which, and of which run it is.

    ``brought`` are its ``outputResources``; ``made`` is its output of that name; ``more`` are other properties.
    """

    id: str
    names: tuple[str, ...] = ()
    depends: tuple[tuple[str, tuple[str, ...]], ...] = ()
    state: str = "Succeeded"
    tags: dict = field(default_factory=lambda: {"azvm-since": SINCE})
    correlation: str = CORRELATION
    brought: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    more: dict = field(default_factory=dict)


class Group:
    """The group, as a server."""

    def __init__(self, things, records, late=()):
        self.things = {thing.id.lower(): thing for thing in things}
        self.late = list(late)
        """What appears with the first deletion that is accepted."""
        self.records = {record.id.lower(): record for record in records}
        self.instead = lambda _request: None
        """What answers in its stead, if it wants to."""
        self.running = []
        self.accepted = []
        """Changes in their order: method and lower-case id."""
        self.asked = []
        """All requests."""

    def answer(self, request):
        self.asked.append(request)
        return self.instead(request) or self._answer(request)

    def _answer(self, request):
        parts = urlsplit(request.url)
        path, query = unquote(parts.path), {name: value[0] for name, value in parse_qs(parts.query).items()}
        if "/running/" in path:
            return self._followed(int(path.rpartition("/")[2]))
        if path == f"/subscriptions/{SUBSCRIPTION}/providers/{path.rpartition('/')[2]}":
            return self._provider(path.rpartition("/")[2])
        if path.lower() == f"{GROUP}/resources".lower():
            return self._list(query)
        return self._at(request, path.lower(), query)

    def _at(self, request, key, query):
        head, _, action = key.rpartition("/")
        if action in {"operations", "cancel"}:
            return self._action(head, action)
        if query["api-version"] != _VERSION_OF[kind_of(key)]:
            return refusal(400, "NoRegisteredProviderFound")
        if key in self.records:
            return self._gone(key) if request.method == "DELETE" else answer(200, self.document(self.records[key]))
        if key not in self.things:
            return refusal(404, "ResourceNotFound")
        if request.method == "PATCH":
            return self._accepted("PATCH", key, json.loads(request.body)["properties"]["storageProfile"])
        return self._deletion(key) if request.method == "DELETE" else answer(200, self._resource(self.things[key]))

    def _action(self, key, action):
        if key not in self.records:
            return refusal(404, "DeploymentNotFound")
        if action == "operations":
            names = [self._operation("Create", name) for name in self.records[key].names]
            return answer(200, {"value": [self._operation("Read", NIC.replace("nic", "read")), *names]})
        self.records[key].state = "Canceled"
        return answer(204)

    def _operation(self, kind, target):
        return {"properties": {"provisioningOperation": kind, "targetResource": {"id": target}}}

    def document(self, record):
        depends = [{"id": each, "dependsOn": [{"id": other} for other in others]} for each, others in record.depends]
        properties = {
            "provisioningState": record.state,
            "correlationId": record.correlation,
            "dependencies": depends,
            "outputResources": [{"id": each} for each in record.brought],
            "outputs": {"made": {"type": "Array", "value": [*record.made]}},
            **record.more,
        }
        return {"id": record.id, "tags": record.tags, "properties": properties}

    def _provider(self, namespace):
        kinds = [kind.partition("/")[2] for kind in VERSIONS if kind.lower().startswith(f"{namespace.lower()}/")]
        types = [
            {"resourceType": kind, "apiVersions": ["2099-01-01-preview", VERSIONS[f"{namespace}/{kind}"], "2015-06-15"]}
            for kind in kinds
        ]
        return answer(200, {"namespace": namespace, "resourceTypes": types})

    def _list(self, query):
        """Answer in pages of two, with other letters than the deployment's, and times only if they are asked for."""
        shown = [thing for key, thing in self.things.items() if thing.told == "list" and self._is_listed(key)]
        start = int(query.get("skip", "0"))
        timed = query.get("$expand") == "createdTime"
        value = [
            {
                "id": each.id.replace("resourceGroups", "resourcegroups"),
                **({"createdTime": each.created} if timed else {}),
            }
            for each in shown[start : start + 2]
        ]
        more = f"{ENDPOINT}{GROUP}/resources?api-version=2021-04-01&%24expand=createdTime&skip={start + 2}"
        return answer(200, {"value": value, **({"nextLink": more} if start + 2 < len(shown) else {})})

    def _is_listed(self, key):
        return kind_of(key).count("/") == 1 and key.count("/providers/") == 1

    def _resource(self, thing):
        told = {"systemData": {"createdAt": thing.created}} if thing.told == "document" else {}
        return {"id": thing.id, **told, "properties": {"storageProfile": thing.storage}}

    def subtree(self, key):
        return {each for each in self.things if each == key or each.startswith(f"{key}/")}

    def _deletion(self, key):
        thing, below = self.things[key], self.subtree(key)
        if any(kind_of(each) == "microsoft.authorization/locks" for each in below - {key}):
            return refusal(409, "ScopeLocked")
        users = [each for each in self.things.values() if {need.lower() for need in each.needs} & below]
        if thing.stuck or thing.refusals:
            return refusal(*(thing.stuck or thing.refusals.pop()))
        if any(user.id.lower() not in below for user in users):
            return refusal(400, "InUseSubnetCannotBeDeleted")
        return self._accepted("DELETE", key, None)

    def _accepted(self, method, key, change):
        self.accepted.append((method, key))
        while method == "DELETE" and self.late:
            self._appears(self.late.pop())
        polls = self.things[key].polls
        if polls is None:
            self._done(key, change)
            return answer(200, {} if change else None)
        self.running.append([key, change, polls])
        url = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/running/{len(self.running) - 1}?api-version=1"
        return answer(202, headers={"azure-asyncoperation": url})

    def _appears(self, thing):
        self.things[thing.id.lower()] = thing

    def _followed(self, number):
        key, change, polls = self.running[number]
        self.running[number][2] -= 1
        if polls > 0:
            return answer(200, {"status": "InProgress"})
        if polls == 0:
            self._done(key, change)
        return answer(200, {"status": "Succeeded"})

    def _done(self, key, change):
        if change is None:
            self._removed(key)
        elif key in self.things:
            storage = self.things[key].storage
            changed = {**storage.get("osDisk", {}), **change.get("osDisk", {})}
            self.things[key].storage = {**storage, **change, **({"osDisk": changed} if changed else {})}

    def _removed(self, key):
        for each in self.subtree(key):
            storage = self.things.pop(each).storage
            for disk in [storage.get("osDisk", {}), *storage.get("dataDisks", [])]:
                if disk.get("deleteOption") == "Delete":
                    self.things.pop(disk["managedDisk"]["id"].lower(), None)

    def _gone(self, key):
        self.accepted.append(("DELETE", key))
        del self.records[key]
        return answer(204)


def disk(resource, option="Detach", created_by="FromImage", **more):
    return {"managedDisk": {"id": resource}, "deleteOption": option, "createOption": created_by, **more}


def removal(*, assume_owned=False, only_plan=False, record=None):
    """Return the state of a removal that begins, of a deployment as it was read."""
    about = About("deprovision", VM)
    return deprovision.begin(about, ROOT_URL, record or {}, NOW, assume_owned=assume_owned, only_plan=only_plan)


def driven(machine, group, now=0.0):
    """Return a machine at its end, and the time of it, after what the group answers to all it asks."""
    while machine.outcome is None:
        step = machine.due(at(now))
        if isinstance(step, Wait):
            now = step.until
            continue
        answered = group.answer(step)
        assert isinstance(answered, Response)
        machine = machine.receive(answered, at(now))
    return machine, now


def ended(group, **options):
    """Return how a removal of what is in a group ends."""
    return driven(removal(**options), group)[0].outcome


def usual(*, disks_go=False, **changes):
    """Return a VM, its NIC in a subnet of its network, and the disk that Azure made for it; all of them ours."""
    option = "Delete" if disks_go else "Detach"
    machine = Thing(VM, needs=(NIC, DISK), storage={"osDisk": disk(DISK, option), "dataDisks": []})
    nic, net = Thing(NIC, needs=(SUBNET,)), Thing(NET)
    things = {each.id: each for each in (machine, nic, net, Thing(SUBNET, told="nowhere"), Thing(DISK))}
    for name, change in changes.items():
        vars(things[globals()[name]]).update(change)
    record = Record(ROOT, (NET, SUBNET, NIC, VM), ((VM, (NIC,)), (NIC, (SUBNET,)), (SUBNET, (NET,))))
    return Group(things.values(), [record])
