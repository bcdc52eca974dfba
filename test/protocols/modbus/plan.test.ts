import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { modbusAscii, modbusRtu, modbusTcp } from '../../../protocols/modbus/adapter.ts'
import { exceptionError } from '../../../protocols/modbus/errors.ts'
import { decodeFrame, encodeFrame, type Framing, type ModbusFrame } from '../../../protocols/modbus/frame.ts'
import { decodeRequest, encodeResponse } from '../../../protocols/modbus/pdu.ts'
import { loadProfile, type ModbusProfile } from '../../../protocols/modbus/profile.ts'
import {
  type DeviceMemory,
  decimalText,
  err,
  isDiscarded,
  ok,
  type Request,
  type Result,
  type Sample,
  type Selection,
} from '../../../src/core/index.ts'
import { converse, unwrap } from './help.ts'

const profile = (id: string): ModbusProfile =>
  unwrap(loadProfile(JSON.parse(readFileSync(new URL(`../../../config/profiles/modbus/${id}.json`, import.meta.url), 'utf8'))))
const current: Selection = { kind: 'current' }

/** A meter in memory: registers it has, and how it misbehaves. */
interface Meter {
  readonly unit?: number
  readonly registers: ReadonlyMap<number, number>
  readonly limit?: number
  readonly fault?: (address: number, quantity: number, count: number) => number | 'silent' | null
}

const timeout = err({ code: 'LINE_TIMEOUT', message: 'no answer', recovery: 'retry' as const, hint: '', context: {} })

/** Serves requests through real frames; counts them. */
const serve = (framing: Framing, meter: Meter) => {
  const asked: string[] = []
  const answer = (request: Request<ModbusFrame>): Result<ModbusFrame> => {
    const frame = unwrap(decodeFrame(framing, request.bytes))
    const pdu = unwrap(decodeRequest(frame.pdu))
    if (!('quantity' in pdu)) throw new Error('reads only')
    const { address, quantity } = pdu
    asked.push(`${pdu.function}:${address}+${quantity}`)
    const fault = meter.fault?.(address, quantity, asked.length)
    if (fault === 'silent' || frame.unit !== (meter.unit ?? 1)) return timeout
    const words = Array.from({ length: quantity }, (_, at) => meter.registers.get(address + at))
    const illegal = quantity > (meter.limit ?? 125) ? 3 : words.includes(undefined) ? 2 : null
    const exceptionCode = fault ?? illegal
    const response =
      exceptionCode !== null
        ? { function: pdu.function, exceptionCode }
        : { function: 3 as const, registers: words.map((word) => word ?? 0) }
    const bytes = encodeResponse(response)
    bytes[0] = exceptionCode !== null ? pdu.function | 0x80 : pdu.function
    const heard = encodeFrame(framing, frame.unit, bytes, frame.transactionId)
    const items = { rtu: modbusRtu, tcp: modbusTcp, ascii: modbusAscii }[framing].deframer().push(heard)
    const [item] = items
    if (items.length !== 1 || item === undefined || isDiscarded(item)) throw new Error('the deframer lost a frame')
    return request.judge(item) === 'answer' ? ok(item) : timeout
  }
  return { asked, answer }
}

/** Every register of a profile as its sample has it; holes stay holes. */
const registersOf = ({ registers }: ModbusProfile, base = 0): Map<number, number> => {
  const map = new Map<number, number>()
  for (const { address, sample, scaleFactor } of registers) {
    for (const [at, word] of sample.words.split(' ').entries()) map.set(base + address + at, Number.parseInt(word, 16))
    if (sample.scaleFactor !== undefined && scaleFactor !== undefined) map.set(base + scaleFactor, Number.parseInt(sample.scaleFactor, 16))
  }
  return map
}
/** Holes a meter answers all the same. */
const filled = (map: ReadonlyMap<number, number>): Map<number, number> => {
  const all = new Map<number, number>()
  for (let address = 0; address < 65536; address++) all.set(address, map.get(address) ?? 0)
  return all
}

const read = (id: string, meter: Meter, memory: DeviceMemory = new Map(), selection = current, framing: Framing = 'rtu') => {
  const adapter = { rtu: modbusRtu, tcp: modbusTcp, ascii: modbusAscii }[framing]
  const plan = unwrap(adapter.plan(profile(id), selection))
  const { asked, answer } = serve(framing, meter)
  const result = converse(plan.talk('1', memory), answer)
  return { plan, asked, result, values: result.ok ? valuesOf(plan.values, result.value[0]!) : {} }
}
const valuesOf = (values: readonly { obis: string; scaler: number | null }[], { raws, scalers, absent }: Sample) =>
  Object.fromEntries(
    values.map(({ obis, scaler }, at) => {
      const raw = raws[at] ?? null
      return [obis.slice(4), raw === null ? (absent?.get(at)?.code ?? 'no reason') : decimalText(raw, scaler ?? scalers![at]!)]
    }),
  )
