// Fanfold in Azure: one resource group with all that it needs. `azd up`, or `az deployment sub create` (docs/deploy.md).
targetScope = 'subscription'

@description('Name of this environment, such as "dev" or "prod". Part of the resource group\'s name and of every tag.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Azure region. It must offer Flex Consumption: az functionapp list-flexconsumption-locations')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Resource group to create or to use. Default: rg-fanfold-{environmentName}.')
param resourceGroupName string = 'rg-fanfold-${environmentName}'

@description('Major version of Node.js.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('Memory of one instance, in MB. More memory brings more CPU, at a proportional price. 512 has not been tried: see "Scaling" in docs/deploy.md.')
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

@description('Instances kept running for the API, 0 to 20. 0 costs nothing when idle; 1 saves the cold start of a call.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttp int = 0

@description('Redundancy of both storage accounts.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('Blob container of job data, 3 to 63 lower-case letters, digits and hyphens.')
@minLength(3)
@maxLength(63)
param dataContainer string = 'fanfold'

@description('App settings that job specs may name as secrets, such as ["GEOCODER_KEY", "MAIL_TOKEN@api.example.com"]: upper-case letters, digits and underscores; behind an @, the host that the secret may be sent to. Each is a reference to the secret of that name, with hyphens for underscores, in the vault.')
param secretNames string[] = []

@description('What the names of blobs that jobs may read begin with, separated by commas.')
param sourcePrefixes string = 'inbox/'

@description('What one deployment takes at most, such as {"items": 1000000, "jobs": 200}: items, jobs, uploadBytes, uploads, uploadAge (an ISO 8601 duration), bodyBytes. What is left out has its default.')
param caps object = {}

@description('Origins whose pages may call the API from a browser, such as ["https://console.example.com"]. Empty: none but its own.')
param allowedOrigins string[] = []

@description('Targets that jobs may call beyond what is open by itself: hosts, *.suffixes, addresses and ranges (10.1.0.0/16), each with or without a port. Private, loopback, link-local and platform addresses are closed unless they stand here.')
param allowedTargets string[] = []

@description('Targets that no job may call, in the same form; * closes all that is not allowed.')
param deniedTargets string[] = []

@description('Keys that the app itself asks callers for, with their levels: name:level:sha256-in-hex, separated by commas (docs/security.md). Empty: none, and whoever the platform lets in may do everything.')
@secure()
param keys string = ''

@description('true: who is signed in may do only what an app role of the Entra application says, also where there are no keys.')
@allowed([true, false])
param rolesRequired bool = false

@description('The level that a job needs to name a limiter or a rate, which others share.')
@allowed(['operate', 'admin'])
param limitersBy string = 'operate'

@description('Object id of who may write secrets into the vault (azd: you). Empty: nobody is given that role.')
param principalId string = ''

@description('What principalId is.')
@allowed(['User', 'ServicePrincipal', 'Group'])
param principalType string = 'User'

@description('true: the app in a virtual network, storage and vault reachable through private endpoints only.')
@allowed([true, false])
param vnetEnabled bool = false

@description('true: the vault stays reachable from outside the virtual network too, by those who have a role on it. For when references to a private vault do not resolve.')
@allowed([true, false])
param vaultPublicAccess bool = false

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

@description('Gigabytes of logs taken in a day, 1 or more; -1 for no limit. What comes after that is lost until the next day, and alerts on logs see nothing.')
@minValue(-1)
param logDailyCapGB int = 1

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
    alwaysReadyHttp: alwaysReadyHttp
    storageSku: storageSku
    dataContainer: dataContainer
    secretNames: secretNames
    sourcePrefixes: sourcePrefixes
    caps: caps
    allowedOrigins: allowedOrigins
    allowedTargets: allowedTargets
    deniedTargets: deniedTargets
    keys: keys
    rolesRequired: rolesRequired
    limitersBy: limitersBy
    operatorId: principalId
    operatorType: principalType
    vnetEnabled: vnetEnabled
    vnetAddressPrefix: vnetAddressPrefix
    vaultPublicAccess: vaultPublicAccess
    authClientId: authClientId
    alertEmail: alertEmail
    logRetentionDays: logRetentionDays
    logDailyCapGB: logDailyCapGB
  }
}

// The first five are names that azd and its users look for.
output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = resources.outputs.functionAppName
output SERVICE_API_NAME string = resources.outputs.functionAppName
output FUNCTION_APP_NAME string = resources.outputs.functionAppName
output FUNCTION_APP_URL string = resources.outputs.functionAppUrl
output HOST_STORAGE_NAME string = resources.outputs.hostStorageName
output DATA_STORAGE_NAME string = resources.outputs.dataStorageName
output KEY_VAULT_NAME string = resources.outputs.vaultName
output LOG_ANALYTICS_ID string = resources.outputs.logQueryId
