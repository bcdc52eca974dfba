import type { MeterDay } from './day.ts'
import type { MeterColumns, MeterFact } from './frame.ts'

/** What a history keeps of one metering point: columns with room for days to come. */
export interface Columns {
  /** Newest day that was written. */
  readonly lastDay: string
  write(slot: number, slots: number, day: string, of: MeterDay): void
  clear(from: number, to: number, day: string): void
  /** Slots [first, end) to the front, with so much room in all. */
  move(first: number, end: number, room: number): void
  readonly energy: {
    readonly imp: Float64Array
    readonly exp: Float64Array
    readonly faceImp: Float64Array
    readonly faceExp: Float64Array
  }
  readonly known: Uint8Array
  /** u, u, u, i, i, i, iN, p, pf. */
  readonly instants: readonly (Float32Array | null)[]
  readonly rates: ReadonlyMap<string, readonly number[]>
}

const INSTANTS = 9
const nan64 = (room: number) => new Float64Array(room).fill(Number.NaN)
const nan32 = (room: number) => new Float32Array(room).fill(Number.NaN)

export const newColumns = (size: number): Columns => {
  let room = size
  let energy = { imp: nan64(room), exp: nan64(room), faceImp: nan64(room), faceExp: nan64(room) }
  let known = new Uint8Array(room)
  const instants: (Float32Array | null)[] = Array.from({ length: INSTANTS }, () => null)
  const rates = new Map<string, readonly number[]>()
  let lastDay = ''
  return {
    get lastDay() {
      return lastDay
    },
    get energy() {
      return energy
    },
    get known() {
      return known
    },
    instants,
    rates,
    write: (slot, _slots, day, of) => {
      energy.imp.set(of.imp, slot)
      energy.exp.set(of.exp, slot)
      energy.faceImp.set(of.faceImp, slot)
      energy.faceExp.set(of.faceExp, slot)
      known.set(of.known, slot)
      for (let at = 0; at < INSTANTS; at++) {
        const from = at < 3 ? of.u[at] : at < 6 ? of.i[at - 3] : at === 6 ? of.iN : at === 7 ? of.p : of.pf
        if (!from) continue
        const to = instants[at] ?? nan32(room)
        instants[at] = to
        to.set(from, slot)
      }
      if (of.rates) rates.set(day, of.rates)
      if (day > lastDay) lastDay = day
    },
    clear: (from, to, day) => {
      for (const column of Object.values(energy)) column.fill(Number.NaN, from, to)
      known.fill(0, from, to)
      for (const column of instants) column?.fill(Number.NaN, from, to)
      rates.delete(day)
    },
    move: (first, end, wanted) => {
      const wide = (from: Float64Array<ArrayBuffer>) => {
        const to = wanted === room ? from : nan64(wanted)
        if (to === from) from.copyWithin(0, first, end).fill(Number.NaN, end - first)
        else to.set(from.subarray(first, end))
        return to
      }
      energy = { imp: wide(energy.imp), exp: wide(energy.exp), faceImp: wide(energy.faceImp), faceExp: wide(energy.faceExp) }
      const flags = new Uint8Array(wanted)
      flags.set(known.subarray(first, end))
      known = flags
      for (const [at, column] of instants.entries()) {
        if (!column) continue
        const to = nan32(wanted)
        to.set(column.subarray(first, end))
        instants[at] = to
      }
      room = wanted
    },
  }
}

/** The columns of a metering point as a frame shows them: views of the slots [first, end). */
export const columnsOf = (fact: MeterFact, of: Columns, first: number, end: number, days: readonly string[]): MeterColumns => {
  const view = (at: number): Float32Array | null => of.instants[at]?.subarray(first, end) ?? null
  const count = Math.max(0, ...days.map((day) => of.rates.get(day)?.length ?? 0))
  return {
    fact,
    imp: of.energy.imp.subarray(first, end),
    exp: of.energy.exp.subarray(first, end),
    known: of.known.subarray(first, end),
    faceImp: of.energy.faceImp.subarray(first, end),
    faceExp: of.energy.faceExp.subarray(first, end),
    u: [view(0), view(1), view(2)],
    i: [view(3), view(4), view(5)],
    iN: view(6),
    p: view(7),
    pf: view(8),
    rates:
      count === 0
        ? null
        : Array.from({ length: count }, (_, rate) => Float64Array.from(days, (day) => of.rates.get(day)?.[rate] ?? Number.NaN)),
  }
}
