import { expect, it, vi } from 'vitest'
import { dlt6452007 } from '../../protocols/dlt645/adapter.ts'
import { writeData } from '../../protocols/dlt645/commands.ts'
import { encodeFrame } from '../../protocols/dlt645/frame.ts'
import { modbusTcp } from '../../protocols/modbus/adapter.ts'
import { readRegisters } from '../../protocols/modbus/conversation.ts'
import {
  converse,
  FrameTrace,
  HalfDuplexLine,
  hexHidden,
  PipelinedLine,
  type TracedExchangeFrame,
  traceFrames,
} from '../../src/acquisition/index.ts'
import { bytesOf, hexOf } from '../../src/core/index.ts'
import { memoryTransport } from '../../src/transport/index.ts'

/** Digits that occur nowhere else, as they stand on the wire: low byte first, 33H added. */
const CANARY = { level: '02', password: '918273', operator: '65748392' }
const ON_WIRE = ['73', '82', '91'].map((pair) => hexOf(Uint8Array.of((Number.parseInt(pair, 16) + 0x33) & 0xff)))
const SECRET = new RegExp(`918273|738291|65748392|${ON_WIRE.join(' ')}|${ON_WIRE[0]} ${ON_WIRE[1]}|${ON_WIRE[1]} ${ON_WIRE[2]}`)

const shown = ({ bytes, hidden, text, explained }: TracedExchangeFrame): string =>
  JSON.stringify([hexHidden(bytes, hidden), hexOf(bytes), text, explained()])

const bus = () => {
  const { transport, far } = memoryTransport()
  const line = new HalfDuplexLine(transport, { id: 'bus', quietMs: 1, allowWrites: true })
  const channel = line.attach(dlt6452007)
  const frames: TracedExchangeFrame[] = []
  const stop = traceFrames(line, (frame) => frames.push(frame))
  const write = () =>
    converse(writeData('202608150042', '04000409', bytesOf('00 01')!, CANARY), channel, { device: 'M1', reactionMs: 15 }, { tries: 1 })
  return { line, far, frames, stop, write }
}

it('hides a password in bytes, fields and text: of the request, its echo, its damaged echo, and the error', async () => {
  const { far, frames, stop, write } = bus()
  const answers: ((request: Uint8Array) => void)[] = [
    (request) => {
      far.send(request.slice())
      far.send(encodeFrame({ address: '202608150042', control: 0x94, data: new Uint8Array(0) }))
    },
    // A collision: the echo comes damaged and in pieces.
    (request) => {
      const damaged = request.slice()
      damaged[damaged.length - 2]! ^= 0xff
      damaged[5]! ^= 0xff
      for (const byte of damaged) far.send(Uint8Array.of(byte))
    },
    () => {},
  ]
  far.onBytes = (request) => answers.shift()?.(request)
  const done = [await write(), await write(), await write()]
  stop()
  const text = frames.map(shown).join('\n')
  expect(text).not.toMatch(SECRET)
  expect(frames.map(({ what }) => what)).toEqual(expect.arrayContaining(['tx', 'echo', 'rx', 'discarded']))
  expect(done.map(({ ok }) => ok)).toEqual([true, false, false])
  expect(JSON.stringify(done)).not.toMatch(SECRET)
  const sent = frames.find(({ what }) => what === 'tx')
  expect(hexHidden(sent!.bytes, sent!.hidden)).toMatch(/\*\* \*\* \*\* /)
  expect(sent!.explained()?.fields.find(({ name }) => name === 'checksum')?.hex).toBe('**')
  // Zeros and a checksum that fits them: the frame can be read, and gives nothing away.
  expect(dlt6452007.deframer().push(sent!.bytes)[0]).not.toHaveProperty('discarded')
})

it('hides a password of a second master on the bus, whole or cut off', async () => {
  const { line, far, frames, stop } = bus()
  await line.ready()
  const talk = writeData('202608150042', '04000409', bytesOf('00 01')!, CANARY)
  const step = talk.next()
  const request = step.done ? new Uint8Array(0) : step.value.bytes
  far.send(request)
  far.send(request.slice(0, request.length - 4))
  stop()
  expect(frames.map(shown).join('\n')).not.toMatch(SECRET)
})

