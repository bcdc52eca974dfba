import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AggregateQuery, RangeQuery, ReadingStore } from '../../src/core/query.ts'
import { QUALITY, type Reading, seriesOf, shapeOf } from '../../src/core/reading.ts'
import type { Sink } from '../../src/core/sink.ts'
import { electric, exactFace, face, inOrder, registers } from './readings.ts'

export { energy, registers } from './readings.ts'

/** What a store keeps of a reading beyond series, time, values, quality and ratio. */
export interface StoreCapabilities {
  /** integers beyond 15 digits, and the raw and scaler of every value, come back as given */
  readonly exact: boolean
  /** the reason why a value is absent, and the time of receipt, come back */
  readonly reasons: boolean
  /** times finer than a second */
  readonly subSecond: boolean
  /** {@link ReadingStore.retain} removes old months itself, instead of leaving that to the server's own policy */
  readonly retention: boolean
}

export interface OpenedStore {
  readonly sink: Sink
  readonly store: ReadingStore
  close(): Promise<void>
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** A month that is over, so that no store thinks the readings come from the future. */
const START = Date.UTC(2026, 9, 1)

/**
 * What every store promises, run against each of them with a real engine behind it.
 * Every test reads and writes meters of its own, so one store serves them all.
 *
 * @param open  starts a store; called once
 */
export const storeContract = (name: string, open: () => Promise<OpenedStore>, can: StoreCapabilities): void => {
  describe(`${name} keeps the store contract`, () => {
    let opened: OpenedStore
    let meters = 0
    const meter = () => `contract-${++meters}`
    const compare = (reading: Reading) => (can.exact ? exactFace(reading) : face(reading))

    beforeAll(async () => {
      opened = await open()
    })
    afterAll(async () => {
      await opened?.close()
    })

    const write = async (...readings: Reading[]) => {
      const answer = await opened.sink.write(readings)
      if (answer.kind !== 'stored') throw new Error(`${answer.error.code} ${answer.error.message}`)
      return answer.dead
    }
    const page = async (query: Partial<RangeQuery> & Pick<RangeQuery, 'tags'>) => {
      const answer = await opened.store.range({
        measurement: 'register',
        from: START - 400 * DAY,
        to: START + 60 * DAY,
        limit: 10_000,
        ...query,
      })
      if (!answer.ok) throw new Error(`${answer.error.code} ${answer.error.message}`)
      return answer.value
    }
    const read = async (tags: Record<string, string>, query: Partial<RangeQuery> = {}) => {
      const { readings, next } = await page({ tags, ...query })
      expect(next).toBeNull()
      return readings
    }
    const expectStored = async (tags: Record<string, string>, readings: readonly Reading[], query: Partial<RangeQuery> = {}) => {
      const stored = await read(tags, query)
      expect(inOrder(stored.map(compare))).toEqual(inOrder(readings.map(compare)))
      const times = stored.map(({ measuredAt }) => measuredAt)
      expect(times).toEqual([...times].sort((a, b) => a - b))
    }
    const buckets = async (query: Partial<AggregateQuery> & Pick<AggregateQuery, 'tags'>) => {
      const answer = await opened.store.aggregate({
        measurement: 'register',
        field: '1.8.0',
        fn: 'last',
        from: START,
        to: START + 4 * HOUR,
        everyMs: HOUR,
        ...query,
      })
      if (!answer.ok) throw new Error(`${answer.error.code} ${answer.error.message}`)
      return answer.value
    }

    it('gives back what was written, oldest first', async () => {
      const id = meter()
      const readings = [0, 1, 2, 3].map((step) => registers(id, START + step * 15 * MINUTE, { raws: [1000 + step, 7 * step] }))
      expect(await write(...readings)).toEqual([])
      await expectStored({ meter: id }, readings)
    })

    it('finds readings by point, and narrows by area and source', async () => {
      const id = meter()
      const live = registers(id, START)
      const frozen = registers(id, START, { source: 'day-freeze', area: 'A2', raws: [5, 6] })
      await write(live, frozen)
      await expectStored({ point: `P-${id}` }, [live, frozen])
      await expectStored({ point: `P-${id}` }, [frozen], { source: 'day-freeze' })
      await expectStored({ meter: id, area: 'A1' }, [live])
      expect(await read({ meter: id, area: 'A3' })).toEqual([])
      expect(await read({ meter: `${id}-unknown` })).toEqual([])
    })

    it('keeps every measurement apart', async () => {
      const id = meter()
      const instant: Reading = {
        ...registers(id, START),
        series: seriesOf('instant', { meter: id, point: `P-${id}`, area: 'A1', source: 'live' }),
        shape: electric,
        raws: [2301, -5012, 1154],
        scalers: [0, 0, -3],
      }
      const comm: Reading = {
        ...registers(id, START),
        series: seriesOf('comm', { kind: 'meter', id, area: 'A1' }),
        shape: shapeOf([{ field: 'due', obis: null, unit: '', scaler: 0, integer: true }]),
        raws: [96],
      }
      const event: Reading = {
        ...registers(id, START),
        series: seriesOf('event', { meter: id, area: 'A1', code: 'cover-opened' }),
        shape: shapeOf([{ field: 'seconds', obis: null, unit: 's', scaler: 0, integer: true }]),
        raws: [61],
      }
      const register = registers(id, START)
      await write(instant, comm, event, register)
      await expectStored({ meter: id }, [register])
      await expectStored({ meter: id }, [instant], { measurement: 'instant' })
      await expectStored({ id }, [comm], { measurement: 'comm' })
      await expectStored({ meter: id }, [event], { measurement: 'event' })
    })

    it('takes the same batch twice as once', async () => {
      const id = meter()
      const readings = [0, 1, 2].map((step) => registers(id, START + step * HOUR, { raws: [step, step] }))
      await write(...readings)
      await write(...readings)
      await write(...readings, ...readings)
      await expectStored({ meter: id }, readings)
    })

    it('lets a new value for the same series and time win', async () => {
      const id = meter()
      await write(registers(id, START, { raws: [1, 2] }))
      const corrected = registers(id, START, { raws: [3, 4], quality: QUALITY.manual, ratio: '80' })
      await write(corrected)
      await expectStored({ meter: id }, [corrected])
    })

    it('lets the later one win within one batch', async () => {
      const id = meter()
      const corrected = registers(id, START, { raws: [3, 4] })
      await write(registers(id, START, { raws: [1, 2] }), corrected)
      await expectStored({ meter: id }, [corrected])
    })

    it('takes readings in any order, months late included', async () => {
      const id = meter()
      const readings = [5, -40 * 24, 3, 4, -1, 0, -380 * 24, 29].map((hours, step) =>
        registers(id, START + hours * HOUR + step * 1000, { raws: [step + 1, hours] }),
      )
      for (const reading of readings) await write(reading)
      await expectStored({ meter: id }, readings)
    })

    it('keeps a freeze and a live read of one second both', async () => {
      const id = meter()
      const both = [registers(id, START, { raws: [100, 1] }), registers(id, START, { raws: [99, 1], source: 'day-freeze' })]
      await write(...both)
      await expectStored({ meter: id }, both)
      await expectStored({ meter: id }, both.slice(1), { source: 'day-freeze' })
    })

    it.runIf(can.subSecond)('keeps readings of the same second apart by their milliseconds', async () => {
      const id = meter()
      const readings = [0, 1, 250, 999, 1000, 1001].map((ms) => registers(id, START + ms, { raws: [ms, 0] }))
      for (const reading of [...readings].reverse()) await write(reading)
      await write(...readings)
      await expectStored({ meter: id }, readings)
      const again = registers(id, START + 250, { raws: [4711, 0] })
      await write(again)
      await expectStored({ meter: id }, [again], { from: START + 250, to: START + 251 })
      await expectStored({ meter: id }, [readings[0]!, readings[1]!], { to: START + 250 })
    })

    it('holds the borders: from is in, to is out', async () => {
      const id = meter()
      const readings = [-1, 0, 1, 2].map((hours) => registers(id, START + hours * HOUR))
      await write(...readings)
      await expectStored({ meter: id }, readings.slice(1, 3), { from: START, to: START + 2 * HOUR })
      expect(await read({ meter: id }, { from: START + 1000, to: START + HOUR })).toEqual([])
      expect(await read({ meter: id }, { from: START, to: START })).toEqual([])
    })

    it('gives the same readings page by page as in one piece', async () => {
      const id = meter()
      const readings = Array.from({ length: 50 }, (_, step) => step).flatMap((step) => [
        registers(id, START + step * 7 * HOUR, { raws: [step, 1] }),
        ...(step % 3 === 0 ? [registers(id, START + step * 7 * HOUR, { raws: [step, 2], source: 'day-freeze' })] : []),
      ])
      await write(...readings)
      const whole = (await read({ meter: id })).map(compare)
      expect(whole).toHaveLength(readings.length)
      const paged: unknown[] = []
      let cursor: string | null = null
      do {
        const { readings: some, next } = await page({ tags: { meter: id }, limit: 7, ...(cursor === null ? {} : { cursor }) })
        expect(some.length).toBeLessThanOrEqual(7)
        paged.push(...some.map(compare))
        cursor = next
      } while (cursor !== null)
      expect(paged).toEqual(whole)
    })

    it('keeps its place while readings are added', async () => {
      const id = meter()
      const readings = Array.from({ length: 20 }, (_, step) => registers(id, START + step * HOUR, { raws: [step, 0] }))
      await write(...readings)
      const first = await page({ tags: { meter: id }, limit: 10 })
      await write(registers(id, START - HOUR), registers(id, START + 5 * HOUR + MINUTE))
      const rest = await read({ meter: id }, { cursor: first.next! })
      expect(rest.map(compare)).toEqual(readings.slice(10).map(compare))
    })

    it('refuses a question about nobody, and a cursor that is none', async () => {
      const base = { measurement: 'register', from: START, to: START + DAY, limit: 10 } as const
      expect(await opened.store.range({ ...base, tags: { area: 'A1' } })).toMatchObject({ ok: false, error: { code: expect.any(String) } })
      expect(await opened.store.range({ ...base, tags: { meter: 'x' }, cursor: 'no cursor' })).toMatchObject({ ok: false })
    })

    it('leaves an absent value absent', async () => {
      const id = meter()
      const reading = registers(id, START, { raws: [null, 12], absent: new Map([[0, 'DLT645_BCD']]), quality: QUALITY.partial })
      await write(reading)
      await expectStored({ meter: id }, [reading])
      const [stored] = await read({ meter: id })
      if (can.reasons) {
        expect(stored!.absent).toEqual(new Map([[0, 'DLT645_BCD']]))
        expect(stored!.raws).toEqual([null, 12])
        expect(stored!.receivedAt).toBe(reading.receivedAt)
      }
      expect(await buckets({ tags: { meter: id } })).toEqual(
        [0, 1, 2, 3].map((hour) => ({ from: START + hour * HOUR, value: null, count: 0 })),
      )
    })

    it('gives quality and ratio back', async () => {
      const id = meter()
      const readings = Object.values(QUALITY).map((quality, step) =>
        registers(id, START + step * MINUTE, { quality: quality | QUALITY.partial, ratio: ['1', '80', '0.5', '1200.25'][step % 4]! }),
      )
      await write(...readings)
      await expectStored({ meter: id }, readings)
    })

    it('keeps negative values, floats with an exponent of their own, and counters of 15 digits', async () => {
      const id = meter()
      const series = seriesOf('instant', { meter: id, point: `P-${id}`, area: 'A1', source: 'live' })
      const raws: [number, number, number, number][] = [
        [-2205, -1, -15, -1],
        [999_999_999_999_999, 123_456_789_012_345, 1, 6],
        [0, 0, 0, 0],
        [-999_999_999_999_999, 1, 3125, -4],
      ]
      const readings = raws.map(([volt, ampere, power, exponent], step): Reading => {
        const reading = registers(id, START + step * 1000)
        return { ...reading, series, shape: electric, raws: [volt, ampere, power], scalers: [0, 0, exponent] }
      })
      await write(...readings)
      await expectStored({ meter: id }, readings, { measurement: 'instant' })
    })

    it.runIf(can.exact)('keeps integers of any length', async () => {
      const id = meter()
      const raws = [9007199254740993n, -(2n ** 63n), Number.MAX_SAFE_INTEGER, 2 ** 51, -(2 ** 51)]
      const readings = raws.map((raw, step) => registers(id, START + step * 1000, { raws: [raw, 1] }))
      await write(...readings)
      await expectStored({ meter: id }, readings)
    })

    describe('names', () => {
      it.each([
        ['comma', 'a,b'],
        ['space', 'a b c'],
        ['leading and trailing space', ' a '],
        ['equals', 'a=b=c'],
        ['quotes', `"a" 'b'`],
        ['line feed', 'a\nb'],
        ['carriage return and tab', 'a\r\tb'],
        ['backslash', 'a\\b\\\\c'],
        ['backslash at the end', 'a\\'],
        ['backslash before a comma', 'a\\,b'],
        ['emoji', 'meter 😀⚡'],
        ['Chinese', '电能表一号'],
        ['percent and slash', 'a/b%2Fc?d#e'],
        ['query text', "x' OR meter =~ /.*/ --"],
      ])('%s: stored as given, or refused with a reason', async (_, text) => {
        const id = `${meter()}${text}`
        const reading = registers(id, START, { area: text })
        const other = registers(meter(), START)
        const dead = await write(reading, other)
        await expectStored({ meter: other.series.tags.meter! }, [other])
        if (dead.length > 0) {
          expect(dead).toEqual([{ index: 0, error: expect.objectContaining({ code: expect.any(String), hint: expect.any(String) }) }])
          return
        }
        await expectStored({ meter: id }, [reading])
        await expectStored({ meter: id, area: text }, [reading])
        expect((await read({ meter: id }))[0]!.series.tags).toEqual(reading.series.tags)
      })
    })

    describe('aggregates', () => {
      const values: readonly (readonly [minutes: number, raw: number])[] = [
        [0, 10_000],
        [15, 10_250],
        [30, 10_100],
        [45, 10_350],
        // nothing in the second hour
        [120, 11_000],
        [180, 12_000],
        [239, 12_001],
      ]
      it.each<[AggregateQuery['fn'], (number | null)[]]>([
        ['mean', [101.75, null, 110, 120.005]],
        ['min', [100, null, 110, 120]],
        ['max', [103.5, null, 110, 120.01]],
        ['last', [103.5, null, 110, 120.01]],
        ['sum', [407, null, 110, 240.01]],
        ['count', [4, null, 1, 2]],
        ['increase', [3.5, null, 0, 0.01]],
      ])('%s per hour, a gap is null', async (fn, expected) => {
        const id = meter()
        await write(...values.map(([minutes, raw]) => registers(id, START + minutes * MINUTE, { raws: [raw, 0] })))
        const answer = await buckets({ tags: { meter: id }, fn })
        expect(answer.map(({ from }) => from)).toEqual([0, 1, 2, 3].map((hour) => START + hour * HOUR))
        expect(answer.map(({ count }) => count)).toEqual([4, 0, 1, 2])
        expect(answer.map(({ value }) => (value === null ? null : Number(value.toFixed(9))))).toEqual(expected)
      })

      it('starts its buckets at from, and ends the last one at to', async () => {
        const id = meter()
        await write(...[0, 20, 59, 60, 119].map((minutes) => registers(id, START + minutes * MINUTE, { raws: [minutes, 0] })))
        const answer = await buckets({ tags: { meter: id }, from: START + 20 * MINUTE, to: START + 119 * MINUTE, fn: 'count' })
        expect(answer).toEqual([
          { from: START + 20 * MINUTE, value: 3, count: 3 },
          { from: START + 80 * MINUTE, value: null, count: 0 },
        ])
      })

      it('answers a field nobody has with gaps', async () => {
        const id = meter()
        await write(registers(id, START))
        expect((await buckets({ tags: { meter: id }, field: '9.9.9' })).map(({ value }) => value)).toEqual([null, null, null, null])
      })
    })

    // Last: it takes readings away from everybody.
    it.runIf(can.retention)('forgets old months and keeps the others', async () => {
      const id = meter()
      const old = registers(id, Date.UTC(2019, 0, 31, 23, 59, 59))
      const older = registers(id, Date.UTC(2018, 11, 5))
      const kept = registers(id, Date.UTC(2019, 1, 1))
      await write(old, older, kept)
      const answer = await opened.store.retain(Date.UTC(2019, 1, 15))
      expect(answer).toMatchObject({ ok: true })
      await expectStored({ meter: id }, [kept], { from: Date.UTC(2018, 0, 1), to: START })
      expect(await opened.store.retain(Date.UTC(2019, 1, 15))).toMatchObject({ ok: true })
    })
  })
}
