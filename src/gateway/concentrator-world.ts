import type { TalkOf, TerminalSettings, TerminalsPort } from '../acquisition/terminals/types.ts'
import {
  type AnyTerminalAdapter,
  type Clock,
  type MeterTime,
  ok,
  type Profile,
  type Result,
  type TerminalAdapter,
  type TerminalMeter,
} from '../core/index.ts'
import { type ArchivedMeter, archiveAddress } from './archive-wanted.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile } from './concentrator-file.ts'
import { agreedPoint } from './measuring-points.ts'

/** What work through concentrators needs of the running gateway. */
export interface ConcentratorWorld {
  readonly clock: Clock
  /** Our wall clock in the gateway's zone. */
  readonly wallNow: () => MeterTime
  readonly terminals: Pick<TerminalsPort, 'ask' | 'status' | 'figures' | 'trace'>
  readonly adapterOf: (protocol: string) => AnyTerminalAdapter | null
  /** A concentrator the ledger has; `settings` null = address or protocol are missing or wrong. */
  readonly find: (id: string) => { readonly settings: TerminalSettings | null } | null
  /** Meters of the ledger behind it. */
  readonly metersOf: (id: string) => readonly ArchivedMeter[]
  /** Grows with every change of the ledger. */
  readonly ledgerSeq: () => number
  readonly profile: (id: string) => Profile | null
  /** Remote trip and close are switched on for the site. */
  readonly mayControl: () => boolean
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** A concentrator somebody wants something of. */
export interface Reached {
  readonly settings: TerminalSettings
  readonly adapter: AnyTerminalAdapter
}

/**
 * A concentrator that is connected and, where something is to be changed, may be written to.
 *
 * @errors CONCENTRATOR_UNKNOWN, CONCENTRATOR_UNUSABLE, CONCENTRATOR_READ_ONLY, CONCENTRATOR_OFFLINE
 */
export const reach = (world: ConcentratorWorld, id: string, isWriting: boolean): Result<Reached> => {
  const known = settled(world, id)
  if (!known.ok) return known
  const { settings } = known.value
  if (isWriting && !settings.allowWrites)
    return fail('CONCENTRATOR_READ_ONLY', `nothing that changes anything is sent to concentrator ${id}`, { concentrator: id })
  if (world.terminals.status(id) === null)
    return fail('CONCENTRATOR_OFFLINE', `concentrator ${id} (${settings.address}) is not connected`, { concentrator: id })
  return known
}

/** The same whether it is connected or not. @errors CONCENTRATOR_UNKNOWN, CONCENTRATOR_UNUSABLE */
export const settled = (world: ConcentratorWorld, id: string): Result<Reached> => {
  const found = world.find(id)
  if (!found) return fail('CONCENTRATOR_UNKNOWN', `the ledger has no concentrator ${JSON.stringify(id)}`, { concentrator: id })
  const adapter = found.settings && world.adapterOf(found.settings.protocol)
  if (!found.settings || !adapter)
    return fail('CONCENTRATOR_UNUSABLE', `address or protocol of concentrator ${id} are missing in the ledger, or wrong`, {
      concentrator: id,
    })
  return ok({ settings: found.settings, adapter })
}

/** Carries out a talk with a concentrator before everything scheduled. */
export const askNow = <T>(world: ConcentratorWorld, id: string, talk: TalkOf<T>, signal: AbortSignal): Promise<Result<T>> =>
  world.terminals.ask(id, talk, { priority: 'demand', signal })

/** What an adapter has, whatever its frames are. */
export const adapterFacts = (adapter: AnyTerminalAdapter) =>
  adapter.bind((one) => ({ parameters: one.parameters, canAsk: one.query !== undefined }))
export type BoundTalk<T> = <Frame extends object>(adapter: TerminalAdapter<Frame>) => T

/** Meters of the ledger as a talk wants them: the measuring point as ledger and the archive that was read last have it. */
export const terminalMeters = (world: ConcentratorWorld, file: ConcentratorFile, id: string): readonly TerminalMeter[] => {
  const records = file.snapshot(id)?.records ?? []
  const [byPn, byAddress] = [new Map(records.map((one) => [one.pn, one.address])), new Map(records.map((one) => [one.address, one.pn]))]
  const said = { addressOf: (pn: number) => byPn.get(pn) ?? null, pnOf: (address: string) => byAddress.get(address) ?? null }
  return world.metersOf(id).flatMap(({ id: meter, address, measuringPoint }) => {
    const whole = archiveAddress(address)
    return whole === null ? [] : [{ id: meter, address: whole, pn: agreedPoint(measuringPoint, whole, said) }]
  })
}

/** The meters that are named; absent = all of them. @errors CONCENTRATOR_METER */
export const chosenMeters = (
  all: readonly TerminalMeter[],
  named: readonly string[] | undefined,
  id: string,
): Result<readonly TerminalMeter[]> => {
  if (named === undefined) return ok(all)
  const byName = new Map(all.flatMap((meter) => [[meter.address, meter] as const, [meter.id, meter] as const]))
  const lost = named.find((name) => !byName.has(name))
  if (lost !== undefined)
    return fail('CONCENTRATOR_METER', `meter ${JSON.stringify(lost)} is not behind concentrator ${id}`, { meter: lost })
  return ok([...new Set(named)].flatMap((name) => byName.get(name) ?? []))
}
