"""A thousand VMs of a fleet in a storm: each outcome of its reports, with what the emulator's record has of that VM."""

import tempfile
from pathlib import Path
from typing import Any

from azvm_async import AzureVMClient, Fleet, Outcome, Report
from azvm_async.emulator import Emulator
from chaos.lanes import SCRIPT
from chaos.storm import REST, Ended, MakeWire, Noted, Record, opened, written
from chaos.wires import Wire

VMS, SCRIPTS = 1_000, 60
RUNS = [("start", "direct"), ("reboot", "direct"), ("deallocate", "bulk")]


async def fleet_storm(seed: int, vms: int = VMS, wire: MakeWire = Wire) -> Record:
    """Have all VMs started and rebooted, scripts run on some, and all deallocated in bulk."""
    record = Record()
    with tempfile.TemporaryDirectory() as directory:
        ledger = Path(directory, "ledger")
        async with opened(seed, wire) as (arm, client, struck, made):
            fleets = _Fleets(arm, client, made, vms)
            for verb, engine in RUNS:
                record.ended += await fleets.run(verb, engine=engine)
            record.ended += await fleets.run("start", engine="bulk")
            record.ended += await fleets.scripts(SCRIPTS, ledger)
            record.struck = struck.struck
        record.scripts = written(ledger)
    return record


class _Fleets:
    """Runs of the same VMs, one after the other."""

    def __init__(self, arm: Emulator, client: AzureVMClient, wire: Wire, vms: int) -> None:
        self._names = [f"c{number:04}" for number in range(vms)]
        self._arm = arm
        self._client = client
        self._wire = wire
        self._noted = Noted(arm)
        for name in self._names:
            arm.add_vm(name)

    async def run(
        self, verb: str, *given: object, vms: int | None = None, mark: str = "", **options: Any
    ) -> list[Ended]:
        """Return what came of a run for each VM."""
        names = self._names[:vms]
        before = {name: self._arm.vm(name).power_state for name in names}
        known = {name: (len(self._noted[name]), len(self._wire.sent[name])) for name in names}
        async with Fleet(self._client, names) as fleet:
            report: Report = await getattr(fleet, verb)(*given, **options)
        await self._arm.clock.sleep(REST)
        return [
            self._ended(verb, mark and f"{name}-{mark}", report[name], before[name], *known[name]) for name in names
        ]

    async def scripts(self, vms: int, ledger: Path) -> list[Ended]:
        """Return what came of a script on some VMs."""

        def parameters(name: str) -> dict[str, str]:
            return {"MARK": f"{name}-script", "LEDGER": str(ledger)}

        return await self.run("run_command", SCRIPT, parameters, vms=vms, mark="script")

    def _ended(self, verb: str, mark: str, outcome: Outcome, before: str | None, effects: int, sent: int) -> Ended:
        name = outcome.name
        powers = (self._arm.vm(name).power_state,)
        return Ended(
            *(name, verb, mark, (name,), outcome.error, outcome.result, (before,), powers),
            effects=self._noted[name][effects:],
            left=[],
            sent=self._wire.sent[name][sent:],
            state=outcome.state.value,
        )
