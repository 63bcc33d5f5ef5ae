// What somebody should be told of. docs/operate.md says, by alert, what it means and what to do.
param namePrefix string
param location string
param tags object
param workspaceId string
param appName string
param storageIds string[]

@description('Where alerts are sent; empty: they are shown in the portal and sent to nobody.')
param email string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: '${namePrefix}-people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'fanfold'
    enabled: true
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

// Log queries rather than platform metrics, which Flex Consumption offers only in part.
var queries = [
  {
    name: 'failed-orchestrations'
    title: 'Fanfold: an orchestration failed'
    description: 'A runjob or runworker orchestration ended in an error that Fanfold did not expect.'
    severity: 1
    threshold: 0
    query: 'AppTraces | where AppRoleName =~ "${appName}" | where Properties.prop__functionType == "Orchestrator" and Properties.prop__state == "Failed"'
  }
  {
    name: 'server-errors'
    title: 'Fanfold: the API answers 5xx'
    description: 'More than five answers of 500 and above in 15 minutes.'
    severity: 2
    threshold: 5
    query: 'AppRequests | where AppRoleName =~ "${appName}" | where toint(ResultCode) >= 500'
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [
  for q in queries: {
    name: '${namePrefix}-${q.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: q.title
      description: q.description
      severity: q.severity
      enabled: true
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      scopes: [workspaceId]
      autoMitigate: true
      // The tables come into being with the first line logged.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: q.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: q.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(email) ? [] : [people.id] }
    }
  }
]

resource throttling 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for (id, i) in storageIds: {
    name: '${namePrefix}-storage-throttled-${i == 0 ? 'host' : 'data'}'
    location: 'global'
    tags: tags
    properties: {
      description: 'Storage turned requests away because there were too many.'
      severity: 2
      enabled: true
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      scopes: [id]
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: 'throttled'
            metricNamespace: 'Microsoft.Storage/storageAccounts'
            metricName: 'Transactions'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 100
            dimensions: [
              {
                name: 'ResponseType'
                operator: 'Include'
                values: [
                  'ServerBusyError'
                  'ClientThrottlingError'
                  'ClientAccountRequestThrottlingError'
                  'ClientAccountBandwidthThrottlingError'
                ]
              }
            ]
          }
        ]
      }
      actions: empty(email) ? [] : [{ actionGroupId: people.id }]
    }
  }
]
