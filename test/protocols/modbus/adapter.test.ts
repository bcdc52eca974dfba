import { describe, expect, it } from 'vitest'
import { modbusAscii, modbusRtu, modbusTcp } from '../../../protocols/modbus/adapter.ts'
import type { ModbusFrame } from '../../../protocols/modbus/frame.ts'
import { type DeviceMemory, ok } from '../../../src/core/index.ts'
import { converse, unwrap } from './help.ts'
import { current, filled, profile, read, registersOf, serve, timeout } from './meter.ts'

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

  it('works out a request once for all polls of a unit; its transaction id is left to the line', () => {
    const plan = unwrap(modbusTcp.plan(profile('hiking-dds238-2'), current))
    const [a, b] = [plan.talk('1', new Map()).next(), plan.talk('1', new Map()).next()]
    if (a.done || b.done) throw new Error('no request')
    expect(a.value).toBe(b.value)
    expect([...a.value.bytes.subarray(0, 2)]).toEqual([0, 0])
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
