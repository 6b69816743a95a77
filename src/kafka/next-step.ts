import { SluicewayError } from '../core/errors.ts'

/**
 * What somebody should do about a Kafka that cannot be read or written, as a sentence.
 *
 * @param error `details.nextStep` says it where only the place that has thrown it knows
 */
export function nextStepFor(error: unknown): string {
  if (!(error instanceof SluicewayError)) return 'Look into the log: nothing is passed over, and it is tried again.'
  const { code, details, message } = error
  const { nextStep, status } = details
  if (typeof nextStep === 'string') return nextStep
  if (code === 'kafka_unavailable')
    return 'Nothing, if it passes: it is tried again. If it lasts, look at the front and its brokers.'
  if (code !== 'kafka_refused')
    return 'Look at the stream of this deployment: records wait until it takes their events.'
  return status === 401 || status === 403 || /SASL|AUTHENTICATION|AUTHORIZATION|\bTLS\b/.test(message)
    ? 'Correct the credential of the front, or what its user may read and write.'
    : 'Make the topic, let the user of the front see it, or correct its name in the config.'
}