const withValues = (id: string, value: string, from = 0) =>
  Object.values(read(id, { registers: filled(registersOf(profile(id))) }).values)
    .slice(from)
    .filter((each) => each === value)

describe('a plan', () => {
  it('reads every value of every profile as its sample says', () => {
    for (const id of [
      'eastron-sdm630',
      'abb-b23-b24',
      'schneider-iem3000',
      'siemens-pac2200',
      'carlo-gavazzi-em24',
      'acrel-adl400-dtsd1352',
      'hiking-dds238-2',
      'peacefair-pzem-016',
    ]) {
      const model = profile(id)
      const { values, result } = read(id, { registers: filled(registersOf(model)) })
      expect(unwrap(result)[0]!.absent).toBe(null)
      const expected = Object.fromEntries(
        model.registers.flatMap(({ obis, alternative, sample }) =>
          obis !== null && alternative === undefined ? [[obis.slice(4), Number(sample.value)]] : [],
        ),
      )
      expect(Object.fromEntries(Object.entries(values).map(([obis, value]) => [obis, Number(value)]))).toEqual(expected)
    }
    expect(withValues('eastron-sdm630', 'no reason')).toEqual([])
  })

  it('says units, scalers and ratios as the profile has them', () => {
    const { values } = unwrap(
      modbusTcp.plan(profile('acrel-adl400-dtsd1352'), { kind: 'current', obis: ['1.8.0', '1-0:32.7.0', '31.7.0', '14.7.0'] }),
    )
    expect(values).toEqual([
      { obis: '1-0:1.8.0', unit: 'kWh', scaler: -2, ratio: 'ctpt' },
      { obis: '1-0:32.7.0', unit: 'V', scaler: -1, ratio: 'pt' },
      { obis: '1-0:31.7.0', unit: 'A', scaler: -2, ratio: 'ct' },
      { obis: '1-0:14.7.0', unit: 'Hz', scaler: -2, ratio: 'none' },
    ])
    const [float] = unwrap(modbusTcp.plan(profile('chint-dtsu666'), { kind: 'current', obis: ['32.7.0'] })).values
    expect(float).toEqual({ obis: '1-0:32.7.0', unit: 'V', scaler: null, ratio: 'none' })
  })

  it('takes one register for each OBIS code', () => {
    const { values } = unwrap(modbusTcp.plan(profile('acrel-adl400-dtsd1352'), current))
    expect(new Set(values.map(({ obis }) => obis)).size).toBe(values.length)
  })

  it.each(['curve', 'day-freeze', 'month-freeze'] as const)('has no %s', (kind) =>
    expect(modbusTcp.plan(profile('eastron-sdm630'), { kind })).toMatchObject({
      ok: false,
      error: { code: 'MODBUS_PLAN', recovery: 'stop' },
    }),
  )
  it('refuses what is in no profile', () => {
    expect(modbusTcp.plan(profile('eastron-sdm630'), { kind: 'current', obis: ['1-0:99.99.9'] })).toMatchObject({
      ok: false,
      error: { code: 'MODBUS_PLAN' },
    })
    expect(modbusTcp.plan({ id: 'x', protocol: 'modbus' }, current)).toMatchObject({ ok: false, error: { code: 'MODBUS_PROFILE' } })
  })

  it('asks both tariffs in one request', () => {
    const { asked } = read('siemens-pac2200', { registers: filled(registersOf(profile('siemens-pac2200'))) }, new Map(), {
      kind: 'current',
      obis: ['1.8.1', '1.8.2'],
    })
    expect(asked).toEqual(['3:801+8'])
  })

  it.each(['tcp', 'ascii'] as const)('works over %s', (framing) => {
    const { values } = read('hiking-dds238-2', { registers: filled(registersOf(profile('hiking-dds238-2'))) }, new Map(), current, framing)
    expect(values).toMatchObject({ '1.8.0': '60.74', '2.8.0': '12.67', '16.7.0': '1199', '13.7.0': '0.995' })
  })

  it('marks what the device says it has not', () => {
    const model = profile('abb-b23-b24')
    const registers = filled(registersOf(model))
    const { address } = model.registers.find(({ obis }) => obis === '1-0:2.8.0')!
    for (let at = 0; at < 4; at++) registers.set(address + at, 0xffff)
    expect(read('abb-b23-b24', { registers }).values).toMatchObject({ '2.8.0': 'MODBUS_NOT_AVAILABLE', '1.8.0': '8567.20' })
  })
  it('NaN is no value', () => {
    const registers = filled(registersOf(profile('eastron-sdm630')))
    registers.set(0, 0xffc0)
    registers.set(1, 0)
    expect(read('eastron-sdm630', { registers }).values).toMatchObject({ '32.7.0': 'MODBUS_NOT_FINITE' })
  })
})

