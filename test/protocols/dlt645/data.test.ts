import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeItem } from '../../../protocols/dlt645/data.ts'
import { itemOf } from '../../../protocols/dlt645/items.ts'
import { parseLoadRecord } from '../../../protocols/dlt645/load-record.ts'
import { itemLeaves, valueLeaves } from '../../../protocols/dlt645/value-leaves.ts'
import { bytes } from './help.ts'

const leaves = (di: string, hex: string) => {
  const item = itemOf(di.length === 4 ? '1997' : '2007', di)
  const decoded = decodeItem(item, bytes(hex))
  return decoded.ok ? { ...itemLeaves(item), ...valueLeaves(decoded.value) } : decoded.error.code
}

describe('items of 2007', () => {
  it.each([
    [
      '00020300',
      '21 43 65 00',
      { quantity: 'reverse active energy', tariff: 'tariff3', settlement: 0, value: 6543.21, unit: 'kWh', obis: '1-0:2.8.3' },
    ],
    ['00030000', '21 43 65 80', { quantity: 'combined reactive 1 energy', value: -6543.21, unit: 'kvarh', obis: '1-0:3.8.0' }],
    ['00080002', '21 43 65 00', { quantity: 'reactive quadrant IV energy', settlement: 2, unit: 'kvarh', obis: '1-0:8.8.0' }],
    ['00150000', '21 43 65 00', { quantity: 'forward active energy', phase: 'A', obis: '1-0:21.8.0' }],
    ['00400000', '21 43 65 80', { quantity: 'combined reactive 2 energy', phase: 'C', value: -6543.21, obis: '1-0:64.8.0' }],
    [
      '0001FF01',
      '01 00 00 00 02 00 00 00 FF FF FF FF',
      { settlement: 1, values: [0.01, 0.02, null], labels: ['total', 'tariff1', 'tariff2'] },
    ],
    ['000100FF', '01 00 00 00 02 00 00 00', { settlement: 'block', values: [0.01, 0.02], labels: ['now', 'settlement1'] }],
    ['00900200', '50 12 00 00', { quantity: 'remaining money', value: 12.5, unit: 'yuan' }],
    [
      '01010000',
      '56 34 12 30 14 21 11 24',
      { quantity: 'maximum forward active demand and its time', value: 12.3456, unit: 'kW', time: '2024-11-21 14:30', obis: '1-0:1.6.0' },
    ],
    [
      '0102FF00',
      '56 34 12 30 14 21 11 24 00 00 00 00 00 00 00 00',
      {
        quantity: 'maximum reverse active demand and its time',
        values: [12.3456, 0],
        times: ['2024-11-21 14:30', null],
        labels: ['total', 'tariff1'],
      },
    ],
    ['0203FF00', '87 26 80 EE EE EE', { quantity: 'active power', phase: 'block', values: [-0.2687, null], labels: ['total', 'A'] }],
    ['02070300', '99 35', { quantity: 'phase angle', phase: 'C', value: 359.9, unit: 'deg', obis: '1-0:81.7.26' }],
    ['02080100', '25 01', { quantity: 'voltage distortion', value: 1.25, unit: '%' }],
    ['02800001', '45 23 81', { quantity: 'neutral current', value: -12.345, unit: 'A' }],
    ['02800007', '55 82', { quantity: 'temperature inside', value: -25.5 }],
    ['0280000A', '78 56 34 12', { quantity: 'battery minutes', value: 12345678, unit: 'min' }],
    ['04000401', '42 00 15 08 26 20', { quantity: 'communication address', value: '202608150042' }],
    ['04800001', `${'00 '.repeat(28)}33 2E 31 56`, { quantity: 'vendor software version', value: 'V1.3' }],
    ['04000B01', '00 01', { quantity: 'settlement day 1', value: 'day 01 00:00' }],
    ['04000409', '00 12 00', { value: 1200, unit: 'imp/kWh' }],
    [
      '04000503',
      '50 00',
      { value: '0x0050', flags: expect.objectContaining({ relay_state: 'open', relay_command: 'open', supply: 'main' }) },
    ],
    [
      '04000501',
      '34 00',
      {
        value: '0x0034',
        flags: expect.objectContaining({
          clock_battery_low: true,
          active_power_reversed: true,
          reactive_power_reversed: true,
          reading_battery_low: false,
        }),
      },
    ],
    [
      '04000505',
      '81 01',
      { flags: expect.objectContaining({ loss_of_voltage: true, phase_failure: true, current_interrupted: true, overload: false }) },
    ],
    [
      '040005FF',
      '01 00 02 00 10 00 04 00 05 00 06 00 80 01',
      {
        values: ['0x0001', '0x0002', '0x0010', '0x0004', '0x0005', '0x0006', '0x0180'],
        flags: expect.objectContaining({ 'status word 3': expect.objectContaining({ relay_state: 'open' }) }),
      },
    ],
    ['03300E00', '03 00 00', { quantity: 'terminal-cover-open count', value: 3 }],
    [
      '03010000',
      '01 00 00 10 00 00 02 00 00 20 00 00 03 00 00 30 00 00',
      { quantity: 'loss of voltage counts and minutes', values: [1, 10, 2, 20, 3, 30], a_count: 1, c_minutes: 30 },
    ],
    ['03070000', '07 00 00', { quantity: 'voltage reverse sequence count and minutes', value: 7 }],
    ['03110001', '10 20 08 21 11 24 00 00 00 00 00 00', { quantity: 'last power-down record', start: '2024-11-21 08:20:10', end: null }],
    [
      '03300D01',
      `10 20 08 21 11 24 10 25 08 21 11 24 ${'01 00 00 00 '.repeat(12)}`,
      {
        quantity: 'last cover-open record',
        start: '2024-11-21 08:20:10',
        end: '2024-11-21 08:25:10',
        forward_active_energy_before: 0.01,
        reactive_quadrant_iv_energy_after: 0.01,
      },
    ],
    ['03300000', '05 00 00', { quantity: 'programming count', value: 5 }],
    [
      '03300001',
      `10 20 08 21 11 24 78 56 34 12 ${'01 04 00 04 '.repeat(10)}`,
      { time: '2024-11-21 08:20:10', operator_code: '12345678', item_1: '04000401', item_10: '04000401' },
    ],
    [
      '03300401',
      '78 56 34 12 10 20 08 21 11 24 15 20 08 21 11 24',
      { operator_code: '12345678', time_before: '2024-11-21 08:20:10', time_after: '2024-11-21 08:20:15' },
    ],
    ['10010001', '09 00 00', { quantity: 'loss of voltage count', phase: 'A', value: 9 }],
    ['10010101', '10 20 08 21 11 24', { quantity: 'last loss of voltage start time', phase: 'A', value: '2024-11-21 08:20:10' }],
    ['1A022103', '10 20 08 21 11 24', { quantity: '3rd last current interrupted end time', phase: 'B', value: '2024-11-21 08:20:10' }],
    [
      '05060102',
      '01 00 00 00 02 00 00 00',
      { quantity: '2nd last daily freeze forward active energy', values: [0.01, 0.02], labels: ['total', 'tariff1'] },
    ],
    ['05040001', '00 13 21 11 24', { quantity: 'last hourly freeze time', value: '2024-11-21 13:00' }],
    ['05000001', '00 00 00 00 00', { quantity: 'last timed freeze time', value: null }],
    [
      '061001FF',
      '00 13 25 08 22 30 22 31 22 FF FF',
      {
        quantity: 'voltage curve, block',
        point_time: '2022-08-25 13:00',
        values: [223, 223.1, null],
        labels: ['voltage A', 'voltage B', 'voltage C'],
        unit: 'V',
      },
    ],
    [
      '06100601',
      '00 13 25 08 22 78 56 34 12 15 13 25 08 22 79 56 34 12',
      {
        points: [
          expect.objectContaining({ value: 123456.78 }),
          expect.objectContaining({ point_time: '2022-08-25 13:15', value: 123456.79 }),
        ],
      },
    ],
  ])('%s, %s', (di, hex, expected) => expect(leaves(di, hex)).toMatchObject(expected))

  it.each([
    ['02010100', '00 00 00'],
    ['00010000', '00 00 00'],
    ['0001FF00', '00 00 00 00 00'],
    ['0001FF00', ''],
    ['04000101', '01 11 01'],
    ['0201FF00', '00 00 '.repeat(4)],
    ['06100101', '00 13 25 08 22 30'],
  ])('%s with %s has the wrong length and no value', (di, hex) => expect(leaves(di, hex)).toBe('DLT645_LENGTH'))

  it('keeps the good values beside an impossible one', () =>
    expect(leaves('0201FF00', '03 23 0A 22 05 23')).toMatchObject({
      values: [230.3, null, 230.5],
      absent: [expect.stringContaining('220A holds a digit above 9')],
    }))

  it.each([
    ['02010000', 'not a defined item (voltage has no total)'],
    ['02070000', 'not a defined item (phase angle has no total)'],
    ['00440000', 'energy class DI2=44H'],
    ['0F000000', 'unknown data item'],
  ])('%s is %s', (di, name) => expect(itemOf('2007', di).quantity).toBe(name))
})

