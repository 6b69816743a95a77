// `sluiceway/avro`: Avro without code generation, and the frames that name a schema of a registry.
export { AvroError } from '../avro/avro-error.ts'
export { canonicalForm, fingerprintOf } from '../avro/canonical.ts'
export {
  type DecoderOptions,
  type DecodeValue,
  type EncodeValue,
  makeDecoder,
  makeEncoder,
  makeSkipper,
} from '../avro/codec.ts'
export type { DecodeOptions } from '../avro/decode.ts'
export type { EncodeOptions } from '../avro/encode.ts'
export { type FramedData, frameOf, readFrame, schemaHeaders, type SchemaRef } from '../avro/framing.ts'
export { parseSchema } from '../avro/parse-schema.ts'
export { type AvroType, namedTypesOf, type NamedType, typeName } from '../avro/schema.ts'
