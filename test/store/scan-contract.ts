import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScanQuery } from '../../src/core/query.ts'
import { type Reading, seriesOf } from '../../src/core/reading.ts'
import type { OpenedStore, StoreCapabilities } from './contract.ts'
import { electric, exactFace, face, registers } from './readings.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/**
 * What every store promises of going through all readings of a time. Every test has days of its own, because a scan sees everybody.
 *
 * @param open  starts a store; called once
 */
export const scanContract = (name: string, open: () => Promise<OpenedStore>, can: StoreCapabilities): void => {
  describe(`${name} can be scanned`, () => {
    let opened: OpenedStore
    let days = 0
    /** A day nobody else writes to, at 00:00 UTC. */
    const day = () => Date.UTC(2026, 8, 1) + 3 * DAY * ++days
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
    const ask = (query: Partial<ScanQuery> & { from: number }) =>
      opened.store.scan({ measurement: 'register', to: query.from + 2 * DAY, limit: 1000, ...query })
    /** All pages; at most `most` of them. */
    const scan = async (query: Partial<ScanQuery> & { from: number }, most = 2000) => {
      const pages: (readonly Reading[])[] = []
      let cursor: string | null = null
      do {
        const answer = await ask({ ...query, ...(cursor === null ? {} : { cursor }) })
        if (!answer.ok) throw new Error(`${answer.error.code} ${answer.error.message}`)
        expect(answer.value.readings.length).toBeLessThanOrEqual(query.limit ?? 1000)
        pages.push(answer.value.readings)
        cursor = answer.value.next
        expect(pages.length).toBeLessThan(most)
      } while (cursor !== null)
      return pages.flat()
    }
    /** Hours follow each other; in an hour every series stands once, its readings by time. */
    const expectOrder = (readings: readonly Reading[]) => {
      const blocks: string[] = []
      for (const [index, { measuredAt, series }] of readings.entries()) {
        const before = readings[index - 1]
        const block = `${Math.floor(measuredAt / HOUR)} ${series.key}`
        if (blocks.at(-1) === block) expect(measuredAt).toBeGreaterThan(before!.measuredAt)
        else blocks.push(block)
        if (before) expect(Math.floor(measuredAt / HOUR)).toBeGreaterThanOrEqual(Math.floor(before.measuredAt / HOUR))
      }
      expect(new Set(blocks).size).toBe(blocks.length)
    }
    const texts = (reading: Reading): string => {
      const { values, ...rest } = compare(reading)
      const fields = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
      return JSON.stringify({ ...rest, shape: can.exact ? reading.shape.key : '', fields })
    }
    const sorted = (readings: readonly Reading[]) => readings.map(texts).sort()
    const crowd = (start: number, prefix: string) =>
      [5, 1, 4, 2, 3].flatMap((meter) => [
        ...[0, 15, 30, 45, 60, 75, 300].map((minutes) =>
          registers(`${prefix}${meter}`, start + minutes * MINUTE, { raws: [meter * 1000 + minutes, 1] }),
        ),
        registers(`${prefix}${meter}`, start, { source: 'day-freeze', raws: [meter * 1000, 1] }),
        registers(`${prefix}${meter}`, start + 1000 * meter, { source: 'curve', raws: [meter * 1000, 2] }),
      ])

    it('gives every reading of all meters once, hour by hour, series by series, by time', async () => {
      const start = day()
      const readings = crowd(start, 'all-')
      await write(...readings)
      const given = await scan({ from: start })
      expect(sorted(given)).toEqual(sorted(readings))
      expectOrder(given)
    })

    it.each([1, 2, 7, 44, 45, 46])('gives the same in pages of %i', async (limit) => {
      const start = day()
      const readings = crowd(start, `page-${limit}-`)
      await write(...readings)
      const given = await scan({ from: start, limit })
      expect(given.map(compare)).toEqual((await scan({ from: start })).map(compare))
      expect(given).toHaveLength(readings.length)
    })

    it('holds the borders to the millisecond', async () => {
      const start = day()
      const readings = [-1, 0, 1, 999, 1000, HOUR - 1, HOUR].map((ms) => registers('border', start + ms, { raws: [ms + 1, 1] }))
      await write(...readings)
      const times = async (from: number, to: number) =>
        (await scan({ from: start + from, to: start + to })).map(({ measuredAt }) => measuredAt - start)
      expect(await times(0, 1)).toEqual([0])
      expect(await times(0, HOUR)).toEqual([0, 1, 999, 1000, HOUR - 1])
      expect(await times(-1, 1000)).toEqual([-1, 0, 1, 999])
      expect(await times(1, 1)).toEqual([])
      expect(await times(HOUR - 1, HOUR + 1)).toEqual([HOUR - 1, HOUR])
    })

    it('narrows by source and by points', async () => {
      const start = day()
      const readings = crowd(start, 'narrow-')
      await write(...readings)
      const of = (keep: (reading: Reading) => boolean) => sorted(readings.filter(keep))
      const points = new Set(['P-narrow-3', 'P-narrow-1', 'P-unknown'])
      expect(sorted(await scan({ from: start, sources: ['day-freeze', 'curve'] }))).toEqual(
        of(({ series }) => series.tags.source !== 'live'),
      )
      expect(sorted(await scan({ from: start, points }))).toEqual(of(({ series }) => points.has(series.tags.point!)))
      expect(sorted(await scan({ from: start, points, sources: ['curve'], limit: 1 }))).toEqual(
        of(({ series }) => points.has(series.tags.point!) && series.tags.source === 'curve'),
      )
      expect(await scan({ from: start, points: new Set() })).toEqual([])
      expect(await scan({ from: start, sources: [] })).toEqual([])
      expect(await scan({ from: start, sources: ['push'] })).toEqual([])
    })

    it('gives the nearest of every series and hour alone', async () => {
      const start = day()
      const near = start + 20 * MINUTE
      const minutes = [-30, -5, 0, 10, 20, 21, 40, 65, 80]
      const readings = ['near-1', 'near-2'].flatMap((meter) =>
        minutes.map((at) => registers(meter, start + at * MINUTE, { raws: [at + 100, 1] })),
      )
      await write(...readings)
      for (const limit of [1, 2, 1000]) {
        const given = await scan({ from: start - HOUR, to: start + 2 * HOUR, near, limit })
        for (const meter of ['near-1', 'near-2'])
          expect(given.filter(({ series }) => series.tags.meter === meter).map(({ measuredAt }) => (measuredAt - start) / MINUTE)).toEqual([
            -5, 20, 21, 65,
          ])
      }
    })

    it('keeps its place while readings are added', async () => {
      const start = day()
      const readings = crowd(start, 'place-')
      await write(...readings)
      const whole = (await scan({ from: start })).map(compare)
      const first = await ask({ from: start, limit: 12 })
      if (!first.ok) throw new Error(first.error.message)
      await write(registers('place-0', start - HOUR), registers('place-1', start - 2 * HOUR))
      const rest = await scan({ from: start, limit: 12, cursor: first.value.next! })
      expect([...first.value.readings, ...rest].map(compare)).toEqual(whole)
    })

    it('gives one reading where the same was written again, the later one', async () => {
      const start = day()
      await write(registers('twice', start, { raws: [1, 1] }))
      await write(registers('twice', start, { raws: [2, 1] }))
      const given = await scan({ from: start })
      expect(given.map((reading) => face(reading).values['1.8.0'])).toEqual([0.02])
    })

    it('scans every measurement, and leaves the others alone', async () => {
      const start = day()
      const instant: Reading = {
        ...registers('kinds', start),
        series: seriesOf('instant', { meter: 'kinds', point: 'P-kinds', area: 'A1', source: 'live' }),
        shape: electric,
        raws: [2301, -5012, 1154],
        scalers: [0, 0, -3],
      }
      const interval = { ...registers('kinds', start), series: seriesOf('interval', { point: 'P-kinds', area: 'A1', period: 'day' }) }
      const area = { ...registers('kinds', start), series: seriesOf('area', { area: 'A1', period: 'day' }) }
      const comm = { ...registers('kinds', start), series: seriesOf('comm', { kind: 'meter', id: 'kinds', area: 'A1' }) }
      const register = registers('kinds', start)
      await write(instant, interval, area, comm, register)
      for (const [measurement, reading] of Object.entries({ instant, interval, area, comm, register }) as [
        ScanQuery['measurement'],
        Reading,
      ][])
        expect(sorted(await scan({ from: start, measurement }))).toEqual(sorted([reading]))
      expect(sorted(await scan({ from: start, measurement: 'interval', points: new Set(['P-kinds']) }))).toEqual(sorted([interval]))
    })

    it('goes over months, and over long times in which nothing was read', async () => {
      const readings = [Date.UTC(2019, 0, 31, 23, 59), Date.UTC(2019, 1, 1), Date.UTC(2020, 5, 5, 12), Date.UTC(2020, 5, 5, 13)].map((at) =>
        registers('months', at, { raws: [at / 1000 / 60, 0] }),
      )
      await write(...readings)
      const query = { from: Date.UTC(2018, 0, 1), to: Date.UTC(2021, 0, 1) }
      expect((await scan(query)).map(compare)).toEqual(readings.map(compare))
      expect((await scan({ ...query, limit: 1 })).map(compare)).toEqual(readings.map(compare))
    })

    it('gives back hostile names as they are', async () => {
      const start = day()
      const names = ['a,b', ' a b ', 'a=b', `"a" 'b'`, 'a\\b', '电能表一号', '😀⚡', 'a/b%2Fc?d#e', "x' OR meter =~ /.*/ --", 'Z', 'z', 'é']
      const readings = names.map((text) => registers(`hostile-${text}`, start, { area: text }))
      expect(await write(...readings)).toEqual([])
      for (const limit of [1000, 1, 5]) {
        const given = await scan({ from: start, limit })
        expect(sorted(given)).toEqual(sorted(readings))
      }
      for (const { series } of readings) {
        const [given, ...more] = await scan({ from: start, points: new Set([series.tags.point!]) })
        expect(given?.series.key).toBe(series.key)
        expect(more).toEqual([])
      }
    })

    it('refuses what cannot be asked', async () => {
      const from = day()
      for (const query of [
        { from, limit: 0 },
        { from, to: from - 1 },
        { from, cursor: 'no cursor' },
        { from, cursor: Buffer.from('[1,2]').toString('base64url') },
        { from, measurement: 'comm' as const, points: new Set(['P']) },
        { from, measurement: 'interval' as const, sources: ['live' as const] },
      ])
        expect(await ask(query)).toMatchObject({ ok: false, error: { code: expect.stringMatching(/_(QUERY|CURSOR)$/) } })
    })

    it('walks 20,000 meters around one instant, page by page', async () => {
      const start = day()
      const count = 20_000
      for (let first = 0; first < count; first += 5000)
        await write(
          ...Array.from({ length: 5000 }, (_, index) =>
            registers(`many-${first + index}`, start, { source: 'day-freeze', raws: [first + index, 1] }),
          ),
        )
      const seen = new Set<string>()
      let cursor: string | null = null
      let pages = 0
      do {
        const answer = await ask({ from: start - HOUR, to: start + HOUR, limit: 5000, ...(cursor === null ? {} : { cursor }) })
        if (!answer.ok) throw new Error(answer.error.message)
        for (const { series } of answer.value.readings) seen.add(series.key)
        cursor = answer.value.next
        pages++
      } while (cursor !== null)
      expect(seen.size).toBe(count)
      expect(pages).toBeLessThan(10)
    }, 60_000)
  })
}