describe('refusals', () => {
  const model = profile('eastron-sdm630')
  const whole = read('eastron-sdm630', { registers: filled(registersOf(model)) })

  it('a read across a hole is split, all values come, and the second poll needs no detour', () => {
    const memory: DeviceMemory = new Map()
    const meter = { registers: registersOf(model) }
    const first = read('eastron-sdm630', meter, memory)
    expect(first.values).toEqual(whole.values)
    expect(first.asked.length).toBeGreaterThan(whole.asked.length)
    let last = read('eastron-sdm630', meter, memory)
    for (let poll = 0; poll < 8; poll++) last = read('eastron-sdm630', meter, memory)
    expect(last.values).toEqual(whole.values)
    // Learnt: no request is refused any more.
    expect(last.asked.every((request) => !wouldRefuse(request, meter.registers))).toBe(true)
  })
  const wouldRefuse = (request: string, registers: ReadonlyMap<number, number>) => {
    const [, address = 0, quantity = 0] = /:(\d+)\+(\d+)/.exec(request)?.map(Number) ?? []
    return Array.from({ length: quantity }, (_, at) => registers.has(address + at)).includes(false)
  }

  it('a value that does not exist stands alone in the end, is named once, and is not asked for again', () => {
    const memory: DeviceMemory = new Map()
    const { address } = model.registers.find(({ obis }) => obis === '1-0:2.8.0')!
    const registers = filled(registersOf(model))
    registers.delete(address)
    const meter = { registers }
    const first = read('eastron-sdm630', meter, memory)
    expect(first.values).toEqual({ ...whole.values, '2.8.0': 'MODBUS_ILLEGAL_ADDRESS' })
    const second = read('eastron-sdm630', meter, memory)
    expect(second.values).toEqual({ ...whole.values, '2.8.0': 'MODBUS_REFUSED' })
    expect(second.asked.filter((request) => wouldRefuse(request, registers))).toEqual([])
    // Another plan for the same device knows it too.
    const other = read('eastron-sdm630', meter, memory, { kind: 'current', obis: ['2.8.0', '1.8.0'] })
    expect(other.values).toMatchObject({ '2.8.0': 'MODBUS_REFUSED' })
    expect(other.asked).toHaveLength(1)
  })

  it('a device with a lower limit is found out', () => {
    const memory: DeviceMemory = new Map()
    const meter = { registers: filled(registersOf(model)), limit: 20 }
    expect(read('eastron-sdm630', meter, memory).values).toEqual(whole.values)
    let last = read('eastron-sdm630', meter, memory)
    for (let poll = 0; poll < 8; poll++) last = read('eastron-sdm630', meter, memory)
    expect(last.values).toEqual(whole.values)
    expect(last.asked.every((request) => Number(request.split('+')[1]) <= 20)).toBe(true)
  })

  it('a device that refuses everything is left alone soon, and nothing is remembered of it', () => {
    const memory: DeviceMemory = new Map()
    const { result, asked } = read('eastron-sdm630', { registers: new Map() }, memory)
    expect(result).toMatchObject({ ok: false, error: { code: 'MODBUS_ILLEGAL_ADDRESS', context: { unit: 1, exceptionCode: 2 } } })
    expect(asked.length).toBeLessThan(40)
    expect(read('eastron-sdm630', { registers: filled(registersOf(model)) }, memory).values).toEqual(whole.values)
  })

  it('what was refused is tried again after a long while', () => {
    const memory: DeviceMemory = new Map()
    const registers = filled(registersOf(model))
    const { address } = model.registers.find(({ obis }) => obis === '1-0:2.8.0')!
    registers.delete(address)
    read('eastron-sdm630', { registers }, memory)
    const fixed = { registers: filled(registersOf(model)) }
    for (let poll = 0; poll < 999; poll++) read('eastron-sdm630', fixed, memory, { kind: 'current', obis: ['32.7.0'] })
    expect(read('eastron-sdm630', fixed, memory).values).toEqual(whole.values)
  })
})

