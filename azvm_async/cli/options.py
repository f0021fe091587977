"""Options that commands share, and what they come to: where (:class:`Site`), which VMs, and how (:class:`How`)."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from pathlib import Path
from typing import Any, Self

import click

from azvm_async import RunOptions
from azvm_async.cli import home
from azvm_async.cli.names import Wanted, wanted

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

EVERYWHERE = "*"
NO_GROUP = "-"
"""Stands for a resource group where none is meant: a client must have one, for bare names, of which there are none then."""

FILE = click.Path(dir_okay=False, path_type=Path)
THERE = click.Path(dir_okay=False, exists=True, readable=True, path_type=Path)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the VMs are, and who answers for them."""

    subscription: str
    resource_group: str | None
    endpoint: str | None = None
    cloud: str = "public"
    ca_file: Path | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], *, needs_group: bool = True) -> Self:
        """Return what was asked for.

        Raises
        ------
        click.UsageError
            When nothing says which subscription, or resource group, is meant.
        """
        site = cls(**_picked(cls, given))
        if not site.subscription:
            raise click.UsageError(
                "Which subscription? Give --subscription ID, set AZURE_SUBSCRIPTION_ID, or 'az login' and 'az account set'."
            )
        if needs_group and not site.resource_group:
            raise click.UsageError(
                "Which resource group? Give -g NAME ('*' for all of the subscription), set AZURE_RESOURCE_GROUP, or "
                "'az config set defaults.group=NAME'."
            )
        return site

    @property
    def group(self) -> str | None:
        """The client's resource group, or ``"*"``, as a :class:`~azvm_async.Query` takes it."""
        return EVERYWHERE if self.resource_group in {None, EVERYWHERE} else None

    @property
    def place(self) -> str:
        """Where that is, for people."""
        return f"subscription {self.subscription}" if self.group else f"resource group {self.resource_group}"


@dataclass(frozen=True, slots=True)
class How:
    """How a command goes about it, and how it tells of it."""

    wait: bool = True
    output: str = "table"
    journal: Path | None = None
    deadline: float | None = None
    max_concurrency: int | None = None
    only_needed: bool = False
    timeline: Path | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return what was asked for."""
        return cls(**_picked(cls, given))

    @property
    def run(self) -> RunOptions:
        """What a fleet's run takes of it."""
        return RunOptions(
            journal=self.journal,
            deadline=self.deadline,
            max_concurrency=self.max_concurrency,
            only_needed=self.only_needed,
        )


def _picked(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: given[field.name] for field in fields(kind) if field.name in given}


def vms_of(given: Mapping[str, Any], site: Site) -> Wanted:
    """Return the VMs that were asked for."""
    return wanted(given["names"], given["tags"], everything=given["everything"], group=site.group)


def stacked(*options: Decorator) -> Decorator:
    """Return one decorator for several, in the order in which the help shows them."""
    return lambda command: reduce(lambda done, option: option(done), reversed(options), command)


def _debugged(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Show what is usually kept from the terminal."""
    if value:
        context.meta["debug"] = True
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("azvm_async").setLevel(logging.DEBUG)


def _in_a_folder(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a file in a folder that there is not, before anything is begun."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.absolute().parent}.")
    return value


def command(*examples: str, name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Return what makes a command, whose help ends with examples."""
    return click.command(name, epilog="\n".join(("\b", "Examples:", *(f"  {each}" for each in examples))))


debug = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    envvar="AZVM_DEBUG",
    callback=_debugged,
    help="Show tracebacks, and each request, on stderr.",
)

output = click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "json", "tsv"]),
    default="table",
    show_default=True,
    help="How to tell.",
)

of_site = stacked(
    click.option(
        "--resource-group",
        "-g",
        metavar="NAME",
        default=lambda: home.resource_group(os.environ),
        help="Where bare names are looked for; '*' for all groups.  [env: AZURE_RESOURCE_GROUP; or the Azure CLI's default]",
    ),
    click.option(
        "--subscription",
        "-s",
        metavar="ID",
        default=lambda: home.subscription(os.environ),
        help="[env: AZURE_SUBSCRIPTION_ID; or the Azure CLI's default]",
    ),
    click.option(
        "--endpoint",
        metavar="URL",
        envvar="AZVM_ENDPOINT",
        help="Resource Manager's, such as an emulator's.  [env: AZVM_ENDPOINT]",
    ),
    click.option(
        "--cloud",
        type=click.Choice(["public", "usgovernment", "china"]),
        default="public",
        help="Azure's cloud; sets endpoint and sign-in.",
    ),
    click.option(
        "--ca-file",
        type=THERE,
        envvar="AZVM_CA_FILE",
        help="PEM file of the authorities to trust in place of the system's.  [env: AZVM_CA_FILE]",
    ),
    debug,
)

named = click.argument("names", nargs=-1, metavar="[NAME]...")

tagged = click.option(
    "--tag", "tags", multiple=True, metavar="NAME[=VALUE]", help="VMs with this tag; may be repeated."
)

of_vms = stacked(
    named,
    tagged,
    click.option("--all", "everything", is_flag=True, help="All VMs of the resource group."),
)

of_progress = stacked(
    output,
    click.option(
        "--deadline",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Then stop waiting; what goes on has tokens.",
    ),
    click.option(
        "--timeline", type=FILE, callback=_in_a_folder, help="Write a picture of the run, one HTML page, to this file."
    ),
)

of_work = stacked(
    of_progress,
    click.option(
        "--max-concurrency",
        type=click.IntRange(min=1),
        metavar="N",
        help="So many VMs at once; else Azure's limits alone.",
    ),
    click.option(
        "--journal",
        type=FILE,
        help="Write down what is done; the same command again goes on where this one was killed.",
    ),
)

of_run = stacked(
    click.option(
        "--wait/--no-wait", default=True, help="Wait for the end (default), or print tokens once Azure has accepted."
    ),
    of_work,
)

only_needed = click.option("--only-needed", is_flag=True, help="Leave alone VMs that are as they are to be.")

yes = click.option("--yes", "-y", is_flag=True, help="Don't ask. Without a terminal it must be given.")
