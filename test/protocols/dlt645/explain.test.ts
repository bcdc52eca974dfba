import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explain, explainBytes, describe as oneLine } from '../../../protocols/dlt645/explain.ts'
import { bytes, wire } from './help.ts'

const trip = '68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4D 33 33 33 33 63 45 CC 2C 16'
const me = '202608150042'
const of = (control: number, data: string) => explainBytes(wire(me, control, data))

describe('explaining', () => {
  it('covers every byte of a frame once, in order', () => {
    const { fields } = explain(`FE FE ${trip}`)
    let next = 0
    for (const { offset, length } of fields) {
      expect(offset).toBe(next)
      next += length
    }
    expect(next).toBe(30)
    expect(fields.map(({ name }) => name)).toEqual([
      'wake-up bytes',
      'start',
      'address',
      'start',
      'control',
      'length',
      'password (PA P0 P1 P2)',
      'operator code',
      'command',
      'reserved',
      'valid until',
      'checksum',
      'end',
    ])
  })

  it('masks passwords unless asked', () => {
    const masked = JSON.stringify(explain(trip))
    expect(masked).not.toContain('37 06 02')
    expect(masked).not.toContain('6A 39 35')
    expect(explain(trip, { passwords: true })).toMatchObject({
      password: { level_PA: '02', P0P1P2: '37 06 02' },
      data_plain_hex: expect.stringContaining('37 06 02'),
    })
    for (const [control, data] of [
      [0x14, '0301000402370602010000001500'],
      [0x18, '030C00040237060202370602'],
      [0x19, '0237060201000000'],
      [0x1b, '0237060201000000FFFFFFFF'],
      [0x98, '02370602'],
      [0x0f, '0237060202370602'],
      [0x04, '10C00237060215'],
    ] as const) {
      const text = JSON.stringify(of(control, data)) + oneLine(wire(me, control, data), 'tx')
      expect(text, control.toString(16)).not.toMatch(/37 ?06 ?02|6A ?39 ?35/i)
    }
  })

  it.each([
    ['68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 55 16', { code: 'DLT645_CHECKSUM', offset: 18, byte: '55' }],
    ['FE FE 68 12 90 78 56 34 12 69', { code: 'DLT645_DELIMITER', offset: 9, byte: '69' }],
    ['68 12 90 78 56 34 12 68 91 FF', { code: 'DLT645_OVERLONG', offset: 9, byte: 'FF' }],
    ['FE FE', { code: 'DLT645_TRUNCATED' }],
    ['6', { code: 'DLT645_DELIMITER' }],
    ['zz', { code: 'DLT645_DELIMITER' }],
  ])('points at the byte of %s', (hex, error) =>
    expect(explain(hex).error).toMatchObject({ ...error, hint: expect.stringMatching(/.{10}/) }),
  )

  it.each([
    [
      'several error bits',
      0xd4,
      '46',
      {
        abnormal: true,
        function_name: 'write data',
        error_byte: '0x46',
        errors: ['no requested data', 'password wrong or not authorised', 'number of tariffs exceeded'],
      },
    ],
    ['a security error word', 0xc3, '0200', { serr: '0x0002' }],
    ['a freeze for all days', 0x16, '30009999', { freeze_time: '99 99 00 30', freeze_mode: 'daily' }],
    ['a freeze now', 0x16, '99999999', { freeze_mode: 'now' }],
    ['a change of speed', 0x17, '20', { baud_rate: 9600, baud_code: '0x20' }],
    [
      'a write',
      0x14,
      '03010004023706020100000015',
      { di: '04000103', quantity: 'demand period', value: 15, operator_code: '01 00 00 00', write_data_hex: '15' },
    ],
    ['a load-record request', 0x11, '01000106081514211124', { di: '06010001', blocks_wanted: 8, from_time: '2024-11-21 14:15' }],
    ['a follow-up request', 0x12, '00FF010002', { di: '0001FF00', frame_seq: 2 }],
    ['a vendor function', 0x9f, '01131100000000', { function_name: '?', data_kind: 'vendor or security function, payload passed through' }],
    ['security data', 0x83, '01000007', { variant: '2007', function_name: 'security authentication' }],
    ['clearing events', 0x1b, '0237060201000000FFFFFFFF', { function_name: 'clear events', di: 'FFFFFFFF', quantity: 'all events' }],
    ['1997 write answer', 0x84, '', { variant: '1997', function_name: 'write data' }],
    ['a partial address', 0x11, '00000100', { address_kind: 'unicast' }],
  ])('knows %s', (_, control, data, leaves) => expect(of(control, data)).toMatchObject(leaves))

  it('says everything in one line for a trace', () => {
    expect(oneLine(wire(me, 0x91, '0000010078563412'), 'rx')).toBe(
      '← 202608150042 read data answer: 00010000 forward active energy 123456.78 kWh',
    )
    expect(oneLine(wire(me, 0xd1, '02'), 'rx')).toBe('← 202608150042 read data answer: refused: no requested data')
    expect(oneLine(wire('AAAAAAAAAAAA', 0x13, ''), 'tx')).toBe('→ AAAAAAAAAAAA read address')
    expect(oneLine(bytes('68 01'), 'rx')).toContain('2 bytes')
    expect(oneLine(wire(me, 0x91, '00FF0302000000000000FFFFFFFFFFFF'), 'rx')).toContain('0 / 0 / - / - kW')
  })

  it('never throws, whatever the frame says', () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 60 }), (control, data) => {
        const whole = wire(me, control, Buffer.from(data).toString('hex'))
        const { fields } = explainBytes(whole)
        expect(fields.every(({ offset, length }) => offset + length <= whole.length)).toBe(true)
        oneLine(whole, 'rx')
      }),
      { numRuns: 3000 },
    ))
  it('never throws on noise', () => fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => void explainBytes(noise))))
})
