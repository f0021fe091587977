"""What a config says, read once and checked: who is meant, and how patiently. Pure.

Keys and defaults are mlos_bench's. Numbers may be text, as they come from a command line.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from azvm_async.pipeline import Retry
from azvm_async.protocol.deployment import DeploymentId, checked_deployment_name
from azvm_async.protocol.ids import VmId, checked_resource_group, checked_subscription, short_name
from azvm_async.transport import Timeouts

Config = Mapping[str, Any]

OF_CONFIG = frozenset({"pollTimeout", "requestTimeout"})
"""Keys of which the config's value holds, whatever a dict that came from elsewhere says."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for one call.

    Parameters
    ----------
    subscription, resource_group : str
        Where.
    poll_timeout : float
        Seconds that a wait waits, and after which Azure ends a script.
    timeouts, retry : Timeouts, Retry
        For each request. ``requestTimeout`` is for the connection and between two pieces of an answer.
    """

    subscription: str
    resource_group: str
    poll_timeout: float
    timeouts: Timeouts
    retry: Retry

    @classmethod
    def of(cls, config: Config) -> Self:
        """Read a config.

        Raises
        ------
        ValueError
            For a key that is missing, and a number that is none or can't be.
        """
        required(config, "subscription", "resourceGroup")
        _number(config, "pollInterval", 4.0)  # Azure's word, or our own back-off, says when to look; but no nonsense
        return cls(
            config["subscription"],
            config["resourceGroup"],
            _number(config, "pollTimeout", 300.0),
            _timeouts(config),
            _retry(config),
        )


def required(config: Config, *keys: str) -> None:
    """Refuse a config in which something is missing.

    Raises
    ------
    ValueError
        Naming all that is.
    """
    missing = [key for key in keys if config.get(key) in (None, "")]
    if missing:
        raise ValueError(f"Missing required parameters: {', '.join(missing)}")


def vm_of(config: Config) -> str:
    """Return the full ARM id of the VM that a config names; a ``vmName`` may be one itself."""
    required(config, "vmName", "subscription", "resourceGroup")
    return str(VmId.parse(config["vmName"], config["subscription"], config["resourceGroup"]))


def deployment_of(config: Config) -> DeploymentId:
    """Return the deployment that a config names by ``deploymentName``, or by ``vmName``; a VM's lies in its group."""
    name = deployment_name(config)
    subscription, group = config["subscription"], config["resourceGroup"]
    if config.get("vmName"):
        vm = VmId.parse(config["vmName"], subscription, group)
        subscription, group = vm.subscription, vm.resource_group
    return DeploymentId(
        checked_subscription(subscription), checked_resource_group(group), checked_deployment_name(name)
    )


def deployment_name(config: Config) -> str:
    """Return ``deploymentName``, by default ``{vmName}-deployment``."""
    if config.get("deploymentName") in (None, ""):
        required(config, "vmName")
        return f"{short_name(str(config['vmName']))}-deployment"
    return str(config["deploymentName"])


def _timeouts(config: Config) -> Timeouts:
    """Return the time-outs; without ``requestTimeout`` the client's own, which bear with a slow day of Azure's."""
    if config.get("requestTimeout") is None:
        return Timeouts()
    seconds = _number(config, "requestTimeout", 5.0, least=0.001)
    return Timeouts(connect=seconds, read=seconds, total=max(Timeouts().total, 2 * seconds))


def _retry(config: Config) -> Retry:
    retries = _number(config, "requestTotalRetries", 10)
    if retries != int(retries):
        raise ValueError(f"requestTotalRetries is a whole number, not {config['requestTotalRetries']!r}")
    return Retry(attempts=int(retries) + 1, first=_number(config, "requestBackoffFactor", 0.3))


def _number(config: Config, key: str, default: float, *, least: float = 0.0) -> float:
    """Return a number, which may be text."""
    value = config.get(key)
    if value is None:
        return default
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number < math.inf:
        raise ValueError(f"{key} is a number of {least:g} or more, not {value!r}")
    return number
