import type { Conversation, MeterTime, ReadPlan, Sample, Selection } from '../../src/core/adapter.ts'
import { type GatewayError, ok, type Result } from '../../src/core/result.ts'
import { instantOf, ordinalOf, readBcd, readTime, timeOfOrdinal, writeTime } from './bcd.ts'
import { type Manner, readData } from './conversation.ts'
import { errorOf, fail } from './errors.ts'
import type { Frame } from './frame.ts'
import { parseLoadRecord } from './load-record.ts'
import { type Field, loadFieldsOf } from './profile.ts'
import { isRefusal, plannedValue } from './steps.ts'

/** One instant of a curve as it came: integers of the identifier's fields, NaN where there is none. */
interface Point {
  readonly ordinal: number
  readonly values: readonly number[]
}

/** Values wanted of one identifier. */
interface CurveStep {
  readonly di: string
  readonly columns: readonly number[]
  /** Place of each value among the identifier's fields. */
  readonly places: readonly number[]
}

/** A year of quarter hours asked one by one; a meter that never ends is cut off there. */
const MAX_REQUESTS = 40_000
const USUAL_BLOCKS = 8
/** Points without record in a row after which the steps grow, and after which a curve ends. */
const CLOSE_GAPS = 4
const MAX_GAPS = 12
/** Silent reads in a row after which a class counts as one the meter does not keep. */
const SILENT_READS = 3

const stepsOfCurve = (fields: readonly Field[]): CurveStep[] => {
  const byDi = new Map<string, { columns: number[]; places: number[] }>()
  for (const [column, { line }] of fields.entries()) {
    const step = byDi.get(line.di) ?? { columns: [], places: [] }
    step.columns.push(column)
    step.places.push(line.index ?? 0)
    byDi.set(line.di, step)
  }
  return [...byDi].map(([di, step]) => ({ di, ...step }))
}

/** Points of one answer: load-record blocks, or curve points of time and values. Damaged ones are left out. */
export const pointsOf = (di: string, data: Uint8Array): Point[] => {
  if (!di.startsWith('0610')) {
    const kind = Number.parseInt(di.slice(2, 4), 16)
    return parseLoadRecord(data, kind).flatMap(({ at, groups }) => {
      if (!at) return []
      const fields = loadFieldsOf(di) ?? []
      const values =
        kind > 0 ? groups[kind - 1] : groups.flatMap((group, index) => group ?? loadFieldsOf(`060${index + 1}0001`)!.map(() => Number.NaN))
      return [{ ordinal: ordinalOf(at), values: values ?? fields.map(() => Number.NaN) }]
    })
  }
  const fields = loadFieldsOf(di) ?? []
  const size = 5 + fields.reduce((sum, { format }) => sum + format.bytes, 0)
  if (data.length % size !== 0) return []
  const points: Point[] = []
  for (let start = 0; start < data.length; start += size) {
    const time = readTime(data, start, 'mhDMY')
    const at = time && instantOf(time)
    if (!at) continue
    let offset = start + 5
    const values = fields.map(({ format }) => {
      const raw = readBcd(data, offset, format.bytes, format.signed)
      offset += format.bytes
      return raw
    })
    points.push({ ordinal: ordinalOf(at), values })
  }
  return points
}

/** Bytes of the request behind its identifier: how many blocks, from when. */
const wanted = (blocks: number, from: MeterTime | null): Uint8Array => {
  if (from === null) return Uint8Array.of(blocks)
  const bytes = new Uint8Array(6)
  bytes[0] = blocks
  bytes.set(writeTime(from, 'mhDMY'), 1)
  return bytes
}

const ABSENT_POINT = errorOf('DLT645_ABSENT', 'the meter has no value at this point of the curve')

/**
 * The load record (负荷记录) from `since` up to and including `until`, several samples with their own time. Without `since` the latest block.
 *
 * @param minutes  interval of the record; where an answer ends, the next request begins one interval later
 */
