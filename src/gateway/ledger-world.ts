import { TERMINAL_PROTOCOLS, terminalAdapterOf } from '../../protocols/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import type { AnyAdapter, AnyTerminalAdapter } from '../core/index.ts'
import type { LedgerWorld } from '../ledger/index.ts'
import type { Profiles } from './profiles.ts'

/** Profiles of meters that push: the mapping their messages come through. */
const PUSHED = 'mqtt/'

export type AdapterOf = (protocol: string, framing: GatewayConfig['lines'][number]['modbus']) => AnyAdapter | null

/** What of a configuration the ledger is checked against; plain data, to be handed to a thread. */
export interface WorldData {
  readonly lines: readonly { readonly id: string; readonly modbus: GatewayConfig['lines'][number]['modbus'] }[]
  /** Brokers with the profiles of meters that push through them. */
  readonly brokers: readonly { readonly id: string; readonly profiles: readonly string[] }[]
  readonly profileDirectory: string | null
}

export const worldData = (
  config: Pick<GatewayConfig, 'lines' | 'profileDirectory'> & {
    readonly mqtt: readonly Pick<GatewayConfig['mqtt'][number], 'id' | 'mappings'>[]
  },
): WorldData => ({
  lines: config.lines.map(({ id, modbus }) => ({ id, modbus })),
  brokers: config.mqtt.map(({ id, mappings }) => ({ id, profiles: mappings.map((mapping) => `${PUSHED}${mapping.id}`) })),
  profileDirectory: config.profileDirectory,
})

/** The world as it is at each question: lines come and go while a gateway runs. */
export const liveWorld = (now: () => LedgerWorld): LedgerWorld => ({
  isChannel: (id) => now().isChannel(id),
  isProfile: (id) => now().isProfile(id),
  addressOf: (address, profile, line) => now().addressOf(address, profile, line),
  addressBehind: (address, profile, protocol) => now().addressBehind(address, profile, protocol),
  terminalAddress: (address, protocol) => now().terminalAddress(address, protocol),
})

/** Communication address of a meter behind a concentrator. @source DL/T 645-2007, 5.2.3; Q/GDW 1376.1-2013, 5.5 (F10) */
const BEHIND = /^\d{12}$/
/** Meters that can be read through a concentrator byte by byte. */
const FORWARDED = /^dlt645/

/** What the ledger cannot know by itself: the lines and brokers of the configuration, the meter models and their addresses. */
export const ledgerWorld = (
  data: WorldData,
  profiles: Pick<Profiles, 'ids' | 'get'>,
  adapterOf: AdapterOf,
  terminalOf: (protocol: string) => AnyTerminalAdapter | null = terminalAdapterOf,
): LedgerWorld => {
  const lines = new Map(data.lines.map((line) => [line.id, line]))
  const brokers = new Map(data.brokers.map(({ id, profiles: used }) => [id, new Set(used)]))
  const models = new Set([...profiles.ids, ...data.brokers.flatMap(({ profiles: used }) => used)])
  return {
    isChannel: (id) => lines.has(id) || brokers.has(id),
    isProfile: (id) => models.has(id),
    addressOf: (address, profile, line) => {
      const pushes = brokers.get(line)
      if (pushes?.has(profile)) return { ok: true, value: address }
      if (pushes)
        return { ok: false, problem: `its profile ${profile} is none of what broker ${line} uses; allowed: ${[...pushes].join(', ')}` }
      if (profile.startsWith(PUSHED))
        return { ok: false, problem: `its profile ${profile} is for meters that push, and line ${line} is no broker` }
      const found = profiles.get(profile)
      if (found && TERMINAL_PROTOCOLS.includes(found.protocol))
        return { ok: false, problem: `its profile ${profile} is for meters behind a concentrator, and line ${line} is none` }
      const adapter = found && adapterOf(found.protocol, lines.get(line)?.modbus ?? 'tcp')
      if (!adapter) return { ok: false, problem: `its profile ${profile} cannot be used: gridtally profile verify names the place` }
      return adapter.bind((typed) => {
        const checked = typed.address(address)
        return checked.ok ? checked : { ok: false, problem: `${checked.error.message}; ${checked.error.hint}` }
      })
    },
    addressBehind: (address, profile, protocol) => {
      const found = profiles.get(profile)
      if (!found) return { ok: false, problem: `its profile ${profile} cannot be used: gridtally profile verify names the place` }
      if (found.protocol !== protocol && !FORWARDED.test(found.protocol))
        return {
          ok: false,
          problem: `its profile ${profile} is for ${found.protocol}, and its line is a concentrator that speaks ${protocol}; allowed: profiles of ${protocol}, and of dlt645-2007 or dlt645-1997 (bytes passed through)`,
        }
      return BEHIND.test(address) ? { ok: true, value: address } : { ok: false, problem: 'must be 12 digits, leading zeros and all' }
    },
    terminalAddress: (address, protocol) => {
      const adapter = terminalOf(protocol)
      if (!adapter) return { ok: false, problem: `its protocol is ${protocol}; allowed: ${TERMINAL_PROTOCOLS.join(', ')}` }
      return adapter.bind((typed) => {
        const checked = typed.address(address)
        return checked.ok ? checked : { ok: false, problem: `${checked.error.message}; ${checked.error.hint}` }
      })
    },
  }
}
