import { describe, expect, it } from 'vitest'
import { modbusTcp } from '../../../protocols/modbus/adapter.ts'
import { exceptionError } from '../../../protocols/modbus/errors.ts'
import type { DeviceMemory } from '../../../src/core/index.ts'
import { unwrap } from './help.ts'
import { current, filled, profile, read, registersOf, timeout } from './meter.ts'

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
