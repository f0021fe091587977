"""Records in their order, read on from any place."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.emulator.shelf import Shelf


class Record(NamedTuple):
    """A record."""

    serial: int


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=400), st.integers(0, 400))
def test_what_comes_after_a_number_is_what_is_there_in_order(changes: list[tuple[bool, int]], number: int):
    shelf: Shelf[Record] = Shelf()
    for serial, (add, key) in enumerate(changes, 1):
        shelf.pop(str(key), None)
        if add:
            shelf[str(key)] = Record(serial)
    assert list(shelf.after(number)) == sorted(each for each in shelf.values() if each.serial > number)


def test_a_shelf_forgets_what_was_taken_away():
    shelf: Shelf[Record] = Shelf()
    for serial in range(10_000):
        shelf["one"] = Record(serial)
        del shelf["one"]
    assert len(shelf._keys) < 100


@pytest.mark.parametrize("number", [-1, 0, 5.5, float("inf")])
def test_any_number_is_a_place(number: float):
    shelf: Shelf[Record] = Shelf()
    for serial in range(10):
        shelf[str(serial)] = Record(serial)
    assert [each.serial for each in shelf.after(number)] == [serial for serial in range(10) if serial > number]
