/**
 * A13 as a program of its own, because it replaces the clock: exchanges over lines whose far ends misbehave in every way that a checksum,
 * a transaction id or the line's silence can catch. Prints one JSON object.
 *
 *   node fuzz-own.js EXCHANGES SEED [trace]     with `trace` the last events before each wrong value go to stderr
 */
import { installVirtualTime } from './virtual-time.ts'

const later = installVirtualTime()
// Loaded after the clock was replaced.
const { HalfDuplexLine, PipelinedLine, converse } = await import('../src/acquisition/index.ts')
const { memoryTransport } = await import('../src/transport/index.ts')
const { modbusRtu, modbusTcp } = await import('../protocols/modbus/adapter.ts')
const { readRegisters } = await import('../protocols/modbus/conversation.ts')
const { readData, MANNER } = await import('../protocols/dlt645/conversation.ts')
const { createDeframer } = await import('../protocols/dlt645/deframer.ts')
const { describe } = await import('../protocols/dlt645/explain.ts')
const { err, hexOf, ok } = await import('../src/core/index.ts')
const { BUS, busOutlet, play, REACTION_MS, streamOutlet, TCP } = await import('./fuzz-faults.ts')
const { dlt645Meter, energyOf, rtuMeter, tcpMeter, truthOf } = await import('./fuzz-meters.ts')

import type { Frame as Dlt645Frame } from '../protocols/dlt645/frame.ts'
import type { ModbusFrame } from '../protocols/modbus/frame.ts'
import type { Line } from '../src/acquisition/index.ts'
import type { Conversation, ProtocolAdapter } from '../src/core/index.ts'
import type { FarSide, Mix } from './fuzz-faults.ts'
import type { WireMeter } from './fuzz-meters.ts'

/** mulberry32: the same seed, the same run. */
const diceOf = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Tally {
  exchanges: number
  right: number
  /** A value that was never true of what was asked. */
  wrong: number
  /** True of the same registers, but said in answer to an earlier request. */
  stale: number
  failed: number
  readonly faults: Record<string, number>
  readonly examples: string[]
}
const newTally = (): Tally => ({ exchanges: 0, right: 0, wrong: 0, stale: 0, failed: 0, faults: {}, examples: [] })

interface Field extends FarSide {
  readonly tally: Tally
}

/** What an answer turned out to be, given the marks of the requests it may answer. */
type Judge = (serials: ReadonlySet<number>) => 'right' | 'wrong' | 'stale'

/** One question; what comes of it is judged at once. */
interface Question<Frame> {
  readonly device: string
  readonly talk: () => Conversation<Judge, Frame>
}

const pickOf = (dice: () => number) => {
  return <T>(values: readonly T[]): T => values[Math.floor(dice() * values.length)]!
}

/** Reads of 2, 4 or 10 registers of one of eight units: most answers could be taken for each other. */
const modbusQuestion =
  (framing: 'rtu' | 'tcp') =>
  (dice: () => number): Question<ModbusFrame> => {
    const pick = pickOf(dice)
    const unit = pick([1, 2, 3, 4, 5, 6, 7, 8])
    const address = pick([0, 10, 20, 40, 100])
    const quantity = pick([2, 4, 4, 4, 10])
    return {
      device: `unit-${unit}`,
      *talk() {
        const read = yield* readRegisters(framing, unit, 3, address, quantity)
        if (!read.ok) return read
        const words = read.value
        const isTrue = words.length === quantity && words.slice(0, -1).every((word, at) => word === truthOf(unit, address + at))
        return ok((serials: ReadonlySet<number>) => (!isTrue ? 'wrong' : serials.has(words.at(-1)!) ? 'right' : 'stale'))
      },
    }
  }

const dlt645Question = (dice: () => number): Question<Dlt645Frame> => {
  const pick = pickOf(dice)
  const address = pick(['202608150042', '202608150043', '202608150052', '000000000001'])
  const item = pick(['00010000', '00010100', '00020000', '00010200'])
  return {
    device: address,
    *talk() {
      const read = yield* readData(address, item, MANNER[2007], undefined, 4)
      if (!read.ok) return read
      const digits = [...read.value].reverse().map((byte) => byte.toString(16).padStart(2, '0'))
      const isTrue = Number(digits.join('')) === energyOf(address, item)
      return ok(() => (isTrue ? 'right' : 'wrong'))
    },
  }
}

