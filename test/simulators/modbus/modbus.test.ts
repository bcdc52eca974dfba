import { describe, expect, it, onTestFinished } from 'vitest'
import { Instrument, openPtyPair, startModbusTcpMeter, startPtyModbus, startRtuOverTcp } from '../../../simulators/index.ts'
import { loneTrace } from '../../../simulators/meters.ts'
import { modbusMeter } from '../../../simulators/modbus/meter.ts'
import { loadMapProfile, mapProfiles } from '../../../simulators/modbus/profile.ts'
import { decimalNumber, parseDecimal } from '../../../src/core/index.ts'
import { handClock, hexBytes, openRaw, rtu, run, SILENCE } from '../tools.ts'

const now = Date.UTC(2026, 10, 21, 11, 20)
const SDM630 = loadMapProfile('eastron-sdm630')

/** Lines `[0]: 	230.1` as mbpoll prints them. */
const polled = (out: string): Map<number, number> =>
  new Map([...out.matchAll(/^\[(\d+)\]:\s+(-?[\d.e+-]+)/gm)].map(([, at, value]) => [Number(at), Number(value)]))

describe('a simulated Modbus TCP meter', () => {
  it('gives mbpoll the voltages, powers and registers of its face', async () => {
    const meter = await startModbusTcpMeter({ profile: 'eastron-sdm630', clock: handClock(now), unit: 7 })
    onTestFinished(() => meter.close())
    const { out } = await run('mbpoll', [
      '-m',
      'tcp',
      '-p',
      String(meter.port),
      '-a',
      '7',
      '-0',
      '-r',
      '0',
      '-c',
      '6',
      '-t',
      '3:float',
      '-B',
      '-1',
      '127.0.0.1',
    ])
    const values = polled(out)
    const instrument = meter.instruments.get('U7')!
    for (const phase of [1, 2, 3]) {
      expect(values.get((phase - 1) * 2)).toBeCloseTo(instrument.volts(phase, now), 1)
      expect(values.get((phase - 1) * 2 + 6)).toBeCloseTo(instrument.amps(phase, now), 2)
    }
    const energy = polled(
      (
        await run('mbpoll', [
          '-m',
          'tcp',
          '-p',
          String(meter.port),
          '-a',
          '7',
          '-0',
          '-r',
          '72',
          '-c',
          '1',
          '-t',
          '3:float',
          '-B',
          '-1',
          '127.0.0.1',
        ])
      ).out,
    )
    expect(energy.get(72)).toBeCloseTo(Math.floor(instrument.energy(1, 0, 0, now) / 36_000) / 100, 1)
  })

  it('gives pymodbus the same words as its map', async () => {
    const meter = await startModbusTcpMeter({ profile: 'acrel-adl400-dtsd1352', clock: handClock(now), ct: 80 })
    onTestFinished(() => meter.close())
    // The package loads its serial part even for TCP, and Debian leaves that out.
    const script = `
import sys
from unittest.mock import MagicMock
for name in ('serial', 'serial_asyncio'):
    sys.modules.setdefault(name, MagicMock())
from pymodbus.client import ModbusTcpClient
client = ModbusTcpClient('127.0.0.1', port=${meter.port})
client.connect()
print(','.join(str(word) for word in client.read_holding_registers(10, 10, slave=1).registers))
print(client.read_holding_registers(60000, 2, slave=1))
client.close()
`
    const { out } = await run('/usr/bin/python3', ['-c', script])
    const words = out.split('\n')[0]!.split(',').map(Number)
    const instrument = meter.instruments.get('U1')!
    for (const tariff of [0, 1, 2, 3, 4]) {
      const raw = words[tariff * 2]! * 65536 + words[tariff * 2 + 1]!
      expect(raw).toBe(Math.floor(instrument.energy(1, 0, tariff, now) / 80 / 36_000))
    }
    expect(out).toMatch(/IllegalAddress|exception_code=2|ExceptionResponse/)
  })

  it('refuses holes with exception 2, too long reads with 3 and other functions with 1 or 2', async () => {
    const meter = await startModbusTcpMeter({ profile: 'chint-ddsu666', clock: handClock(now) })
    onTestFinished(() => meter.close())
    const raw = await openRaw(meter.port)
    onTestFinished(() => raw.close())
    const ask = async (fn: number, address: number, count: number) =>
      (
        await raw.ask(
          Buffer.from([1, 2, 0, 0, 0, 6, 1, fn, address >> 8, address & 255, count >> 8, count & 255]),
          (held) => held.length >= 6 && held.length >= 6 + held.readUInt16BE(4),
        )
      ).subarray(7)
    // 2008H-2009H is a hole between 2006H (kvar) and 200AH (power factor).
    expect(await ask(3, 0x2008, 2)).toEqual(Buffer.from([0x83, 2]))
    expect(await ask(3, 0x2000, 12)).toEqual(Buffer.from([0x83, 2]))
    expect(await ask(3, 0x2000, 61)).toEqual(Buffer.from([0x83, 3]))
    expect(await ask(3, 0x1fff, 2)).toEqual(Buffer.from([0x83, 2]))
    expect((await ask(3, 0x2000, 8)).subarray(0, 2)).toEqual(Buffer.from([3, 16]))
    expect((await ask(4, 0x2000, 8)).subarray(0, 2)).toEqual(Buffer.from([4, 16]))
  })

  it('answers each word with its address', async () => {
    const meter = await startModbusTcpMeter({ profile: 'address' })
    onTestFinished(() => meter.close())
    const { out } = await run('mbpoll', [
      '-m',
      'tcp',
      '-p',
      String(meter.port),
      '-a',
      '1',
      '-0',
      '-r',
      '1000',
      '-c',
      '5',
      '-t',
      '4',
      '-1',
      '127.0.0.1',
    ])
    expect([...polled(out)]).toEqual([1000, 1001, 1002, 1003, 1004].map((word) => [word, word]))
  })

  it('takes many requests at once and answers them by transaction id', async () => {
    const meter = await startModbusTcpMeter({ profile: 'address' })
    onTestFinished(() => meter.close())
    const raw = await openRaw(meter.port)
    onTestFinished(() => raw.close())
    const requests = Array.from({ length: 20 }, (_, at) => Buffer.from([0, at, 0, 0, 0, 6, 1, 3, 0, at, 0, 1]))
    const heard = await raw.ask(Buffer.concat(requests), 20 * 11)
    for (let at = 0; at < 20; at++) expect(heard.subarray(at * 11 + 9, at * 11 + 11).readUInt16BE()).toBe(heard.readUInt16BE(at * 11))
  })
})

