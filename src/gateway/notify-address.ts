import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { ok, type Result } from '../core/index.ts'
import { notifyFailure } from './notify-errors.ts'

/** Networks that are none of the outside world. @source IANA special-purpose address registries (RFC 6890), as of 2024 */
const SPECIAL = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // All of IPv6 but 2000::/3, and of that what carries IPv4 addresses or is for documentation.
  ...['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
]

type Family = 'ipv4' | 'ipv6'
const familyOf = (address: string): Family | null => (isIP(address) === 4 ? 'ipv4' : isIP(address) === 6 ? 'ipv6' : null)

/** Ranges of one family alone: a list of both takes every IPv4 address for one of ::ffff:0:0/96. */
const listOf = (ranges: readonly string[], family: Family): BlockList => {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    if (familyOf(address) === family) list.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
  }
  return list
}
const special = { ipv4: listOf(SPECIAL, 'ipv4'), ipv6: listOf(SPECIAL, 'ipv6') } as const

/** An IPv4 address inside an IPv6 one is judged as what it is. */
const plain = (address: string): string => {
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address)
  if (!hex) return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  const [high, low] = [Number.parseInt(hex[1] ?? '', 16), Number.parseInt(hex[2] ?? '', 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Whether a message may go to an address: a public one, or one that was allowed. @param allowed  ranges of the configuration */
export const mayGoTo = (address: string, allowed: readonly string[]): boolean => {
  const bare = plain(address)
  const family = familyOf(bare)
  return family !== null && (listOf(allowed, family).check(bare, family) || !special[family].check(bare, family))
}

/** Finds every address of a name. */
export type Resolve = (name: string) => Promise<readonly string[]>
const byDns: Resolve = async (name) => (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/**
 * The one address a message goes to. All addresses of a name must be allowed: a name that has a private one beside a public one is
 * somebody's trick.
 *
 * @errors  NOTIFY_NAME, NOTIFY_ADDRESS
 */
export const addressFor = async (host: string, allowed: readonly string[], resolve: Resolve = byDns): Promise<Result<string>> => {
  const bare = host.replace(/^\[|\]$/g, '')
  let addresses: readonly string[]
  try {
    addresses = isIP(bare) === 0 ? await resolve(bare) : [bare]
  } catch (error) {
    return notifyFailure('NOTIFY_NAME', `${bare} has no address: ${error instanceof Error ? error.message : String(error)}`)
  }
  const [first] = addresses
  if (first === undefined) return notifyFailure('NOTIFY_NAME', `${bare} has no address`)
  const wrong = addresses.find((address) => !mayGoTo(address, allowed))
  return wrong === undefined ? ok(first) : notifyFailure('NOTIFY_ADDRESS', `${bare} is at ${wrong}, which is private, local or reserved`)
}
