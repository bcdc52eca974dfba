import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { stringify } from 'yaml'
import { ruledConcentrators } from '../simulators/index.ts'
import { loadGatewayConfig } from '../src/config/index.ts'
import { Ledger, type Patch } from '../src/ledger/index.ts'
import { startGateway } from '../src/main.ts'
import type { Anchor } from './anchor.ts'

const FULL = { concentrators: 1000, meters: 100 }
const QUICK = { concentrators: 100, meters: 20 }
/** Registers of a daily freeze: total and four tariffs. */
const REGISTERS = ['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4']
const BAR_S = 60
const PATIENCE_MS = 300_000

const patchesOf = (concentrators: number, meters: number): Patch[] =>
  ruledConcentrators({ count: concentrators, meters, protocol: 'gw3761', seed: 1 }).flatMap(
    ({ id, protocol, address, wiring }): Patch[] => [
      { kind: 'concentrator', id, from: null, set: { protocol, address } },
      ...Array.from({ length: meters }, (_, at) => wiring.at(at) ?? [])
        .flat()
        .flatMap((meter): Patch[] => [
          { kind: 'point', id: `P-${meter.id}`, from: null, set: {} },
          {
            ...{ kind: 'meter', id: meter.id, from: null },
            set: {
              ...{ point: `P-${meter.id}`, line: id, address: meter.address, profile: 'gw3761/single-phase' },
              ...{ measuringPoint: meter.pn, archiveNumber: meter.number, port: meter.port },
            },
          },
        ]),
    ],
  )

const until = async (what: string, isSo: () => boolean): Promise<void> => {
  for (const deadline = performance.now() + PATIENCE_MS; !isSo(); ) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about within ${PATIENCE_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * The daily freeze of a whole site through everything: schedule, requests over TCP, answers, outbox on the disk, embedded store. The
 * concentrators dial in from a process of their own on the same machine.
 */
export const freezeDay: Anchor = {
  id: 'C1',
  title: '1,000 concentrators × 100 meters: seconds for a daily freeze of 5 registers (bar 60)',
  better: 'lower',
  must: 1,
  goal: 0.5,
  run: async ({ quick, onEnd, log }) => {
    const { concentrators, meters } = quick ? QUICK : FULL
    const total = concentrators * meters
    const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
    onEnd(() => rmSync(directory, { recursive: true, force: true }))
    const file = join(directory, 'gateway.yaml')
    const write = (tasks: readonly object[]) =>
      writeFileSync(
        file,
        stringify({
          ...{ version: 1, gateway: { id: 'bench', timezone: 'Asia/Shanghai', data: './data' }, http: { port: 0 }, lines: [], tasks },
          concentrators: { listeners: [{ id: 'all', port: 0, maxSessions: 20_000, maxPerPeer: 20_000 }] },
        }),
      )
    write([])
    const loaded = loadGatewayConfig(file)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    mkdirSync(loaded.value.dataDirectory, { recursive: true })
    const ledger = new Ledger(loaded.value.dataDirectory)
    const act = { what: 'import', who: 'bench', why: 'bench', workOrder: null, at: Date.now() } as const
    const applied = ledger.apply(patchesOf(concentrators, meters), act)
    ledger.close()
    if (!applied.ok) throw new Error(applied.error.error.message)
    const placing = performance.now()
    const started = await startGateway(loaded.value, pino({ level: 'silent' }))
    if (!started.ok) throw new Error(started.message)
    const gateway = started.value
    onEnd(() => gateway.close())
    const placedS = (performance.now() - placing) / 1000
    const fleet = fork(fileURLToPath(new URL('./concentrators-fleet.js', import.meta.url)), [
      ...[gateway.listening[0]?.port ?? 0, concentrators, meters].map(String),
    ])
    onEnd(() => void fleet.kill('SIGKILL'))
    let isOnline = false
    fleet.once('message', () => {
      isOnline = true
    })
    const dialling = performance.now()
    await until('the login of all concentrators', () => isOnline)
    const loginS = (performance.now() - dialling) / 1000
    log(`${concentrators} concentrators logged in after ${loginS.toFixed(1)} s; gateway up in ${placedS.toFixed(1)} s`)
    const delay = monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    const began = performance.now()
    const cpu = process.cpuUsage()
    write([{ id: 'daily', read: 'day-freeze', every: '1d', registers: REGISTERS }])
    const reloaded = await gateway.reload('bench')
    if (!reloaded.ok) throw new Error(JSON.stringify(reloaded.problems))
    const { schedule } = gateway.field
    await until('the last freeze', () => schedule.totals().read + schedule.totals().missed >= total && gateway.outbox.state().depth === 0)
    const seconds = (performance.now() - began) / 1000
    delay.disable()
    const { user, system } = process.cpuUsage(cpu)
    const { read, missed } = schedule.totals()
    if (missed > 0) throw new Error(`${missed} of ${total} freezes did not come: ${JSON.stringify([...schedule.totals().reasons])}`)
    const reference = BAR_S * (total / (FULL.concentrators * FULL.meters))
    const detail = {
      ...{
        read,
        'freezes/s': Math.round(read / seconds),
        'CPU of the gateway, s': Math.round((user + system) / 1e6),
        'login, s': Math.round(loginS * 10) / 10,
        'start, s': Math.round(placedS * 10) / 10,
      },
      ...{ 'longest stall, ms': Math.round(delay.max / 1e6), 'RSS, MB': Math.round(process.memoryUsage().rss / 1e6) },
    }
    return { ours: seconds, reference, ratio: seconds / reference, unit: 's', detail }
  },
}
