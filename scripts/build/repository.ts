import { join, resolve } from 'node:path'
import type { Place } from './worker.ts'

const root = resolve(import.meta.dirname, '../..')

/** This repository as a place to build in. */
export const repository: Place = { root, home: root, builds: join(root, 'dist') }
