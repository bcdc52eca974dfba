import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decimalText, multiply, parseDecimal, subtract } from '../../src/core/decimal.ts'
import { QUALITY, type Reading } from '../../src/core/reading.ts'
import { type EmbeddedStore, openEmbeddedStore } from '../../src/store/embedded.ts'
import { registers } from './contract.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Two days before a month's end, so that writes fall into two files. */
const START = Date.UTC(2026, 9, 30)
const NOW = START + 6 * DAY

const must = <T>(result: { ok: true; value: T } | { ok: false; error: { code: string; message: string } }): T => {
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.message}`)
  return result.value
}

const open = async (directory: string): Promise<EmbeddedStore> =>
  must(await openEmbeddedStore({ directory, zone: 'Asia/Shanghai', log: (error) => expect.unreachable(error.message) }))

const inStore = async (work: (open: () => Promise<EmbeddedStore>) => Promise<void>) => {
  const directory = await mkdtemp(join(tmpdir(), 'gridtally-model-'))
  let last: EmbeddedStore | undefined
  try {
    await work(async () => {
      await last?.close()
      last = await open(directory)
      return last
    })
  } finally {
    await last?.close()
    await rm(directory, { recursive: true })
  }
}

// Few instants, so that the same one, the same second and the same midnight are hit again and again.
const instant = fc.oneof(
  fc.tuple(fc.nat(4), fc.nat(23)).map(([day, hour]) => START + day * DAY + hour * HOUR),
  fc.tuple(fc.nat(4), fc.constantFrom(0, 1, 250, 999, 1000)).map(([day, ms]) => START + day * DAY + 16 * HOUR + ms),
)
const raw = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: -5, max: 99_999_999 }) },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.bigInt(2n ** 55n, 2n ** 60n) },
)
const METERS = ['m1', 'm2', 'm3']
const SOURCES = ['live', 'day-freeze'] as const
const reading = (sources: readonly string[]) =>
  fc
    .record({
      meter: fc.constantFrom(...METERS),
      at: instant,
      raws: fc.tuple(raw, raw),
      source: fc.constantFrom(...sources),
      ratio: fc.constantFrom('1', '1', '1', '80'),
      quality: fc.constantFrom(0, 0, 0, QUALITY.partial, QUALITY.quarantined),
    })
    .map(({ meter, at, ...rest }) => registers(meter, at, { ...rest, area: meter === 'm3' ? 'A2' : 'A1' }))

const operation = (sources: readonly string[]) =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.array(reading(sources), { minLength: 1, maxLength: 90 }).map((batch) => ({ kind: 'write', batch }) as const),
    },
    { weight: 2, arbitrary: fc.nat(6).map((days) => ({ kind: 'pack', now: START + days * DAY }) as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'reopen' } as const) },
    {
      weight: 2,
      arbitrary: fc.tuple(instant, instant).map(([a, b]) => ({ kind: 'ask', from: Math.min(a, b), to: Math.max(a, b) }) as const),
    },
  )

type Model = Map<string, Reading>
const put = (model: Model, reading: Reading) => model.set(`${reading.series.key} ${reading.measuredAt}`, reading)

const faceOf = ({ series, measuredAt, raws, ratio, quality, receivedAt }: Reading) => ({
  series: series.key,
  measuredAt,
  raws: raws.map((value) => (value === null ? null : String(value))),
  ratio,
  quality,
  receivedAt,
})

const expected = (model: Model, meter: string, from: number, to: number) =>
  [...model.values()]
    .filter(({ series, measuredAt }) => series.tags.meter === meter && measuredAt >= from && measuredAt < to)
    .sort((a, b) => a.measuredAt - b.measuredAt || (a.series.key < b.series.key ? -1 : 1))
    .map(faceOf)

const asked = async (store: EmbeddedStore, meter: string, from: number, to: number) => {
  const page = must(await store.range({ measurement: 'register', tags: { meter }, from, to, limit: 10_000 }))
  return page.readings.map(faceOf)
}

it('answers like a table in memory, whatever is written, packed, overwritten and reopened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation(SOURCES), { minLength: 3, maxLength: 14 }), (operations) =>
      inStore(async (reopen) => {
        let store = await reopen()
        const model: Model = new Map()
        for (const operation of operations) {
          if (operation.kind === 'write') {
            expect(await store.write(operation.batch)).toEqual({ kind: 'stored', dead: [] })
            for (const each of operation.batch) put(model, each)
          } else if (operation.kind === 'pack') must(await store.pack(operation.now))
          else if (operation.kind === 'reopen') store = await reopen()
          else
            for (const meter of METERS)
              expect(await asked(store, meter, operation.from, operation.to)).toEqual(expected(model, meter, operation.from, operation.to))
        }
        for (const meter of METERS) expect(await asked(store, meter, START, NOW)).toEqual(expected(model, meter, START, NOW))
        must(await store.pack(NOW + 40 * DAY))
        for (const meter of METERS) expect(await asked(store, meter, START, NOW)).toEqual(expected(model, meter, START, NOW))
        expect(must(await store.stats()).rows).toBe(model.size)
      }),
    ),
    { numRuns: 40 },
  )
})

/** The same figures by the plainest way: every reading of the day, both midnights included, by meter. */
const plainEnergy = (model: Model) => {
  const areas = new Map<string, unknown>()
  // 2026-10-30 08:00 in Shanghai; days of that zone begin at 16:00 UTC.
  for (let start = START - 8 * HOUR; start < NOW; start += DAY) {
    const day = new Date(start + 8 * HOUR).toISOString().slice(0, 10)
    for (const area of ['A1', 'A2']) {
      const known = METERS.filter((meter) =>
        [...model.values()].some(
          ({ series, measuredAt }) => series.tags.meter === meter && series.tags.area === area && inFilesOf(start, measuredAt),
        ),
      )
      if (known.length === 0) continue
      const sums = [0, 1].map((column) => {
        let total = { raw: 0 as number | bigint, scaler: 0 }
        let [meters, without, doubtful] = [0, 0, 0]
        for (const meter of known) {
          const rows = [...model.values()]
            .filter(
              ({ series, measuredAt, quality, raws }) =>
                series.tags.meter === meter &&
                measuredAt >= start &&
                measuredAt <= start + DAY &&
                (quality & QUALITY.quarantined) === 0 &&
                typeof raws[column] === 'number',
            )
            .sort((a, b) => a.measuredAt - b.measuredAt)
          const [first, last] = [rows[0], rows.at(-1)]
          if (!first || !last || first === last) without++
          else {
            const difference = subtract({ raw: last.raws[column]!, scaler: -2 }, { raw: first.raws[column]!, scaler: -2 })
            if (difference.raw < 0 || first.ratio !== last.ratio) doubtful++
            else {
              meters++
              const energy = multiply(difference, parseDecimal(last.ratio)!)
              total = subtract(energy, { raw: -BigInt(total.raw), scaler: total.scaler })
            }
          }
        }
        return { kwh: meters === 0 ? null : Number(decimalText(total.raw, total.scaler)), meters, without, doubtful }
      })
      areas.set(`${day} ${area}`, sums)
    }
  }
  return Object.fromEntries(areas)
}

/** Is the instant in a month's file that the day reaches into? */
const inFilesOf = (start: number, at: number) => {
  const month = (instant: number) => new Date(instant).getUTCMonth()
  return month(at) === month(start) || month(at) === month(start + DAY)
}

const energyOf = async (store: EmbeddedStore, zone: string) => {
  const answer = must(await store.energyByArea({ from: START - 8 * HOUR, to: NOW, zone }))
  return Object.fromEntries(
    answer.map((area) => [
      `${area.day} ${area.area}`,
      [area.import, area.export].map((sum) => ({ ...sum, kwh: sum.kwh === null ? null : Number(sum.kwh) })),
    ]),
  )
}

it('keeps energy by area and day equal to the sum over all readings', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation(['live']), { minLength: 3, maxLength: 12 }), (operations) =>
      inStore(async (reopen) => {
        let store = await reopen()
        const model: Model = new Map()
        for (const operation of operations) {
          if (operation.kind === 'write') {
            await store.write(operation.batch)
            for (const each of operation.batch) put(model, each)
          } else if (operation.kind === 'pack') must(await store.pack(operation.now))
          else if (operation.kind === 'reopen') store = await reopen()
          else expect(await energyOf(store, 'Asia/Shanghai')).toEqual(plainEnergy(model))
        }
        expect(await energyOf(store, 'Asia/Shanghai')).toEqual(plainEnergy(model))
        // The same offset under another name: worked out from the rows, packed and hot.
        expect(await energyOf(store, 'Asia/Singapore')).toEqual(plainEnergy(model))
      }),
    ),
    { numRuns: 40 },
  )
})
