/** Whether a call or a record may be sent again: not taken, never to be taken, or nobody knows. */
export type KafkaRetry = 'yes' | 'no' | 'unknown'

/** An answer that is no success, in the form of Upstash's Kafka REST API: `{"error","status"}`. */
export class KafkaError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 416 | 500 | 503
  readonly retry: KafkaRetry

  constructor(status: KafkaError['status'], message: string, retry: KafkaRetry = status === 503 ? 'yes' : 'no') {
    super(message)
    this.name = 'KafkaError'
    this.status = status
    this.retry = retry
  }
}
