// Fanfold in Azure: one resource group with all that it needs. `azd up`, or `az deployment sub create` (docs/deploy.md).
targetScope = 'subscription'

@description('Name of this environment, such as "dev" or "prod". Part of the resource group\'s name and of every tag.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region. It must offer Flex Consumption: az functionapp list-flexconsumption-locations')
@minLength(1)
param location string

@description('Resource group to create or to use. Default: rg-fanfold-{environmentName}.')
param resourceGroupName string = 'rg-fanfold-${environmentName}'

@description('Major version of Node.js.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('Memory of one instance, in MB. More memory brings more CPU, at a proportional price.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at a time, 40 to 1000. It bounds cost, not the rate of calls: limits in the job spec do that.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances kept running for jobs, 0 to 20. 0 costs nothing when idle; 1 saves the cold start of a job.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int = 0

@description('Redundancy of both storage accounts.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('Blob container of job data, 3 to 63 lower-case letters, digits and hyphens.')
@minLength(3)
@maxLength(63)
param dataContainer string = 'fanfold'

@description('Durable task hub, 3 to 45 letters and digits. A new name starts with no orchestrations: see "Moving a task hub" in docs/deploy.md.')
@minLength(3)
@maxLength(45)
param taskHubName string = 'FanfoldHub'

@description('App settings that job specs may name as secrets, such as ["GEOCODER_KEY"]: upper-case letters, digits and underscores. Each is a reference to the secret of that name, with hyphens for underscores, in the vault.')
param secretNames string[] = []

@description('Object id of who may write secrets into the vault (azd: you). Empty: nobody is given that role.')
param principalId string = ''

@description('What principalId is.')
@allowed(['User', 'ServicePrincipal', 'Group'])
param principalType string = 'User'

@description('true: the app in a virtual network, storage and vault reachable through private endpoints only.')
@allowed([true, false])
param vnetEnabled bool = false

@description('Address range of the virtual network, a /25 or larger.')
param vnetAddressPrefix string = '10.60.0.0/24'

@description('Client id of an Entra application. When set, callers need its token as well as a function key. Empty: function keys alone.')
param authClientId string = ''

@description('Address that alerts are mailed to. Empty: alerts are seen in the portal only.')
param alertEmail string = ''

@description('Days that logs are kept, 30 to 730.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Tags for every resource, beside those of Fanfold.')
param tags object = {}

var allTags = union(tags, { application: 'fanfold', 'azd-env-name': environmentName })

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module resources 'app/resources.bicep' = {
  scope: group
  name: 'fanfold'
  params: {
    location: location
    tags: allTags
    token: toLower(uniqueString(subscription().id, resourceGroupName, location))
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyDurable: alwaysReadyDurable
    storageSku: storageSku
    dataContainer: dataContainer
    taskHubName: taskHubName
    secretNames: secretNames
    operatorId: principalId
    operatorType: principalType
    vnetEnabled: vnetEnabled
    vnetAddressPrefix: vnetAddressPrefix
    authClientId: authClientId
    alertEmail: alertEmail
    logRetentionDays: logRetentionDays
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = resources.outputs.functionAppName
output FUNCTION_APP_URL string = resources.outputs.functionAppUrl
output HOST_STORAGE_NAME string = resources.outputs.hostStorageName
output DATA_STORAGE_NAME string = resources.outputs.dataStorageName
output KEY_VAULT_NAME string = resources.outputs.vaultName
output LOG_ANALYTICS_ID string = resources.outputs.logQueryId
