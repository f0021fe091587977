"""Random resource groups are cleared through any trouble, in one life or many: all of ours goes, nothing else is touched."""

from hypothesis import given, settings
from hypothesis import strategies as st

from azvm_async.errors import ProtocolError, StatusUnreadable, TransportError
from azvm_async.protocol import tokens
from azvm_async.protocol.deprovision import LOOKS
from azvm_async.protocol.machine import Wait
from azvm_async.protocol.urls import path_of
from protocol.group import (
    ANOTHER,
    BEFORE,
    DEPLOYMENTS,
    DIAGNOSTICS,
    LOCK,
    MEMORY,
    ROOT,
    Group,
    Record,
    Thing,
    disk,
    driven,
    kind_of,
    refusal,
    removal,
)
from protocol.support import ENDPOINT, GROUP, STEADY, answer, at

LOST = TransportError("lost", maybe_applied=True)
TROUBLES = ["well"] * 6 + ["killed", "lost before", "lost after", 408, 429, 503, "poll 404", "poll 403", "read 409"]
PASSING = st.sampled_from([(409, "NicReservedForAnotherVm"), (400, "InUseSubnetCannotBeDeleted"), (409, "Conflict")])
LASTING = st.sampled_from([(403, "AuthorizationFailed"), (409, "ScopeLocked"), (409, "InUse")])
VMS, NETS = "Microsoft.Compute/virtualMachines", "Microsoft.Network/virtualNetworks"
TOPS = [VMS, NETS, NETS, "Microsoft.Network/networkInterfaces", "Microsoft.Storage/storageAccounts"]
CHILDREN = {VMS: "extensions", NETS: "subnets"}
STEPS = 5_000


