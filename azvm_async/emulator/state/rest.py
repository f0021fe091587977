"""How the world comes to rest, so that it can be saved: nothing that is under way outlives its emulator.

Scripts are over and their run commands Canceled, bulk operations that wait for their turn are cancelled, and what would
never end has failed. All else comes to its end as if its time had passed.
"""

from azvm_async.emulator.instructions import ScriptResult
from azvm_async.emulator.model import NEVER, Failure, World
from azvm_async.emulator.operations import fail, reschedule, settle
from azvm_async.emulator.run_commands import script_ended

_OVER = Failure("OperationAbandoned", "The emulator ended before the operation did.")
_KILLED = ScriptResult("Canceled", message="The emulator ended before the script did.")


def bring_to_rest(world: World, now: float) -> None:
    """End all that is under way, and what it begins for its part."""
    for each in world.bulk.values():
        if each.wait is not None:
            fail(world, each.wait, _OVER, now, status="Canceled")
    moved = True
    while moved:
        settle(world, NEVER)
        moved = _end_scripts(world, now) or _give_up(world, now)
    world.instructions.clear()


def _end_scripts(world: World, now: float) -> bool:
    """End the scripts that run or shall; tell whether there were any."""
    keys = list(world.scripts)
    for key in keys:
        operation = world.scripts[key].operation
        script_ended(world, key, _KILLED, max(now, operation.started if operation else now))
    return bool(keys)


def _give_up(world: World, now: float) -> bool:
    """Let the operations fail that were never to end; tell whether there were any."""
    endless = [each for each in world.operations.values() if each.endless and each.running]
    for operation in endless:
        operation.endless, operation.doom = False, _OVER
        reschedule(world, operation, max(now, operation.started))
    return bool(endless)
