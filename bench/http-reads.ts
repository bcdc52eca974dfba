import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { stringify } from 'yaml'
import { makeToken } from '../src/api/index.ts'
import { loadGatewayConfig } from '../src/config/index.ts'
import { type Reading, seriesOf, shapeOf } from '../src/core/index.ts'
import { Ledger, type Patch } from '../src/ledger/index.ts'
import { type Gateway, startGateway } from '../src/main.ts'
import { type Anchor, type BenchContext, median } from './anchor.ts'
import { ownProgram } from './reference/programs.ts'

const METERS = 20_000
const PER_AREA = 100
const QUARTER_MS = 900_000
const DAY_MS = 96 * QUARTER_MS

/** Twelve registers of an ordinary three-phase meter. */
const shape = shapeOf(
  ['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4', '2.8.0', '3.8.0', '4.8.0', '5.8.0', '6.8.0', '7.8.0', '8.8.0'].map((code, at) => ({
    ...{ field: code, obis: `1-0:${code}`, unit: at < 6 ? ('kWh' as const) : ('kvarh' as const), scaler: -2 },
  })),
)
const pointId = (meter: number) => `P-${String(meter).padStart(5, '0')}`
const readingOf = (meter: number, measuredAt: number): Reading => ({
  series: seriesOf('register', { meter: `M-${meter}`, point: pointId(meter), area: `A-${Math.floor(meter / PER_AREA)}`, source: 'curve' }),
  ...{ shape, raws: shape.columns.map((_, column) => 1_234_567 + meter * 13 + column), scalers: null, absent: null },
  ...{ ratio: '40', measuredAt, receivedAt: measuredAt + 1500, quality: 0 },
})

interface Site {
  readonly gateway: Gateway
  readonly token: string
  readonly from: number
}

/** A gateway with meters in its ledger, a newest reading of each, and a day of the first. */
const siteOf = async (context: Pick<BenchContext, 'onEnd' | 'log'>, meters: number): Promise<Site> => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-reads-'))
  context.onEnd(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    stringify({
      ...{
        version: 1,
        gateway: { id: 'bench', timezone: 'Asia/Shanghai', data: './data' },
        http: { port: 0, requestsPerMinute: 1_000_000 },
      },
      ...{ lines: [], tasks: [] },
    }),
  )
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  mkdirSync(loaded.value.dataDirectory, { recursive: true })
  const ledger = new Ledger(loaded.value.dataDirectory)
  const areas = Array.from(
    { length: Math.ceil(meters / PER_AREA) },
    (_, at): Patch => ({ kind: 'area', id: `A-${at}`, from: null, set: {} }),
  )
  const points = Array.from(
    { length: meters },
    (_, at): Patch => ({ kind: 'point', id: pointId(at), from: null, set: { area: `A-${Math.floor(at / PER_AREA)}` } }),
  )
  const applied = ledger.apply([...areas, ...points], { what: 'import', who: 'bench', why: 'bench', workOrder: null, at: Date.now() })
  ledger.close()
  if (!applied.ok) throw new Error(applied.error.error.message)
  const token = makeToken().text
  const started = await startGateway(loaded.value, pino({ level: 'silent' }), { ...process.env, GRIDTALLY_TOKEN: token })
  if (!started.ok) throw new Error(started.message)
  const gateway = started.value
  context.onEnd(() => gateway.close())
  const to = Math.floor(Date.now() / QUARTER_MS) * QUARTER_MS
  const newest = Array.from({ length: meters }, (_, meter) => readingOf(meter, to - QUARTER_MS))
  for (let at = 0; at < meters; at += 5000) await gateway.outbox.put(newest.slice(at, at + 5000))
  await gateway.outbox.put(Array.from({ length: 95 }, (_, slot) => readingOf(0, to - DAY_MS + slot * QUARTER_MS)))
  if (!(await gateway.outbox.drained(120_000))) context.log('the outbox is not empty yet')
  return { gateway, token, from: to - DAY_MS }
}

/** Milliseconds until the last byte is there, for a client in a process of its own. */
const clocked = async ({ gateway, token }: Site, path: string, rounds: number): Promise<readonly number[]> => {
  const [program, args] = ownProgram('bench/http-own', ['clock', gateway.address, String(rounds), path])
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, GRIDTALLY_TOKEN: token }, maxBuffer: 1 << 20 })
  return JSON.parse(stdout)
}

/** What is answered, to look at it. */
const timed = async (
  { gateway, token }: Site,
  path: string,
): Promise<{ readonly ms: number; readonly bytes: number; readonly text: string }> => {
  const began = performance.now()
  const answer = await fetch(new URL(path, gateway.address), { headers: { authorization: `Bearer ${token}` } })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const ms = performance.now() - began
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${bytes}`)
  return { ms, bytes: bytes.length, text: bytes.toString() }
}

const countOf = (text: string, word: string): number => text.split(word).length - 1

/** H2: the newest value of every meter in one answer. */
export const latestOfAll: Anchor = {
  id: 'H2',
  title: `${METERS.toLocaleString('en-US')} meters' newest reading over HTTP in one answer, one register each: milliseconds`,
  better: 'lower',
  must: 100,
  goal: 60,
  async run(context) {
    const meters = context.quick ? 500 : METERS
    const site = await siteOf(context, meters)
    const path = `/api/v1/latest?limit=${METERS}&registers=1.8.0`
    const first = await timed(site, path)
    const found = countOf(first.text, '"measuredAt"')
    if (found !== meters) throw new Error(`${found} readings of ${meters} meters`)
    const times = await clocked(site, path, Math.max(7, context.rounds))
    const whole = await timed(site, `/api/v1/latest?limit=${METERS}`)
    const ours = median(times)
    return {
      ...{ ours, reference: null, ratio: ours, unit: 'ms' },
      detail: {
        meters,
        'first answer, ms': Math.round(first.ms),
        MB: Math.round(first.bytes / 1e5) / 10,
        'all 12 registers, ms': Math.round(whole.ms),
        'all 12 registers, MB': Math.round(whole.bytes / 1e5) / 10,
      },
    }
  },
}

/** H3: a day of one meter. */
export const dayOfOne: Anchor = {
  id: 'H3',
  title: "one meter's day over HTTP: 96 readings of 12 registers: milliseconds",
  better: 'lower',
  must: 5,
  goal: 4,
  async run(context) {
    const site = await siteOf(context, 200)
    const query = new URLSearchParams({ from: new Date(site.from).toISOString(), to: new Date(site.from + DAY_MS).toISOString() })
    const path = `/api/v1/points/${pointId(0)}/readings?${query}`
    const first = await timed(site, path)
    const found = countOf(first.text, '"measuredAt"')
    if (found !== 96) throw new Error(`${found} readings of the day`)
    const times = await clocked(site, path, context.quick ? 20 : 200)
    const ours = median(times)
    const sorted = times.toSorted((a, b) => a - b)
    return {
      ...{ ours, reference: null, ratio: ours, unit: 'ms' },
      detail: {
        'first answer, ms': Math.round(first.ms),
        'p99, ms': Math.round((sorted[Math.floor(sorted.length * 0.99)] ?? 0) * 10) / 10,
        kB: Math.round(first.bytes / 1000),
      },
    }
  },
}