describe('items of 1997', () => {
  it.each([
    ['901F', '30 93 07 01 28 35 20 00 AA', { quantity: 'forward active energy block', values: [10793.3, 2035.28], block_end: '0xAA' }],
    ['901F', '30 93 07 01 28 35 20 00', { values: [10793.3, 2035.28] }],
    ['941F', '30 93 07 01 AA', { values: [10793.3], settlement: 1 }],
    ['9140', '00 01 00 00', { quantity: 'reactive quadrant IV energy', obis: '1-0:8.8.0', unit: 'kvarh' }],
    ['9150', '00 01 00 00', { quantity: 'reactive quadrant II energy', obis: '1-0:6.8.0' }],
    ['9820', '00 01 00 00', { quantity: 'reverse active energy', settlement: 2 }],
    ['A010', '56 34 12', { quantity: 'maximum forward active demand', value: 12.3456, unit: 'kW' }],
    ['B010', '30 12 25 08', { quantity: 'maximum forward active demand time', value: '08-25 12:30' }],
    ['B61F', '20 02 21 02 22 02 AA', { quantity: 'voltage block', values: [220, 221, 222], labels: ['A', 'B', 'C'], unit: 'V' }],
    ['B640', '25 81', { quantity: 'reactive power', phase: 'total', value: -1.25 }],
    ['B653', '98 09', { quantity: 'power factor', phase: 'C', value: 0.998 }],
    ['C032', '78 56 34 12 00 00', { quantity: 'meter number', value: '000012345678' }],
    ['C010', '04 21 11 24', { value: '2024-11-21', weekday: 4 }],
    ['B310', '12 00', { quantity: 'phase failure count', value: 12 }],
  ])('%s, %s', (di, hex, expected) => expect(leaves(di, hex)).toMatchObject(expected))
  it('B610 is no phase', () => expect(itemOf('1997', 'B610').known).toBe(false))
})

