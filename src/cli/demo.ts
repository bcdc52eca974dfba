import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Calendar } from '../acquisition/index.ts'
import { decimalText, nameOfObis, scalerAt } from '../core/index.ts'
import { type Gateway, type Summary, startGateway } from '../main.ts'
import { lockDirectory } from '../sqlite/lock.ts'
import { casesOf, caseText, type DemoCase } from './demo-cases.ts'
import { fillHistory } from './demo-history.ts'
import { aborted, CommandFailed, complain, print, untilInterrupted } from './output.ts'
import { configOrFail, openLog, startError } from './run.ts'

export interface DemoOptions {
  readonly for?: number
  readonly json?: boolean
  readonly influx?: string
  readonly meters: number
  readonly seed: number
  readonly speed: number
  readonly every: string
  /** Days before the first start. */
  readonly history: number
  readonly dir: string
  readonly port: number
}

/** What the demo is asked for when it is over. A public interface: scripts read it. */
interface DemoReport extends Summary {
  readonly cases: readonly DemoCase[]
  readonly durationS: number
  readonly firstReadingS: number | null
}

const SUMMARY_MS = 5000
const ZONE = 'Asia/Shanghai'
const BEFORE_MIDNIGHT_MS = 9 * 60_000

/**
 * `gridtally demo`: a simulated village in a process of its own, a gateway in this one, real sockets between them. Time runs faster;
 * a second start goes on where the first one stopped.
 */
export const demo = async (options: DemoOptions): Promise<void> => {
  const signal = untilInterrupted()
  const began = performance.now()
  const say = (text: string) => (options.json ? complain(text) : print(text))
  const directory = resolve(options.dir)
  mkdirSync(directory, { recursive: true })
  const start = villageStart(join(directory, 'demo.json'), options.speed)
  say(`demo in ${directory}; one minute of the village takes ${(60 / options.speed).toFixed(1)} s`)
  const locked = lockDirectory(directory, 'demo')
  if (!locked.ok)
    throw new CommandFailed(`a demo runs in ${directory} already (process ${locked.pid ?? 'unknown'}): stop it, or name another with --dir`)
  const village = await startVillage(options, directory, start)
  try {
    say(
      `village: ${options.meters} meters on Modbus TCP, RTU over TCP, DL/T 645 and MQTT, sixteen more behind two concentrators; truth log in ${join(directory, 'truth.jsonl')}`,
    )
    const config = configOrFail(join(directory, 'gateway.yaml'))
    const started = await startGateway(
      { ...config, logLevel: 'warn', http: { ...config.http, port: options.port } },
      openLog('warn', options.json ? 'stderr' : 'text'),
    )
    if (!started.ok) throw startError(started)
    await live(started.value, village, { options, signal, say, began, start })
  } finally {
    await endVillage(village)
    locked.lock.release()
  }
}

interface Live {
  readonly options: DemoOptions
  readonly signal: AbortSignal
  readonly say: (text: string) => void
  readonly began: number
  readonly start: VillageStart
}

const live = async (gateway: Gateway, village: ChildProcess, { options, signal, say, began, start }: Live): Promise<void> => {
  const token = gateway.tokens.all().some(({ name, revokedAt }) => name === 'demo' && revokedAt === null)
    ? null
    : gateway.tokens.add('demo', 'operate')
  if (token) writeFileSync(join(resolve(options.dir), 'token'), `${token}\n`, { mode: 0o600 })
  const shown = token ?? readToken(join(resolve(options.dir), 'token'))
  const point = [...gateway.field.meters()].find(({ point: { role } }) => role === 'area-supply')?.fact.point ?? ''
  say(`API ${gateway.address} (documentation at ${gateway.address}/docs), token ${shown}`)
  say(`  curl -H 'Authorization: Bearer ${shown}' ${gateway.address}/api/v1/points/${point}/latest`)
  say(`  curl -H 'Authorization: Bearer ${shown}' ${gateway.address}/api/v1/lines`)
  let firstReadingS: number | null = null
  const secondsIn = () => (performance.now() - began) / 1000
  const note = () => {
    const summary = gateway.summary()
    if (firstReadingS === null && summary.rowsStored > 0) {
      firstReadingS = secondsIn()
      say(`first readings stored after ${firstReadingS.toFixed(1)} s: ${sampleText(gateway)}`)
    }
    start.remember(gateway.clock.now())
    return summary
  }
  const filled = start.isFirst ? fillHistory(gateway, { ...options, before: start.scenesBefore }, signal, say) : Promise.resolve()
  const quick = setInterval(() => firstReadingS === null && note(), 100)
  const told = new Set<string>()
  const tell = async () => {
    const now = await casesOf(gateway)
    for (const one of now.filter(({ case: id }) => !told.has(id))) {
      told.add(one.case)
      say(caseText(one))
    }
    return now
  }
  const regular = setInterval(() => {
    say(summaryText(gateway, note()))
    void tell()
  }, SUMMARY_MS)
  const gone = new Promise<void>((done) => village.once('exit', () => done()))
  await Promise.race([aborted(signal, options.for), gone, filled.then(() => new Promise<never>(() => undefined))])
  clearInterval(quick)
  clearInterval(regular)
  const villageDied = village.exitCode !== null && !signal.aborted
  say('stopping: what is read is made safe, then stored')
  const states = new Map(gateway.summary().lines.map(({ id, state }) => [id, state]))
  await gateway.field.stop(5000)
  await gateway.outbox.drained(5000)
  const summary = note()
  const cases = await tell()
  await gateway.close()
  const report: DemoReport = {
    ...summary,
    lines: summary.lines.map((line) => ({ ...line, state: states.get(line.id) ?? line.state })),
    cases,
    durationS: Math.round(secondsIn() * 10) / 10,
    firstReadingS: firstReadingS === null ? null : Math.round(firstReadingS * 10) / 10,
  }
  const underWay = report.due - report.read - report.late - report.missed
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  else
    print(
      `due ${report.due}: read ${report.read} (first try ${report.firstTry}), late ${report.late}, missed ${report.missed}, under way ${underWay}; rows stored ${report.rowsStored}, waiting ${report.outboxDepth}, dead letters ${report.deadLetters}`,
    )
  for (const { id, late, missed, reasons } of options.json ? [] : report.tasks)
    if (late + missed > 0) print(`  ${id}: not in time ${late + missed} (${reasonText(reasons)}), of these here since ${late}`)
  if (villageDied) throw new CommandFailed(`the village ended by itself with exit code ${village.exitCode}`)
}

