"""``azvm run``: a script on each VM, and what it wrote."""

import os
from collections.abc import Sequence
from typing import Any, TextIO

import click

from azvm_async.cli import options
from azvm_async.cli.doing import Job
from azvm_async.cli.options import How, Site


@options.command(
    "azvm run web-1 --script 'uname -a'", "azvm run 'web-{1..20}' --file setup.sh -p GREETING=hello --secret API_KEY"
)
@options.of_vms
@click.option("--script", metavar="TEXT", help="The script itself.")
@click.option("--file", "file", type=click.File(encoding="utf-8"), help="The script's file; '-' is stdin.")
@click.option(
    "--parameter", "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="Variable of the script's environment."
)
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME", help="The same, its value taken from your environment's NAME."
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="Seconds, then Azure ends it."
)
@click.option("--user", metavar="NAME", help="Who runs it.")
@click.option("--keep", is_flag=True, help="Leave the run command in Azure.")
@options.of_run
@options.of_site
def run(
    script: str | None,
    file: TextIO | None,
    parameters: Sequence[str],
    secrets: Sequence[str],
    timeout: float,
    user: str | None,
    keep: bool,
    **given: Any,
) -> int:
    """Run a script on VMs.

    What it wrote is printed for each VM.

    Azure keeps the last 4 KB of stdout and stderr. A script that exits with anything but 0 counts as failed (exit code 1).
    """
    text, plain, hidden = _script(script, file), _assigned(parameters), _from_environment(secrets)
    site, how = Site.of(given), How.of(given)
    job = Job(
        site,
        options.vms_of(given, site),
        how,
        lambda fleet, how: fleet.run_command(text, plain, hidden, timeout, user, keep=keep, **how),
    )
    return job.run()


def _script(script: str | None, file: TextIO | None) -> str:
    if (script is None) == (file is None):
        raise click.UsageError("Which script? Give either --script TEXT or --file FILE.")
    return file.read() if file is not None else str(script)


def _assigned(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise click.UsageError(
                "A parameter is NAME=VALUE; one of them has no '='."
            )  # it may be a secret: not shown
    return dict(pair.split("=", 1) for pair in pairs)


def _from_environment(names: Sequence[str]) -> dict[str, str]:
    for name in names:
        if name not in os.environ:
            raise click.UsageError(f"--secret {name.partition('=')[0]}: there is no such variable in your environment.")
    return {name: os.environ[name] for name in names}


COMMANDS = (run,)
