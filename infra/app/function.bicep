// The Function App: Flex Consumption, Linux, everything reached by identity.
param planName string
param name string
param location string
param tags object

@description('Major version of Node.js.')
@allowed(['22', '24'])
param nodeVersion string

@description('Memory of one instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('Most instances at a time.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances kept running for orchestrations, entities and activities.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurable int

@description('Instances kept running for the HTTP routes.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttp int

param identityName string
param hostStorageName string
param packageContainer string
param dataBlobEndpoint string
param dataContainer string
param insightsName string
param vaultUri string

@description('Names of the app settings that job specs may name as secrets; behind an @, a host that may see the secret.')
param secretNames string[]

@description('What the names of blobs that jobs may read begin with, separated by commas.')
param sourcePrefixes string
param caps object

@description('Origins whose pages may call the API from a browser.')
param allowedOrigins string[]

@description('Targets that jobs may call beyond what is open by itself: hosts, *.suffixes, addresses and ranges, each with or without a port.')
param allowedTargets string[]

@description('Targets that no job may call, in the same form; * closes all that is not allowed.')
param deniedTargets string[]

@description('Keys that the app asks callers for, as digests with names and levels.')
@secure()
param keys string

@description('Whether who is signed in needs an app role.')
param rolesRequired bool

@description('The level that a job needs to name a limiter or a rate.')
@allowed(['operate', 'admin'])
param limitersBy string

@description('Subnet of the app; empty when the app is in no virtual network.')
param subnetId string

@description('Client id of the Entra application that callers sign in to; empty leaves the API to function keys alone.')
param authClientId string

param workspaceId string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostStorageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// Empty: the app's own default.
var allCaps = union(
  {
    items: ''
    jobs: ''
    uploadBytes: ''
    uploads: ''
    uploadAge: ''
    bodyBytes: ''
  },
  caps
)

// FUNCTIONS_WORKER_RUNTIME and FUNCTIONS_EXTENSION_VERSION are missing on purpose: Flex Consumption refuses them. And the task hub's name:
// the platform, which wakes instances up, reads it in host.json and knows of no setting over it.
var settings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AzureWebJobsStorage__blobServiceUri: hostStorage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: hostStorage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: hostStorage.properties.primaryEndpoints.table
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  AZURE_CLIENT_ID: identity.properties.clientId
  FANFOLD_DATA_ACCOUNT_URL: dataBlobEndpoint
  FANFOLD_CONTAINER: dataContainer
  FANFOLD_SWEEP_SCHEDULE: '0 */5 * * * *'
  FANFOLD_SECRETS: join(secretNames, ',')
  FANFOLD_SOURCE_PREFIXES: sourcePrefixes
  FANFOLD_ALLOWED_ORIGINS: join(allowedOrigins, ',')
  FANFOLD_ALLOWED_TARGETS: join(allowedTargets, ',')
  FANFOLD_DENIED_TARGETS: join(deniedTargets, ',')
  FANFOLD_KEYS: keys
  FANFOLD_ROLES: rolesRequired ? 'required' : ''
  FANFOLD_LIMITERS_BY: limitersBy
  FANFOLD_MAX_ITEMS: string(allCaps.items)
  FANFOLD_MAX_JOBS: string(allCaps.jobs)
  FANFOLD_MAX_UPLOAD_BYTES: string(allCaps.uploadBytes)
  FANFOLD_MAX_UPLOADS: string(allCaps.uploads)
  FANFOLD_UPLOAD_MAX_AGE: string(allCaps.uploadAge)
  FANFOLD_MAX_BODY_BYTES: string(allCaps.bodyBytes)
}

// A secret with several hosts is listed several times, and is one setting.
var secrets = union(map(secretNames, entry => split(entry, '@')[0]), [])

// A vault's secret names have hyphens where an app setting's have underscores. Without a version, the newest value is taken within a day.
var secretSettings = toObject(
  secrets,
  name => name,
  name => '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${replace(name, '_', '-')})'
)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // azd finds the app that a service is deployed to by this tag.
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      cors: { allowedOrigins: allowedOrigins }
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: filter(
          [
            { name: 'http', instanceCount: alwaysReadyHttp }
            { name: 'durable', instanceCount: alwaysReadyDurable }
          ],
          ready => ready.instanceCount > 0
        )
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(secretSettings, settings)
  }

  // Deployment by Entra token only.
  resource scmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  // Tokens are checked, nobody is sent to a sign-in page: an API answers 401. No client secret is needed for that.
  resource signIn 'config' = if (!empty(authClientId)) {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: true }
      globalValidation: {
        requireAuthentication: true
        unauthenticatedClientAction: 'Return401'
        // The first says only whether the app is well. The second still asks for a key; it is where `az` looks after a deployment, without a token and without end.
        excludedPaths: ['/api/health', '/admin/host/status']
      }
      httpSettings: { requireHttps: true }
      identityProviders: {
        azureActiveDirectory: {
          enabled: true
          registration: {
            clientId: authClientId
            openIdIssuer: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
          }
          validation: {
            allowedAudiences: [authClientId, 'api://${authClientId}']
          }
        }
      }
      login: { tokenStore: { enabled: false } }
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output hostName string = app.properties.defaultHostName