class Drawn:
    """A group as it is being drawn: what stands in it, and who named and made what."""

    def __init__(self, draw):
        self.draw = draw
        self.things, self.ours, self.stays, self.depends = {}, set(), set(), {}
        self.untold, self.foreign_records = set(), []
        self.records = [Record(ROOT)]
        self._nested()
        tops = []
        for number in range(draw(st.integers(2, 6))):
            tops.append(self._top(number, tops))
        self._peers()
        self._earlier()
        self._taken()
        self._strangers()
        self.late = self._late()

    def _nested(self):
        """Draw deployments in the deployment, one in the other, some of which are still running."""
        for name in ["inner", "innermost"][: self.draw(st.integers(0, 2))]:
            state = self.draw(st.sampled_from(["Succeeded", "Running", "Failed"]))
            record = Record(f"{DEPLOYMENTS}/{name}", state=state, tags={})
            self.records[-1].names += (record.id,)
            self.records.append(record)

    def _top(self, number, tops):
        """Draw a resource that depends on earlier ones, with a child, a lock and disks."""
        draw, kind = self.draw, self.draw(st.sampled_from(TOPS))
        resource = f"{GROUP}/providers/{kind}/r{number}"
        record = draw(st.sampled_from(self.records))
        record.names += (resource,)
        whose = draw(st.sampled_from(["ours"] * 5 + ["older", "untold", "absent"]))
        needs = tuple(sorted(draw(st.sets(st.sampled_from(tops), max_size=2)))) if tops else ()
        if whose != "ours":
            return self._foreign(resource, whose)
        self._ours(resource, told=draw(st.sampled_from(["list", "document"])))
        self._child(record, resource, kind, needs)
        self._depends(record, resource, needs)
        if kind == VMS:
            self._disks(resource)
        if draw(st.integers(0, 4)) == 0:
            lock = f"{resource}/{LOCK}"
            record.names += (lock,)
            self._ours(lock, told="document")
        if draw(st.integers(0, 4)) == 0:
            tell = f"{resource}/{DIAGNOSTICS}"
            record.names += (tell,)
            self.things[tell] = Thing(tell, told="document", refusals=draw(st.lists(PASSING, max_size=1)))
            self.ours.add(tell)
        child = f"{resource}/{self._sub(kind)}"
        return child if child in self.things else resource

    @staticmethod
    def _sub(kind):
        return f"{CHILDREN.get(kind, 'none')}/c"

    def _foreign(self, resource, whose):
        """Add what was there before, what tells no age, or nothing at all."""
        if whose != "absent":
            told = "nowhere" if whose == "untold" else "list"
            self.things[resource] = Thing(resource, created=BEFORE, told=told)
            self.stays.add(resource)
        if whose == "untold":
            self.untold.add(resource)
        return resource

    def _peers(self):
        """Draw two networks with peerings, each of which depends on the other network."""
        if not self.draw(st.booleans()):
            return
        nets = [f"{GROUP}/providers/{NETS}/p{number}" for number in range(2)]
        for net, other in (nets, nets[::-1]):
            peering = f"{net}/virtualNetworkPeerings/to"
            self._ours(net)
            self.things[peering] = Thing(peering, told="nowhere")
            self.ours.add(peering)
            self.records[0].names += (net, peering)
            self.records[0].depends += ((peering, (net, other)),)
        self.peers = nets

    peers = ()

    def _earlier(self):
        """Draw what an earlier run brought, which only the memory tells."""
        if self.draw(st.booleans()):
            old = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/old"
            self._ours(old, told="document")
            self.records.append(Record(MEMORY, made=(old,), tags={}))

    def _taken(self):
        """Draw a nested deployment whose record is gone, or was taken by a run of others."""
        fate = self.draw(st.sampled_from([None] * 8 + ["gone", "taken"]))
        if fate is None:
            return
        nested, theirs = f"{DEPLOYMENTS}/taken", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/theirs"
        self.records[0].names += (nested,)
        self.untold.add(nested)
        self.things[theirs] = Thing(theirs)
        self.stays.add(theirs)
        if fate == "taken":
            state = self.draw(st.sampled_from(["Running", "Succeeded"]))
            self.foreign_records.append(Record(nested, (theirs,), state=state, tags={}, correlation=ANOTHER))

    def _late(self):
        """Draw what appears only when the first of the others goes."""
        if not self.draw(st.booleans()):
            return []
        late = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/late"
        self.records[0].names += (late,)
        return [Thing(late)]

    def _ours(self, resource, **more):
        draw = self.draw
        stuck = draw(LASTING) if draw(st.integers(0, 11)) == 0 else None
        refusals, polls = draw(st.lists(PASSING, max_size=2)), draw(st.none() | st.integers(0, 2))
        self.things[resource] = Thing(resource, stuck=stuck, refusals=refusals, polls=polls, **more)
        self.ours.add(resource)

    def _child(self, record, resource, kind, needs):
        if kind not in CHILDREN or not self.draw(st.booleans()):
            return
        child = f"{resource}/{self._sub(kind)}"
        record.names += (child,)
        self.things[child] = Thing(child, told="nowhere")
        self.ours.add(child)
        self._depends(record, child, (resource, *needs))

    def _depends(self, record, resource, needs):
        """Note a dependency; half of them Azure itself sees to, the others only the deployment tells."""
        self.depends[resource] = set(needs)
        record.depends += ((resource, tuple(needs)),)
        hard = [each for each in needs if self.draw(st.booleans()) and kind_of(each) != VMS.lower()]
        self.things[resource].needs += tuple(each for each in hard if VMS not in each and not resource.startswith(each))

    def _disks(self, machine):
        """Draw disks: of Azure's making, bound to the VM or not, and one that somebody else had."""
        os, data, other = (
            f"{GROUP}/providers/Microsoft.Compute/disks/{machine[-2:]}-{name}" for name in ("os", "data", "other")
        )
        option = st.sampled_from(["Detach", "Delete"])
        disks = [disk(other, created_by="Attach", lun=0), disk(data, self.draw(option), "Empty", lun=1)]
        self.things[machine].storage = {"osDisk": disk(os, self.draw(option)), "dataDisks": disks}
        self.things[machine].needs += (os, data, other)
        for each in (os, data):
            self._ours(each)
            self.things[each].stuck = None
        self.things[other] = Thing(other, created=BEFORE)
        self.stays.add(other)

    def _strangers(self):
        """Add what stands in the group and no deployment names."""
        for number in range(self.draw(st.integers(0, 2))):
            stranger = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stranger{number}"
            self.things[stranger] = Thing(stranger)
            self.stays.add(stranger)

    def left(self, *, peered):
        """Return what of ours must be left: what can't be deleted, and what that needs.

        What is refused for good is left at once, with all that it needs, which is not asked for. What is held is tried
        again, and so are those meanwhile that it needs: of them only those are left that Azure knows to be in use.
        """
        stuck = {each for each in self.ours if self.things[each].stuck}
        held = {each for each in stuck if self.things[each].stuck == (409, "InUse")}
        locked = {each.partition(f"/{LOCK}")[0] for each in stuck if LOCK in each}
        refused = self._closed((stuck - held) | locked, peered)
        return self._in_use(refused | held)

    def _closed(self, left, peered):
        """Return this with all that is needed by any of it, as the deployment tells; VMs and locks wait for none."""
        peers = {*self.peers} if peered and left & {*self.peers} else set()
        users = {each for each in self.depends if self._top_of(each) in left}
        needed = {self._top_of(each) for user in users for each in self.depends[user]}
        disks = {each for user in left for each in self.things[user].needs if "/disks/" in each}
        more = {each for each in needed | disks if each in self.ours and kind_of(each) != VMS.lower()} | peers
        return left if more <= left else self._closed(left | more, peered)

    def _in_use(self, left):
        """Return this with all that Azure keeps for any of it."""
        users = [thing for key, thing in self.things.items() if self._top_of(key) in left]
        more = {self._top_of(each) for user in users for each in user.needs} & self.ours
        return left if more <= left else self._in_use(left | more)

    def _top_of(self, resource):
        return "/".join(resource.split("/")[:9])


