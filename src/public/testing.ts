// `sluiceway/testing`: runs a transform in a test as a deployment runs it.
export { type TestedTransform, type TestEvent, type TestOptions, testTransform } from '../transforms/test-transform.ts'
