import { describe, expect, it } from 'vitest'
import { decodeFrame, encodeFrame } from '../../protocols/dlt645/frame.ts'
import { adapterOf, explainTraced } from '../../protocols/index.ts'
import {
  bindProtocol,
  Calendar,
  HalfDuplexLine,
  PipelinedLine,
  Poller,
  type TracedExchangeFrame,
  traceFrames,
} from '../../src/acquisition/index.ts'
import {
  type Capture,
  type CaptureHead,
  frameLine,
  headLine,
  pcapWriter,
  readCapture,
  textHead,
  textLine,
} from '../../src/capture/index.ts'
import { type Reading, systemClock } from '../../src/core/index.ts'
import { replayLine } from '../../src/gateway/capture-replay.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { normaliserOf } from '../../src/normalise/index.ts'
import { memoryTransport } from '../../src/transport/index.ts'
import { answerTo } from '../support/address-meter.ts'
import { blockProfile } from '../support/bus.ts'

const calendar = new Calendar('Asia/Shanghai')
const facts = { meter: 'M 7', point: 'P-7', area: 'A1', ct: { raw: 80, scaler: 0 }, pt: { raw: 1, scaler: 0 } }
const head = (line: Partial<CaptureHead['line']>, address: string, profile: string): CaptureHead => ({
  ...{ capture: 'gridtally', version: 1, startedAt: '2026-08-15T04:00:00.000Z', timezone: 'Asia/Shanghai' },
  line: {
    ...{ id: 'l1', kind: 'tcp', address: 'tcp://10.0.0.7:502', host: '10.0.0.7', port: 502, baud: null, format: null, framing: 'tcp' },
    ...line,
  },
  meters: [{ meter: facts.meter, point: facts.point, area: facts.area, address, profile, ct: '400/5', pt: '1' }],
})
const SERIAL = {
  kind: 'serial',
  address: '/dev/ttyUSB0 2400 8E1',
  host: null,
  port: null,
  baud: 2400,
  format: '8E1',
  framing: 'rtu',
} as const

/** A capture in each of the three formats, read back. */
const captures = (of: CaptureHead, frames: readonly TracedExchangeFrame[]): Capture[] => {
  const pcap = pcapWriter(of)
  return [
    Buffer.from(headLine(of) + frames.map(frameLine).join('')),
    Buffer.from(textHead(of) + frames.map((frame) => textLine(frame)).join('')),
    Buffer.concat([pcap.head(), ...frames.map((frame) => pcap.frame(frame))]),
  ].map((bytes) => {
    const read = readCapture(bytes)
    if (!read.ok) throw new Error(read.error.message)
    return read.value
  })
}

/** Knows an energy and a voltage; everything else it refuses. */
const dlt645Meter = (request: Uint8Array): Uint8Array => {
  const frame = decodeFrame(request, request.indexOf(0x68))
  if (!frame.ok) throw new Error(frame.error.message)
  const { address, data } = frame.value
  const known: Readonly<Record<string, number[]>> = { '00000100': [0x78, 0x56, 0x34, 0x12], '00010102': [0x05, 0x23] }
  const value = known[Buffer.from(data).toString('hex')]
  return value
    ? encodeFrame({ address, control: 0x91, data: Uint8Array.from([...data, ...value]) })
    : encodeFrame({ address, control: 0xd1, data: Uint8Array.of(0x02) })
}

const essence = (readings: readonly Reading[]) =>
  readings.map(({ series, shape, raws, scalers, ratio, quality, absent }) => ({
    ...{ series: series.key, shape: shape.key, raws, scalers, ratio, quality, absent },
  }))

