// One storage account, without keys and without anonymous reading. Called once for the host and once for job data:
// the host's account holds function keys and the task hub, and job data has its own limits on requests per second.
param name string
param location string
param tags object

@description('Redundancy of the account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param sku string

@description('Blob containers to create.')
param containers string[]

@description('Whether the account is reached through private endpoints only.')
param privateOnly bool

@description('Services whose metrics go to Log Analytics; those that the account is used for.')
param services ('blob' | 'queue' | 'table')[]

param workspaceId string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
    }
  }

  // No soft delete of blobs: control and status blobs are overwritten all the time, and every old version would be kept and paid for.
  resource blob 'blobServices' = {
    name: 'default'
    properties: {
      containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    }

    resource container 'containers' = [
      for name in containers: {
        name: name
        properties: { publicAccess: 'None' }
      }
    ]
  }

  resource queue 'queueServices' = if (contains(services, 'queue')) {
    name: 'default'
  }

  resource table 'tableServices' = if (contains(services, 'table')) {
    name: 'default'
  }
}

// Metrics only: a log line for each of millions of storage requests would cost more than the requests.
var metrics = [
  { category: 'Transaction', enabled: true }
]

resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: account::blob
  properties: { workspaceId: workspaceId, metrics: metrics }
}

resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (contains(services, 'queue')) {
  name: 'to-log-analytics'
  scope: account::queue
  properties: { workspaceId: workspaceId, metrics: metrics }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (contains(services, 'table')) {
  name: 'to-log-analytics'
  scope: account::table
  properties: { workspaceId: workspaceId, metrics: metrics }
}

output id string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
