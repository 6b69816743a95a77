import { createServer, type AddressInfo } from 'node:net'
import { SluicewayError } from '../../src/core/errors.ts'

/**
 * Checks that an address can be listened on.
 *
 * @param host the address
 * @param port the port; 0 chooses a free one
 * @returns the port
 * @throws {SluicewayError} conflict when something listens there already, or the system refuses
 */
export async function freePort(host: string, port: number): Promise<number> {
  const server = createServer()
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, () => resolve((server.address() as AddressInfo).port))
    })
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    throw new SluicewayError(
      'conflict',
      code === 'EADDRINUSE'
        ? `Port ${port} on ${host} is in use; stop what listens there, or give another with --port`
        : `Port ${port} on ${host} cannot be listened on: ${message}`,
      { cause: thrown },
    )
  } finally {
    server.close()
  }
}
