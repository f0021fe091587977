"""Settings as a config has them: numbers may be text, and what can't be is refused."""

import pytest

from azvm_async import Retry, Timeouts
from azvm_async.facade import VMFacade
from azvm_async.facade.settings import Settings, deployment_name
from facade.support import CONFIG

NUMBERS = ["pollInterval", "pollTimeout", "requestTimeout", "requestTotalRetries", "requestBackoffFactor"]


def test_defaults_are_mlos_benchs():
    assert Settings.of(CONFIG) == Settings(*CONFIG.values(), 300.0, Timeouts(), Retry(attempts=11, first=0.3))


@pytest.mark.parametrize("number", [7, 7.0, "7", " 7.0 "])
def test_numbers_may_be_text(number: object):
    settings = Settings.of({**CONFIG, **dict.fromkeys(NUMBERS, number)})
    assert settings == Settings(
        *CONFIG.values(), 7.0, Timeouts(connect=7, read=7, total=60), Retry(attempts=8, first=7.0)
    )


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", ["soon", -1, "nan", "inf", True, [1], ""])
def test_what_is_no_number_is_a_value_error(key: str, value: object):
    with pytest.raises(ValueError, match=key):
        VMFacade({**CONFIG, key: value})


def test_half_a_retry_is_a_value_error():
    with pytest.raises(ValueError, match="whole"):
        VMFacade({**CONFIG, "requestTotalRetries": 1.5})


@pytest.mark.parametrize("key", CONFIG)
@pytest.mark.parametrize("value", [None, ""])
def test_empty_setting_is_missing(key: str, value: object):
    with pytest.raises(ValueError, match=key):
        VMFacade({**CONFIG, key: value})


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"vmName": "vm1"}, "vm1-deployment"),
        (
            {"vmName": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1"},
            "vm1-deployment",
        ),
        ({"vmName": "vm1", "deploymentName": "mine"}, "mine"),
    ],
)
def test_deployment_is_named_after_the_vm(config: dict[str, str], name: str):
    assert deployment_name(config) == name


def test_config_that_was_given_is_not_changed():
    config = {**CONFIG}
    VMFacade(config)
    assert config == CONFIG