class Life:
    """A removal that goes through trouble, and what must hold at each of its steps."""

    def __init__(self, drawn, troubles, *, dies_with_vms):
        self.drawn, self.troubles = drawn, list(reversed(troubles))
        self.dies_with_vms = dies_with_vms
        self.group = Group(drawn.things.values(), [*drawn.records, *drawn.foreign_records], drawn.late)
        self.now = 0.0
        self.forgotten = set()
        """Records that were gone already when the removal was killed, of which the next life knows no more."""
        self.machine = removal(record=self.group.document(drawn.records[0]))

    def run(self):
        for _ in range(STEPS):
            if self.machine.outcome is not None:
                return self.machine.outcome
            self._step(self.machine.due(at(self.now)))
        raise AssertionError("it does not end")

    def _step(self, step):
        if isinstance(step, Wait):
            assert step.until > self.now
            self.now = step.until
            return
        trouble = self.troubles.pop() if self.troubles else "well"
        vms = self._vms()
        if trouble == "killed":
            self._killed()
            return
        try:
            self._answered(self._troubled(trouble, step))
            if self.dies_with_vms and self._vms() != vms:
                self._killed()
        except (StatusUnreadable, ProtocolError):
            self.machine = self.machine.again(at(self.now))

    def _vms(self):
        return {each for each in self.group.things if kind_of(each) == VMS.lower()}

    def _killed(self):
        """Have another process take it up, right between a VM's deletion and its disks' if need be."""
        if ROOT.lower() in self.group.records:
            self.forgotten |= {record.id.lower() for record in self.drawn.records} - self.group.records.keys()
        self.machine = tokens.load(tokens.dump(self.machine), ENDPOINT, at(self.now))

    def _troubled(self, trouble, step):
        """Return the answer to a request, or a worse one that Azure may give in its stead."""
        is_poll = "/running/" in step.url
        if trouble == "lost before" or isinstance(trouble, int):
            return answer(trouble) if isinstance(trouble, int) else None
        if trouble in {"poll 404", "poll 403"} and is_poll:
            return refusal(int(trouble[-3:]), "Whatever")
        if trouble == "read 409" and step.method == "GET" and not is_poll and not self._is_read_for_the_last_time(step):
            return refusal(409, "Whatever")
        response = self._asked(step)
        return None if trouble == "lost after" else response

    def _is_read_for_the_last_time(self, step):
        """Tell whether a resource that can't be read now would be left for good."""
        return path_of(step.url).lower() in self.group.things and self.machine.looks >= LOOKS // 2

    def _answered(self, response):
        now = at(self.now)
        self.machine = self.machine.missed(LOST, now) if response is None else self.machine.receive(response, now)

    def _asked(self, step):
        """Let the group answer, and see that what it accepted was right."""
        before, known = set(self.group.things), len(self.group.accepted)
        response = self.group.answer(step)
        assert response.document().get("error", {}).get("code") != "NoRegisteredProviderFound"
        for method, key in self.group.accepted[known:]:
            self._check(method, key, before)
        return response

    def _check(self, method, key, before):
        records = {record.id.lower() for record in self.drawn.records}
        late = {each.id.lower() for each in self.drawn.late}
        ours = {each.lower() for each in self.drawn.ours} | late
        assert key in ours | records
        if key in records:
            assert not ours & before
            assert not self.drawn.untold
        elif method == "DELETE" and kind_of(key) != VMS.lower():
            assert self._dependents(key) & before <= self._held()

    def _held(self):
        """Return what was asked for in vain; what waits for it may go before it."""
        return {each.what.key for each in self.machine.deletions if each.held_since is not None}

    def _dependents(self, key):
        """Return what of ours depends on a resource or a child of it, and is none of its own."""
        users = {
            user.lower()
            for user, needs in self.drawn.depends.items()
            if any(f"{need.lower()}/".startswith(f"{key}/") for need in needs)
        }
        return {self.drawn._top_of(user) for user in users if not user.startswith(f"{key}/")}


