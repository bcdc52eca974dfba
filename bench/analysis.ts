import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { NO_LAYERS } from '../src/anomaly/index.ts'
import { workerUrl } from '../src/core/worker.ts'
import { type BlockPoint, type PackedBlock, packBlock } from '../src/gateway/analysis-block.ts'
import { AnalysisBook } from '../src/gateway/analysis-book.ts'
import { NO_SURROUNDINGS } from '../src/gateway/analysis-frames.ts'
import { AnalysisPool, threadsOf } from '../src/gateway/analysis-pool.ts'
import { EnergyDays } from '../src/gateway/energy-days.ts'
import { Ledger, type Patch } from '../src/ledger/index.ts'
import type { Anchor } from './anchor.ts'

const ZONE = 'Asia/Shanghai'
const FIRST = '2026-01-05'
const SLOTS = 96
export const METERS = 100
const PER_FEEDER = 10

/** The same for the same numbers. */
const noise = (a: number, b: number, c: number): number => {
  let x = Math.imul(a, 374_761_393) + Math.imul(b, 668_265_263) + Math.imul(c, 1_274_126_177)
  x = Math.imul(x ^ (x >>> 13), 1_274_126_177)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}
const round = (value: number, unit: number) => Math.round(value * unit) / unit

export const areaId = (area: number) => `A${String(area).padStart(3, '0')}`
export const pointId = (area: number, meter: number) => `${areaId(area)}-${meter < 0 ? 'G' : String(meter).padStart(3, '0')}`

/** Feeders, areas of a hundred meters, buses. */
export const ledgerOf = (areas: number): Patch[] =>
  Array.from({ length: areas }, (_, area): Patch[] => [
    { kind: 'feeder', id: `F${Math.floor(area / PER_FEEDER)}`, from: null, set: { name: `feeder ${Math.floor(area / PER_FEEDER)}` } },
    ...[0, 1, 2, 3].map((bus): Patch => ({ kind: 'channel', id: `${areaId(area)}-${bus}`, from: null, set: { name: `bus ${bus}` } })),

    {
      kind: 'area',
      id: areaId(area),
      from: null,
      set: { feeder: `F${Math.floor(area / PER_FEEDER)}`, capacityKva: '400', nominalV: '230' },
    },
    ...Array.from({ length: METERS + 1 }, (_, at): Patch[] => {
      const [id, isGate] = [pointId(area, at - 1), at === 0]
      return [
        {
          ...{ kind: 'point', id, from: null },
          set: {
            area: areaId(area),
            role: isGate ? 'area-supply' : 'customer',
            phase: isGate ? 'L123' : ['L1', 'L2', 'L3'][at % 3]!,
            contractKva: '8',
            ct: isGate ? '120' : '1',
          },
        },
        {
          ...{ kind: 'meter', id: `${id}-M`, from: null },
          set: {
            point: id,
            line: `${areaId(area)}-${at % 4}`,
            address: String(area * 1000 + at).padStart(12, '0'),
            profile: isGate ? 'dlt645-2007/three-phase' : 'dlt645-2007/single-phase',
          },
        },
      ]
    }).flat(),
  ]).flat()

/**
 * Columns of one area and day: households with evenings, a gateway that sees their sum and the wires' loss.
 *
 * @param faces  registers by metering point, as they stood at midnight; they go on
 */
