"""What a user of fleets writes, for mypy: checked by ``test_typing.py``, never run."""

from pathlib import Path
from typing import assert_type

from azvm_async import AzureVMClient, AzureVMError, Fleet, Outcome, Query, Report, Run, RunOptions, State


async def use(client: AzureVMClient) -> None:
    """Use all that is public."""
    options: RunOptions = {"max_concurrency": 5, "engine": "bulk", "journal": Path("journal")}
    async with Fleet(client, Query("web-*", {"env": None}, "running"), **options) as fleet:
        assert_type(fleet, Fleet)
        assert_type(fleet.vms, tuple[str, ...])
        run = fleet.start(only_needed=True, deadline=5.0, stop_after_failures=3)
        assert_type(run, Run)
        async for outcome in run:
            assert_type(outcome, Outcome)
            assert_type(outcome.state, State)
            assert_type(outcome.error, AzureVMError | None)
            assert_type(outcome.seconds, float | None)
        report = await run
        assert_type(report, Report)
        assert_type(report.raise_for_failures(), Report)
        assert_type(report["vm1"].token, str | None)
        assert_type(Report.merged([report]).to_json(tokens=True), str)
        await fleet.run_command("true", {"A": 1}, lambda name: {"B": name}, journal="journal")
        await fleet.provision("template.json", lambda name: {"size": name}, if_exists="keep", engine="direct")
    async with Fleet(client, (f"vm{number}" for number in range(5))) as fleet:
        fleet.stop(force=True).stop("enough", wait=False)
        fleet.start(engine="warp")  # type: ignore[arg-type]
        fleet.start(speed=1)  # type: ignore[call-arg]
        fleet.run_command()  # type: ignore[call-arg]
