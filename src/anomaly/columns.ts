import type { MeterDay } from './day.ts'
import type { MeterColumns, MeterFact } from './frame.ts'

const ENERGIES = ['imp', 'exp', 'faceImp', 'faceExp'] as const

/** What a history keeps of one metering point: columns with room for days to come. */
export interface Columns {
  /** Newest day that was written. */
  readonly lastDay: string
  write(slot: number, slots: number, day: string, of: MeterDay): void
  clear(from: number, to: number, day: string): void
  /** Slots [first, end) to the front, with so much room in all. */
  move(first: number, end: number, room: number): void
  /** Null while nothing of it is known: most meters feed nothing in, and of neighbours nobody keeps the registers. */
  readonly energy: Readonly<Record<(typeof ENERGIES)[number], Float64Array | null>>
  readonly known: Uint8Array
  /** u, u, u, i, i, i, iN, p, pf. */
  readonly instants: readonly (Float32Array | null)[]
  readonly rates: ReadonlyMap<string, readonly number[]>
}

const INSTANTS = 9

/** Where columns get their memory: full of NaN, flags of zeros. */
export interface ColumnMemory {
  wide(length: number): Float64Array<ArrayBuffer>
  narrow(length: number): Float32Array<ArrayBuffer>
  flags(length: number): Uint8Array<ArrayBuffer>
}

const NEW_MEMORY: ColumnMemory = {
  wide: (length) => new Float64Array(length).fill(Number.NaN),
  narrow: (length) => new Float32Array(length).fill(Number.NaN),
  flags: (length) => new Uint8Array(length),
}

/** Memory of columns that are used once and then not again: what one window had, the next one gets. */
export interface ReusedMemory extends ColumnMemory {
  /** Nobody looks any more at the columns it gave. */
  release(): void
}

export const reusedMemory = (): ReusedMemory => {
  let length = 0
  const stack = <T extends Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
    make: (size: number) => T,
    empty: number,
  ) => {
    let all: T[] = []
    let used = 0
    return {
      take: (wanted: number): T => {
        if (wanted !== length) {
          for (const each of stacks) each.drop()
          length = wanted
        }
        const before = all[used]
        const one = before ?? make(wanted)
        if (before) before.fill(empty)
        else {
          one.fill(empty)
          all.push(one)
        }
        used++
        return one
      },
      release: () => {
        used = 0
      },
      // Those that were given away stay whose they are.
      drop: () => {
        all = []
        used = 0
      },
    }
  }
  const wide = stack((size) => new Float64Array(size), Number.NaN)
  const narrow = stack((size) => new Float32Array(size), Number.NaN)
  const flags = stack((size) => new Uint8Array(size), 0)
  const stacks = [wide, narrow, flags]
  return {
    wide: wide.take,
    narrow: narrow.take,
    flags: flags.take,
    release: () => {
      for (const each of stacks) each.release()
    },
  }
}

const isKnown = (values: Float64Array): boolean => {
  for (let at = 0; at < values.length; at++) if (!Number.isNaN(values[at] ?? Number.NaN)) return true
  return false
}

export const newColumns = (size: number, memory: ColumnMemory = NEW_MEMORY): Columns => {
  let room = size
  const energy: Record<(typeof ENERGIES)[number], Float64Array<ArrayBuffer> | null> = { imp: null, exp: null, faceImp: null, faceExp: null }
  let known = memory.flags(room)
  const instants: (Float32Array | null)[] = Array.from({ length: INSTANTS }, () => null)
  const rates = new Map<string, readonly number[]>()
  let lastDay = ''
  return {
    get lastDay() {
      return lastDay
    },
    energy,
    get known() {
      return known
    },
    instants,
    rates,
    write: (slot, _slots, day, of) => {
      for (const name of ENERGIES) {
        const to = energy[name] ?? (isKnown(of[name]) ? memory.wide(room) : null)
        energy[name] = to
        to?.set(of[name], slot)
      }
      known.set(of.known, slot)
      for (let at = 0; at < INSTANTS; at++) {
        const from = at < 3 ? of.u[at] : at < 6 ? of.i[at - 3] : at === 6 ? of.iN : at === 7 ? of.p : of.pf
        if (!from) continue
        const to = instants[at] ?? memory.narrow(room)
        instants[at] = to
        to.set(from, slot)
      }
      if (of.rates) rates.set(day, of.rates)
      if (day > lastDay) lastDay = day
    },
    clear: (from, to, day) => {
      for (const column of Object.values(energy)) column?.fill(Number.NaN, from, to)
      known.fill(0, from, to)
      for (const column of instants) column?.fill(Number.NaN, from, to)
      rates.delete(day)
    },
    move: (first, end, wanted) => {
      for (const name of ENERGIES) {
        const from = energy[name]
        if (!from) continue
        const to = wanted === room ? from : memory.wide(wanted)
        if (to === from) from.copyWithin(0, first, end).fill(Number.NaN, end - first)
        else to.set(from.subarray(first, end))
        energy[name] = to
      }
      const flags = memory.flags(wanted)
      flags.set(known.subarray(first, end))
      known = flags
      for (const [at, column] of instants.entries()) {
        if (!column) continue
        const to = memory.narrow(wanted)
        to.set(column.subarray(first, end))
        instants[at] = to
      }
      room = wanted
    },
  }
}

/**
 * The columns of a metering point as a frame shows them: views of the slots [first, end).
 *
 * @param none  what stands for an energy of which nothing is known, as long as the view
 */
export const columnsOf = (
  fact: MeterFact,
  of: Columns,
  first: number,
  end: number,
  days: readonly string[],
  none: Float64Array,
): MeterColumns => {
  const energy = (name: (typeof ENERGIES)[number]): Float64Array => of.energy[name]?.subarray(first, end) ?? none
  const view = (at: number): Float32Array | null => of.instants[at]?.subarray(first, end) ?? null
  const count = Math.max(0, ...days.map((day) => of.rates.get(day)?.length ?? 0))
  return {
    fact,
    imp: energy('imp'),
    exp: energy('exp'),
    known: of.known.subarray(first, end),
    faceImp: energy('faceImp'),
    faceExp: energy('faceExp'),
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