const dayOf = (area: number, day: number, faces: Map<string, number>): BlockPoint[] => {
  const gate = new Float64Array(SLOTS)
  const none = () => new Float64Array(SLOTS).fill(Number.NaN)
  const of = (
    id: string,
    isGateway: boolean,
    multiplier: number,
    imp: Float64Array,
    u: readonly (Float32Array | null)[],
    kw: Float32Array,
  ): BlockPoint => {
    let face = faces.get(id) ?? 1000
    const faceImp = imp.map((kwh) => {
      face = round(face + kwh, 100)
      return face
    })
    faces.set(id, face)
    const i = kw.map((each) => round((each * 1000) / 230, 100))
    return {
      ...{ id, isGateway, multiplier },
      day: {
        ...{ imp: imp.map((kwh) => kwh * multiplier), exp: none(), known: new Uint8Array(SLOTS).fill(2), faceExp: none(), rates: null, u },
        ...{ faceImp, i: isGateway ? [i, i, i] : [i, null, null], iN: isGateway ? null : i, p: kw, pf: kw.map(() => 0.95) },
      },
    }
  }
  const volts = [0, 1, 2].map((phase) =>
    Float32Array.from({ length: SLOTS }, (_, slot) =>
      round(230 + 2 * noise(area, day * 1000 + slot, phase) - Math.exp(-((slot / 4 - 19) ** 2) / 6), 10),
    ),
  )
  const meters = Array.from({ length: METERS }, (_, meter) => {
    const imp = new Float64Array(SLOTS)
    const kw = new Float32Array(SLOTS)
    for (let slot = 0; slot < SLOTS; slot++) {
      const evening = Math.exp(-((slot / 4 - 19) ** 2) / 6)
      const power =
        0.1 + 0.2 * noise(area * 101 + meter, day * 100 + (slot >> 2), 5) + evening * noise(area * 101 + meter, day * 100 + (slot >> 1), 6)
      imp[slot] = round(power / 4, 100)
      kw[slot] = round(power, 1000)
      gate[slot] = (gate[slot] ?? 0) + power / 4
    }
    const phase = (meter + 1) % 3
    const u = (volts[phase] ?? new Float32Array(SLOTS)).map((each, slot) => round(each - 0.5 * (kw[slot] ?? 0), 10))
    return of(pointId(area, meter), false, 1, imp, [u, null, null], kw)
  })
  const wires = gate.map((kwh) => round((kwh * 1.02 + 0.00004 * kwh * kwh) / 120, 100))
  return [
    of(
      pointId(area, -1),
      true,
      120,
      wires,
      volts,
      Float32Array.from(gate, (kwh) => round(kwh * 4, 100)),
    ),
    ...meters,
  ]
}

/** What a history is made of, and where. */
export interface HistoryData {
  readonly directory: string
  readonly areas: number
  readonly days: number
}

/** Keeps packed days under the names of areas. */
const blocksOf = (book: AnalysisBook, days: number) => {
  const calendar = new EnergyDays(ZONE)
  const dates = Array.from({ length: days }, (_, day) => calendar.add(FIRST, day))
  const keep = (area: number, day: number, packed: PackedBlock) => {
    const date = dates[day] ?? FIRST
    // One feeder's areas are made; the other feeders are like it, under names of their own.
    const points = packed.points.map((point, at) => ({ ...point, id: pointId(area, at - 1) }))
    book.keepBlock({
      ...{ ...packed, points, area: areaId(area), day: date, start: calendar.start(date) },
      ...{ members: points.length, complete: points.length, comm: null },
    })
    return packed.gateways.length + packed.energy.length + packed.instants.length
  }
  return { dates, keep }
}

/** Writes the ledger and all days but the last. @returns the columns of the last day, by area of a feeder */
export const makeHistory = ({ directory, areas, days }: HistoryData, log: (line: string) => void): BlockPoint[][] => {
  const ledger = new Ledger(directory)
  const applied = ledger.apply(ledgerOf(areas), {
    what: 'import',
    who: 'bench',
    why: 'bench',
    workOrder: null,
    at: Date.parse(`${FIRST}T00:00:00Z`),
  })
  ledger.close()
  if (!applied.ok) throw new Error(applied.error.error.message)
  const book = new AnalysisBook(directory)
  const { keep } = blocksOf(book, days)
  const faces = Array.from({ length: PER_FEEDER }, () => new Map<string, number>())
  const made = (like: number, day: number) => dayOf(like, day, faces[like] ?? new Map())
  for (let like = 0; like < Math.min(areas, PER_FEEDER); like++)
    book.together(() => {
      for (let day = 0; day < days - 1; day++) {
        const packed = packBlock(SLOTS, made(like, day))
        for (let area = like; area < areas; area += PER_FEEDER) keep(area, day, packed)
      }
      log(`${like + 1} areas of a feeder filled`)
    })
  book.close()
  return faces.map((_, like) => made(like, days - 1))
}

