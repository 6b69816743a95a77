import type { ErrorFound } from './failure-scope.ts'

/** Where a warehouse is, as the hints name it; nothing of it is a secret. */
export interface BigQueryPlace {
  readonly project: string
  readonly dataset: string
  /** Of the service account. */
  readonly email: string
}

const page = 'docs/warehouse-bigquery.md'

/**
 * Says what to do about an error of BigQuery.
 *
 * @param error as it was found
 * @param place where the warehouse is
 * @returns one sentence; empty where BigQuery's own words must do
 * @example hintOf({ reason: 'billingNotEnabled', message: '' }, place) // 'Turn billing on for the project "acme": …'
 */
export function hintOf({ reason, message, status }: ErrorFound, { project, dataset, email }: BigQueryPlace): string {
  switch (reason) {
    case 'accessDenied':
    case 'forbidden':
    case 'insufficientPermissions':
      return `Give ${email} the roles of ${page}.`
    case 'accessNotConfigured':
    case 'SERVICE_DISABLED':
      return `Turn the BigQuery API on: gcloud services enable bigquery.googleapis.com --project ${project}.`
    case 'billingNotEnabled':
      return `Turn billing on for the project "${project}": without it BigQuery changes no rows.`
    case 'quotaExceeded':
      return `A quota of the project is used up: load less often (\`everyMinutes\`); ${page} has the limits.`
    case 'rateLimitExceeded':
    case 'jobRateLimitExceeded':
      return `Too much at once, which passes; where it does not, load less often (\`everyMinutes\`).`
    case 'notFound':
      if (/not found: project/i.test(message)) return `Check \`project\`: there is no "${project}".`
      return /not found: dataset/i.test(message)
        ? `The dataset "${dataset}" is not there, or is in another location than its jobs.`
        : ''
    default:
      return status === 401 ? `Check \`credentials\`: the key of ${email} may be deleted or disabled.` : ''
  }
}
