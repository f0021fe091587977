"""An ARM endpoint on loopback, for tests and for trying things out: VMs, all that they need, and deployments.

>>> from azvm_async.emulator import Durations, Emulator

Its parts: a pure core (:mod:`~azvm_async.emulator.core`) that holds a world (:mod:`~azvm_async.emulator.model`) and
answers by tables of routes; a door that gives it the time and runs its scripts (:mod:`~azvm_async.emulator.door`); and
a server on top (:mod:`~azvm_async.emulator.server`). It shares nothing with the client but ``wire`` and ``clock``, so
that the two cannot share a mistake.
"""

from azvm_async.emulator import faults
from azvm_async.emulator.door import Received
from azvm_async.emulator.effects import Effect
from azvm_async.emulator.emulator import AccessToken, Credential, Emulator
from azvm_async.emulator.settings import Durations, Throttling

__all__ = ["AccessToken", "Credential", "Durations", "Effect", "Emulator", "Received", "Throttling", "faults"]
