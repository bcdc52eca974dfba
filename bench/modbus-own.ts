/**
 * Our side of A1 and A2 as programs of their own, so that nothing of the bench shares their process.
 *
 *   node modbus-own.js client SECONDS PORT      one connection, one request after the other; prints round trips a second
 *   node modbus-own.js gateway SECONDS PORT…    a device on each port, polled without pause into an outbox; prints one JSON object
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modbusTcp } from '../protocols/modbus/adapter.ts'
import { bindProtocol, PipelinedLine, Poller } from '../src/acquisition/index.ts'
import { anyAdapter, type Sample, type Sink, systemClock } from '../src/core/index.ts'
import { normaliserOf } from '../src/normalise/index.ts'
import { openOutbox } from '../src/outbox/index.ts'
import { LineBatch, LineNames } from '../src/store/influx/line-protocol.ts'
import { tcpTransport } from '../src/transport/index.ts'
import { meterOfSixty, SIXTY } from './meter-sixty.ts'

/** A gateway runs for months; what the compiler does in the first moments is not what is asked about. */
const WARM_UP_MS = 700
const GATEWAY_WARM_UP_MS = 2500

/** Every register must hold its own address; looked at in turn, so that the looking is no part of the figure. */
let turn = 0
const check = (samples: readonly Sample[]): void => {
  const raws = samples[0]?.raws ?? []
  turn = turn === SIXTY - 1 ? 0 : turn + 1
  for (const address of [0, turn, SIXTY - 1])
    if (raws[address] !== address) throw new Error(`register ${address} was read as ${raws[address]}`)
}

const client = async (seconds: number, port: number): Promise<number> => {
  const line = new PipelinedLine(tcpTransport({ host: '127.0.0.1', port }), { id: 'bench' })
  const device = bindProtocol(anyAdapter(modbusTcp), line)({ id: 'bench', address: '1', profile: meterOfSixty, reactionMs: 2000 })
  const plan = device.plan({ kind: 'current' })
  if (!plan.ok) throw new Error(plan.error.message)
  await line.ready()
  const pollFor = async (ms: number): Promise<number> => {
    const began = performance.now()
    let done = 0
    do {
      for (let burst = 0; burst < 64; burst++, done++) {
        const samples = await device.read(plan.value, { tries: 1 })
        if (!samples.ok) throw new Error(samples.error.message)
        check(samples.value)
      }
    } while (performance.now() - began < ms)
    return (done * 1000) / (performance.now() - began)
  }
  await pollFor(WARM_UP_MS)
  const rate = await pollFor(seconds * 1000)
  line.close()
  return rate
}

/** Writes rows of line protocol and throws them away: everything of storing but the server. */
const nullSink = (): Sink & { readonly stored: () => number; readonly bytes: () => number } => {
  const names = new LineNames()
  const rows = new LineBatch()
  let stored = 0
  let bytes = 0
  return {
    id: 'null',
    batch: 5000,
    stored: () => stored,
    bytes: () => bytes,
    write: async (readings) => {
      rows.clear()
      for (const [index, reading] of readings.entries()) {
        const error = rows.add(reading, index, names)
        if (error) throw new Error(error.message)
      }
      stored += readings.length
      bytes += rows.slice().length
      return { kind: 'stored', dead: [] }
    },
    close: async () => undefined,
  }
}

const ONE = { raw: 1, scaler: 0 }

/** Poll, decode, normalise, outbox with its synced commits, rows: the whole way but for the database. */
const gateway = async (seconds: number, ports: readonly number[]): Promise<Readonly<Record<string, number>>> => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-outbox-'))
  const sink = nullSink()
  const outbox = await openOutbox({ directory, maxBytes: 8 * 2 ** 30, whenFull: 'stop-taking', sinks: [sink] })
  if (!outbox.ok) throw new Error(outbox.error.message)
  let safe = 0
  let isOver = false
  const poll = async (port: number, at: number): Promise<void> => {
    const line = new PipelinedLine(tcpTransport({ host: '127.0.0.1', port }), { id: `line-${at}` })
    const poller = new Poller(line, systemClock)
    const id = `meter-${at}`
    const device = bindProtocol(anyAdapter(modbusTcp), line)({ id, address: '1', profile: meterOfSixty, reactionMs: 5000 })
    const plan = device.plan({ kind: 'current' })
    if (!plan.ok) throw new Error(plan.error.message)
    const normalise = normaliserOf({ meter: id, point: `point-${at}`, area: `area-${at % 20}`, ct: ONE, pt: ONE }, plan.value, () => null)
    await line.ready()
    // The next poll does not wait for the disk, the one after it does: a device has at most two readings on their way.
    let put: Promise<void> = Promise.resolve()
    while (!isOver) {
      const taken = await poller.read(device, plan.value, { priority: 'current' })
      if (!taken.ok) throw new Error(taken.error.message)
      check(taken.value.samples)
      const [sample] = taken.value.samples
      if (!sample) throw new Error('no sample')
      const readings = normalise(sample, taken.value.receivedAt)
      await put
      put = outbox.value.put(readings).then((result) => {
        if (!result.ok) throw new Error(result.error.message)
        safe += readings.length
      })
    }
    await put
    line.close()
  }
  const polling = Promise.all(ports.map(poll))
  await Promise.race([polling, new Promise((resolve) => setTimeout(resolve, GATEWAY_WARM_UP_MS))])
  const [from, began, cpu] = [safe, performance.now(), process.cpuUsage()]
  await Promise.race([polling, new Promise((resolve) => setTimeout(resolve, seconds * 1000))])
  const [done, ms, { user, system }] = [safe - from, performance.now() - began, process.cpuUsage(cpu)]
  const rssMb = process.memoryUsage.rss() / 2 ** 20
  isOver = true
  await polling
  if (!(await outbox.value.drained(30_000)) || sink.stored() !== safe)
    throw new Error(`${safe} readings safe, ${sink.stored()} in the sink`)
  await outbox.value.close()
  rmSync(directory, { recursive: true, force: true })
  return { pollsPerSecond: (done * 1000) / ms, cpuMicrosPerPoll: (user + system) / done, rssMb, bytesPerRow: sink.bytes() / sink.stored() }
}

const [what, ...numbers] = process.argv.slice(2)
const [seconds = Number.NaN, ...ports] = numbers.map(Number)
if (what === 'gateway') process.stdout.write(`${JSON.stringify(await gateway(seconds, ports))}\n`)
else process.stdout.write(`${Math.round(await client(seconds, ports[0] ?? Number.NaN))}\n`)
