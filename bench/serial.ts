import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modbusRtu } from '../protocols/modbus/adapter.ts'
import { bindProtocol, HalfDuplexLine } from '../src/acquisition/index.ts'
import { anyAdapter } from '../src/core/index.ts'
import { characterTime, memoryTransport, serialTransport, type Transport } from '../src/transport/index.ts'
import { type Anchor, type BenchContext, interleaved, median } from './anchor.ts'
import { rtuMeter } from './fuzz-meters.ts'
import { meterOfSixty, SIXTY } from './meter-sixty.ts'
import { hasProgram, jsonFromOwn } from './reference/programs.ts'

const SETTINGS = { baud: 9600, dataBits: 8, parity: 'even', stopBits: 1 } as const
const CHARACTER_MS = characterTime(SETTINGS)
const REQUEST_BYTES = 8
const ANSWER_BYTES = 5 + 2 * SIXTY
const WIRE_MS = (REQUEST_BYTES + ANSWER_BYTES) * CHARACTER_MS
/** Silence the standard demands between two frames. @source MODBUS over serial line V1.02, 2.5.1.1 */
const SILENCE_MS = 3.5 * CHARACTER_MS

interface PacedWire {
  readonly transport: Transport
  readonly kind: string
}

/**
 * A meter that answers at once, over a wire that takes its time: a pty knows no baud rate, so the far end waits as long as the
 * characters would take, both ways, and hands its answer over in pieces of 16 bytes, as a UART does.
 */
const pace = (send: (bytes: Uint8Array) => void): ((bytes: Uint8Array) => void) => {
  let request = new Uint8Array(0)
  return (bytes) => {
    const arrivedAt = performance.now()
    request = Uint8Array.from([...request, ...bytes])
    if (request.length < REQUEST_BYTES) return
    const answer = rtuMeter.answer(request.slice(0, REQUEST_BYTES), SIXTY - 1)
    request = new Uint8Array(0)
    if (!answer) return
    const piece = (from: number): void => {
      const to = Math.min(from + 16, answer.length)
      whenItIs(arrivedAt + (REQUEST_BYTES + to) * CHARACTER_MS, () => {
        send(answer.slice(from, to))
        if (to < answer.length) piece(to)
      })
    }
    piece(0)
  }
}

/** A timer is late by a millisecond or two; the last stretch is waited out by looking at the clock. */
const whenItIs = (at: number, run: () => void): void => {
  const look = (): void => {
    if (performance.now() >= at) run()
    else setImmediate(look)
  }
  setTimeout(look, Math.max(0, at - performance.now() - 2))
}

const memoryWire = (): PacedWire => {
  const { transport, far } = memoryTransport('paced', CHARACTER_MS)
  far.onBytes = pace((bytes) => far.send(bytes))
  return { transport, kind: 'in memory (no socat here)' }
}

/** Two ends of a pty pair by socat, ours opened by the same code as a real port. */
const ptyWire = async (context: Pick<BenchContext, 'onEnd'>): Promise<PacedWire | null> => {
  if (!hasProgram('socat')) return null
  const folder = mkdtempSync(join(tmpdir(), 'gridtally-pty-'))
  const [near, distant] = [join(folder, 'near'), join(folder, 'far')]
  const socat = spawn('socat', [`pty,raw,echo=0,link=${near}`, `pty,raw,echo=0,link=${distant}`], { stdio: 'ignore' })
  context.onEnd(() => {
    socat.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  const giveUp = performance.now() + 3000
  while (!existsSync(near) || !existsSync(distant)) {
    if (performance.now() > giveUp || socat.exitCode !== null) return null
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  let send: (bytes: Uint8Array) => void = () => undefined
  const take = pace((bytes) => send(bytes))
  const far = await serialTransport({ path: distant, ...SETTINGS }).open({ bytes: (bytes) => take(bytes), closed: () => undefined })
  if (!far.ok) return null
  send = far.value.write
  context.onEnd(() => far.value.close())
  return { transport: serialTransport({ path: near, ...SETTINGS }), kind: 'pty by socat' }
}

/** Meters of one kind on the bus, read in turn. */
const METERS = 4

/** A12: how much of the time a serial line is busy with characters and the silences that belong to them. */
export const serialLine: Anchor = {
  id: 'A12',
  title: 'serial line at 9600 8E1, 60 registers a poll: wire time, silence demanded by the standard included, ÷ elapsed',
  better: 'higher',
  must: 0.95,
  goal: 0.98,
  async run(context) {
    const wire = (await ptyWire(context)) ?? memoryWire()
    const line = new HalfDuplexLine(wire.transport, { id: 'paced' })
    context.onEnd(() => line.close())
    const bind = bindProtocol(anyAdapter(modbusRtu), line)
    const meters = Array.from({ length: METERS }, (_, at) => {
      const device = bind({ id: `meter-${at + 1}`, address: String(at + 1), profile: meterOfSixty, reactionMs: 1000 })
      const plan = device.plan({ kind: 'current' })
      if (!plan.ok) throw new Error(plan.error.message)
      return { device, plan: plan.value }
    })
    const polls = Math.max(3, Math.round((context.seconds * 1000) / (WIRE_MS + SILENCE_MS)))
    const poll = async (turn: number): Promise<void> => {
      const { device, plan } = meters[turn % METERS]!
      const samples = await device.read(plan, { tries: 1 })
      if (!samples.ok) throw new Error(samples.error.message)
    }
    await line.ready()
    await poll(METERS - 1)
    const round = async (): Promise<number> => {
      const began = performance.now()
      for (let done = 0; done < polls; done++) await poll(done)
      return (polls * 1000) / (performance.now() - began)
    }
    const most = 1000 / (WIRE_MS + SILENCE_MS)
    const { rounds, ...outcome } = await interleaved(context, round, async () => most)
    const overheadMs = median(rounds.map(([mine]) => 1000 / mine)) - WIRE_MS - SILENCE_MS
    return {
      ...outcome,
      unit: 'polls/s',
      detail: {
        wire: wire.kind,
        'characters alone ÷ elapsed': (outcome.ours * WIRE_MS) / 1000,
        'ms of characters a poll': WIRE_MS,
        'ms of silence a poll': SILENCE_MS,
        'ms of our own a poll': overheadMs,
      },
    }
  },
}

/** What bench/fuzz-own.ts prints. */
type Tallies = Readonly<Record<string, { exchanges: number; right: number; wrong: number; stale: number; failed: number }>>

/** A13: values that were never true, out of exchanges that went wrong in every way. */
export const fuzzedExchanges: Anchor = {
  id: 'A13',
  title: 'wrong values in exchanges with late, split, noisy, torn, doubled and foreign answers',
  better: 'lower',
  must: 0,
  goal: 0,
  async run(context) {
    const count = context.quick ? 20_000 : 1_000_000
    const tallies = await jsonFromOwn<Tallies>('bench/fuzz-own', [String(count), '1'])
    const all = Object.values(tallies)
    const total = (of: (tally: Tallies[string]) => number): number => all.reduce((sum, tally) => sum + of(tally), 0)
    const wrong = total((tally) => tally.wrong)
    const byLine = Object.entries(tallies).map(([name, tally]) => [`wrong, ${name}`, `${tally.wrong} of ${tally.exchanges}`] as const)
    return {
      ours: wrong,
      reference: null,
      ratio: wrong,
      unit: 'wrong values',
      detail: {
        exchanges: total((tally) => tally.exchanges),
        'old values of the same registers': total((tally) => tally.stale),
        'without an answer after two tries': total((tally) => tally.failed),
        ...Object.fromEntries(byLine),
      },
    }
  },
}
