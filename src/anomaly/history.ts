import { type ColumnMemory, type Columns, columnsOf, newColumns } from './columns.ts'
import type { AreaDay, CommDay, MeterDay } from './day.ts'
import type { AreaFact, AreaFrame, CommColumns, CommFrame, MeterEvent, MeterFact, Stretch } from './frame.ts'

/**
 * The days an area is judged by: new ones are appended, old ones leave.
 * A frame is a view into it, good until the next `put` or `amend`.
 */
export interface AreaHistory {
  /** Appends the day after the newest one, or puts an earlier day of the window anew. Days between that nobody gave are unknown. */
  put(day: AreaDay): void
  /** Puts single metering points of a day of the window anew; the others stay. */
  amend(day: string, points: readonly MeterDay[]): void
  readonly days: readonly string[]
  /** The energy of one metering point on one day, as a view; null when there is none. */
  slice(day: string, id: string): Pick<MeterDay, 'imp' | 'exp' | 'known'> | null
  /** Null while it holds no day. */
  frame(): AreaFrame | null
}

interface Kept {
  readonly day: string
  readonly start: number
  readonly slots: number
  readonly isRest: boolean
  readonly outages: readonly Stretch[]
  readonly events: readonly MeterEvent[]
}

export const STEP_MS = 15 * 60_000
export const WINDOW_DAYS = 63

/**
 * @param windowDays  days kept, the newest included
 * @param expected    slots there will be, when that is known: then columns are made once
 * @param memory      where the columns are; memory of their own by default
 */
export const areaHistory = (windowDays = WINDOW_DAYS, expected = 0, memory?: ColumnMemory): AreaHistory => {
  let kept: Kept[] = []
  let first = 0
  let end = 0
  let room = 0
  let fact: AreaFact | null = null
  let gateways: readonly MeterFact[] = []
  let meters: readonly MeterFact[] = []
  const points = new Map<string, Columns>()
  let temperature: Float32Array | null = null

  const slotOf = (day: string): number => {
    let slot = first
    for (const one of kept) {
      if (one.day === day) return slot
      slot += one.slots
    }
    return -1
  }
  /** Makes place for so many slots more at the end. */
  const makeRoom = (slots: number) => {
    if (end + slots <= room) return
    // Twice what is held, but not more than a week over the window: old days leave by moving the rest to the front.
    const held = end - first
    const wanted = Math.max(expected, held + slots, Math.min(2 * (held + slots), (windowDays + 7) * 100))
    for (const columns of points.values()) columns.move(first, end, wanted)
    if (temperature) temperature = moved(temperature, first, end, wanted)
    first = 0
    end = held
    room = wanted
  }
  const write = (slot: number, { slots }: Pick<Kept, 'slots'>, dayAt: number, day: MeterDay) => {
    let columns = points.get(day.fact.id)
    if (!columns) {
      columns = newColumns(room, memory)
      points.set(day.fact.id, columns)
    }
    columns.write(slot, slots, kept[dayAt]?.day ?? '', day)
  }

  const put = (day: AreaDay): void => {
    let slot = slotOf(day.day)
    const isNew = slot < 0
    if (isNew) {
      const newest = kept.at(-1)
      if (newest && day.start <= newest.start) return
      if (newest && day.start > newest.start + newest.slots * STEP_MS) kept = [] // days are missing: the window starts again
      if (kept.length === 0) first = end
      makeRoom(day.slots)
      slot = end
      end += day.slots
      kept.push(day)
      while (kept.length > windowDays) first += kept.shift()?.slots ?? 0
    }
    const at = kept.findIndex((one) => one.day === day.day)
    kept[at] = { day: day.day, start: day.start, slots: day.slots, isRest: day.isRest, outages: day.outages, events: day.events }
    // What comes after the newest day is unknown as it is.
    if (!isNew) for (const columns of points.values()) columns.clear(slot, slot + day.slots, day.day)
    for (const point of [...day.gateways, ...day.meters]) write(slot, day, at, point)
    if (day.temperature) {
      temperature ??= new Float32Array(room).fill(Number.NaN)
      temperature.set(day.temperature, slot)
    } else temperature?.fill(Number.NaN, slot, slot + day.slots)
    if (at < kept.length - 1) return
    // What the ledger believes is what it believes on the newest day.
    fact = day.fact
    gateways = day.gateways.map((point) => point.fact)
    meters = day.meters.map((point) => point.fact)
    const oldest = kept[0]?.day ?? ''
    for (const [id, columns] of points) if (columns.lastDay < oldest) points.delete(id)
  }

  return {
    put,
    amend: (day, amended) => {
      const slot = slotOf(day)
      const at = kept.findIndex((one) => one.day === day)
      const one = kept[at]
      if (!one) return
      for (const point of amended) {
        points.get(point.fact.id)?.clear(slot, slot + one.slots, day)
        write(slot, one, at, point)
      }
    },
    slice: (day, id) => {
      const slot = slotOf(day)
      const slots = kept.find((one) => one.day === day)?.slots ?? 0
      const of = points.get(id)
      if (slot < 0 || !of) return null
      const view = (column: Float64Array | null) => column?.subarray(slot, slot + slots) ?? new Float64Array(slots).fill(Number.NaN)
      return { imp: view(of.energy.imp), exp: view(of.energy.exp), known: of.known.subarray(slot, slot + slots) }
    },
    get days() {
      return kept.map(({ day }) => day)
    },
    frame: () => {
      const oldest = kept[0]
      if (!oldest || !fact) return null
      const starts = new Int32Array(kept.length + 1)
      for (const [index, { slots }] of kept.entries()) starts[index + 1] = (starts[index] ?? 0) + slots
      const days = kept.map(({ day }) => day)
      const none = new Float64Array(end - first).fill(Number.NaN)
      const viewOf = (one: MeterFact) => columnsOf(one, points.get(one.id) ?? newColumns(room, memory), first, end, days, none)
      const outages = new Map(kept.flatMap((one) => one.outages.map((outage) => [JSON.stringify(outage), outage])))
      return {
        fact,
        stepMs: STEP_MS,
        start: oldest.start,
        slots: end - first,
        days,
        dayStarts: starts,
        gateways: gateways.map(viewOf),
        meters: meters.map(viewOf),
        temperature: temperature?.subarray(first, end) ?? null,
        restDays: Uint8Array.from(kept, ({ isRest }) => (isRest ? 1 : 0)),
        outages: [...outages.values()],
        events: kept.flatMap(({ events }) => events),
      }
    },
  }
}

