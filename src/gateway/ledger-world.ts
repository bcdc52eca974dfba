import type { GatewayConfig } from '../config/index.ts'
import type { AnyAdapter } from '../core/index.ts'
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
})

/** What the ledger cannot know by itself: the lines and brokers of the configuration, the meter models and their addresses. */
export const ledgerWorld = (data: WorldData, profiles: Pick<Profiles, 'ids' | 'get'>, adapterOf: AdapterOf): LedgerWorld => {
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
      const adapter = found && adapterOf(found.protocol, lines.get(line)?.modbus ?? 'tcp')
      if (!adapter) return { ok: false, problem: `its profile ${profile} cannot be used: gridtally profile verify names the place` }
      return adapter.bind((typed) => {
        const checked = typed.address(address)
        return checked.ok ? checked : { ok: false, problem: `${checked.error.message}; ${checked.error.hint}` }
      })
    },
  }
}