describe('a simulated RTU bus', () => {
  it('answers behind a serial server, unit by unit, and is silent for others', async () => {
    const bus = await startRtuOverTcp({ profile: 'address', units: [1, 2, 9] })
    onTestFinished(() => bus.close())
    const raw = await openRaw(bus.port)
    onTestFinished(() => raw.close())
    expect(await raw.ask(rtu(2, 3, 0x12, 0x34, 0, 2), 9)).toEqual(rtu(2, 3, 4, 0x12, 0x34, 0x12, 0x35))
    expect(await raw.ask(rtu(9, 4, 0, 0, 0, 1), 7)).toEqual(rtu(9, 4, 2, 0, 0))
    expect(await raw.ask(rtu(3, 4, 0, 0, 0, 1), ...SILENCE)).toEqual(Buffer.alloc(0))
  })

  it('ignores a wrong checksum and finds the next request behind noise, whatever the pieces', async () => {
    const bus = await startRtuOverTcp({ profile: 'address' })
    onTestFinished(() => bus.close())
    const raw = await openRaw(bus.port)
    onTestFinished(() => raw.close())
    expect(await raw.ask(hexBytes('01 03 00 00 00 01 00 00'), ...SILENCE)).toEqual(Buffer.alloc(0))
    const request = rtu(1, 3, 0, 5, 0, 1)
    raw.socket.write(Buffer.concat([hexBytes('00 FF'), request.subarray(0, 3)]))
    expect(await raw.ask(request.subarray(3), 7)).toEqual(rtu(1, 3, 2, 0, 5))
  })

  it('answers mbpoll on a pty', async () => {
    const pair = await openPtyPair()
    onTestFinished(() => pair.close())
    const bus = await startPtyModbus({ profile: 'eastron-sdm120', path: pair.meterEnd, unit: 5, clock: handClock(now) })
    onTestFinished(() => bus.close())
    const { out } = await run('mbpoll', [
      '-m',
      'rtu',
      '-b',
      '9600',
      '-P',
      'none',
      '-a',
      '5',
      '-0',
      '-r',
      '0',
      '-c',
      '1',
      '-t',
      '3:float',
      '-B',
      '-1',
      pair.gatewayEnd,
    ])
    expect(polled(out).get(0)).toBeCloseTo(bus.instruments.get('U5')!.volts(1, now), 1)
  })

  it('delivers at the speed of the wire: 80 registers at 9600 8N1 take no less than 8.3 ms + reaction + 172 ms', async () => {
    const bus = await startRtuOverTcp({ profile: 'address', pace: { baud: 9600, bits: 10, reactionMs: [20, 20] } })
    onTestFinished(() => bus.close())
    const raw = await openRaw(bus.port)
    onTestFinished(() => raw.close())
    const begin = performance.now()
    await raw.ask(rtu(1, 3, 0, 0, 0, 80), 165)
    const took = performance.now() - begin
    expect(took).toBeGreaterThan(((8 + 165) * 10_000) / 9600 + 20 - 1)
  })
})

