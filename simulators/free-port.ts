import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Below this live servers everybody knows. */
const LOWEST = 10_240

/** The first port the system hands out by itself, for connections and for whoever listens on port 0. @source Linux, ip(7): ip_local_port_range */
const firstHandedOut = (): number => {
  try {
    return Number(/^\d+/.exec(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))?.[0] ?? 0)
  } catch {
    return 0
  }
}

/** Listens for a moment. @returns the port, null when somebody has it */
const tried = (port: number, host: string): Promise<number | null> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })

/**
 * A port that is free now, for a server that starts later or again. Where possible it is none the system hands out:
 * until that server listens, no connection and no other server gets it by chance.
 *
 * @throws when there is none
 */
export const freePort = async (host = '127.0.0.1'): Promise<number> => {
  const end = firstHandedOut()
  for (let tries = 0; tries < 20 && end > LOWEST; tries++) {
    const port = await tried(randomInt(LOWEST, end), host)
    if (port !== null) return port
  }
  const port = await tried(0, host)
  if (port === null) throw new Error(`no port of ${host} is free`)
  return port
}
