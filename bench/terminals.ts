import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openFiles } from '../src/transport/index.ts'
import { type Anchor, type BenchContext, NotHere } from './anchor.ts'
import { projectRoot } from './reference/programs.ts'
import type { Beaten, Dialled, Held } from './terminals-own.ts'

const HEARTBEATS_A_SECOND = 1000
/** Files beside the sockets. */
const SPARE = 700

interface Measured {
  readonly sockets: number
  readonly loginMs: number
  /** Bytes a session, by resident memory and by the heap. */
  readonly rss: number
  readonly heap: number
  readonly beaten: Beaten
  /** Share of one core that the heartbeats took. */
  readonly core: number
  /** Seconds of processor that the logins took. */
  readonly loginCpuS: number
}

/** A program of ours that answers a line with a line of JSON. */
const start = (context: Pick<BenchContext, 'onEnd'>, options: readonly string[], args: readonly string[]) => {
  const child: ChildProcess = spawn(process.execPath, [...options, join(projectRoot(), 'dist', 'bench', 'terminals-own.js'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  context.onEnd(() => void child.kill('SIGKILL'))
  const { stdin, stdout } = child
  if (!stdin || !stdout) throw new Error('no pipes')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('terminals-own ended early')
    return value
  }
  return {
    line,
    ask: async <T>(): Promise<T> => {
      stdin.write('\n')
      return JSON.parse(await line()) as T
    },
    end: () => stdin.end(),
  }
}

/** One run serves all three anchors. */
let measured: Promise<Measured> | null = null

const measure = async (context: BenchContext): Promise<Measured> => {
  const files = openFiles()
  const sockets = Math.min(context.quick ? 2000 : 10_000, (files?.limit ?? 20_000) - SPARE)
  if (sockets < 1000) throw new NotHere(`only ${files?.limit} open files are allowed: ulimit -n 20000`)
  const listener = start(context, ['--expose-gc'], ['listen'])
  const port = await listener.line()
  const before = await listener.ask<Held>()
  const seconds = context.quick ? 3 : 15
  const dialler = start(
    context,
    ['--max-semi-space-size=16'],
    ['dial', port, String(sockets), String(HEARTBEATS_A_SECOND), String(seconds)],
  )
  const { loginMs } = JSON.parse(await dialler.line()) as Dialled
  context.log(`${sockets} logged in after ${Math.round(loginMs)} ms`)
  const idle = await listener.ask<Held>()
  if (idle.sessions !== sockets) throw new Error(`${idle.sessions} sessions of ${sockets}`)
  const beaten = await dialler.ask<Beaten>()
  const after = await listener.ask<Held>()
  if (beaten.answered !== beaten.sent || after.heartbeats !== beaten.sent)
    throw new Error(`${beaten.sent} heartbeats sent, ${after.heartbeats} heard, ${beaten.answered} answered`)
  dialler.end()
  listener.end()
  return {
    ...{ sockets, loginMs, beaten },
    rss: (idle.rss - before.rss) / sockets,
    heap: (idle.heap - before.heap) / sockets,
    loginCpuS: (idle.cpuUs - before.cpuUs) / 1e6,
    core: (after.cpuUs - idle.cpuUs) / 1e6 / (seconds + 1),
  }
}

const anchor = (
  head: Omit<Anchor, 'run' | 'better'>,
  unit: string,
  figureOf: (run: Measured) => number,
  detailOf: (run: Measured) => Readonly<Record<string, number | string>>,
): Anchor => ({
  ...head,
  better: 'lower',
  async run(context) {
    measured ??= measure(context)
    const run = await measured
    const ours = figureOf(run)
    return { ours, reference: null, ratio: ours, unit, detail: { sockets: run.sockets, ...detailOf(run) } }
  },
})

/** T1: terminals of both protocols dial in at once. */
export const terminalLogins = anchor(
  { id: 'T1', title: 'terminals: 10,000 sockets log in, half 376.1, half 698.45, on one port, seconds', must: 10, goal: 5 },
  's',
  ({ loginMs }) => loginMs / 1000,
  ({ sockets, loginMs, loginCpuS }) => ({
    'logins/s': Math.round((sockets * 1000) / loginMs),
    'processor, s': loginCpuS,
  }),
)

/** T2: what a terminal costs that is connected and says nothing. */
export const terminalMemory = anchor(
  { id: 'T2', title: 'terminals: memory of an idle session, kB (resident, its socket included)', must: 35, goal: 15 },
  'kB',
  ({ rss }) => rss / 1024,
  ({ heap }) => ({ 'heap and buffers, kB': Math.round(heap / 102.4) / 10 }),
)

/** T3: how soon a heartbeat is answered while a thousand come a second. */
export const terminalHeartbeats = anchor(
  {
    id: 'T3',
    title: `terminals: ${HEARTBEATS_A_SECOND} heartbeats a second over all of them, 99 of 100 answered within, ms`,
    must: 500,
    goal: 50,
  },
  'ms',
  ({ beaten }) => beaten.p99Ms,
  ({ beaten, core }) => ({ heartbeats: beaten.sent, 'median, ms': beaten.p50Ms, 'worst, ms': beaten.worstMs, 'cores busy': core }),
)
