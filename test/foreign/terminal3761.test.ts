import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { freePort } from '../../simulators/free-port.ts'
import { patient, type RunningGateway, runGateway, scratch, TOKEN } from '../support/processes.ts'

/** A terminal written in another language, out of captured frames: see the file. */
const SCRIPT = fileURLToPath(new URL('terminal3761.py', import.meta.url))
const hasPython = spawnSync('python3', ['--version']).status === 0

/** The day that ended is that of the captured freeze. */
const CLOCK = '2024-07-21T00:20:00'

interface Line {
  readonly online?: boolean
  readonly heard?: string
  readonly data?: string
  readonly said?: string
  readonly confirmed?: number
}

const startTerminal = (port: number, state: string, ...more: readonly string[]) => {
  const child: ChildProcess = spawn('python3', [SCRIPT, '--port', String(port), '--state', state, '--clock', CLOCK, ...more], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: Line[] = []
  let text = ''
  child.stdout?.on('data', (bytes: Buffer) => {
    text += bytes.toString()
    const parts = text.split('\n')
    text = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part))
  })
  const gone = new Promise<void>((done) => child.once('exit', () => done()))
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(kill)
  return { lines, kill, tell: (line: string) => child.stdin?.write(`${line}\n`) }
}

const METERS = [1, 2, 3].map((pn) => ({
  ...{ id: `M${pn}`, point: `P${pn}`, line: 'C-1', address: `24072000000${pn}`, profile: 'gw3761/single-phase' },
  ...{ measuringPoint: pn, archiveNumber: pn, port: 31 },
}))

const filesOf = (directory: string, port: number): string => {
  mkdirSync(directory, { recursive: true })
  const config = {
    ...{ version: 1, gateway: { id: 'g', timezone: 'Asia/Shanghai', data: './data' }, http: { port: 0 }, ledger: 'ledger.yaml', lines: [] },
    clock: { start: `${CLOCK}+08:00`, realStart: new Date().toISOString(), speed: 1 },
    concentrators: { listeners: [{ id: 'gprs', port }], answer: '2s', fieldAnswer: '4s' },
    tasks: [{ id: 'daily', read: 'day-freeze', every: '1d', offset: '10m' }],
  }
  writeFileSync(join(directory, 'gateway.yaml'), stringify(config))
  const concentrators = [{ id: 'C-1', address: '3301-1001', protocol: 'gw3761', allowWrites: true }]
  writeFileSync(
    join(directory, 'ledger.yaml'),
    stringify({ version: 1, concentrators, points: METERS.map(({ point }) => ({ id: point })), meters: METERS }),
  )
  return join(directory, 'gateway.yaml')
}

const SPAN = 'from=2014-01-01T00:00:00Z&to=2025-01-01T00:00:00Z'
const itemsOf = async (gateway: RunningGateway, path: string): Promise<readonly unknown[]> => {
  const page: { readonly items?: readonly unknown[] } = JSON.parse(JSON.stringify(await gateway.get(path)))
  return page.items ?? []
}
const readings = (gateway: RunningGateway, point: string) =>
  itemsOf(gateway, `/api/v1/points/${point}/readings?measurement=register&${SPAN}`)
const events = (gateway: RunningGateway) => itemsOf(gateway, `/api/v1/concentrators/C-1/events?${SPAN}`)
const isOnline = ({ online }: Line) => online === true

it.skipIf(!hasPython)(
  'a foreign terminal: archive download, freezes with a gap, an event, and deaths before the confirmation',
  { timeout: 120_000 },
  async () => {
    const directory = scratch()
    const port = await freePort()
    const config = filesOf(directory, port)
    const state = join(directory, 'terminal.json')
    let gateway = await runGateway(config)
    let terminal = startTerminal(port, state, '--unread', '2')
    await expect.poll(() => terminal.lines.some(isOnline), { timeout: 60_000 }).toBe(true)

    // Its archive is empty: the ledger is written into it, and read back.
    const ordered = await patient(`${gateway.address}/api/v1/concentrators/C-1/archive/download`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ why: 'new terminal' }),
    })
    expect(ordered.status).toBe(200)
    await expect.poll(() => terminal.lines.filter(({ heard }) => heard === '04').length, { timeout: 60_000 }).toBe(1)
    const written = terminal.lines.find(({ heard }) => heard === '04')?.data ?? ''
    expect(written.slice(0, 12)).toBe('000002010300')
    expect(written).toContain('010000200724')

    // Points 1 and 3 come at once, point 2 when its meter was read.
    for (const point of ['P1', 'P3']) await expect.poll(async () => (await readings(gateway, point)).length, { timeout: 60_000 }).toBe(1)
    expect(await readings(gateway, 'P2')).toEqual([])
    terminal.tell('read')
    await expect.poll(async () => (await readings(gateway, 'P2')).length, { timeout: 60_000 }).toBe(1)

    // The gateway dies with the report in its hands.
    terminal.tell('report')
    await expect.poll(() => terminal.lines.some(({ said }) => said === 'report'), { timeout: 60_000 }).toBe(true)
    await gateway.kill()
    gateway = await runGateway(config)
    await expect.poll(() => terminal.lines.some(({ confirmed }) => confirmed === 5), { timeout: 60_000 }).toBe(true)

    const saidReports = () => terminal.lines.filter(({ said }) => said === 'report').length
    // The terminal dies before it hears the confirmation, and says it again.
    const before = saidReports()
    terminal.tell('report')
    await expect.poll(saidReports, { timeout: 60_000 }).toBeGreaterThan(before)
    await terminal.kill()
    terminal = startTerminal(port, state, '--report')
    await expect.poll(() => terminal.lines.some(({ confirmed }) => confirmed === 5), { timeout: 60_000 }).toBe(true)

    await expect.poll(async () => (await events(gateway)).length, { timeout: 60_000 }).toBe(1)
    for (const point of ['P1', 'P2', 'P3']) expect(await readings(gateway, point)).toHaveLength(1)
    await gateway.stop()
  },
)
