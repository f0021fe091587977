"""From sync code: the same without ``await``, by the facade.

Run it with no arguments for the emulator, or with a VM's name for Azure; see ``place.py``.
"""

from place import place_for_sync_code

from azvm_async.facade import Status, VMFacade


def main() -> None:
    """Start a VM, run a script, deallocate it."""
    with place_for_sync_code("vm1") as here:
        config = {"subscription": here.subscription, "resourceGroup": here.resource_group}
        vm = {"vmName": here.arguments[0]}
        with VMFacade(config, credential=here.credential, endpoint=here.endpoint) as facade:
            status, handle = facade.start_host(vm)
            if status is Status.PENDING:
                status, _ = facade.wait_host_operation(handle)
            print("start:", status.name)
            status, handle = facade.remote_exec(['echo "depth is $depth"'], {**vm, "commandName": "run"}, {"depth": 3})
            status, results = facade.get_remote_exec_results(handle)
            print("script:", status.name, results["exitCode"], results["stdout"].strip())
            status, handle = facade.deallocate_host(vm)
            status, _ = facade.wait_host_operation(handle)
            print("deallocate:", status.name)


if __name__ == "__main__":
    main()
