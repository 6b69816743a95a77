import { SluicewayError } from '../../src/core/errors.ts'
import type { Logbook } from './logbook.ts'

/**
 * Asks a Worker that was just started whether it can work: its config is evaluated with the first request. What is wrong
 * with the config stands in its log, because strangers may read its answers.
 *
 * @param url where it is served
 * @param log what it has logged
 * @throws {SluicewayError} config_invalid with the list of problems, internal when it answers anything else than 200 within
 *   10 seconds
 */
export async function checkHealth(url: string, log: Logbook): Promise<void> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  if (response.ok) return
  const { code, message } = readError(text)
  if (code === 'config_invalid') {
    const problems = (await log.find('the config is not valid'))?.['problems']
    throw new SluicewayError('config_invalid', Array.isArray(problems) ? problems.join('\n') : (message ?? text))
  }
  log.open()
  throw new SluicewayError('internal', `The Worker is not well: ${response.status} ${message ?? text.slice(0, 500)}`)
}

function readError(text: string): { code?: string; message?: string } {
  try {
    return JSON.parse(text) as { code?: string; message?: string }
  } catch {
    return {}
  }
}