describe('load record', () => {
  const sum = (hex: string) => (bytes(hex).reduce((all, byte) => all + byte, 0) % 256).toString(16).padStart(2, '0')
  const seal = (hex: string) => `${hex} ${sum(hex)} E5`
  const first = '30 22 31 22 32 22 00 05 00 00 06 80 00 07 00 00 50 AA'
  const all = seal(`A0 A0 3A 15 14 21 11 24 ${first} AA AA 78 56 34 12 00 00 00 00 11 00 00 00 22 00 00 80 AA AA AA`)

  it('reads six groups, those that are switched off too', () => {
    const [block] = parseLoadRecord(bytes(all), 0)
    expect(block).toMatchObject({ at: { year: 2024, month: 11, day: 21, hour: 14, minute: 15 }, error: null })
    expect(block?.groups).toEqual([[2230, 2231, 2232, 500, -600, 700, 5000], null, null, [12345678, 0, 11, -22], null, null])
    expect(leaves('06000001', all)).toMatchObject({
      blocks: [{ time: '2024-11-21 14:15', voltage_a: 223, forward_active_energy: 123456.78 }],
    })
  })

  it.each([[0x19], [0x1b], [0x1e], [0x77]])('reads one class alone, whatever the length byte %i counts', (length) => {
    const one = seal(`A0 A0 ${length.toString(16).padStart(2, '0')} 15 14 21 11 24 ${first}`)
    const two = seal(`A0 A0 ${length.toString(16).padStart(2, '0')} 30 14 21 11 24 ${first}`)
    expect(parseLoadRecord(bytes(one + two), 1).map(({ at, groups }) => [at?.minute, groups[0]?.[0]])).toEqual([
      [15, 2230],
      [30, 2230],
    ])
  })

  it('gives back what lies between blocks as damaged', () => {
    const bad = all.replace('30 22', '31 22')
    expect(parseLoadRecord(bytes(`E0 E0 ${all} ${bad} ${all}`), 0).map(({ error }) => error?.code ?? 'good')).toEqual([
      'DLT645_BLOCK',
      'good',
      'DLT645_BLOCK',
      'good',
    ])
  })

  it('a group of the wrong size has no values, the others do', () => {
    const odd = seal(`A0 A0 00 15 14 21 11 24 30 22 AA AA AA 78 56 34 12 00 00 00 00 11 00 00 00 22 00 00 80 AA AA AA`)
    const [block] = parseLoadRecord(bytes(odd), 0)
    expect(block?.groups[0]?.every(Number.isNaN)).toBe(true)
    expect(block?.groups[3]?.[0]).toBe(12345678)
  })

  it('never throws and never goes on for ever', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0xa0, 0xaa, 0xe5, 0x00, 0x11, 0xff), { maxLength: 2000 }), fc.nat(6), (noise, kind) => {
        const blocks = parseLoadRecord(Uint8Array.from(noise), kind)
        expect(blocks.reduce((all, { size }) => all + size, 0)).toBe(noise.length)
      }),
    ))
})

it('any identifier with any bytes gives a value or an error', () =>
  fc.assert(
    fc.property(
      fc.constantFrom('2007', '1997'),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      (variant, code, data, partial) => {
        const di = Buffer.from(code)
          .toString('hex')
          .toUpperCase()
          .slice(0, variant === '2007' ? 8 : 4)
        const decoded = decodeItem(itemOf(variant, di), data, partial)
        if (decoded.ok) JSON.stringify(valueLeaves(decoded.value))
      },
    ),
    { numRuns: 2000 },
  ))