describe('register maps', () => {
  it.each(mapProfiles())('%s: every register can be read, and its words say what the face says', (id) => {
    const profile = loadMapProfile(id)
    const instrument = new Instrument({ id: 'M1', seed: 3, trace: loneTrace(3, 3), ct: 20 })
    const meter = modbusMeter(profile, instrument)
    let read = 0
    for (const register of profile.registers) {
      const answer = meter.read(register.function, register.address, register.length, now)
      if (!('words' in answer)) throw new Error(`${register.description}: exception ${answer.exception}`)
      expect(answer.words).toHaveLength(register.length)
      if (register.obis === null || register.scaleFactor !== undefined) continue
      const said = answer.values[0]!
      expect(said.obis).toBe(register.obis)
      const face = parseDecimal(said.text!)!
      const words = (register.wordOrder ?? 'big') === 'little' ? [...answer.words].reverse() : answer.words
      const bytes = Buffer.from(words.flatMap((word) => [word >> 8, word & 255]))
      const size = register.length * 2
      const number =
        register.type === 'f32'
          ? bytes.readFloatBE()
          : register.type === 'f64'
            ? bytes.readDoubleBE()
            : size === 8
              ? Number(register.type === 'i64' ? bytes.readBigInt64BE() : bytes.readBigUInt64BE())
              : register.type.startsWith('i')
                ? bytes.readIntBE(0, size)
                : bytes.readUIntBE(0, size)
      const shown = decimalNumber(face.raw, face.scaler)
      expect(Math.abs(number * (register.scale ?? 1) - shown)).toBeLessThanOrEqual(Math.abs(shown) * 1e-6 + 1e-9)
      read++
    }
    if (!id.startsWith('sunspec')) expect(read).toBeGreaterThan(0)
  })

  it('lets a read span the holes the profile allows, and none when told to be strict', () => {
    const instrument = new Instrument({ id: 'M1', seed: 3, trace: loneTrace(3, 3) })
    expect(modbusMeter(SDM630, instrument).read(4, 0, 80, now)).toHaveProperty('words')
    expect(modbusMeter(SDM630, instrument).read(4, 0, 81, now)).toEqual({ exception: 3 })
    const sdm120 = loadMapProfile('eastron-sdm120')
    const single = new Instrument({ id: 'M1', seed: 3, trace: loneTrace(3, 1) })
    expect(modbusMeter(sdm120, single).read(4, 0, 8, now)).toHaveProperty('words')
    expect(modbusMeter(sdm120, single, { strictHoles: true }).read(4, 0, 8, now)).toEqual({ exception: 2 })
    expect(modbusMeter(sdm120, single).read(4, 2, 6, now)).toEqual({ exception: 2 })
  })

  it('shows secondary values where the profile says so, primary ones elsewhere', () => {
    const trace = loneTrace(3, 3)
    const profile = loadMapProfile('acrel-adl400-dtsd1352')
    const behindCt = modbusMeter(profile, new Instrument({ id: 'M1', seed: 3, trace, ct: 80 }))
    const answer = behindCt.read(3, 10, 2, now)
    if (!('words' in answer)) throw new Error('refused')
    const instrument = new Instrument({ id: 'M1', seed: 3, trace, ct: 80 })
    expect(answer.words[0]! * 65536 + answer.words[1]!).toBe(Math.floor(instrument.energy(1, 0, 0, now) / 80 / 36_000))
  })
})