const fuzz = async <Frame extends object>(
  count: number,
  line: Line,
  adapter: ProtocolAdapter<Frame>,
  far: { onBytes: (bytes: Uint8Array) => void; send(bytes: Uint8Array): void },
  field: Field,
  ask: (dice: () => number) => Question<Frame>,
  width: number,
): Promise<Tally> => {
  const { tally, dice } = field
  const channel = line.attach(adapter)
  let serial = 0
  let newest: Set<number> = new Set()
  let left = count
  const outlet = (width === 1 ? busOutlet : streamOutlet)((bytes) => far.send(bytes), later)
  far.onBytes = (bytes) => {
    serial = (serial + 1) & 0xffff
    newest.add(serial)
    const fault = play(bytes.slice(), outlet, field, serial, later)
    tally.faults[fault] = (tally.faults[fault] ?? 0) + 1
  }
  const recent: string[] = []
  if (process.argv[4] === 'trace')
    line.trace(({ what, bytes, text }) => {
      recent.push(`${performance.now().toFixed(1)} ${what} ${hexOf(bytes)} ${text}`)
      if (recent.length > 24) recent.shift()
    })
  await line.ready()
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left--
      const question = ask(dice)
      // With one request under way the marks of this question's own tries are known; with several they are everybody's.
      if (width === 1) newest = new Set()
      else if (newest.size > 4096) newest = new Set([...newest].slice(-2048))
      const result = await converse(question.talk(), channel, { device: question.device, reactionMs: REACTION_MS }, { tries: 2 })
      tally.exchanges++
      if (!result.ok) tally.failed++
      else {
        const verdict = result.value(newest)
        tally[verdict]++
        if (verdict === 'wrong' && recent.length > 0) process.stderr.write(`${adapter.id} #${tally.exchanges}\n  ${recent.join('\n  ')}\n`)
        if (verdict === 'wrong' && tally.examples.length < 5) tally.examples.push(`${adapter.id} ${question.device} #${tally.exchanges}`)
      }
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  line.close()
  return tally
}

const [exchanges = 20_000, seed = 1] = process.argv.slice(2).map(Number)
const share = (part: number): number => Math.ceil(exchanges * part)
const field = (meter: WireMeter, mix: Mix, flips: number, at: number, echoes = false): Field => ({
  meter,
  mix,
  flips,
  echoes,
  dice: diceOf(seed * 16 + at),
  tally: newTally(),
})

/** As much of an adapter as a line needs. */
const dlt645: ProtocolAdapter<Dlt645Frame> = {
  id: 'dlt645-2007',
  longestFrame: 216,
  deframer: createDeframer,
  bytesOf: () => new Uint8Array(0),
  address: (text) => ok(text),
  plan: () => err({ code: 'NONE', message: 'not planned here', recovery: 'stop', hint: '', context: {} }),
  // biome-ignore lint/correctness/useYield: never asked
  *probe() {
    return ok(undefined)
  },
  describe,
}

const results: Record<string, Tally> = {}
{
  const { transport, far } = memoryTransport('rtu over tcp')
  results['modbus rtu over tcp'] = await fuzz(
    share(0.3),
    new HalfDuplexLine(transport, { id: 'rtu' }),
    modbusRtu,
    far,
    field(rtuMeter, BUS, 3, 1),
    modbusQuestion('rtu'),
    1,
  )
}
{
  const { transport, far } = memoryTransport('rtu with echo', (1000 * 11) / 9600)
  results['modbus rtu with echo'] = await fuzz(
    share(0.1),
    new HalfDuplexLine(transport, { id: 'echo' }),
    modbusRtu,
    far,
    field(rtuMeter, BUS, 3, 2, true),
    modbusQuestion('rtu'),
    1,
  )
}
{
  const { transport, far } = memoryTransport('dlt645')
  results['dlt645 over tcp'] = await fuzz(
    share(0.3),
    new HalfDuplexLine(transport, { id: 'dlt645' }),
    dlt645,
    far,
    field(dlt645Meter, BUS, 1, 3),
    dlt645Question,
    1,
  )
}
{
  const { transport, far } = memoryTransport('tcp')
  results['modbus tcp, 8 at once'] = await fuzz(
    share(0.3),
    new PipelinedLine(transport, { id: 'tcp', pipeline: 8 }),
    modbusTcp,
    far,
    field(tcpMeter, TCP, 0, 4),
    modbusQuestion('tcp'),
    8,
  )
}
process.stdout.write(`${JSON.stringify(results)}\n`)
process.exit(0)