interface VillageStart {
  readonly villageTime: number
  /** Since before then things are wrong in the village. */
  readonly scenesBefore: number
  readonly isFirst: boolean
  remember(villageTime: number): void
}

/**
 * Village time goes on where the last demo stopped. The first one starts so long before midnight that its first reads, due every ten
 * minutes, are not half over when the gateway is up, and so shortly that a freeze is seen within half a minute.
 */
const villageStart = (path: string, speed: number): VillageStart => {
  const first = new Calendar(ZONE).dayStart(Date.now()) - BEFORE_MIDNIGHT_MS
  const saved = readJson(path)
  const number = (name: string): number | null => {
    const value: unknown = typeof saved === 'object' && saved !== null ? Reflect.get(saved, name) : null
    return typeof value === 'number' ? value : null
  }
  const villageTime = number('villageTime')
  const scenesBefore = number('scenesBefore') ?? villageTime ?? first
  return {
    villageTime: villageTime ?? first,
    scenesBefore,
    isFirst: villageTime === null,
    remember: (now) => {
      writeFileSync(
        `${path}.new`,
        `${JSON.stringify({ villageTime: now, speed, scenesBefore })}
`,
      )
      renameSync(`${path}.new`, path)
    },
  }
}

const startVillage = (options: DemoOptions, directory: string, { villageTime, scenesBefore }: VillageStart): Promise<ChildProcess> =>
  new Promise((done, fail) => {
    const cli = fileURLToPath(new URL('./index.js', import.meta.url))
    const args = [cli, 'simulate', 'village', '--seed', String(options.seed), '--meters', String(options.meters), '--out', directory]
    args.push('--speed', String(options.speed), '--start', new Date(villageTime).toISOString())
    args.push('--every', options.every, '--push', '--concentrators', '--stdin', '--scenes', new Date(scenesBefore).toISOString())
    if (options.influx !== undefined) args.push('--influx', options.influx)
    // A process group of its own: Ctrl-C reaches us, and we end the village after the gateway.
    const village = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
    let output = ''
    village.once('error', fail)
    village.once('exit', (code) => fail(new CommandFailed(`the village did not start (exit code ${code}):\n${output}`)))
    village.stdout.on('data', (text: Buffer) => {
      output += text
      if (!/^gridtally run/m.test(output)) return
      village.removeAllListeners('exit')
      done(village)
    })
  })

const endVillage = async (village: ChildProcess): Promise<void> => {
  if (village.exitCode !== null || village.signalCode !== null) return
  const gone = new Promise<void>((done) => village.once('exit', () => done()))
  village.kill('SIGTERM')
  const timer = setTimeout(() => village.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(timer)
}

/** What a file holds, null when it is not there or was left half. */
const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

const readToken = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return '(made at the first start)'
  }
}

const sampleText = (gateway: Gateway): string => {
  for (const reading of gateway.latest.all('register')) {
    const column = reading.shape.columns.findIndex(({ field }) => field === '1.8.0')
    const raw = reading.raws[column]
    if (raw === null || raw === undefined) continue
    const text = decimalText(raw, scalerAt(reading, column))
    return `${reading.series.tags.meter} ${nameOfObis('1-0:1.8.0').en} ${text} kWh at ${new Date(reading.measuredAt).toISOString()}`
  }
  return 'see the API'
}

const reasonText = (reasons: Readonly<Record<string, number>>): string =>
  Object.entries(reasons)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ')

const summaryText = (gateway: Gateway, { due, read, firstTry, rowsStored, outboxDepth, lines }: Summary): string => {
  const slowest = [...lines].sort((a, b) => b.busyShare - a.busyShare)[0]
  const slow = slowest ? `, slowest line ${slowest.id} (busy ${Math.round(slowest.busyShare * 100)} %)` : ''
  const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', timeZone: ZONE }).format(gateway.clock.now())
  return `village ${local}  due ${due}, read ${read}, first try ${firstTry}, rows stored ${rowsStored}, outbox ${outboxDepth}${slow}`
}
