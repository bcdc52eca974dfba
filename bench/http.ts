import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { makeToken } from '../src/api/index.ts'
import { loadGatewayConfig } from '../src/config/index.ts'
import { Ledger, type Patch } from '../src/ledger/index.ts'
import type { Anchor } from './anchor.ts'
import { ownProgram, startModbusServer } from './reference/programs.ts'

const LINES = 20
const METERS = 2000
const READERS = 100
const RATE = 1000
const BAR_MS = 50

interface Readers {
  readonly p50: number
  readonly p99: number
  readonly most: number
  readonly rate: number
  readonly failed: number
}
interface Reads {
  readonly read: number
  readonly missed: number
  readonly rssMb: number
}

/** Meters behind serial servers: a hundred of them share a connection. */
const patchesOf = (): Patch[] =>
  Array.from({ length: METERS }, (_, at): Patch[] => [
    { kind: 'point', id: `P-${at}`, from: null, set: { area: `A-${at % LINES}` } },
    {
      ...{ kind: 'meter', id: `M-${at}`, from: null },
      set: { point: `P-${at}`, line: `L-${at % LINES}`, address: String(1 + Math.floor(at / LINES)), profile: 'eastron-sdm630' },
    },
  ]).flat()

/** H1: what readers of the API wait for while the gateway does its work. */
export const apiUnderLoad: Anchor = {
  id: 'H1',
  title: `${READERS} readers, ${RATE} requests/s, while ${METERS} meters are polled: milliseconds a request, 99 of 100`,
  better: 'lower',
  must: BAR_MS,
  goal: 20,
  run: async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
    context.onEnd(() => rmSync(directory, { recursive: true, force: true }))
    const server = await startModbusServer(context, LINES)
    const file = join(directory, 'gateway.yaml')
    const lines = server.ports.map((port, at) => ({ id: `L-${at}`, transport: { kind: 'tcp', host: '127.0.0.1', port } }))
    const gatewayFile = {
      ...{ version: 1, gateway: { id: 'bench', timezone: 'Asia/Shanghai', data: './data' } },
      http: { port: 0, requestsPerMinute: 1_000_000 },
      ...{ lines, tasks: [{ id: 'current', read: 'current', every: '30s', spread: '25s' }] },
    }
    writeFileSync(file, stringify(gatewayFile))
    const loaded = loadGatewayConfig(file)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    mkdirSync(loaded.value.dataDirectory, { recursive: true })
    const ledger = new Ledger(loaded.value.dataDirectory)
    const areas = Array.from({ length: LINES }, (_, at): Patch => ({ kind: 'area', id: `A-${at}`, from: null, set: {} }))
    const applied = ledger.apply([...areas, ...patchesOf()], {
      what: 'import',
      who: 'bench',
      why: 'bench',
      workOrder: null,
      at: Date.now(),
    })
    ledger.close()
    if (!applied.ok) throw new Error(applied.error.error.message)
    const token = makeToken().text
    const env = { ...process.env, GRIDTALLY_TOKEN: token }
    const [command, args] = ownProgram('bench/http-own', ['gateway', file])
    const gateway = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    context.onEnd(
      () =>
        new Promise<void>((resolve) => {
          gateway.once('exit', () => resolve())
          gateway.stdin.end()
          setTimeout(() => gateway.kill('SIGKILL'), 15_000).unref()
        }),
    )
    const said = createInterface({ input: gateway.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<string> => String((await said.next()).value)
    const address = await next()
    const reads = async (): Promise<Reads> => {
      gateway.stdin.write('?\n')
      return JSON.parse(await next())
    }
    // Every meter has been read before anybody asks.
    for (const deadline = performance.now() + 120_000; (await reads()).read < METERS; ) {
      if (performance.now() > deadline) throw new Error(`only ${JSON.stringify(await reads())} within two minutes`)
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    const before = await reads()
    const seconds = context.quick ? 3 : 20
    const rounds: Readers[] = []
    for (let round = 0; round < (context.quick ? 1 : context.rounds); round++) {
      const [program, all] = ownProgram('bench/http-own', ['readers', address, ...[seconds, RATE, READERS, METERS].map(String)])
      const { stdout } = await promisify(execFile)(program, all, { env, maxBuffer: 1 << 20 })
      rounds.push(JSON.parse(stdout))
      context.log(`round ${round + 1}: ${stdout.trim()}`)
    }
    const after = await reads()
    const failed = rounds.reduce((sum, one) => sum + one.failed, 0)
    if (failed > 0) throw new Error(`${failed} requests failed`)
    const middle = rounds.toSorted((a, b) => a.p99 - b.p99)[rounds.length >> 1]
    const ours = middle?.p99 ?? Number.NaN
    const detail = {
      ...{
        server: server.kind,
        'requests/s': Math.round(middle?.rate ?? 0),
        'half of them, ms': middle?.p50 ?? 0,
        'longest, ms': middle?.most ?? 0,
      },
      ...{ 'meters read meanwhile': after.read - before.read, missed: after.missed - before.missed, 'RSS, MB': Math.round(after.rssMb) },
    }
    return { ours, reference: null, ratio: ours, unit: 'ms', detail }
  },
}
