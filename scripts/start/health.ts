import { SluicewayError } from '../../src/core/errors.ts'

/**
 * Asks a Worker that was just started whether it can work: its config is evaluated with the first request.
 *
 * @param url where it is served
 * @throws {SluicewayError} config_invalid with the Worker's list of problems, internal when it answers anything else than
 *   200 within 10 seconds
 */
export async function checkHealth(url: string): Promise<void> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  if (response.ok) return
  const { code, message } = readError(text)
  if (code === 'config_invalid' && message !== undefined) throw new SluicewayError('config_invalid', message)
  throw new SluicewayError('internal', `The Worker is not well: ${response.status} ${message ?? text.slice(0, 500)}`)
}

function readError(text: string): { code?: string; message?: string } {
  try {
    return JSON.parse(text) as { code?: string; message?: string }
  } catch {
    return {}
  }
}
