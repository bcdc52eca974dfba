/** Phase (相) of a single-phase meter, or all three. */
export type Phase = 'A' | 'B' | 'C' | 'ABC'

/** A meter was exchanged, and the exchange is recorded: registers as on the faces. */
export interface KnownExchange {
  readonly at: number
  readonly oldFinal: number | null
  readonly newInitial: number | null
}

/** What the ledger (档案) believes of one metering point, as of the day that is judged. It may be wrong. */
export interface MeterFact {
  /** Name used in findings: of the meter offline, of the metering point in service. */
  readonly id: string
  /** Name of the meter that hangs there now; `id` when nobody tells them apart. */
  readonly meter: string
  readonly area: string
  readonly type: '1P' | '3P' | '3P-CT'
  /** CT × PT (综合倍率). */
  readonly multiplier: number
  readonly phase: Phase | null
  readonly contractKw: number | null
  /** Largest current the meter may carry, primary ampere; null = not known. */
  readonly ratedA: number | null
  readonly category: string
  readonly keyAccount: boolean
  /** Standard of the power factor (力率标准); null = none agreed. */
  readonly pfStandard: number | null
  /** Kind of channel: hplc, rs485, rf, 4g, tcp, mqtt … */
  readonly link: string
  readonly bus: string | null
  readonly concentrator: string | null
  readonly solar: { readonly kwp: number | null; readonly since: number } | null
  readonly exchanges: readonly KnownExchange[]
  /** In service from here on; null = always. */
  readonly since: number | null
  /** Where it hangs in the area's network, when that is known. */
  readonly node: string | null
  readonly serviceOhm: number | null
}

/** How well a slot's energy is known: 0 not at all, 1 the total over a gap is measured and its spread is a guess, 2 both registers were read. */
export type Known = 0 | 1 | 2

/**
 * One metering point over the window, a value for each slot. NaN = not known; absent is never zero.
 * Energy belongs to the slot; registers and instantaneous values stand at the slot's END.
 */
export interface MeterColumns {
  readonly fact: MeterFact
  /** kWh, primary side: multiplier applied. */
  readonly imp: Float64Array
  readonly exp: Float64Array
  /** {@link Known} of `imp`. */
  readonly known: Uint8Array
  /** Registers as on the face, kWh. */
  readonly faceImp: Float64Array
  readonly faceExp: Float64Array
  /** Volt between phase and neutral, primary side; a single-phase meter has its own phase in `u[0]`. null = never read. */
  readonly u: readonly (Float32Array | null)[]
  /** Ampere, primary side, same places as `u`. */
  readonly i: readonly (Float32Array | null)[]
  /** Neutral current, ampere; null = never read. */
  readonly iN: Float32Array | null
  /** kW, primary side, negative = export. */
  readonly p: Float32Array | null
  readonly pf: Float32Array | null
  /** Tariff registers (费率) as on the face at midnight, one array of kWh a rate, one value a day; null = never read. */
  readonly rates: readonly Float64Array[] | null
}

/** A meter event (电表事件), by the words of the house. */
export interface MeterEvent {
  readonly id: string
  readonly at: number
  /** cover_open, magnetic_field, programming, power_off, power_on, meter_exchange_work_order … */
  readonly event: string
}

/** One line of cable between two nodes. */
export interface NetworkLine {
  readonly from: string
  readonly to: string
  readonly ohm: number
}

/** What is known of a transformer area (台区). */
export interface AreaFact {
  readonly id: string
  readonly name: string
  /** Zone (供电所) and feeder (线路); null = not known. */
  readonly zone: string | null
  readonly feeder: string | null
  readonly transformerKva: number | null
  readonly nominalV: number
  readonly network: { readonly root: string; readonly lines: readonly NetworkLine[] } | null
}

/** A time in which something is otherwise: a planned outage, a holiday. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** Metering points concerned; null = all of the area. */
  readonly ids: readonly string[] | null
  readonly what: string
}

/**
 * One transformer area over a window of whole local days, on a grid of quarter hours: what every detector looks at.
 * Days on which summer time begins or ends have 92 or 100 slots.
 */
export interface AreaFrame {
  readonly fact: AreaFact
  readonly stepMs: number
  /** Start of the first slot, milliseconds since 1970 UTC: a local midnight. */
  readonly start: number
  readonly slots: number
  /** Local days, `2026-11-21`, oldest first. */
  readonly days: readonly string[]
  /** First slot of each day, and one more: the end. */
  readonly dayStarts: Int32Array
  /** Meters that feed the area (台区总表); usually one, in a broken ledger none or two. */
  readonly gateways: readonly MeterColumns[]
  readonly meters: readonly MeterColumns[]
  /** °C in each slot; null = nobody knows. */
  readonly temperature: Float32Array | null
  /** 1 = holiday or weekend, one a day. */
  readonly restDays: Uint8Array
  readonly outages: readonly Stretch[]
  readonly events: readonly MeterEvent[]
}

/** Communication counts (通信统计) of one meter, line or concentrator, one value an hour; NaN = nothing was counted. */
export interface CommColumns {
  readonly id: string
  readonly kind: 'meter' | 'bus' | 'concentrator'
  readonly polls: Float32Array
  readonly ok: Float32Array
  readonly timeouts: Float32Array
  readonly crcErrors: Float32Array
  /** Answers that carried another address. */
  readonly addrErrors: Float32Array
  readonly latencyMs: Float32Array
  readonly snrDb: Float32Array
  /** dBm; of a concentrator the RSRP of its modem. */
  readonly rssiDbm: Float32Array
}

/** Communication of one area over the same days as its frame. */
export interface CommFrame {
  readonly area: string
  /** Start of the first hour. */
  readonly start: number
  readonly hours: number
  /** First hour of each day, and one more. */
  readonly dayStarts: Int32Array
  readonly targets: readonly CommColumns[]
}
