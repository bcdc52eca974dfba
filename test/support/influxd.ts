import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as http from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from '../../simulators/free-port.ts'

/** Where a program lies, null when it is not installed. */
export const programPath = (name: string): string | null =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].map((folder) => join(folder, name)).find(existsSync) ??
  null

/** One GET or POST, whole answer; rejects only when there is none. */
export const fetchText = (
  url: string,
  init: { method?: string; body?: string | Uint8Array } = {},
): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const request = http.request(url, { method: init.method ?? 'GET', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(init.body)
  })

/** A server program of its own, in a folder of its own, known by its pid alone. */
export interface ServerProcess {
  readonly url: string
  readonly folder: string
  pid(): number
  /** What it printed, for a failing test. */
  log(): string
  start(): Promise<void>
  /** Ends it (SIGTERM unless told otherwise) and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Ends it for good and removes its folder. */
  destroy(): Promise<void>
}

const launch = async (folder: string, url: string, program: string, args: readonly string[]): Promise<ServerProcess> => {
  const logFile = join(folder, 'server.log')
  let child: ChildProcess | null = null
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-4000) : '')
  const start = async (): Promise<void> => {
    const out = openSync(logFile, 'a')
    const started = spawn(program, args, { cwd: folder, stdio: ['ignore', out, out], env: { ...process.env, HOME: folder } })
    closeSync(out)
    child = started
    const deadline = performance.now() + 30_000
    for (;;) {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`${program} ended at once:\n${log()}`)
      const answer = await fetchText(`${url}/ping`).catch(() => null)
      if (answer !== null && answer.status < 300) return
      if (performance.now() > deadline) throw new Error(`${program} does not answer:\n${log()}`)
      // Polling a foreign program's start: there is no event to wait for.
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    const running = child
    child = null
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const gone = once(running, 'exit')
    running.kill(signal)
    await gone
  }
  const process_: ServerProcess = {
    url,
    folder,
    pid: () => child?.pid ?? 0,
    log,
    start,
    stop,
    signal: (signal) => {
      child?.kill(signal)
    },
    destroy: async () => {
      await stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    await start()
  } catch (error) {
    await process_.destroy()
    throw error
  }
  return process_
}

export interface Influxd extends ServerProcess {
  /** InfluxQL over plain HTTP, independent of the code under test. Throws on any complaint. */
  query(question: string, database?: string): Promise<{ columns: string[]; values: unknown[][]; tags?: Record<string, string> }[]>
  /** Raw line protocol, independent of the code under test. */
  write(lines: string, database: string): Promise<{ status: number; text: string }>
}

/** Settings that differ from the test's defaults, as `section` → `key = value` lines. */
export type InfluxdConfig = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>

/**
 * Starts a real influxd (Debian's 1.6.7) in a folder of its own on free ports.
 *
 * @throws when it is not installed: `apt-get install influxdb`
 */
export const startInfluxd = async (more: InfluxdConfig = {}): Promise<Influxd> => {
  const program = programPath('influxd')
  if (program === null) throw new Error('influxd is not installed: apt-get install influxdb')
  const folder = mkdtempSync(join(tmpdir(), 'gridtally-influxd-'))
  const port = await freePort()
  const config: Record<string, Record<string, string | number | boolean>> = {
    meta: { dir: join(folder, 'meta') },
    data: { dir: join(folder, 'data'), 'wal-dir': join(folder, 'wal'), 'query-log-enabled': false },
    http: { 'bind-address': `127.0.0.1:${port}`, 'log-enabled': false },
    monitor: { 'store-enabled': false },
    logging: { level: 'warn' },
    subscriber: { enabled: false },
    continuous_queries: { enabled: false },
  }
  for (const [section, keys] of Object.entries(more)) config[section] = { ...config[section], ...keys }
  const text = Object.entries(config).map(
    ([section, keys]) =>
      `[${section}]\n${Object.entries(keys)
        .map(([key, value]) => `  ${key} = ${JSON.stringify(value)}\n`)
        .join('')}`,
  )
  const file = join(folder, 'influxdb.conf')
  writeFileSync(file, `reporting-disabled = true\nbind-address = "127.0.0.1:${await freePort()}"\n${text.join('')}`)
  const url = `http://127.0.0.1:${port}`
  const server = await launch(folder, url, program, ['-config', file])
  return {
    ...server,
    query: async (question, database = '') => {
      const answer = await fetchText(`${url}/query?${new URLSearchParams({ db: database, epoch: 'ms', q: question })}`, { method: 'POST' })
      const body = JSON.parse(answer.text) as {
        error?: string
        results?: { error?: string; series?: { columns: string[]; values: unknown[][] }[] }[]
      }
      const complaint = body.error ?? body.results?.find(({ error }) => error)?.error
      if (complaint) throw new Error(complaint)
      return body.results?.flatMap(({ series = [] }) => series) ?? []
    },
    write: (lines, database) => fetchText(`${url}/write?db=${encodeURIComponent(database)}&precision=ms`, { method: 'POST', body: lines }),
  }
}

/**
 * Starts Debian's victoria-metrics, a second real server that takes line protocol, the 2.x shape included.
 *
 * @throws when it is not installed: `apt-get install victoria-metrics`
 */
export const startVictoria = async (): Promise<ServerProcess> => {
  const program = programPath('victoria-metrics')
  if (program === null) throw new Error('victoria-metrics is not installed: apt-get install victoria-metrics')
  const folder = mkdtempSync(join(tmpdir(), 'gridtally-victoria-'))
  const port = await freePort()
  return await launch(folder, `http://127.0.0.1:${port}`, program, [
    `-httpListenAddr=127.0.0.1:${port}`,
    `-storageDataPath=${join(folder, 'data')}`,
    '-retentionPeriod=100y',
    '-memory.allowedBytes=128MB',
  ])
}