export const planCurve = (
  manner: Manner,
  fields: readonly Field[],
  minutes: number,
  blocks: number | undefined,
  selection: Selection,
): Result<ReadPlan<Frame>> => {
  const steps = stepsOfCurve(fields)
  const { since, until } = selection
  const latest = since === undefined
  if (latest && steps.some(({ di }) => di.startsWith('0610'))) return fail('DLT645_PROFILE', 'curve items 0610 need a time to begin with')
  const [from, to] = [since ? ordinalOf(since) : Number.NEGATIVE_INFINITY, until ? ordinalOf(until) : Number.POSITIVE_INFINITY]
  return ok({
    source: 'curve',
    values: fields.map(plannedValue),
    *talk(address, memory) {
      const rows = new Map<number, (number | null)[]>()
      let failure: GatewayError | null = null
      for (const step of steps) {
        const done = yield* readCurve(address, step)
        if (done.ok) {
          memory.delete(`curve ${step.di}`)
          continue
        }
        failure ??= done.error
        if (!isRefusal(done.error)) {
          const silent = Number(memory.get(`curve ${step.di}`) ?? 0) + 1
          memory.set(`curve ${step.di}`, silent)
          // What the meter has and did not say this time must stay due: nothing of this window is booked yet.
          if (silent < SILENT_READS) return { ok: false, error: done.error }
        }
        // A line that is gone, or a meter that said nothing so far, will not answer the next class either.
        if (done.error.recovery === 'stop' || (rows.size === 0 && !isRefusal(done.error))) break
      }
      if (rows.size === 0 && failure) return { ok: false, error: failure }
      return ok([...rows].sort(([a], [b]) => a - b).map(([ordinal, raws]) => sample(ordinal, raws, failure)))

      function* readCurve(meter: string, { di, columns, places }: CurveStep): Conversation<null, Frame> {
        let next = from
        let gaps = 0
        let met = false
        let lastMiss: number | null = null
        let knownAt = Number.NEGATIVE_INFINITY
        const interval = minutes * 60_000
        let last: Result<never> | null = null
        for (let request = 0; request < MAX_REQUESTS && next <= to; request++) {
          const left = to === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.floor((to - next) / (minutes * 60_000)) + 1
          const count = latest ? 1 : Math.min(blocks ?? USUAL_BLOCKS, left)
          const reply = yield* readData(
            meter,
            latest ? `${di.slice(0, 6)}02` : di,
            manner,
            wanted(count, latest ? null : timeOfOrdinal(next)),
          )
          if (!reply.ok) {
            if (reply.error.code !== 'DLT645_NO_DATA') return reply
            last = reply
            // The meter was off at this point, or has no more: look ahead, in growing steps when an end is given.
            const mayLeap = to !== Number.POSITIVE_INFINITY
            if (latest || (next >= knownAt && ++gaps > (mayLeap ? MAX_GAPS : CLOSE_GAPS))) return met ? ok(null) : reply
            lastMiss = next
            next += next < knownAt || gaps <= CLOSE_GAPS ? interval : interval * 2 ** (gaps - CLOSE_GAPS)
            continue
          }
          if (lastMiss !== null && next - lastMiss > interval) {
            // A leap has passed the beginning: back to the first point that was not asked for.
            knownAt = next
            next = lastMiss + interval
            lastMiss = null
            gaps = 0
            continue
          }
          lastMiss = null
          gaps = 0
          met = true
          let newest = Number.NEGATIVE_INFINITY
          for (const { ordinal, values } of pointsOf(di, reply.value)) {
            newest = Math.max(newest, ordinal)
            if (ordinal < from || ordinal > to) continue
            const row = rows.get(ordinal) ?? new Array<number | null>(fields.length).fill(null)
            rows.set(ordinal, row)
            for (let at = 0; at < columns.length; at++) {
              const value = values[places[at]!]
              row[columns[at]!] = value === undefined || Number.isNaN(value) ? null : value
            }
          }
          if (latest || newest < next) return ok(null)
          next = newest + minutes * 60_000
        }
        return met || last === null ? ok(null) : last
      }
    },
  })
}

const sample = (ordinal: number, raws: (number | null)[], failure: GatewayError | null): Sample => {
  let absent: Map<number, GatewayError> | null = null
  for (let column = 0; column < raws.length; column++) {
    if (raws[column] !== null) continue
    absent ??= new Map()
    absent.set(column, failure ?? ABSENT_POINT)
  }
  return { at: timeOfOrdinal(ordinal), raws, scalers: null, absent }
}
