// What burst.test.ts serves: the default config, where the limits of the platform hold.
import defaults from '../../src/config.ts'
import { defineConfig } from 'sluiceway/config'
import { d1 } from 'sluiceway/warehouses/d1'
import { limitedWarehouse, limitPlatform } from '../support/limited-platform.ts'

export default defineConfig((env) => {
  limitPlatform(env, 'webhook')
  return { ...defaults(env), warehouses: { tables: { use: limitedWarehouse(d1()), stageSeconds: 1 } } }
})