describe('trouble', () => {
  const model = profile('eastron-sdm630')
  const registers = filled(registersOf(model))
  const whole = read('eastron-sdm630', { registers })

  it('a dead device costs one request', () => {
    const { result, asked } = read('eastron-sdm630', { registers, unit: 9 })
    expect(result).toEqual(timeout)
    expect(asked).toHaveLength(1)
  })
  it('one silent block is absent, the others are kept', () => {
    const { values, asked } = read('eastron-sdm630', { registers, fault: (_, __, count) => (count === 2 ? 'silent' : null) })
    expect(asked).toEqual(whole.asked)
    expect(new Set(Object.values(values).filter((value) => !/^-?\d/.test(value)))).toEqual(new Set(['LINE_TIMEOUT']))
    expect(values['32.7.0']).toBe(whole.values['32.7.0'])
  })
  it('two silent blocks in a row end the talk', () => {
    expect(whole.asked.length).toBeGreaterThan(3)
    const { asked } = read('eastron-sdm630', { registers, fault: (_, __, count) => (count > 1 ? 'silent' : null) })
    expect(asked).toHaveLength(3)
  })
  it('a busy device is asked again, twice', () => {
    expect(read('eastron-sdm630', { registers, fault: (_, __, count) => (count <= 2 ? 6 : null) }).values).toEqual(whole.values)
    const { result, asked } = read('eastron-sdm630', { registers, fault: () => 5 })
    expect(result).toMatchObject({ ok: false, error: { code: 'MODBUS_BUSY', recovery: 'wait' } })
    expect(asked).toHaveLength(3)
  })
  it.each([
    [1, 'MODBUS_ILLEGAL_FUNCTION'],
    [4, 'MODBUS_DEVICE_FAILURE'],
    [8, 'MODBUS_MEMORY_PARITY'],
    [10, 'MODBUS_GATEWAY_PATH'],
    [11, 'MODBUS_TARGET_SILENT'],
  ])('exception %i is %s', (code, expected) => {
    expect(read('eastron-sdm630', { registers, fault: () => code }).result).toMatchObject({
      ok: false,
      error: { code: expected, context: { exceptionCode: code } },
    })
    const { values } = read('eastron-sdm630', { registers, fault: (_, __, count) => (count === 2 ? code : null) })
    expect(new Set(Object.values(values).filter((value) => !/^-?\d/.test(value)))).toEqual(new Set([expected]))
  })
  it('a gateway whose meter is silent is asked once, like a dead meter', () =>
    expect(read('eastron-sdm630', { registers, fault: () => 11 }).asked).toHaveLength(1))
  it('errors name what was asked', () =>
    expect(exceptionError(2, { unit: 3, address: 70, quantity: 4 }).message).toBe('exception 2 (illegal data address) to registers 70+4'))
})

describe('SunSpec', () => {
  const model = profile('sunspec-203')
  const mark = (base: number): [number, number][] => [
    [base, 0x5375],
    [base + 1, 0x6e53],
  ]
  const chain = (base: number, models: readonly (readonly [id: number, length: number])[]) => {
    const cells = new Map(mark(base))
    let at = base + 2
    for (const [id, length] of models) {
      for (let word = 0; word < length + 2; word++) cells.set(at + word, 0)
      if (id === 203) for (const [address, word] of registersOf(model, at)) cells.set(address, word)
      cells.set(at, id)
      cells.set(at + 1, length)
      at += length + 2
    }
    return cells.set(at, 0xffff).set(at + 1, 0)
  }
  it.each([40000, 50000, 0])('is found at %i, once, and read with its scale factors', (base) => {
    const memory: DeviceMemory = new Map()
    const registers = chain(base, [
      [1, 65],
      [203, 105],
    ])
    const first = read('sunspec-203', { registers }, memory)
    const voltage = model.registers.find(({ obis }) => obis === '1-0:32.7.0')!
    expect(Number(first.values['32.7.0'])).toBe(Number(voltage.sample.value))
    expect(first.plan.values[0]!.scaler).toBe(null)
    const second = read('sunspec-203', { registers }, memory)
    expect(second.asked).toHaveLength(1)
    expect(second.values).toEqual(first.values)
  })
  it('a scale factor that is none leaves the value absent', () => {
    const registers = chain(40000, [[203, 105]])
    registers.set(40002 + 15, 0x8000)
    expect(read('sunspec-203', { registers }).values).toMatchObject({
      '32.7.0': 'MODBUS_SCALE_FACTOR',
      '1.8.0': expect.stringMatching(/^\d/),
    })
  })
  it('another map is no SunSpec', () =>
    expect(read('sunspec-203', { registers: filled(new Map()) }).result).toMatchObject({ ok: false, error: { code: 'MODBUS_MODEL' } }))
})

