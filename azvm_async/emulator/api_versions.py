"""Which API versions Azure takes for which types: the table of the types that the emulator knows of.

From the type definitions that Microsoft generates for Bicep out of its published specifications (August 2026), and from
what those leave out but Azure takes: the lists in its own refusals, as users report them, the public quickstart
templates, and the official clients. Where a series has a few versions more than some type in it, Azure may be the
stricter one.
"""

from typing import NamedTuple

REGIONS = (
    "East US, East US 2, West US, West US 2, West US 3, Central US, South Central US, North Europe, West Europe, "
    "UK South, France Central, Germany West Central, Sweden Central, Southeast Asia, East Asia, Japan East, "
    "Australia East, Canada Central, Brazil South, Central India"
)


class Series(NamedTuple):
    """API versions, the oldest first, and the types that have them.

    Parameters
    ----------
    located, others : str
        Types that have a location and types that have none; one with ``>`` has the versions from that one on only.
    """

    namespace: str
    versions: str
    located: str
    others: str


TABLE = (
    Series(
        "Microsoft.Compute",
        (
            "2015-05-01-preview 2015-06-15 2016-03-30 2016-04-30-preview 2016-08-30 2017-03-30 2017-12-01 "
            "2018-04-01 2018-06-01 2018-10-01 2019-03-01 2019-07-01 2019-12-01 2020-06-01 2020-12-01 2021-03-01 "
            "2021-04-01 2021-07-01 2021-11-01 2022-03-01 2022-08-01 2022-11-01 2023-03-01 2023-07-01 2023-09-01 "
            "2024-03-01 2024-07-01 2024-11-01 2025-04-01 2025-11-01 2026-03-01 2026-04-01"
        ),
        (
            "virtualMachines virtualMachines/extensions virtualMachines/runCommands>2020-06-01 "
            "virtualMachineScaleSets virtualMachineScaleSets/virtualMachines "
            "virtualMachineScaleSets/virtualMachines/runCommands>2020-06-01 availabilitySets "
            "proximityPlacementGroups>2018-04-01 capacityReservationGroups>2021-04-01 "
            "capacityReservationGroups/capacityReservations>2021-04-01 hostGroups>2019-03-01 "
            "hostGroups/hosts>2019-03-01 images>2016-04-30-preview restorePointCollections>2021-03-01 "
            "sshPublicKeys>2019-12-01"
        ),
        (
            "virtualMachineScaleSets/extensions>2017-03-30 restorePointCollections/restorePoints>2021-03-01 "
            "locations/virtualMachines locations/runCommands>2017-03-30"
        ),
    ),
    Series(
        "Microsoft.Compute",
        (
            "2016-04-30-preview 2017-03-30 2018-04-01 2018-06-01 2018-09-30 2019-03-01 2019-07-01 2019-11-01 "
            "2020-05-01 2020-06-30 2020-09-30 2020-12-01 2021-04-01 2021-08-01 2021-12-01 2022-03-02 2022-07-02 "
            "2023-01-02 2023-04-02 2023-10-02 2024-03-02 2025-01-02 2026-03-02"
        ),
        "disks snapshots diskEncryptionSets>2019-07-01 diskAccesses>2020-05-01",
        "",
    ),
    Series(
        "Microsoft.Compute",
        (
            "2018-06-01 2019-03-01 2019-07-01 2019-12-01 2020-09-30 2021-07-01 2021-10-01 2022-01-03 2022-03-03 "
            "2022-08-03 2023-07-03 2024-03-03 2025-03-03 2025-12-03 2026-03-03"
        ),
        (
            "galleries galleries/images galleries/images/versions galleries/applications>2019-03-01 "
            "galleries/applications/versions>2019-03-01"
        ),
        "",
    ),
    Series(
        "Microsoft.Network",
        (
            "2014-12-01-preview 2015-05-01-preview 2015-06-15 2016-03-30 2016-06-01 2016-07-01 2016-08-01 "
            "2016-09-01 2016-10-01 2016-11-01 2016-12-01 2017-03-01 2017-03-30 2017-04-01 2017-06-01 2017-08-01 "
            "2017-09-01 2017-10-01 2017-11-01 2018-01-01 2018-02-01 2018-03-01 2018-04-01 2018-06-01 2018-07-01 "
            "2018-08-01 2018-10-01 2018-11-01 2018-12-01 2019-02-01 2019-04-01 2019-06-01 2019-07-01 2019-08-01 "
            "2019-09-01 2019-11-01 2019-12-01 2020-01-01 2020-03-01 2020-04-01 2020-05-01 2020-06-01 2020-07-01 "
            "2020-08-01 2020-11-01 2021-01-01 2021-02-01 2021-03-01 2021-05-01 2021-08-01 2021-12-01 2022-01-01 "
            "2022-05-01 2022-07-01 2022-09-01 2022-11-01 2023-02-01 2023-04-01 2023-05-01 2023-06-01 2023-09-01 "
            "2023-11-01 2024-01-01 2024-03-01 2024-05-01 2024-07-01 2024-10-01 2025-01-01 2025-03-01 2025-05-01 "
            "2025-07-01 2025-09-01"
        ),
        (
            "virtualNetworks networkInterfaces networkSecurityGroups publicIPAddresses publicIPPrefixes>2018-07-01 "
            "loadBalancers routeTables natGateways>2018-10-01 applicationGateways "
            "applicationGatewayWebApplicationFirewallPolicies>2018-10-01 applicationSecurityGroups>2017-09-01 "
            "azureFirewalls>2018-04-01 bastionHosts>2018-10-01 ddosProtectionPlans>2018-02-01 "
            "firewallPolicies>2018-10-01 networkWatchers>2016-09-01 networkWatchers/flowLogs>2019-11-01 "
            "privateEndpoints>2018-10-01 privateLinkServices>2018-10-01 virtualNetworkGateways localNetworkGateways "
            "connections"
        ),
        (
            "virtualNetworks/subnets virtualNetworks/virtualNetworkPeerings>2016-06-01 "
            "networkSecurityGroups/securityRules routeTables/routes loadBalancers/backendAddressPools>2017-06-01 "
            "loadBalancers/inboundNatRules privateEndpoints/privateDnsZoneGroups>2020-03-01 "
            "firewallPolicies/ruleCollectionGroups>2020-05-01"
        ),
    ),
    Series(
        "Microsoft.Network",
        "2018-09-01 2020-01-01 2020-06-01 2024-06-01",
        "privateDnsZones privateDnsZones/virtualNetworkLinks",
        "privateDnsZones/A",
    ),
    Series(
        "Microsoft.Storage",
        (
            "2015-05-01-preview 2015-06-15 2016-01-01 2016-05-01 2016-07-01 2016-12-01 2017-06-01 2017-10-01 "
            "2018-02-01 2018-03-01-preview 2018-07-01 2018-11-01 2019-04-01 2019-06-01 2020-08-01-preview "
            "2021-01-01 2021-02-01 2021-04-01 2021-06-01 2021-08-01 2021-09-01 2022-05-01 2022-09-01 2023-01-01 "
            "2023-04-01 2023-05-01 2024-01-01 2025-01-01 2025-06-01 2025-08-01 2026-04-01"
        ),
        "storageAccounts",
        (
            "storageAccounts/blobServices>2016-05-01 storageAccounts/blobServices/containers>2016-05-01 "
            "storageAccounts/managementPolicies>2018-03-01-preview storageAccounts/fileServices>2019-04-01 "
            "storageAccounts/fileServices/shares>2019-04-01 storageAccounts/queueServices>2019-06-01 "
            "storageAccounts/queueServices/queues>2019-06-01 storageAccounts/tableServices>2019-06-01 "
            "storageAccounts/tableServices/tables>2019-06-01"
        ),
    ),
    Series(
        "Microsoft.Resources",
        (
            "2013-03-01 2014-01-01 2014-02-26 2014-04 2014-04-01 2014-04-01-preview 2015-01-01 2015-11-01 "
            "2016-02-01 2016-06-01 2016-07-01 2016-09-01 2017-03-01 2017-05-01 2017-05-10 2017-06-01 2017-08-01 "
            "2017-12-01 2018-01-01 2018-02-01 2018-05-01 2018-06-01 2018-07-01 2018-08-01 2018-09-01 2018-11-01 "
            "2019-03-01 2019-05-01 2019-05-10 2019-06-01 2019-07-01 2019-08-01 2019-09-01 2019-10-01 2019-11-01 "
            "2020-01-01 2020-05-01 2020-06-01 2020-07-01 2020-08-01 2020-09-01 2020-10-01 2021-01-01 2021-04-01 "
            "2022-01-01 2022-03-01-preview 2022-05-01 2022-06-01 2022-09-01 2022-11-01-preview 2022-12-01 "
            "2023-03-01-preview 2023-07-01 2023-07-01-preview 2024-03-01 2024-06-01-preview 2024-07-01 2024-08-01 "
            "2024-11-01 2025-03-01 2025-04-01 2026-06-01"
        ),
        "",
        "subscriptions resourceGroups resources providers deployments deployments/operations tags",
    ),
    Series(
        "Microsoft.Resources",
        "2022-08-01-preview 2024-03-01 2025-07-01",
        "",
        "deploymentStacks locations/deploymentStackOperationStatus",
    ),
    Series(
        "Microsoft.Authorization",
        "2015-01-01 2016-09-01 2017-04-01 2020-05-01",
        "",
        "locks",
    ),
    Series(
        "Microsoft.Authorization",
        (
            "2014-04-01-preview 2014-07-01-preview 2014-10-01-preview 2015-05-01-preview 2015-06-01 2015-07-01 "
            "2016-07-01 2017-05-01 2017-09-01 2017-10-01-preview 2018-01-01-preview 2018-07-01 2018-09-01-preview "
            "2018-12-01-preview 2019-04-01-preview 2020-03-01-preview 2020-04-01-preview 2020-08-01-preview "
            "2020-10-01-preview 2021-04-01-preview 2022-01-01-preview 2022-04-01"
        ),
        "",
        "roleAssignments>2015-07-01",
    ),
    Series(
        "Microsoft.Authorization",
        "2015-07-01 2018-01-01-preview 2018-07-01 2022-04-01 2022-05-01-preview",
        "",
        "roleDefinitions",
    ),
    Series(
        "Microsoft.Insights",
        "2015-05-01 2018-05-01-preview 2020-02-02 2020-02-02-preview",
        "components",
        "",
    ),
    Series(
        "Microsoft.Insights",
        (
            "2017-04-01 2018-03-01 2018-09-01 2019-03-01 2019-06-01 2021-09-01 2022-04-01 2022-06-01 2023-01-01 "
            "2023-09-01-preview 2024-10-01-preview"
        ),
        "actionGroups",
        "",
    ),
    Series(
        "Microsoft.Insights",
        "2014-04-01 2015-04-01 2021-05-01-preview 2022-10-01",
        "autoscaleSettings",
        "",
    ),
    Series(
        "Microsoft.Insights",
        "2019-11-01-preview 2021-04-01 2021-09-01-preview 2022-06-01 2023-03-11 2024-03-11",
        "dataCollectionRules dataCollectionEndpoints>2021-04-01",
        "dataCollectionRuleAssociations",
    ),
    Series(
        "Microsoft.Insights",
        "2015-07-01 2016-09-01 2017-05-01-preview 2020-01-01-preview 2021-05-01-preview",
        "",
        "diagnosticSettings",
    ),
    Series(
        "Microsoft.OperationalInsights",
        (
            "2015-11-01-preview 2017-03-15-preview 2017-04-26-preview 2020-03-01-preview 2020-08-01 2020-10-01 "
            "2021-06-01 2021-12-01-preview 2022-10-01 2023-09-01 2025-02-01 2025-07-01 2026-03-01"
        ),
        "workspaces",
        "",
    ),
    Series(
        "Microsoft.ManagedIdentity",
        (
            "2015-08-31-preview 2018-11-30 2021-09-30-preview 2022-01-31-preview 2023-01-31 2023-07-31-preview "
            "2024-11-30 2025-01-31-preview 2025-05-31-preview"
        ),
        "userAssignedIdentities",
        "userAssignedIdentities/federatedIdentityCredentials>2022-01-31-preview",
    ),
    Series(
        "Microsoft.KeyVault",
        (
            "2015-06-01 2016-10-01 2018-02-14 2018-02-14-preview 2019-09-01 2020-04-01-preview 2021-04-01-preview "
            "2021-06-01-preview 2021-10-01 2021-11-01-preview 2022-02-01-preview 2022-07-01 2022-11-01 2023-02-01 "
            "2023-07-01 2024-04-01-preview 2024-11-01 2024-12-01-preview 2025-05-01 2026-02-01 2026-03-01-preview"
        ),
        "vaults",
        "vaults/accessPolicies>2016-10-01 vaults/secrets>2016-10-01 vaults/keys>2019-09-01",
    ),
    Series(
        "Microsoft.ComputeSchedule",
        (
            "2024-08-15-preview 2024-10-01 2025-04-15-preview 2025-05-01 2026-01-01-preview 2026-03-01-preview "
            "2026-04-15-preview"
        ),
        "",
        (
            "operations locations/virtualMachinesExecuteStart locations/virtualMachinesExecuteDeallocate "
            "locations/virtualMachinesExecuteHibernate locations/virtualMachinesExecuteDelete "
            "locations/virtualMachinesSubmitStart locations/virtualMachinesSubmitDeallocate "
            "locations/virtualMachinesSubmitHibernate locations/virtualMachinesGetOperationStatus "
            "locations/virtualMachinesCancelOperations locations/virtualMachinesGetOperationErrors"
        ),
    ),
    Series(
        "Microsoft.DevTestLab",
        "2015-05-21-preview 2016-05-15 2018-09-15 2018-10-15-preview",
        "labs labs/virtualMachines schedules>2016-05-15",
        "",
    ),
)
