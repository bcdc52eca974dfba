import type { GatewayConfig, LedgerFile, Problem } from '../config/index.ts'
import { loadLedgerFile } from '../config/index.ts'
import type { AnyAdapter } from '../core/index.ts'
import type { LedgerInput } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import type { Profiles } from './profiles.ts'

/** Profiles of meters that push: the mapping their messages come through. */
const PUSHED = 'mqtt/'

type AdapterOf = (protocol: string, framing: GatewayConfig['lines'][number]['modbus']) => AnyAdapter | null

/** The ledger file of a configuration, checked against its lines and the profiles; null when there is none. */
export const checkedLedger = (
  config: GatewayConfig,
  profiles: Profiles,
  adapterOf: AdapterOf,
): { readonly ok: true; readonly value: LedgerInput | null } | { readonly ok: false; readonly problems: readonly Problem[] } => {
  if (config.ledgerFile === null) return { ok: true, value: null }
  const lines = new Map(config.lines.map((line) => [line.id, line]))
  const brokers = new Map(config.mqtt.map((source) => [source.id, new Set(source.mappings.map(({ id }) => `${PUSHED}${id}`))]))
  const loaded = loadLedgerFile(config.ledgerFile, {
    lines: [...lines.keys(), ...brokers.keys()],
    profiles: [...profiles.ids, ...[...brokers.values()].flatMap((used) => [...used])],
    now: Date.now(),
    isRatio: (text) => parseRatio(text) !== null,
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
  })
  if (!loaded.ok) return loaded
  const problems = taskProblems(config, loaded.value)
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: inputOf(loaded.value) }
}

/** A task that names meters or areas nobody has would read nobody, and look well. */
const taskProblems = (config: GatewayConfig, { areas = [], meters }: LedgerFile): Problem[] => {
  const known = { areas: new Set(areas.map(({ id }) => id)), ids: new Set(meters.map(({ id }) => id)) }
  return config.tasks.flatMap(({ id, filter }) =>
    (['areas', 'ids'] as const).flatMap((kind) =>
      (filter[kind] ?? [])
        .filter((name) => !known[kind].has(name))
        .map((name) => ({
          file: config.file,
          line: 1,
          column: 1,
          path: `/tasks/${id}/meters/${kind}`,
          message: `is "${name}", which is no ${kind === 'areas' ? 'area' : 'meter'} of the ledger`,
        })),
    ),
  )
}

const inputOf = ({ zones = [], areas = [], points, meters }: LedgerFile): LedgerInput => ({
  zones: zones.map(({ id, name }) => ({ id, name: name ?? '' })),
  areas: areas.map(({ id, name, zone }) => ({ id, name: name ?? '', zone: zone ?? '' })),
  points: points.map(({ id, name, area, role, phase }) => ({
    id,
    name: name ?? '',
    area: area ?? '',
    role: role ?? 'customer',
    phase: phase ?? 'unknown',
  })),
  meters: meters.map(({ id, point, line, address, profile, ct, pt, timeoutMs, from }) => ({
    meter: id,
    point,
    line,
    address,
    profile,
    ct: ct ?? '1',
    pt: pt ?? '1',
    timeoutMs: timeoutMs ?? null,
    from: from === undefined ? null : Date.parse(from),
  })),
})