describe('the adapter', () => {
  it.each([
    [modbusRtu, '1', '1'],
    [modbusRtu, '247', '247'],
    [modbusRtu, '007', '7'],
    [modbusTcp, '255', '255'],
  ])('takes an address', (adapter, text, expected) => expect(adapter.address(text)).toEqual(ok(expected)))
  it.each([
    [modbusRtu, '0'],
    [modbusRtu, '248'],
    [modbusRtu, '255'],
    [modbusTcp, '250'],
    [modbusTcp, '256'],
    [modbusTcp, ''],
    [modbusTcp, '1a'],
    [modbusTcp, '-1'],
    [modbusAscii, '1.5'],
  ])('refuses an address, and says what is allowed', (adapter, text) =>
    expect(adapter.address(text)).toMatchObject({
      ok: false,
      error: { code: 'MODBUS_ADDRESS', message: expect.stringContaining('allowed 1 to 247') },
    }),
  )

  it('probes with the smallest read; a refusal proves life too', () => {
    const meter = serve('rtu', { registers: new Map() })
    expect(converse(modbusRtu.probe(profile('hiking-dds238-2'), '1', new Map()), meter.answer)).toEqual(ok(undefined))
    expect(meter.asked).toEqual(['3:12+1'])
    expect(converse(modbusRtu.probe(profile('hiking-dds238-2'), '1', new Map()), () => timeout)).toEqual(timeout)
    expect(
      converse(modbusRtu.probe(profile('hiking-dds238-2'), '1', new Map()), serve('rtu', { registers: new Map(), fault: () => 11 }).answer)
        .ok,
    ).toBe(false)
  })

  it('stamps a copy: two devices never share request bytes', () => {
    const plan = unwrap(modbusTcp.plan(profile('hiking-dds238-2'), current))
    const [a, b] = [plan.talk('1', new Map()).next(), plan.talk('1', new Map()).next()]
    if (a.done || b.done) throw new Error('no request')
    modbusTcp.correlation!.stamp(a.value.bytes, 0x1234)
    expect(b.value.bytes[0]).toBe(0)
    expect([a.value.replyBytes, a.value.writes]).toEqual([9 + 36, undefined])
  })

  it('judges by unit, function and byte count', () => {
    const step = unwrap(modbusRtu.plan(profile('hiking-dds238-2'), current))
      .talk('5', new Map())
      .next()
    if (step.done) throw new Error('no request')
    const frame = (unit: number, pdu: number[]): ModbusFrame => ({ unit, function: pdu[0]!, transactionId: 0, pdu: Uint8Array.from(pdu) })
    const data = new Array<number>(36).fill(0)
    const { judge } = step.value
    expect(judge(frame(5, [3, 36, ...data]))).toBe('answer')
    expect(judge(frame(5, [0x83, 2]))).toBe('answer')
    expect(judge(frame(6, [3, 36, ...data]))).toBe('stranger')
    expect(judge(frame(5, [4, 36, ...data]))).toBe('stranger')
    expect(judge(frame(5, [3, 34, ...data.slice(2)]))).toBe('stranger')
    expect(judge(frame(5, [3, 34, ...data]))).toBe('stranger')
    expect(judge(frame(5, [0x84, 2]))).toBe('stranger')
  })

  it('describes frames in a line', () => {
    const step = unwrap(modbusTcp.plan(profile('hiking-dds238-2'), current))
      .talk('5', new Map())
      .next()
    if (step.done) throw new Error('no request')
    expect(modbusTcp.describe(step.value.bytes, 'tx')).toBe('#0 unit 5 read holding registers from 0 +18')
    expect(modbusRtu.describe(Uint8Array.of(1, 0x84, 2, 0xc2, 0xc1), 'rx')).toBe(
      'unit 1 read input registers: exception 2 (illegal data address)',
    )
    expect(modbusRtu.describe(Uint8Array.of(1, 4, 4, 0x43, 0x66, 0x33, 0x34, 0x1b, 0x38), 'rx')).toBe(
      'unit 1 read input registers: 2 registers 43 66 33 34',
    )
    expect(modbusRtu.describe(Uint8Array.of(1, 2), 'rx')).toMatch(/^MODBUS_TRUNCATED/)
  })
})
