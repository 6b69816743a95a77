import { Socket } from 'node:net'

/**
 * Has every connection of this process send small packets at once, as those of workerd do. Node waits for the answer to the packet
 * before, and a server that has nothing to say yet answers after 40 ms.
 */
export function sendAtOnce(): void {
  const connect = Reflect.get(Socket.prototype, 'connect') as (...args: unknown[]) => Socket
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    this.setNoDelay(true)
    return Reflect.apply(connect, this, args) as Socket
  }
}
