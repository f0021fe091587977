"""``azvm-mlos-bench``: mlos_bench's own command, in which configs may name ``azvm_async.mlos.AzureVMService``.

mlos_bench's schema lists the classes that a service may be of. This one is put on the list beside upstream's of the same
name, so that its configuration is checked as upstream's is; all else stays as it was.
"""

import sys
from collections.abc import Sequence

from mlos_bench.config.schemas.config_schemas import SCHEMA_STORE, ConfigSchema
from mlos_bench.run import _shell_main as run_mlos_bench  # what its own console script starts

from azvm_async.mlos.service import UPSTREAM, AzureVMService

NAME = "azvm_async.mlos.AzureVMService"
REPLACE = "--replace-azure-vm-service"

WRONG_USAGE = 2
"""Exit code for what a command line can't say, as argparse has it."""

_HELP = f"""azvm-mlos-bench takes what mlos_bench takes, and:
  {REPLACE}
                        serve configs that name mlos_bench's own AzureVMService by azvm_async's

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run mlos_bench; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    ours = [argument for argument in given if argument.partition("=")[0].replace("_", "-") == REPLACE]
    if any("=" in argument for argument in ours):
        sys.stderr.write(f"azvm-mlos-bench: error: {REPLACE} takes no value\n")
        return WRONG_USAGE
    rest = [argument for argument in given if argument not in ours]
    if {"-h", "--help"} & set(rest):
        sys.stdout.write(_HELP)
    allow()
    if ours:
        replace()
    return run_mlos_bench(rest)


def allow() -> None:
    """Let mlos_bench's schema take this package's class for an Azure VM service.

    Raises
    ------
    RuntimeError
        When this version of mlos_bench has no such list of classes.
    """
    assert ConfigSchema.SERVICE.schema  # noqa: S101 - reading one loads them all
    lists = [schema.get("properties", {}).get("class", {}).get("enum", []) for schema in SCHEMA_STORE.values()]
    ours = [names for names in lists if UPSTREAM in names]
    if not ours:
        raise RuntimeError(f"This version of mlos_bench has no schema for {UPSTREAM}")
    for names in ours:
        if NAME not in names:
            names.append(NAME)


def replace() -> None:
    """Put this package's class where configs look for mlos_bench's own."""
    from mlos_bench.services.remote import azure  # noqa: PLC0415 - needs mlos_bench's Azure packages, and takes a second
    from mlos_bench.services.remote.azure import azure_vm_services  # noqa: PLC0415

    for module in (azure, azure_vm_services):
        module.AzureVMService = AzureVMService  # type: ignore[attr-defined]
