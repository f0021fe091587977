"""An emulator that listens, and a VM in it."""

from collections.abc import Iterator
from itertools import count

import pytest
from serving import Served, served

_numbers = count(1)


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    with served() as emulated:
        yield emulated


@pytest.fixture
def machine(site: Served) -> str:
    """Return the name of a running VM that no other test has."""
    name = f"vm{next(_numbers)}"
    site.do(lambda arm: arm.add_vm(name, power="running"))
    return name
