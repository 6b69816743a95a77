import { positionsPath, stackMapper } from '../core/positions.ts'
import type { Bindings } from '../core/bindings.ts'
import type { Port } from '../core/port.ts'

/**
 * Lets a port say where in users' files a stack is. The positions are a binding or, in a deployment, an asset.
 *
 * A stack of which that is not known goes to the log as it is: `wrangler dev` shows it there with the user's file and line.
 *
 * @param port the world
 * @param bindings `POSITIONS`, else `ASSETS`
 */
export function stackPort(port: Port, { POSITIONS, ASSETS }: Pick<Bindings, 'POSITIONS' | 'ASSETS'>): Port {
  const read = async (): Promise<string | undefined> => {
    if (POSITIONS !== undefined) return POSITIONS
    // Any host: the binding looks at the path alone.
    const answer = await ASSETS?.fetch(`https://assets.local${positionsPath}`)
    if (answer?.ok === true) return answer.text()
    await answer?.body?.cancel()
    return undefined
  }
  // Not a line of JSON: wrangler looks for lines of a stack, to put the user's places into them.
  return { ...port, mapStack: stackMapper({ read, show: (stack) => console.error(stack) }) }
}
