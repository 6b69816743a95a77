import { Hono } from 'hono'
import type { AppContext } from '../core/app-context.ts'
import { about } from './health.ts'
import { pathIn } from './path.ts'
import { pixel } from './pixel.ts'
import { reset } from './reset.ts'
import { analyticsJs } from './sdk-assets.ts'
import { sdk } from './sdk.ts'
import { segmentSettings } from './segment-settings.ts'
import { sourceConfig } from './source-config.ts'
import { webhook } from './webhook.ts'

/** Everything that sends events, or asks before it does, is answered here. */
export const ingestRoutes = new Hono<{ Bindings: AppContext }>({ getPath: pathIn })

for (const surface of [sdk, pixel, webhook, sourceConfig, segmentSettings, analyticsJs, reset, about])
  ingestRoutes.route('/', surface)
