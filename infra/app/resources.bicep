// Everything inside the resource group, in the order in which it depends on one another.
param location string
param tags object

@description('Part of every name, unique in Azure for this subscription, environment and region.')
param token string

@allowed(['22', '24'])
param nodeVersion string

@allowed([512, 2048, 4096])
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyDurable int
param alwaysReadyHttp int

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string
param dataContainer string
param secretNames string[]
param sourcePrefixes string
param caps object
param allowedOrigins string[]
param allowedTargets string[]
param deniedTargets string[]

@secure()
param keys string
param rolesRequired bool

@allowed(['operate', 'admin'])
param limitersBy string
param operatorId string

@allowed(['User', 'ServicePrincipal', 'Group'])
param operatorType string
param vnetEnabled bool
param vnetAddressPrefix string
param vaultPublicAccess bool
param authClientId string
param alertEmail string
param logRetentionDays int
param logDailyCapGB int

var packageContainer = 'deployments'

// Names are made here, not taken from modules' outputs, so that `what-if` can tell what a deployment would change.
var names = {
  identity: 'id-fanfold-${token}'
  workspace: 'log-fanfold-${token}'
  insights: 'appi-fanfold-${token}'
  hostStorage: 'sthost${token}'
  dataStorage: 'stdata${token}'
  vault: 'kv-${token}'
  network: 'vnet-fanfold-${token}'
  plan: 'plan-fanfold-${token}'
  app: 'func-fanfold-${token}'
}

module identity 'identity.bicep' = {
  name: 'identity'
  params: { name: names.identity, location: location, tags: tags }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: names.workspace
    insightsName: names.insights
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGB: logDailyCapGB
  }
}

module hostStorage 'storage.bicep' = {
  name: 'host-storage'
  params: {
    name: names.hostStorage
    location: location
    tags: tags
    sku: storageSku
    containers: [packageContainer]
    services: ['blob', 'queue', 'table']
    privateOnly: vnetEnabled
    workspaceId: monitoring.outputs.workspaceId
  }
}

module dataStorage 'storage.bicep' = {
  name: 'data-storage'
  params: {
    name: names.dataStorage
    location: location
    tags: tags
    sku: storageSku
    containers: [dataContainer]
    services: ['blob']
    privateOnly: vnetEnabled
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  params: {
    name: names.vault
    location: location
    tags: tags
    privateOnly: vnetEnabled && !vaultPublicAccess
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'network.bicep' = if (vnetEnabled) {
  name: 'network'
  params: {
    name: names.network
    location: location
    tags: tags
    addressPrefix: vnetAddressPrefix
    hostStorageId: hostStorage.outputs.id
    dataStorageId: dataStorage.outputs.id
    vaultId: vault.outputs.id
  }
}

module roles 'roles.bicep' = {
  name: 'roles'
  params: {
    identityName: names.identity
    principalId: identity.outputs.principalId
    hostStorageName: names.hostStorage
    dataStorageName: names.dataStorage
    insightsName: names.insights
    vaultName: names.vault
    operatorId: operatorId
    operatorType: operatorType
  }
  dependsOn: [hostStorage, dataStorage, monitoring, vault]
}

module function 'function.bicep' = {
  name: 'function'
  params: {
    planName: names.plan
    name: names.app
    location: location
    tags: tags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyDurable: alwaysReadyDurable
    alwaysReadyHttp: alwaysReadyHttp
    identityName: names.identity
    hostStorageName: names.hostStorage
    packageContainer: packageContainer
    dataBlobEndpoint: dataStorage.outputs.blobEndpoint
    dataContainer: dataContainer
    insightsName: names.insights
    vaultUri: vault.outputs.uri
    secretNames: secretNames
    sourcePrefixes: sourcePrefixes
    caps: caps
    allowedOrigins: allowedOrigins
    allowedTargets: allowedTargets
    deniedTargets: deniedTargets
    keys: keys
    rolesRequired: rolesRequired
    limitersBy: limitersBy
    subnetId: network.?outputs.appSubnetId ?? ''
    authClientId: authClientId
    workspaceId: monitoring.outputs.workspaceId
  }
  // The host needs its roles at its first start; nothing in its parameters says so.
  dependsOn: [roles]
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    namePrefix: 'fanfold-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    appName: names.app
    storageIds: [hostStorage.outputs.id, dataStorage.outputs.id]
    email: alertEmail
  }
}

output functionAppName string = names.app
output functionAppUrl string = 'https://${function.outputs.hostName}'
output hostStorageName string = names.hostStorage
output dataStorageName string = names.dataStorage
output vaultName string = names.vault
output logQueryId string = monitoring.outputs.queryId
