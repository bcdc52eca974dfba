import type { Fault, Legit } from '../labels.ts'

export const SLOTS_A_DAY = 96
export const STEP_MS = 15 * 60_000
export const DAY_MS = 86_400_000

export type MeterType = '1P' | '3P' | '3P-CT'

/**
 * One meter as it shows itself, on its face (secondary side). Energy of each quarter hour; everything else at the END of it.
 * Rows are instants: row 0 is the first midnight, row `slot + 1` the end of a slot.
 */
export interface Seen {
  readonly id: string
  readonly imp: Float64Array
  /** Null: the meter has no export register. */
  exp: Float64Array | null
  /** Registers at the first midnight, kWh. */
  baseImp: number
  baseExp: number
  /** Volt, ampere; a single-phase meter has its own phase first. */
  readonly u: readonly (Float32Array | null)[]
  readonly i: readonly (Float32Array | null)[]
  readonly iN: Float32Array | null
  readonly p: Float32Array
  readonly pf: Float32Array
  /** 1 = the row was not read. */
  readonly missing: Uint8Array
  /** The register starts anew at that row, from that value. */
  readonly restarts: { readonly row: number; readonly imp: number }[]
  /** Meter clock minus true time, milliseconds, at each row; null = right. */
  clockMs: Float64Array | null
}

/** A customer's meter: what it shows, where it truly hangs and what the ledger says. */
export interface WorldMeter {
  readonly seen: Seen
  readonly type: MeterType
  /** True area and ratio; the ledger's may differ. */
  readonly area: string
  readonly ratio: number
  /** True phase of a single-phase meter. */
  readonly phase: 'A' | 'B' | 'C' | 'ABC'
  /** Entry of ledger.json. */
  readonly ledger: Record<string, unknown>
}

export interface WorldArea {
  readonly id: string
  readonly gateway: Seen
  readonly ratio: number
  readonly ledger: Record<string, unknown>
  /** kWh a day. */
  readonly truth: { readonly input: Float64Array; readonly technical: Float64Array; readonly nonTechnical: Float64Array }
}

/** Counts of one target, a value an hour. */
export interface CommHours {
  readonly polls: Float64Array
  readonly ok: Float64Array
  readonly timeouts: Float64Array
  readonly crcErrors: Float64Array
  readonly addrErrors: Float64Array
  readonly latencyMs: Float64Array
  readonly snrDb: Float64Array
  readonly rssiDbm: Float64Array
}

/** A set of labelled areas in memory: what is true, what is shown, what the ledger believes. */
export interface World {
  readonly set: string
  readonly note: string
  /** Hours east of UTC. */
  readonly offsetHours: number
  /** First local midnight. */
  readonly start: number
  readonly days: number
  readonly areas: readonly WorldArea[]
  readonly meters: readonly WorldMeter[]
  readonly events: { readonly meter: string; readonly at: number; readonly event: string }[]
  /** °C, an hour each. */
  readonly temperature: readonly number[] | null
  readonly faults: Fault[]
  readonly legit: Legit[]
  readonly comm: ReadonlyMap<string, CommHours> | null
}

export const slotsOf = ({ days }: Pick<World, 'days'>): number => days * SLOTS_A_DAY

/** Local date of a day of the world. */
export const dateOf = ({ start, offsetHours }: Pick<World, 'start' | 'offsetHours'>, day: number): string =>
  new Date(start + offsetHours * 3_600_000 + day * DAY_MS).toISOString().slice(0, 10)

const zoneText = (offsetHours: number): string => `${offsetHours < 0 ? '-' : '+'}${String(Math.abs(offsetHours)).padStart(2, '0')}:00`

/** An instant with the offset of the world. */
export const timeOf = ({ offsetHours }: Pick<World, 'offsetHours'>, at: number): string =>
  `${new Date(at + offsetHours * 3_600_000).toISOString().slice(0, 19)}${zoneText(offsetHours)}`

/** A row of numbers that look random, from a seed: each call the next one in [0, 1). */
export type Dice = () => number

/** Normal distribution from a dice. @source Box and Muller (1958) */
export const normal = (dice: Dice): number => Math.sqrt(-2 * Math.log(1 - dice())) * Math.cos(2 * Math.PI * dice())
export const within = (dice: Dice, low: number, high: number): number => low + (high - low) * dice()
export const pick = <T>(dice: Dice, from: readonly T[]): T => {
  const one = from[Math.floor(dice() * from.length)]
  if (one === undefined) throw new Error('nothing to pick from')
  return one
}
