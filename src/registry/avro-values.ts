import { AvroError } from '../avro/avro-error.ts'
import { type DecodeValue, makeDecoder } from '../avro/codec.ts'
import { readFrame, schemaHeaders } from '../avro/framing.ts'
import type { AvroType } from '../avro/schema.ts'
import { SluicewayError } from '../core/errors.ts'
import type { KafkaSource } from '../core/kafka-source.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { typeOfRef } from './find-schema.ts'
import { RegistryClient } from './registry-client.ts'
import { RegistryError } from './registry-error.ts'
import { checkRegistry, type RegistryInput } from './registry-settings.ts'

/** Milliseconds that all calls for one schema may take, references included: less than a value may take to be decoded. */
const schemaMs = 100_000

/**
 * Reads values of a Kafka source that are Avro, of the schema whose id stands before them or in a header, as Confluent's
 * serializers write them. A long beyond 2^53 becomes text.
 *
 * @param input the registry that has the schemas
 * @returns what `values` of a Kafka source takes
 * @throws {SluicewayError} config_invalid when the settings are wrong: the start tells it
 * @example kafka({ front, topics: ['orders'], values: avroValues({ url: 'https://registry.example.com' }), map })
 */
export function avroValues(input: RegistryInput): KafkaSource['decode'] {
  const { settings, problems } = checkRegistry(input)
  if (problems.length > 0)
    throw new SluicewayError('config_invalid', `avroValues: ${problems.join('; ')}`, { details: { problems } })
  const decoders = new WeakMap<AvroType, DecodeValue>()
  return async ({ value, headers }, port) => {
    if (value === null) return null
    const header = headers.findLast(([name]) => name === schemaHeaders.value)?.[1]
    const { schema, payload } = readFrame(value, header)
    try {
      const type = await withTimeout(
        typeOfRef(new RegistryClient(settings, port), schema),
        schemaMs,
        'the schema registry',
      )
      let decode = decoders.get(type)
      if (decode === undefined) decoders.set(type, (decode = makeDecoder(type, { bigLongs: 'text', bytes: 'base64' })))
      return decode(payload)
    } catch (error) {
      // The record is all right: it is read again when the registry answers, or has been given the right credential.
      const isRecord = error instanceof AvroError || (error instanceof RegistryError && error.isMissing)
      if (isRecord) throw error
      throw new SluicewayError('kafka_unavailable', error instanceof Error ? error.message : String(error), {
        cause: error,
        details: {
          nextStep: 'Look at the schema registry, and at the credential in avroValues(): records wait for it.',
        },
      })
    }
  }
}