/** The same in a thread that ends: what the making leaves in memory is none of the analysis' own. */
const historyMade = (workerData: HistoryData, log: (line: string) => void): Promise<BlockPoint[][]> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(workerUrl(import.meta.url, 'analysis-history'), { workerData })
    let lastDay: BlockPoint[][] | null = null
    worker.on('message', (told: HistoryTold) => {
      if ('line' in told) log(told.line)
      else lastDay = told.lastDay
    })
    worker.once('error', reject)
    worker.once('exit', () => (lastDay ? resolve(lastDay) : reject(new Error('no history was made'))))
  })

export type HistoryTold = { readonly line: string } | { readonly lastDay: BlockPoint[][] }

/**
 * A14: a day of 20,000 meters, 1.92 million rows of ten columns, made into blocks, appended to 59 days that are kept, and judged by every
 * rule, in as many threads as a service takes on this machine (one on two cores). The columns stand in memory when it begins; the 59 days are on disk.
 */
export const analysisDay: Anchor = {
  id: 'A14',
  title: 'daily analysis: a day of 200 areas × 100 meters, quarter hours, judged with 59 days before it',
  better: 'lower',
  must: 60,
  goal: 30,
  async run({ quick, onEnd, log }) {
    const [areas, days] = quick ? [4, 15] : [200, 60]
    const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-analysis-'))
    onEnd(() => rmSync(directory, { recursive: true, force: true }))
    const lastDay = await historyMade({ directory, areas, days }, log)
    const book = new AnalysisBook(directory)
    onEnd(() => book.close())
    const { dates, keep } = blocksOf(book, days)
    const threads = threadsOf(null)
    const pool = new AnalysisPool({ directory, zone: ZONE, profileDirectory: null, brokers: [] }, threads)
    onEnd(() => pool.close())
    const before = process.memoryUsage.rss()
    let peak = before
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss())
    }, 100)
    onEnd(() => clearInterval(watch))
    // Columns of the new day come area by area, as they do in service: what makes them up is not what is measured.
    const [first = FIRST, last = FIRST] = [dates[0], dates.at(-1)]
    let [packing, bytes, findings, failures] = [0, 0, 0, 0]
    const began = performance.now()
    for (let area = 0; area < areas; area++) {
      const from = performance.now()
      bytes += keep(area, days - 1, packBlock(SLOTS, lastDay[area % PER_FEEDER] ?? []))
      packing += performance.now() - from
    }
    await Promise.all(
      Array.from({ length: areas }, async (_, area) => {
        const feeder = Math.floor(area / PER_FEEDER) * PER_FEEDER
        const neighbours = Array.from({ length: PER_FEEDER }, (_, at) => feeder + at).filter((other) => other !== area && other < areas)
        const { verdict } = await pool.call(
          'judge',
          {
            ...{
              area: areaId(area),
              day: last,
              first,
              neighbours: neighbours.map(areaId),
              standing: [],
              elsewhere: [],
              thresholds: NO_LAYERS,
            },
            around: NO_SURROUNDINGS,
          },
          String(feeder),
        )
        if (verdict === null) throw new Error(`area ${areaId(area)} was not judged`)
        findings += verdict.findings.length
        failures += verdict.failures.length
        if (verdict.failures[0]) log(`${verdict.area}: ${verdict.failures[0].rule}: ${verdict.failures[0].message}`)
      }),
    )
    const seconds = (performance.now() - began) / 1000
    const detail = {
      over: `${areas * METERS} meters, ${days} days`,
      'packing, s': packing / 1000,
      'bytes a value on disk': bytes / (areas * (METERS + 1) * SLOTS * 7),
      'memory before, MB': Math.round(before / 2 ** 20),
      'peak memory, MB': Math.round(peak / 2 ** 20),
      ...{ threads, findings, 'rules that failed': failures },
    }
    return { ours: seconds, reference: null, ratio: seconds, unit: 's', detail }
  },
}