const moved = (from: Float32Array, first: number, end: number, room: number): Float32Array => {
  const to = new Float32Array(room).fill(Number.NaN)
  to.set(from.subarray(first, end))
  return to
}

const COMM = ['polls', 'ok', 'timeouts', 'crcErrors', 'addrErrors', 'latencyMs', 'snrDb', 'rssiDbm'] as const

/** Communication of the days of a window, one frame. The days follow each other; a target that one of them lacks is unknown there. */
export const commFrameOf = (days: readonly CommDay[]): CommFrame | null => {
  const oldest = days[0]
  if (!oldest) return null
  const starts = new Int32Array(days.length + 1)
  for (const [index, { hours }] of days.entries()) starts[index + 1] = (starts[index] ?? 0) + hours
  const hours = starts.at(-1) ?? 0
  const targets = new Map<string, CommColumns>()
  for (const [index, day] of days.entries())
    for (const of of day.targets) {
      const key = `${of.kind} ${of.id}`
      let whole = targets.get(key)
      if (!whole) {
        const column = () => new Float32Array(hours).fill(Number.NaN)
        const [polls, ok, timeouts, crcErrors] = [column(), column(), column(), column()]
        const [addrErrors, latencyMs, snrDb, rssiDbm] = [column(), column(), column(), column()]
        whole = { id: of.id, kind: of.kind, polls, ok, timeouts, crcErrors, addrErrors, latencyMs, snrDb, rssiDbm }
        targets.set(key, whole)
      }
      for (const name of COMM) whole[name].set(of[name], starts[index] ?? 0)
    }
  return { area: oldest.area, start: oldest.start, hours, dayStarts: starts, targets: [...targets.values()] }
}
