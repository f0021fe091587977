"""The mlos_bench service: :class:`AzureVMService` in place of the class of that name that mlos_bench brings.

The only room that knows mlos_bench. The service (:mod:`azvm_async.mlos.service`) gives the facade what mlos_bench has for
it: settings, a template, an authorization service. The command ``azvm-mlos-bench`` (:mod:`azvm_async.mlos.command`) is
mlos_bench's own, which then takes the class by its name here: ``azvm_async.mlos.AzureVMService``.
"""

try:
    from azvm_async.mlos.service import ENDPOINT_GLOBAL, ENDPOINT_VARIABLE, AzureVMService
except ModuleNotFoundError as missing:
    advice = "pip install 'azvm-async[mlos]' brings what the mlos_bench service needs"
    raise ModuleNotFoundError(f"{missing}; {advice}", name=missing.name) from missing

__all__ = ["ENDPOINT_GLOBAL", "ENDPOINT_VARIABLE", "AzureVMService"]
