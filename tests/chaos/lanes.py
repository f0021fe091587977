"""Who asks for what: lanes, each with VMs of its own, on which one operation follows the other.

Nothing else is done to a lane's VMs meanwhile, and between two operations there is time for whatever the first one left behind
to come to its end. So all that the emulator's record has of a lane in the meantime is one operation's doing.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from client.stock import template, vm

from azvm_async import AzureVMClient, Submission
from azvm_async.emulator import Emulator

SCRIPT = 'echo "$MARK" >> "$LEDGER"; echo "$MARK"'
WEIGHTS = {
    "start": 6, "stop": 4, "deallocate": 4, "reboot": 4, "redeploy": 2, "reimage": 2, "reapply": 2, "delete": 2,
    "run_command": 4, "begin": 2, "simulate_eviction": 1,
}  # fmt: skip
PLACE = "westeurope"


class Errand(NamedTuple):
    """An operation that is wanted; ``mark`` is what a script is to write."""

    verb: str
    submit: Callable[[AzureVMClient], Submission[Any]]
    mark: str = ""


class Lane:
    """A VM on which one operation follows the other.

    Parameters
    ----------
    arm : Emulator
        Where its VMs are.
    name : str
        Its own, which all that belongs to it has in its name.
    random : Random
        Says what is done.
    ledger : Path
        A file in which scripts write that they ran.
    """

    def __init__(self, arm: Emulator, name: str, random: Random, ledger: Path) -> None:
        self.name = name
        self._arm = arm
        self._random = random
        self._ledger = ledger
        self._serial = 0

    @property
    def powers(self) -> tuple[str | None, ...]:
        """The power states of its VMs; none of one that is not there."""
        return tuple(_power(self._arm, name) for name in self.vms)

    @cached_property
    def vms(self) -> tuple[str, ...]:
        """The names of its VMs."""
        return (self.name,)

    def errands(self, number: int) -> Iterator[Errand]:
        """Yield so many operations, each when the one before has ended."""
        for _ in range(number):
            if self.powers == (None,) and self._random.random() < 0.9:
                self._arm.add_vm(self.name, power=self._random.choice(("running", "deallocated")))
            yield self._errand(*self._random.choices(list(WEIGHTS), list(WEIGHTS.values())))

    def _errand(self, verb: str) -> Errand:
        if self.powers == (None,):
            verb = "delete"
        if verb == "run_command":
            return self._script()
        if verb == "begin":
            path = f"/subscriptions/{self._arm.subscription}/resourceGroups/{self._arm.resource_group}"
            url = f"{path}/providers/Microsoft.Compute/virtualMachines/{self.name}/restart"
            return Errand(verb, lambda client: client.begin("POST", url, api_version="2024-07-01", repeat="refused"))
        return Errand(verb, lambda client: getattr(client, verb)(self.name))

    def _script(self) -> Errand:
        self._serial += 1
        mark = f"{self.name}-{self._serial}"
        given = {"MARK": mark, "LEDGER": str(self._ledger)}
        return Errand("run_command", lambda client: client.run_command(self.name, SCRIPT, given), mark)


class Deployments(Lane):
    """A VM that is deployed and removed with all that belongs to it."""

    def errands(self, number: int) -> Iterator[Errand]:
        """See :meth:`Lane.errands`."""
        whole = template(*vm(self.name))
        for place in range(number):
            if place % 5 in {1, 4}:
                yield Errand("deprovision", lambda client: client.deprovision(self.name))
            else:
                yield Errand("provision", lambda client: client.provision(self.name, whole))


class Bulks(Lane):
    """A few VMs of which one request is about."""

    @cached_property
    def vms(self) -> tuple[str, ...]:
        """See :attr:`Lane.vms`."""
        return tuple(f"{self.name}-{letter}" for letter in "abcd")

    def errands(self, number: int) -> Iterator[Errand]:
        """See :meth:`Lane.errands`."""
        for name in self.vms:
            self._arm.add_vm(name, power="running")
        for _ in range(number):
            verb = self._random.choice(("start", "deallocate"))
            yield Errand(f"bulk {verb}", lambda client, verb=verb: client.bulk(verb, self.vms, PLACE))


def _power(arm: Emulator, name: str) -> str | None:
    try:
        return arm.vm(name).power_state
    except KeyError:
        return None
