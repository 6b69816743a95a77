/** An answer that is no success, in the form of Upstash's Kafka REST API: `{"error","status"}`. */
export class KafkaError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 500 | 503

  constructor(status: KafkaError['status'], message: string) {
    super(message)
    this.name = 'KafkaError'
    this.status = status
  }
}
