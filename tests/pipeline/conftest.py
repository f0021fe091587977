"""What most tests of the pipeline start with."""

from collections.abc import Callable
from typing import Any

import pytest
from doubles import Credential, ScriptedTransport

from azvm_async.budget import Budget
from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource
from azvm_async.pipeline import Pipeline, Retry
from azvm_async.wire import Response
from pipeline.support import ENDPOINT, Line


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def credential(clock: VirtualClock) -> Credential:
    return Credential(clock)


@pytest.fixture
def line(clock: VirtualClock, credential: Credential) -> Callable[..., Line]:
    """Return a builder of pipelines on a transport with a script."""

    def build(*steps: Response | Exception, **patience: Any) -> Line:
        transport = ScriptedTransport(clock, *steps)
        tokens = TokenSource(credential, "scope", "authority", clock)
        retry = Retry(**{"attempts": 3, **patience})
        plenty = Budget(share=1000)
        pipeline = Pipeline(ENDPOINT, transport, tokens, clock=clock, retry=retry, user_agent="tests/1", budget=plenty)
        return Line(pipeline, transport)

    return build
