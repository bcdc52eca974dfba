import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
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

let directory: string
let store: EmbeddedStore
let run = 0

// One store for all runs: each brings meters and areas of its own into the same files.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gridtally-model-'))
  store = await open(directory)
})
afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true })
})
const reopen = async () => {
  await store.close()
  store = await open(directory)
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
    .map(
      ({ meter, at, ...rest }) =>
        (run: number) =>
          registers(`${run}-${meter}`, at, { ...rest, area: `${run}-${meter === 'm3' ? 'A2' : 'A1'}` }),
    )

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

type Operation =
  | { readonly kind: 'write'; readonly batch: readonly ((run: number) => Reading)[] }
  | { readonly kind: 'pack'; readonly now: number }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'ask'; readonly from: number; readonly to: number }

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

const asked = async (meter: string, from: number, to: number) => {
  const page = must(await store.range({ measurement: 'register', tags: { meter }, from, to, limit: 10_000 }))
  return page.readings.map(faceOf)
}

/** Applies what changes something; questions are the test's own. */
const apply = async (model: Model, number: number, operation: Operation): Promise<void> => {
  if (operation.kind === 'write') {
    const batch = operation.batch.map((make) => make(number))
    expect(await store.write(batch)).toEqual({ kind: 'stored', dead: [] })
    for (const each of batch) put(model, each)
  } else if (operation.kind === 'pack') must(await store.pack(operation.now))
  else if (operation.kind === 'reopen') await reopen()
}

it('answers like a table in memory, whatever is written, packed, overwritten and reopened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation(SOURCES), { minLength: 3, maxLength: 14 }), async (operations) => {
      const number = ++run
      const model: Model = new Map()
      const check = async (from: number, to: number) => {
        for (const meter of METERS) {
          const name = `${number}-${meter}`
          expect(await asked(name, from, to)).toEqual(expected(model, name, from, to))
        }
      }
      for (const operation of operations) {
        if (operation.kind === 'ask') await check(operation.from, operation.to)
        else await apply(model, number, operation)
      }
      await check(START, NOW)
      must(await store.pack(NOW + 40 * DAY))
      await check(START, NOW)
    }),
    { numRuns: 20 },
  )
})

/** The same figures by the plainest way: every reading of the day, both midnights included, by meter. */
const plainEnergy = (model: Model, number: number) => {
  const areas = new Map<string, unknown>()
  // 2026-10-30 08:00 in Shanghai; days of that zone begin at 16:00 UTC.
  for (let start = START - 8 * HOUR; start < NOW; start += DAY) {
    const day = new Date(start + 8 * HOUR).toISOString().slice(0, 10)
    for (const area of [`${number}-A1`, `${number}-A2`]) {
      const known = METERS.map((meter) => `${number}-${meter}`).filter((meter) =>
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

const energyOf = async (zone: string, number: number) => {
  const answer = must(await store.energyByArea({ from: START - 8 * HOUR, to: NOW, zone }))
  return Object.fromEntries(
    answer
      .filter(({ area }) => area.startsWith(`${number}-`))
      .map((area) => [
        `${area.day} ${area.area}`,
        [area.import, area.export].map((sum) => ({ ...sum, kwh: sum.kwh === null ? null : Number(sum.kwh) })),
      ]),
  )
}

it('keeps energy by area and day equal to the sum over all readings', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation(['live']), { minLength: 3, maxLength: 12 }), async (operations) => {
      const number = ++run
      const model: Model = new Map()
      const check = async (zone: string) => expect(await energyOf(zone, number)).toEqual(plainEnergy(model, number))
      for (const operation of operations) {
        if (operation.kind === 'ask') await check('Asia/Shanghai')
        else await apply(model, number, operation)
      }
      await check('Asia/Shanghai')
      // The same offset under another name: worked out from the rows, packed and hot.
      await check('Asia/Singapore')
    }),
    { numRuns: 20 },
  )
})
