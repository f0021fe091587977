"""The program ``azvm``: its commands, and what becomes of what they raise: a paragraph and an exit code, never a traceback."""

import errno
import logging
import sys
import traceback
from typing import Any

import click

from azvm_async import AzureVMError
from azvm_async.cli import advice, deploying, emulating, looking, operating, resuming, scripting
from azvm_async.cli.console import wrapped
from azvm_async.cli.options import debug
from azvm_async.cli.text import printable

_NOWHERE = logging.NullHandler()

_EPILOG = """\b
azvm start web-1                    one VM, and wait for it
azvm stop 'web-{1..20}' 'db-*'      by names, braces and patterns
azvm deallocate --tag env=test      by tag
azvm run 'web-*' --script uptime    a script on each of them
azvm demo                           all of it, without a subscription

\b
Exit codes: 0 all went well, 1 some VM failed, 2 the command line can't be, 3 it is not known how
it ended or it goes on, 4 nobody is signed in or Azure let him do nothing, 130 Ctrl-C.

\b
Shell completion (bash; zsh_source and fish_source likewise):
  eval "$(_AZVM_COMPLETE=bash_source azvm)"
"""


class Told(click.ClickException):
    """An error in a paragraph for people."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        vars(self)["exit_code"] = exit_code

    def show(self, file: Any = None) -> None:
        """Print it."""
        click.echo(wrapped(self.message), file=file or sys.stderr)


class Program(click.Group):
    """A group of commands that return exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        _quiet()
        try:
            code = super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # nobody reads any more
            if ctx.meta.get("debug"):
                traceback.print_exception(error)
            raise _told(error) from None
        return ctx.exit(code or 0)


def _quiet() -> None:
    """Keep warnings of the logs off the terminal: what they have to say is told in words. ``--debug`` shows them."""
    for name in ("azvm_async", "asyncio", "aiohttp", "azure", "msal"):
        logging.getLogger(name).addHandler(_NOWHERE)


def _told(error: BaseException) -> Told:
    if isinstance(error, AzureVMError):
        return Told(advice.explained(error), advice.code_of(error))
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Told(f"Stopped. {error}".strip(), advice.INTERRUPTED)
    if isinstance(error, OSError) and error.filename is not None:
        return Told(f"{error.filename}: {error.strerror}.", advice.USAGE)
    what = printable(f"{type(error).__name__}: {error}".rstrip("."))
    return Told(f"A fault in azvm: {what}. The same command with --debug shows where.", advice.SOME_FAILED)


@click.group(
    cls=Program,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="azvm-async", prog_name="azvm")
@debug
def azvm() -> None:
    """Operate Azure virtual machines, one or a thousand.

    VMs are named by bare names in the resource group (-g), or by full ARM ids anywhere. Sign-in is azure-identity's: 'az
    login', the environment's AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or a managed identity.
    """


for room in (operating, looking, scripting, deploying, resuming, emulating):
    for command in room.COMMANDS:
        azvm.add_command(command)