@st.composite
def groups(draw):
    return Drawn(draw)


@settings(STEADY, max_examples=300)
@given(
    drawn=groups(),
    troubles=st.lists(st.sampled_from(TROUBLES), min_size=15, max_size=60),
    dies_with_vms=st.booleans(),
    calm=st.integers(0, 40),
)
def test_any_group_is_cleared_of_ours_through_any_trouble(drawn, troubles, dies_with_vms, calm):
    least, most = ({each.lower() for each in drawn.left(peered=peered)} for peered in (False, True))
    life = Life(drawn, ["well"] * calm + troubles, dies_with_vms=dies_with_vms)
    outcome = life.run()
    lost = life.forgotten - {MEMORY.lower()}
    failed = bool(least or drawn.untold or lost)
    ours, late = ({each.lower() for each in found} for found in (drawn.ours, [each.id for each in drawn.late]))
    there = life.group.things.keys()
    assert {each.lower() for each in drawn.stays} <= there
    assert {each.id.lower() for each in drawn.foreign_records} <= life.group.records.keys()
    left = {each for each in ours & there if each.count("/") == 8 or LOCK.lower() in each}
    assert least <= left <= most
    assert outcome.status == ("Failed" if failed else "Succeeded")
    if failed:
        assert {each.id.lower() for each in outcome.report.left} >= left | {each.lower() for each in drawn.untold}
        assert life.group.records.keys() >= {record.id.lower() for record in drawn.records} - life.forgotten
    if lost:  # it was killed while it deleted the records: what is left of them goes on the caller's word
        assert (ours | late) & there == set()
        driven(removal(assume_owned=True), life.group, life.now)
    if lost or not failed:
        assert (life.group.records, late & life.group.things.keys()) == ({}, set())