/** Reads a meter twice over a line that is traced, and says what was read and what was seen. */
const traced = async (framing: 'tcp' | 'rtu', profileId: string, address: string, answer: (request: Uint8Array) => Uint8Array | null) => {
  const profile = openProfiles(null).get(profileId) ?? { ...blockProfile(4), id: profileId }
  const adapter = adapterOf(profile.protocol, framing)
  if (!adapter) throw new Error('no adapter')
  const { transport, far } = memoryTransport()
  const line = adapter.correlates ? new PipelinedLine(transport, { id: 'l1' }) : new HalfDuplexLine(transport, { id: 'l1', quietMs: 1 })
  far.onBytes = (request) => {
    const bytes = answer(request)
    if (!bytes) return
    // Noise before an answer, and the answer in two pieces.
    if (!adapter.correlates) far.send(Uint8Array.of(0x00))
    far.send(bytes.subarray(0, 5))
    far.send(bytes.subarray(5))
  }
  const frames: TracedExchangeFrame[] = []
  const stop = traceFrames(line, (frame) => frames.push(frame))
  const device = bindProtocol(adapter, line)({ id: facts.meter, address, profile, reactionMs: 60 })
  const poller = new Poller(line, systemClock)
  const plan = device.plan({ kind: 'current' })
  if (!plan.ok) throw new Error(plan.error.message)
  const readings: Reading[] = []
  for (let turn = 0; turn < 2; turn++) {
    const taken = await poller.read(device, plan.value, { priority: 'demand', insist: true })
    if (!taken.ok) throw new Error(taken.error.message)
    const normalise = normaliserOf(facts, plan.value, (time) => calendar.instantOf(time))
    readings.push(...taken.value.samples.flatMap((sample) => normalise(sample, taken.value.receivedAt)))
  }
  stop()
  line.close()
  const world = {
    meterOf: (name: string | null, at: string | null) => (name === facts.meter || at === address ? { facts, address, profile } : null),
    addressOf: (protocol: string, bytes: Uint8Array) => explainTraced(protocol, bytes, 'request').address,
    adapterOf: () => adapter,
    selections: [],
    instantOf: calendar.instantOf.bind(calendar),
  }
  return { frames, readings, world, profile }
}

describe('a replay', () => {
  it.each(['rtu', 'tcp'] as const)('gives the readings of service out of text, JSON Lines and pcap: Modbus %s', async (framing) => {
    const answer = (request: Uint8Array): Uint8Array => {
      if (framing === 'rtu') return answerTo(request)
      const count = (request[10]! << 8) | request[11]!
      const words = Array.from({ length: count }, (_, at) => [0, request[9]! + at]).flat()
      return Uint8Array.from([request[0]!, request[1]!, 0, 0, 0, 3 + words.length, request[6]!, request[7]!, words.length, ...words])
    }
    const { frames, readings, world } = await traced(framing, 'test-block', '7', answer)
    expect(readings.length).toBe(2)
    for (const capture of captures(head(framing === 'tcp' ? {} : SERIAL, '7', 'test-block'), frames)) {
      const replayed = replayLine(capture, world)
      expect(essence(replayed.readings)).toEqual(essence(readings))
      expect(replayed.notUsed.filter(({ isFailure }) => isFailure)).toEqual([])
    }
  })

  it('gives the readings of service out of text, JSON Lines and pcap: DL/T 645, with a register the meter refuses', async () => {
    const { frames, readings, world } = await traced('rtu', 'dlt645-2007/single-phase', '202608150042', dlt645Meter)
    expect(readings.length).toBeGreaterThanOrEqual(2)
    for (const capture of captures(head(SERIAL, '202608150042', 'dlt645-2007/single-phase'), frames)) {
      const replayed = replayLine(capture, world)
      expect(essence(replayed.readings)).toEqual(essence(readings))
      expect(replayed.notUsed.filter(({ isFailure }) => isFailure)).toEqual([])
      // The noise in front of the answers is named.
      expect(replayed.notUsed.some(({ bytes }) => bytes[0] === 0)).toBe(true)
    }
  })

  it('says what did not become a reading, and why: a strange request that was answered, an unknown meter, silence', async () => {
    const { frames, world } = await traced('rtu', 'test-block', '7', answerTo)
    const [capture] = captures(head(SERIAL, '7', 'test-block'), frames)
    if (!capture) throw new Error('no capture')
    const request = { ...capture.frames.find(({ what }) => what === 'tx')!, bytes: Uint8Array.from([7, 3, 0x10, 0, 0, 1, 0x81, 0x6c]) }
    const strange = { ...capture, frames: [request, { ...capture.frames.find(({ what }) => what === 'rx')! }] }
    expect(replayLine(strange, world)).toMatchObject({
      readings: [],
      notUsed: [{ isFailure: true, why: expect.stringMatching(/no read of profile test-block asks this/) }],
    })
    const unknown = replayLine(capture, { ...world, meterOf: () => null })
    expect([unknown.readings.length, unknown.notUsed[0]?.why]).toEqual([0, expect.stringMatching(/nobody knows the meter M 7/)])
    const silent = replayLine({ frames: capture.frames.filter(({ what }) => what === 'tx') }, world)
    expect([silent.readings.length, silent.notUsed.some(({ isFailure }) => isFailure)]).toEqual([0, false])
  })
})
