import { Latencies } from './latencies.ts'
import type { ReadyRequest } from './requests.ts'
import { fixed, table, whole } from './table.ts'

/** How long accepted events took to the sink. To be read once all of them are there. */
export class Delays {
  readonly #arrivals: Float64Array
  readonly #sent: { readonly request: ReadyRequest; readonly sentAt: number; readonly answeredAt: number }[] = []
  #read: { readonly sinceSent: Latencies; readonly sinceAnswer: Latencies; readonly missing: number } | undefined

  /** @param arrivals when the event of each number arrived, as a sink notes it */
  constructor(arrivals: Float64Array) {
    this.#arrivals = arrivals
  }

  /** Notes a request that was answered with 200. */
  readonly sent = (request: ReadyRequest, sentAt: number, answeredAt: number): void => {
    this.#sent.push({ request, sentAt, answeredAt })
  }

  get sinceSent(): Latencies {
    return this.#all().sinceSent
  }

  summary(): string {
    const { sinceSent, sinceAnswer, missing } = this.#all()
    const row = (about: string, latencies: Latencies) => [
      about,
      ...[0.5, 0.99, 1].map((share) => fixed(latencies.quantile(share))),
    ]
    const rows = [['ms', 'p50', 'p99', 'longest'], row('sent → sink', sinceSent), row('200 → sink', sinceAnswer)]
    return table(rows) + (missing === 0 ? '' : `\nNOT AT THE SINK: ${whole(missing)} events`)
  }

  #all() {
    if (this.#read !== undefined) return this.#read
    const [sinceSent, sinceAnswer] = [new Latencies(), new Latencies()]
    let missing = 0
    for (const { request, sentAt, answeredAt } of this.#sent)
      for (let number = request.first; number < request.first + request.count; number++) {
        const arrivedAt = this.#arrivals[number] ?? 0
        if (arrivedAt === 0) missing++
        else {
          sinceSent.add(arrivedAt - sentAt)
          sinceAnswer.add(arrivedAt - answeredAt)
        }
      }
    return (this.#read = { sinceSent, sinceAnswer, missing })
  }
}
