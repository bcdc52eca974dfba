import type { AreaFact, CommColumns, MeterEvent, MeterFact, Stretch } from './frame.ts'

/** One local day of one metering point, a value for each slot; see MeterColumns for units. Columns that nobody read are null. */
export interface MeterDay {
  readonly fact: MeterFact
  readonly imp: Float64Array
  readonly exp: Float64Array
  readonly known: Uint8Array
  readonly faceImp: Float64Array
  readonly faceExp: Float64Array
  readonly u: readonly (Float32Array | null)[]
  readonly i: readonly (Float32Array | null)[]
  readonly iN: Float32Array | null
  readonly p: Float32Array | null
  readonly pf: Float32Array | null
  /** Tariff registers (费率) at the midnight that ends the day, one a rate, kWh as on the face; null = not read. */
  readonly rates: readonly number[] | null
}

/** One closed local day of one transformer area. */
export interface AreaDay {
  readonly fact: AreaFact
  /** `2026-11-21`. */
  readonly day: string
  /** Local midnight, milliseconds since 1970 UTC. */
  readonly start: number
  /** Quarter hours of the day: 96; 92 or 100 when summer time begins or ends. */
  readonly slots: number
  readonly gateways: readonly MeterDay[]
  readonly meters: readonly MeterDay[]
  readonly temperature: Float32Array | null
  readonly isRest: boolean
  /** That touch the day. */
  readonly outages: readonly Stretch[]
  /** Of the day. */
  readonly events: readonly MeterEvent[]
}

/** One day of communication counts of one area; every column has one value an hour. */
export interface CommDay {
  readonly area: string
  readonly start: number
  readonly hours: number
  readonly targets: readonly CommColumns[]
}