it('takes an answer apart with the byte at fault, and says how long it took', async () => {
  const { far, frames, stop, line } = bus()
  const channel = line.attach(dlt6452007)
  far.onBytes = () => {
    const answer = encodeFrame({ address: '202608150042', control: 0x91, data: bytesOf('00 00 01 00 78 56 34 12')! })
    for (const byte of [0xfe, 0xfe, ...answer]) far.send(Uint8Array.of(byte))
  }
  await converse(
    dlt6452007.probe({ id: 'p', protocol: 'dlt645-2007', registers: [] }, '202608150042', new Map()),
    channel,
    { device: 'M1', reactionMs: 15 },
    { tries: 1 },
  ).catch(() => null)
  stop()
  const answers = frames.filter(({ what }) => what === 'rx' || what === 'stray')
  for (const answer of answers) {
    expect(answer.explained()?.fields.map(({ offset }) => offset)).toEqual(expect.arrayContaining([0, 2, 3, 9, 10]))
    expect(answer.protocol).toBe('dlt645-2007')
  }
})

it('puts each answer of a numbered line to its request and its meter', async () => {
  const { transport, far } = memoryTransport()
  const line = new PipelinedLine(transport, { id: 'tcp', pipeline: 4 })
  const channel = line.attach(modbusTcp)
  const frames: TracedExchangeFrame[] = []
  const stop = traceFrames(line, (frame) => frames.push(frame))
  const asked: Uint8Array[] = []
  far.onBytes = (request) => {
    asked.push(request.slice())
    if (asked.length < 2) return
    // The second is answered first, both in one piece.
    const answers = [...asked].reverse().map((one) => [one[0]!, one[1]!, 0, 0, 0, 5, one[6]!, 3, 2, 0, one[9]!])
    far.send(Uint8Array.from(answers.flat()))
  }
  await line.ready()
  const read = (unit: number) =>
    converse(readRegisters('tcp', unit, 3, unit, 1), channel, { device: `M${unit}`, reactionMs: 500 }, { tries: 1 })
  expect(await Promise.all([read(1), read(2)])).toEqual([
    { ok: true, value: [1] },
    { ok: true, value: [2] },
  ])
  stop()
  const talked = frames.filter(({ what }) => what !== 'note')
  expect(talked.map(({ what, device }) => `${what} ${device}`)).toEqual(['tx M1', 'tx M2', 'rx M2', 'rx M1'])
  expect(talked[2]?.tookMs).toBeGreaterThanOrEqual(0)
  expect(talked[2]?.explained()?.fields.map(({ name }) => name)).toContain('transactionId')
  line.close()
})

it('costs nothing while nobody looks', () => {
  const { transport } = memoryTransport()
  const line = new HalfDuplexLine(transport, { id: 'bus' })
  const describe = vi.spyOn(dlt6452007, 'describe')
  line.attach(dlt6452007)
  expect(describe).not.toHaveBeenCalled()
  describe.mockRestore()
  line.close()
})

it('cuts what a terminal says into frames, and does not take a heartbeat for an answer', async () => {
  const frames: TracedExchangeFrame[] = []
  const trace = new FrameTrace((frame) => void frames.push(frame))
  const heartbeat = Uint8Array.from(Buffer.from('68320032 0068C910450100000275000004009A16'.replaceAll(' ', ''), 'hex'))
  const event = { line: 'C1', at: 1000, text: '', device: null, protocol: 'gw3761', again: false }
  trace.hear({ ...event, what: 'tx', bytes: heartbeat, text: 'something asked' })
  trace.hear({ ...event, what: 'rx', bytes: heartbeat.subarray(0, 7) })
  trace.hear({ ...event, at: 1500, what: 'rx', bytes: heartbeat.subarray(7) })
  await Promise.resolve()
  expect(frames.map(({ what, bytes, tookMs }) => [what, bytes.length, tookMs])).toEqual([
    ['tx', 20, null],
    ['rx', 20, null],
  ])
  expect(frames[1]?.text).toMatch(/heartbeat/i)
  trace.close()
})
