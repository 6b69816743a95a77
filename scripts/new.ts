// `npm run new -- transform <name> [--python]`: makes a transform with cases beside it.
import { reasonOf } from '../src/core/errors.ts'
import { repository } from './build/repository.ts'
import { makeNew } from './transforms/new-transform.ts'

try {
  makeNew({ root: repository.root, argv: process.argv.slice(2), say: console.log })
} catch (thrown) {
  console.error(reasonOf(thrown))
  process.exitCode = 1
}
