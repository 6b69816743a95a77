import { type KafkaValues, makeKafkaValues } from '../../destinations/kafka/values.ts'
import { makeDecoder } from '../../src/avro/codec.ts'
import { readFrame } from '../../src/avro/framing.ts'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { findSchema, needKey, needVerdict, typeOfRef } from '../../src/registry/find-schema.ts'
import { RegistryClient } from '../../src/registry/registry-client.ts'

/** One for each registry, as a config has them: what is known is shared by the requests of the isolate. */
const destinations = new Map<string, KafkaValues>()

/** Takes an event, and the URL of a registry in the query: gives the record's value in base64, and what a consumer reads. */
export default {
  async fetch(request) {
    const url = new URL(request.url).searchParams.get('registry') ?? ''
    const values = destinations.get(url) ?? makeKafkaValues({ topic: 'orders', registry: { url, allowPrivate: true } })
    destinations.set(url, values)
    const text = await request.text()
    const header = { id: 'order-1843', key: 'ada', source: 'web', receivedAt: '', to: [], facts: {} }
    const envelope = new Envelope(header, text)
    const plan = values.plan(envelope)
    if (plan.kind !== 'plan' || plan.need === undefined || values.registry === undefined) return Response.json(plan)
    const { need } = plan
    const client = new RegistryClient(values.registry, realPort)
    const answer = await findSchema(client, need).catch((error: unknown) => needVerdict(need, error))
    const record = values.encode(envelope, plan, new Map([[needKey(need), answer]]))
    if (record.kind !== 'record' || record.value === null) return Response.json(record)
    const { schema, payload } = readFrame(record.value)
    const reader = parseSchema(
      '{"type":"record","name":"Order","fields":[{"name":"total","type":"double"},{"name":"seen","type":"string","default":"in workerd"}]}',
    )
    const read = makeDecoder(await typeOfRef(client, schema), { reader })(payload)
    return Response.json({ value: btoa(String.fromCharCode(...record.value)), read })
  },
} satisfies ExportedHandler
