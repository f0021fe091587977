"""What most tests of tokens start with."""

import pytest
from doubles import Credential

from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def credential(clock: VirtualClock) -> Credential:
    """Return a credential whose tokens live for an hour."""
    return Credential(clock)


@pytest.fixture
async def source(credential: Credential, clock: VirtualClock) -> TokenSource:
    return TokenSource(credential, "https://management.azure.com/.default", "login.microsoftonline.com", clock)
