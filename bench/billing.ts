import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { openAccessStore, openAuditLog, tokensOf } from '../src/access/index.ts'
import { loadGatewayConfig } from '../src/config/index.ts'
import { type Reading, seriesOf, shapeOf } from '../src/core/index.ts'
import { Ledger, type Patch } from '../src/ledger/index.ts'
import { openEmbeddedStore } from '../src/store/embedded.ts'
import type { Anchor } from './anchor.ts'
import { ownProgram } from './reference/programs.ts'

const AREAS = 200
const BAR_MS = 2000
const BAR_MB = 50
const HOUR = 3_600_000
/** Midnight in the gateway's zone. */
const AT = Date.parse('2026-10-01T00:00:00+08:00')
const SHAPE = shapeOf(
  ['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4', '2.8.0'].map((field) => ({
    field,
    obis: `1-0:${field}`,
    unit: 'kWh' as const,
    scaler: -2,
  })),
)

const rowOf = (index: number, at: number, source: string): Reading => ({
  series: seriesOf('register', { meter: `M-${index}`, point: `P-${index}`, area: `A-${index % AREAS}`, source }),
  shape: SHAPE,
  raws: [100_000 + index * 7, 25_000 + index, 25_000 + index, 25_000 + index, 25_000 + index, index],
  ...{ scalers: null, absent: null, ratio: '1', measuredAt: at, receivedAt: at + 60_000, quality: 0 },
})

/** A night as a fleet leaves it: a freeze each, and the curve around it. */
const fill = async (directory: string, points: number): Promise<void> => {
  const opened = await openEmbeddedStore({ directory })
  if (!opened.ok) throw new Error(opened.error.message)
  const store = opened.value
  for (let first = 0; first < points; first += 1000) {
    const rows = Array.from({ length: Math.min(1000, points - first) }, (_, at) => first + at).flatMap((index) => [
      rowOf(index, AT, 'day-freeze'),
      ...[-2, -1, 0, 1, 2].map((quarter) => rowOf(index, AT + (quarter * HOUR) / 4, 'curve')),
    ])
    for (let from = 0; from < rows.length; from += store.batch) {
      const answer = await store.write(rows.slice(from, from + store.batch))
      if (answer.kind !== 'stored') throw new Error('the store refused rows')
    }
  }
  await store.close()
}

/** A token of a billing system. */
const tokenIn = (directory: string): string => {
  const log = openAuditLog(directory, () => Date.now())
  if (!log.ok) throw new Error(log.error.message)
  const store = openAccessStore(directory, log.value)
  const rights = { roles: ['billing'], zones: null, customer: null, expiresAt: null } as const
  const act = { who: { kind: 'command', id: null, name: 'bench' }, from: 'bench', why: 'bench' } as const
  const made = tokensOf(store).add('bench', rights, act, Date.now(), null)
  store.close()
  log.value.close()
  if (!made.ok) throw new Error(made.error.message)
  return made.value.text
}

/** B1: every register of every point at one instant, out of a running gateway. */
export const billingReadings: Anchor = {
  id: 'B1',
  title: `registers of 20,000 points at a billing instant, streamed: ms; the gateway grows by at most ${BAR_MB} MB`,
  better: 'lower',
  must: BAR_MS,
  goal: 1500,
  run: async (context) => {
    const points = context.quick ? 2000 : 20_000
    const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
    context.onEnd(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'gateway.yaml')
    writeFileSync(
      file,
      stringify({
        version: 1,
        gateway: { id: 'bench', timezone: 'Asia/Shanghai', data: './data' },
        http: { port: 0, requestsPerMinute: 1_000_000 },
        lines: [],
        tasks: [],
      }),
    )
    const loaded = loadGatewayConfig(file)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    const { dataDirectory } = loaded.value
    mkdirSync(dataDirectory, { recursive: true })
    const ledger = new Ledger(dataDirectory)
    const patches = Array.from({ length: points }, (_, at): Patch[] => [
      { kind: 'point', id: `P-${at}`, from: null, set: { area: `A-${at % AREAS}` } },
      {
        kind: 'meter',
        id: `M-${at}`,
        from: null,
        set: { point: `P-${at}`, address: String(at).padStart(12, '0'), profile: 'dlt645-2007/three-phase' },
      },
    ]).flat()
    const areas = Array.from({ length: AREAS }, (_, at): Patch => ({ kind: 'area', id: `A-${at}`, from: null, set: {} }))
    const act = { what: 'import', who: 'bench', why: 'bench', workOrder: null, at: Date.now() } as const
    const applied = ledger.apply([...areas, ...patches], act)
    ledger.close()
    if (!applied.ok) throw new Error(applied.error.problems[0]?.message ?? applied.error.error.message)
    await fill(join(dataDirectory, 'store'), points)
    const token = tokenIn(dataDirectory)
    const [command, args] = ownProgram('bench/http-own', ['gateway', file])
    const gateway = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    context.onEnd(() => gateway.kill('SIGKILL'))
    const said = createInterface({ input: gateway.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<string> => String((await said.next()).value)
    const address = await next()
    const rss = async (): Promise<number> => {
      gateway.stdin.write('?\n')
      return JSON.parse(await next()).rssMb
    }
    const stream = async (): Promise<{ ms: number; mb: number }> => {
      const began = performance.now()
      const response = await fetch(`${address}/api/v1/billing/readings?at=${new Date(AT).toISOString()}&format=ndjson`, {
        headers: { authorization: `Bearer ${token}` },
      })
      let bytes = 0
      let end = ''
      for await (const piece of response.body ?? []) {
        bytes += piece.length
        end = (end + Buffer.from(piece).toString()).slice(-2000)
      }
      const ms = performance.now() - began
      const { summary } = JSON.parse(end.trimEnd().split('\n').at(-1) ?? '{}')
      if (summary?.complete !== true || summary.points !== points || summary.states.provisional !== points)
        throw new Error(`${response.status}: ${JSON.stringify(summary ?? end.slice(0, 500))}`)
      return { ms, mb: bytes / 1e6 }
    }
    // Word lists and compiled code belong to the first question of a process, not to every one.
    const first = await stream()
    const before = await rss()
    let more = 0
    const rounds: number[] = []
    for (let round = 0; round < (context.quick ? 1 : context.rounds); round++) {
      let isOver = false
      const start = await rss()
      let most = start
      const watching = (async () => {
        while (!isOver) {
          most = Math.max(most, await rss())
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      })()
      rounds.push((await stream()).ms)
      isOver = true
      await watching
      more = Math.max(more, most - start)
      context.log(`round ${round + 1}: ${Math.round(rounds.at(-1) ?? 0)} ms, RSS up to ${Math.round(most)} MB`)
    }
    const ours = rounds.toSorted((a, b) => a - b)[rounds.length >> 1] ?? Number.NaN
    if (more > BAR_MB) throw new Error(`the gateway grew by ${Math.round(more)} MB, at most ${BAR_MB} are allowed`)
    const detail = {
      ...{ points, 'first question, ms': Math.round(first.ms), 'answer, MB': Math.round(first.mb), 'RSS before, MB': Math.round(before) },
      'RSS more in a question, MB': Math.round(more),
    }
    return { ours, reference: null, ratio: ours, unit: 'ms', detail }
  },
}
