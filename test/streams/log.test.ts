import { log } from '../../src/streams/log.ts'
import { streamSuite } from './stream-suite.ts'

streamSuite({ driver: 'log', limits: log().limits })
