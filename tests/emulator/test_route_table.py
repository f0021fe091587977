"""The table of routes in the documentation is the emulator's own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from azvm_async.emulator import core, identity

TABLE = (Path(__file__).parents[2] / "docs" / "emulator-routes.md").read_text(encoding="utf-8")
LABEL = re.compile(r"\[([RS][0-9]+)\]")
TOKENS = "## Tokens"


class Row(NamedTuple):
    """One row: a route, and what is said of it."""

    method: str
    path: str
    faithful: str
    simplified: str
    absent: str
    source: str


def rows(text: str) -> Iterator[Row]:
    """Return the rows about routes, each with its whole path."""
    start = ""
    for line in text.splitlines():
        start = found[1] if (found := re.match(r"Paths begin with `(.*)`\.", line)) else start
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch("GET|HEAD|PUT|PATCH|POST|DELETE", cells[0]):
            method, path, *said = cells
            yield Row(method, path.strip("`").replace("…", start), *said)


ARM, _, REST = TABLE.partition(TOKENS)
ROWS = list(rows(ARM))


def defined() -> list[str]:
    """Return the labels of rules and sources, from the rows that say what they are."""
    return re.findall(r"^\| \[([RS][0-9]+)\] \|", TABLE, flags=re.MULTILINE)


def test_each_route_has_one_row_and_each_row_a_route():
    routes = [*core._POLLS, *(route for room in core._ROOMS for route in room.ROUTES)]
    assert sorted((row.method, row.path) for row in ROWS) == sorted((route.method, route.pattern) for route in routes)


@pytest.mark.parametrize("path", [identity.IMDS_PATH, identity.APP_SERVICE_PATH])
def test_the_token_endpoints_have_a_row(path: str):
    assert ("GET", path) in {(row.method, row.path) for row in rows(REST)}


@pytest.mark.parametrize("row", [*ROWS, *rows(REST)], ids=lambda row: f"{row.method} {row.path}")
def test_a_row_says_what_is_faithful_simplified_and_absent_and_how_that_is_known(row: Row):
    assert all(row)
    assert set(row[2:5]) != {"-"}
    assert LABEL.search(row.source)


def test_rules_and_sources_are_defined_once():
    assert len(set(defined())) == len(defined())


def test_rules_and_sources_that_are_referred_to_exist_and_those_that_exist_are_referred_to():
    lines = [re.sub(r"^\| \[[RS][0-9]+\] \|", "|", line) for line in TABLE.splitlines()]
    assert set(LABEL.findall("\n".join(lines))) == set(defined())
