// `npm start`: builds Sluiceway and serves it on this machine with durable state. `npm start -- --help` tells the options.
import { buildAssets } from './build/assets.ts'
import { repository } from './build/repository.ts'
import { serve } from './start/serve.ts'

serve({
  ...repository,
  argv: process.argv.slice(2),
  prepare: (say) => buildAssets({ root: repository.root, say }),
})
