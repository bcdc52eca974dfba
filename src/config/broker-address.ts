import type { MqttFile, PublishFile } from './schema.ts'

/**
 * Where the url of a broker leads, `host:port`, as two urls of one broker have it alike: the port filled in, the name in small
 * letters; `mqtt:` and `mqtts:` have ports of their own.
 *
 * @returns  null when it is no such url, or its port is none from 1 to 65535
 */
export const brokerAddress = (url: string): string | null => {
  const parts = URL.canParse(url) ? new URL(url) : null
  if (!parts?.hostname || parts.port === '0') return null
  return `${parts.hostname.toLowerCase()}:${parts.port || (parts.protocol === 'mqtts:' ? 8883 : 1883)}`
}

/** One broker of the file: where it stands, and the sessions it will have there. */
interface Sessions {
  readonly path: readonly [list: 'mqtt' | 'publish', at: number]
  readonly address: string
  readonly clientIds: readonly string[]
}

/**
 * Finds client ids that two brokers of the file would use at one address: two sessions of one client id throw each other out for ever.
 *
 * @param gateway  its id, which is part of a client id nobody gave
 */
export const checkSessions = (
  gateway: string,
  { mqtt = [], publish = [] }: { readonly mqtt?: readonly MqttFile[]; readonly publish?: readonly PublishFile[] },
  wrong: (path: readonly (string | number)[], message: string) => void,
): void => {
  const sessionsOf = (path: Sessions['path'], { id, url, clientId: given }: MqttFile | PublishFile, connections: number): Sessions[] => {
    const address = brokerAddress(url)
    if (address === null) {
      wrong([...path, 'url'], `is "${url}"; must be mqtt://HOST:PORT or mqtts://HOST:PORT with a port from 1 to 65535`)
      return []
    }
    const clientId = given ?? `gridtally-${gateway}-${id}`
    // As the transport names them: every connection after the first appends its number.
    return [{ path, address, clientIds: Array.from({ length: connections }, (_, n) => (n === 0 ? clientId : `${clientId}-${n}`)) }]
  }
  const all = [
    ...mqtt.flatMap((source, at) => sessionsOf(['mqtt', at], source, source.connections ?? 1)),
    ...publish.flatMap((target, at) => sessionsOf(['publish', at], target, 1)),
  ]
  for (const [nth, { path, address, clientIds }] of all.entries())
    for (const other of all.slice(0, nth)) {
      const shared = other.address === address ? clientIds.find((clientId) => other.clientIds.includes(clientId)) : undefined
      if (shared === undefined) continue
      const place = other.path.join('/')
      wrong(
        [...path, 'clientId'],
        `makes "${shared}" at ${address}, which is the same as that of ${place}, connection ${other.clientIds.indexOf(shared)}: give each its own`,
      )
    }
}
