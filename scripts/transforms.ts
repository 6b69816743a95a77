// `npm run transforms -- test`: runs the tests that lie beside transforms.
import { reasonOf } from '../src/core/errors.ts'
import { repository } from './build/repository.ts'
import { transforms } from './transforms/command.ts'

try {
  process.exitCode = await transforms({ ...repository, argv: process.argv.slice(2), say: console.log })
} catch (thrown) {
  console.error(reasonOf(thrown))
  process.exitCode = 1
}
