"""Functions that give what belongs to the deployment: its parameters and variables, its loops, and where it goes."""

from typing import Any

from azvm_async.emulator.templates.errors import NOT_HERE, ExpressionError
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.model import Document
from azvm_async.emulator.templates.scope import RESOURCE_LOOP, Scope

_ENVIRONMENT: Document = {
    "name": "AzureCloud",
    "gallery": "https://gallery.azure.com/",
    "graph": "https://graph.windows.net/",
    "portal": "https://portal.azure.com",
    "graphAudience": "https://graph.windows.net/",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
    "batch": "https://batch.core.windows.net/",
    "media": "https://rest.media.azure.net",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "vmImageAliasDoc": (
        "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json"
    ),
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "suffixes": {
        "acrLoginServer": ".azurecr.io",
        "azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
        "keyvaultDns": ".vault.azure.net",
        "sqlServerHostname": ".database.windows.net",
        "storage": "core.windows.net",
    },
}


def _copy_index(scope: Scope, *arguments: Any) -> int:
    name, offset = RESOURCE_LOOP, 0
    match arguments:
        case (str(),):
            name = arguments[0]
        case (int(),):
            offset = arguments[0]
        case (str(), int()):
            name, offset = arguments
        case (_, *_):
            raise ExpressionError("The template function 'copyIndex' expects the name of a loop, then an offset.")
    if name.lower() not in scope.loops:
        usage = "The function can only be used in a resource with copy specified."
        raise ExpressionError(f"{NOT_HERE.format('copyIndex')} {usage} Please see https://aka.ms/arm-copy for usage.")
    return scope.loops[name.lower()] + offset


def _deployment(scope: Scope) -> Document:
    """Return the deployment; its parameters are left out, for they may be secrets."""
    properties = {"template": scope.template, "provisioningState": "Accepted"}
    return {"name": scope.site.deployment, "properties": properties}


def _tenant(scope: Scope) -> Document:
    tenant = scope.site.subscription.get("tenantId", "")
    return {"id": f"/tenants/{tenant}", "tenantId": tenant}


def _lambda_variable(scope: Scope, name: str) -> Any:
    if name.lower() not in scope.captured:
        raise ExpressionError(f"The lambda variable '{name}' is not found.")
    return scope.captured[name.lower()]


FUNCTIONS = [
    Function("parameters", "string", lambda scope, name: scope.parameters[name], scoped=True),
    Function("variables", "string", lambda scope, name: scope.variables[name], scoped=True),
    Function("lambdaVariables", "string", _lambda_variable, scoped=True),
    Function("copyIndex", "string|int? int?", _copy_index, scoped=True),
    Function("deployment", "", _deployment, scoped=True),
    Function("environment", "", lambda: _ENVIRONMENT),
    Function("subscription", "", lambda scope: scope.site.subscription, scoped=True),
    Function("resourceGroup", "", lambda scope: scope.site.group, scoped=True),
    Function("tenant", "", _tenant, scoped=True),
]
