import { expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { errorOf } from '../../src/fronts/shared/front-answer.ts'
import { nextStepFor } from '../../src/kafka/next-step.ts'

const credential = 'Correct the credential of the front, or what its user may read and write.'
const topic = 'Make the topic, let the user of the front see it, or correct its name in the config.'

test.each<[string, unknown, string]>([
  ['a refused credential', errorOf({ status: 401, text: 'Unauthorized' }, 'read records'), credential],
  [
    'a credential that the brokers refuse',
    new SluicewayError('kafka_refused', 'Kafka refuses (SASL_AUTHENTICATION_FAILED): invalid credentials'),
    credential,
  ],
  ['a topic that is not there', errorOf({ status: 404, text: 'no topic orders' }, 'the partitions of orders'), topic],
  [
    'a front that is down',
    errorOf({ status: 503, text: '' }, 'read records'),
    'Nothing, if it passes: it is tried again. If it lasts, look at the front and its brokers.',
  ],
  [
    'a stream that takes nothing',
    new SluicewayError('stream_unavailable', 'the log does not answer'),
    'Look at the stream of this deployment: records wait until it takes their events.',
  ],
  [
    'what knows it best',
    new SluicewayError('kafka_unavailable', '', { details: { nextStep: 'Look there.' } }),
    'Look there.',
  ],
  [
    'a fault of ours',
    new TypeError('x is undefined'),
    'Look into the log: nothing is passed over, and it is tried again.',
  ],
])('whoever looks at %s is told what to do', (_what, error, step) => {
  expect(nextStepFor(error)).toBe(step)
})
