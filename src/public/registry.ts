// `sluiceway/registry`: a client of schema registries that have Confluent's API.
export {
  type FoundSchema,
  findSchema,
  needKey,
  needVerdict,
  type SchemaNeed,
  typeOfRef,
} from '../registry/find-schema.ts'
export {
  RegistryCache,
  type SchemaReference,
  type SchemaText,
  type SubjectVersion,
} from '../registry/registry-cache.ts'
export {
  compatibilityLevels,
  type Compatibility,
  type CompatibilityLevel,
  RegistryClient,
  type SchemaDraft,
} from '../registry/registry-client.ts'
export { avroValues } from '../registry/avro-values.ts'
export { RegistryError } from '../registry/registry-error.ts'
export {
  checkRegistry,
  registryFields,
  type RegistryInput,
  type RegistrySettings,
} from '../registry/registry-settings.ts'
export { subjectName, type SubjectParts, type SubjectStrategy } from '../registry/subject-name.ts'
