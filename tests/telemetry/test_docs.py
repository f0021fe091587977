"""The page on telemetry names all that there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from azvm_async.telemetry import Accepted, Event, Finished, Polled, Retried, Submitted, Throttled

PAGE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text(encoding="utf-8")
EVENTS = (Submitted, Accepted, Polled, Throttled, Retried, Finished)


@pytest.mark.parametrize("event", EVENTS)
def test_table_names_each_field_of_each_event(event: type[Event]):
    (row,) = re.findall(rf"^\| `{event.__name__}` \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)
    own = [field.name for field in fields(event) if field.name not in {each.name for each in fields(Event)}]
    assert re.findall(r"`(\w+)`", row) == own


def test_page_names_each_attribute_and_metric():
    source = (Path(__file__).parents[2] / "azvm_async" / "otel.py").read_text(encoding="utf-8")
    of_events = {"azvm.status", "azvm.trouble", "azvm.attempt", "azvm.retry_after", "az.namespace"}
    named = set(re.findall(r'"((?:az|azvm|cloud|error)\.[\w.]+)"', source)) - of_events
    assert [name for name in sorted(named) if f"`{name}`" not in PAGE] == []
