import { createServer } from 'node:net'
import { SluicewayError } from '../../src/core/errors.ts'

/**
 * Where ports are chosen: below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere), one of
 * which might take the port in the moment in which a runtime that died starts again on it.
 */
const first = 15_000
const last = 32_000
const tries = 20

/**
 * Checks that an address can be listened on.
 *
 * @param host the address
 * @param port the port; 0 chooses a free one
 * @returns the port
 * @throws {SluicewayError} conflict when something listens there already, or the system refuses
 */
export async function freePort(host: string, port: number): Promise<number> {
  for (let left = tries; ; left--) {
    const wanted = port === 0 ? first + Math.floor(Math.random() * (last - first)) : port
    try {
      await listen(host, wanted)
      return wanted
    } catch (thrown) {
      const { code, message } = thrown as NodeJS.ErrnoException
      if (port === 0 && left > 1 && code === 'EADDRINUSE') continue
      throw new SluicewayError(
        'conflict',
        code === 'EADDRINUSE'
          ? `Port ${wanted} on ${host} is in use; stop what listens there, or give another with --port`
          : `Port ${wanted} on ${host} cannot be listened on: ${message}`,
        { cause: thrown },
      )
    }
  }
}

/** Listens for a moment. */
async function listen(host: string, port: number): Promise<void> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, () => resolve())
    })
  } finally {
    server.close()
  }
}
