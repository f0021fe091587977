"""Whether the end of an operation is true: what the client said of it beside what Azure's own record has.

======================  ===============================================================================================
the client said         so in the record
======================  ===============================================================================================
done                    it was done, and the VMs are as it leaves them; what must happen once happened once
refused, or not sent    nothing of the lane was changed
unknown                 a sending of it ended without a clear answer; what must happen once happened once at most
anything else           never: nothing in a storm fails by itself, and each state can be read again
======================  ===============================================================================================

Whatever the client said, nothing else was done to the VMs, and no script ran twice.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from azvm_async import (
    AuthenticationError,
    AzureVMError,
    ClientClosed,
    Deprovisioned,
    OutcomeUnknown,
    RequestRefused,
    RunCommandResult,
    TransportError,
)
from azvm_async.protocol.machine import Success
from chaos.storm import Ended, Record

ACTIONS = {
    "start": "start",
    "stop": "powerOff",
    "deallocate": "deallocate",
    "reboot": "restart",
    "begin": "restart",
    "redeploy": "redeploy",
    "reimage": "reimage",
    "reapply": "reapply",
    "delete": "delete",
    "simulate_eviction": "simulateEviction",
    "bulk start": "start",
    "bulk deallocate": "deallocate",
    "run_command": "run",
    "provision": "deploy",
}
"""What an operation is called in the record."""

AT_MOST_ONCE = {"reboot", "begin", "redeploy", "reimage", "simulate_eviction"}
EXACTLY_ONCE = {"run_command", "provision"}
METHODS = {"run_command": "PUT", "provision": "PUT", "delete": "DELETE", "deprovision": "DELETE"}
STATES = {"done": "Succeeded", "refused": "Failed", "unknown": "Unknown"}
"""What a fleet's report calls the ends."""

LEADS_TO = {
    "start": "running",
    "reboot": "running",
    "begin": "running",
    "provision": "running",
    "stop": "stopped",
    "deallocate": "deallocated",
    "delete": None,
    "bulk start": "running",
    "bulk deallocate": "deallocated",
}


def said(error: AzureVMError | None) -> str:
    """Return which family an end is of: done, refused, unknown, or the error's own name."""
    if error is None:
        return "done"
    if isinstance(error, OutcomeUnknown):
        return "unknown"
    refused = RequestRefused | AuthenticationError | ClientClosed | TransportError
    return "refused" if isinstance(error, refused) else type(error).__name__


def times(ended: Ended) -> Counter[str]:
    """Return how often an operation was done, by the resource that it was done to."""
    return Counter(resource for verb, resource in ended.effects if verb == ACTIONS.get(ended.verb))


def doubts(ended: Ended) -> int:
    """Return how many sendings of an operation's own request ended without a clear answer."""
    return sum(each.doubtful for each in ended.sent if each.method == METHODS.get(ended.verb, "POST"))


def violations(record: Record) -> list[str]:
    """Return all that is not true."""
    return [f"{_told(each)}: {wrong}" for each in record.ended for wrong in _wrongs(each, record.scripts)]


def _wrongs(ended: Ended, scripts: list[str]) -> Iterator[str]:
    judge = {"done": _of_done, "refused": _of_refused, "unknown": _of_unknown}.get(said(ended.error))
    yield from judge(ended) if judge else ["that is no end in a storm"]
    if ended.verb in AT_MOST_ONCE | EXACTLY_ONCE and max(times(ended).values(), default=0) > 1:
        yield "it was done more than once"
    if ended.mark and scripts.count(ended.mark) != times(ended).total():
        yield f"the script wrote {scripts.count(ended.mark)} times"
    if ended.state not in {None, STATES.get(said(ended.error))}:
        yield f"the report calls it {ended.state}"
    yield from _of_bystanders(ended)


def _of_done(ended: Ended) -> Iterator[str]:
    if ended.verb == "deprovision":
        yield from _of_removed(ended)
    elif len(times(ended)) < len(ended.vms) and ended.before != (None,):
        yield "it was not done"
    led = [_is_led(ended, *powers) for powers in zip(ended.before, ended.powers, strict=True)]
    if ended.verb in LEADS_TO and not all(led):
        yield f"the VMs are {ended.powers}"
    if isinstance(ended.result, RunCommandResult) and ended.result.stdout.strip() != ended.mark:
        yield f"the script's output is {ended.result.stdout!r}"
    if ended.verb.startswith("bulk") and any(member.outcome != Success() for member in ended.result):
        yield f"its VMs are told as {[member.state for member in ended.result]}"


def _is_led(ended: Ended, before: str | None, power: str | None) -> bool:
    stays = ended.verb == "stop" and before == "deallocated"
    return power == ("deallocated" if stays else LEADS_TO.get(ended.verb))


def _of_removed(ended: Ended) -> Iterator[str]:
    if ended.left:
        yield f"there is still {ended.left}"
    if not isinstance(ended.result, Deprovisioned) or ended.result.left:
        yield f"it brought {ended.result!r}"
    if max(Counter(each for each in ended.effects if each[0] == "delete").values(), default=0) > 1:
        yield "something was deleted more than once"


def _of_refused(ended: Ended) -> Iterator[str]:
    if ended.effects:
        yield f"the record has {ended.effects}"


def _of_unknown(ended: Ended) -> Iterator[str]:
    if not doubts(ended):
        yield "all sendings were answered clearly"


def _of_bystanders(ended: Ended) -> Iterator[str]:
    """Tell what was done to the VMs themselves beside what was asked for."""
    if ended.verb in {"provision", "deprovision"}:
        return
    others = [each for each in ended.effects if each[1] in ended.vms and each[0] != ACTIONS[ended.verb]]
    if others:
        yield f"{others} was done, too"


def _told(ended: Ended) -> str:
    error = ended.error and f"{type(ended.error).__name__} {ended.error.status or ''}"
    statuses = [f"{each.method} {each.status}" for each in ended.sent]
    return f"{ended.verb} of {ended.lane} ({ended.before}): {error or 'done'}, {statuses}"


def ends(records: Iterable[Record]) -> Counter[tuple[str, str]]:
    """Return how often each verb ended how."""
    return Counter((each.verb, said(each.error)) for record in records for each in record.ended)
