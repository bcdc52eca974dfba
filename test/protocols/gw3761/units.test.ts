import { describe, expect, it } from 'vitest'
import { auxPlaces, countersOf, looksLikeTp, tagOf, writeTp } from '../../../protocols/gw3761/aux.ts'
import { describe as describeFrame, explainBytes } from '../../../protocols/gw3761/explain.ts'
import { readForward, writeForward } from '../../../protocols/gw3761/forward.ts'
import { ALL_POINTS } from '../../../protocols/gw3761/identifiers.ts'
import { timeOfRaw } from '../../../protocols/gw3761/slots.ts'
import { decodeUnits } from '../../../protocols/gw3761/units.ts'
import { hexOf } from '../../../src/core/hex.ts'
import { answer, bytes, frameOf, REQUEST, request, wire, ZEROS } from './wire.ts'

const EE = (count: number) => Array.from({ length: count }, () => 'EE').join(' ')
const leavesOf = (frame: { raw: Uint8Array }) => explainBytes(frame.raw, { passwords: true })
const unitsOf = (frame: { raw: Uint8Array }) => leavesOf(frame).units

describe('data units', () => {
  it('a daily freeze as integers, with its own time', () => {
    const { units } = decodeUnits(answer('0D', '01 02 01 14 20 07 24 05 00 21 07 24 01 00 07 81 21 00 00 50 00 03 00'))
    expect(units).toHaveLength(1)
    const [unit] = units
    expect(unit).toMatchObject({
      pn: 9,
      fn: 161,
      scale: { kind: 'd', day: { year: 2024, month: 7, day: 20 } },
      counters: { tariffs: 1 },
      problem: null,
    })
    expect(unit?.raws).toEqual([2407210005, 21810700, 3005000])
    expect(timeOfRaw(unit?.raws[0] ?? Number.NaN, 'A.15')).toMatchObject({ year: 2024, month: 7, day: 21, hour: 0, minute: 5 })
  })

  it('a curve, one point missing; another cut by the terminal: its own n counts', () => {
    const one = decodeUnits(answer('0D', '01 01 01 0B 15 00 20 07 24 01 04 01 23 99 22 EE EE 12 23')).units[0]
    expect(one?.raws).toEqual([2301, 2299, Number.NaN, 2312])
    expect(one?.scale).toMatchObject({ kind: 'c', minutes: 15, points: 4, start: { hour: 0, minute: 15 } })
    const cut = decodeUnits(answer('0D', '01 01 01 0B 15 00 20 07 24 01 02 01 23 99 22')).units[0]
    expect(cut?.raws).toEqual([2301, 2299])
  })

  it('a curve that holds less than its n says is kept raw: what follows cannot be told from points', () => {
    const [unit] = decodeUnits(answer('0D', '01 01 01 0B 15 00 20 07 24 01 04 01 23')).units
    expect(unit).toMatchObject({ layout: null, problem: 'GW3761_CONTENT', raws: [] })
  })

  it('points and items of one identifier: point by point, then by item', () => {
    const value = (time: string, raw: string) => `${time} 11 21 07 24 00 ${raw}`
    const data = [
      '05 01 03 10',
      value('00', '00 50 10 00 00'),
      value('00', '25 01 00 00'),
      value('05', '00 75 20 00 00'),
      value('05', '50 02 00 00'),
    ].join(' ')
    const { units } = decodeUnits(answer('0C', data))
    expect(units.map(({ pn, fn, raws }) => [pn, fn, raws[1]])).toEqual([
      [1, 129, 105000],
      [1, 130, 125],
      [3, 129, 207500],
      [3, 130, 250],
    ])
  })

  it.each([
    ['without a reading time', '20 07 24', '', 1],
    ['with a reading time', '20 07 24', '05 00 21 07 24', 2],
  ])('amounts %s: by length', (_, day, time, slots) => {
    const unit = `01 02 10 00 ${day} ${time} 01 78 56 34 12 EE EE EE EE`
    const { units } = decodeUnits(answer('0D', `${unit} ${unit}`))
    expect(units).toHaveLength(2)
    expect(units[1]?.raws).toHaveLength(slots + 1)
    expect(units[1]?.raws.slice(-2)).toEqual([12345678, Number.NaN])
  })

  it('an item filled from its time on, M included: no values, and the next unit is found', () => {
    const filled = `02 01 01 14 20 07 24 ${EE(5)} EE ${EE(25)}`
    const good = '04 01 01 14 20 07 24 05 00 21 07 24 00 00 07 81 21 00'
    const { units } = decodeUnits(answer('0D', `${filled} ${good}`))
    expect(units.map(({ pn, problem }) => [pn, problem])).toEqual([
      [2, null],
      [3, null],
    ])
    expect(units[0]?.raws.every(Number.isNaN)).toBe(true)
    expect(unitsOf(answer('0D', filled))).toMatchObject([{ pn: 2, tariffs: null, time: null, values: [null, null, null, null, null] }])
  })

  it('more tariffs than a meter can have is no such item', () => {
    const data = `01 02 01 14 20 07 24 05 00 21 07 24 40 ${Array.from({ length: 65 * 5 }, () => '00').join(' ')}`
    expect(decodeUnits(answer('0D', data)).units[0]).toMatchObject({ layout: null, problem: 'GW3761_CONTENT' })
    expect(decodeUnits(answer('0D', data.replace('24 40 ', '24 3F ').slice(0, -15))).units[0]?.raws).toHaveLength(65)
  })

  it('an unknown item keeps the rest of the frame, what stood before is good', () => {
    const { units } = decodeUnits(answer('0D', '01 02 01 14 20 07 24 05 00 21 07 24 00 00 07 81 21 00 01 02 80 1E 01 02 03'))
    expect(units.map(({ fn, problem, at, end }) => [fn, problem, end - at])).toEqual([
      [161, null, 14],
      [248, 'GW3761_UNKNOWN', 3],
    ])
    expect(leavesOf(answer('0D', '01 02 80 1E 01 02 03')).units).toMatchObject([{ pn: 9, fn: 248, raw_hex: '01 02 03' }])
  })

  it('an identifier that names nothing ends the units', () => {
    const { units, surplus } = decodeUnits(answer('0C', '00 00 02 00 49 48 11 15 52 15 00 01 02 00 99'))
    expect(units).toHaveLength(1)
    expect(surplus).toEqual({ at: 10, size: 5 })
  })

  it('hourly values: as many as the density says', () => {
    const [unit] = decodeUnits(answer('0C', '01 01 01 0C 13 01 01 23 02 23 03 23 EE EE'.replace('01 0C', '01 0C'))).units
    expect(unit).toMatchObject({ fn: 97, scale: { kind: 'h', hour: 13, minutes: 15, points: 4 } })
    expect(unit?.raws).toEqual([2301, 2302, 2303, Number.NaN])
    expect(unitsOf(answer('0C', '01 01 01 0C 13 02 01 23 02 23'))).toMatchObject([
      { Td_h: { hour: 13, density: 2 }, values: [230.1, 230.2], unit: 'V' },
    ])
  })
})

describe('requests', () => {
  it('with a time for each item, and with one for all items of an identifier', () => {
    const each = decodeUnits(request('0D', '03 01 01 14 25 12 11 25 12 11'))
    expect(each.units.map(({ pn, scale }) => [pn, scale?.kind])).toEqual([
      [1, 'd'],
      [2, 'd'],
    ])
    const shared = decodeUnits(request('0D', '03 01 01 14 25 12 11'))
    expect(shared.units.map(({ pn, scale }) => [pn, scale?.kind])).toEqual([
      [1, 'd'],
      [2, 'd'],
    ])
    expect(shared.surplus).toBe(null)
  })

  it('for all points', () => {
    expect(decodeUnits(request('0C', 'FF 00 01 10')).units).toMatchObject([{ pn: ALL_POINTS, fn: 129 }])
    expect(unitsOf(request('0C', 'FF 00 01 10'))).toMatchObject([{ pn: 'all', fn: 129 }])
  })

  it.each([
    ['F33 by ports', '00 00 01 04 02 01 1F', { count: 2, ports: [1, 31] }],
    ['F10 by archive numbers', '00 00 02 01 02 00 01 00 02 00', { count: 2, sequence_numbers: [1, 2] }],
    ['F38 by classes', '00 00 20 04 05 02 00 01', { big_class: 5, small_classes: [0, 1] }],
  ])('parameters: %s', (_, data, leaves) => expect(unitsOf(request('0A', data))).toMatchObject([leaves]))

  it('events from one counter to another', () =>
    expect(unitsOf(request('0E', '00 00 01 00 FE 03'))).toMatchObject([{ pn: 0, fn: 1, Pm: 254, Pn: 3 }]))

  it('unknown items of a request are named too', () =>
    expect(decodeUnits(request('0A', '00 00 20 02 00 00 01 00')).units.map(({ fn }) => fn)).toEqual([22, 1]))
})

describe('what stands behind the units', () => {
  const control = (data: string, id = 2, seq = '61') => frameOf(wire(`4A 01 33 E9 03 02 05 ${seq} ${data}`, id))
  const forward = '00 00 01 00 1F 6B BC 0A 04 00 68 01 02 16'

  it.each([
    ['16 bytes', control(`00 00 10 06 1F ${ZEROS}`), 16, null],
    ['2 bytes under id 2', control('00 00 10 06 1F 60 04'), 2, null],
    ['2 bytes of the older edition', control('00 00 20 04 98 0A', 1), 2, null],
    ['none', control('00 00 10 06 1F'), undefined, null],
    ['16 behind a surplus byte', control(`00 00 01 03 00 ${ZEROS}`), 16, 1],
    ['forwarding with 16', frameOf(wire(`4B 01 33 E9 03 02 10 61 ${forward} ${ZEROS}`)), 16, null],
    ['forwarding without: the inner length counts', frameOf(wire(`4B 01 33 E9 03 02 10 61 ${forward}`)), undefined, null],
    ['unknown item: 16 at its end', frameOf(wire(`4A 01 33 E9 03 02 04 61 00 00 80 1E 01 02 ${ZEROS}`)), 16, null],
  ])('a PW: %s', (_, frame, size, surplus) => {
    const units = decodeUnits(frame)
    expect([units.password?.size, units.surplus?.size ?? null]).toEqual([size, surplus])
    expect(units.units.every(({ problem }) => problem === null || problem === 'GW3761_UNKNOWN')).toBe(true)
  })

  it('a PW that is not there is said to be none where one belongs', () => {
    expect(leavesOf(frameOf(wire(`4B 01 33 E9 03 02 10 61 ${forward}`))).aux).toEqual({ pw_hex: null })
    expect(leavesOf(request('0C', '00 00 02 00')).aux).toBe(undefined)
  })

  it('counters and tag of a terminal, in their order', () => {
    const frame = answer('00', '00 00 01 00 11 00 00 27 52 13 07 05', 'E0', 'A0 00 02 34 12 04')
    const { counters, tag } = decodeUnits(frame)
    expect([counters, tag]).toEqual([
      { important: 17, normal: 0 },
      { pfc: 0, sent: { second: 27, minute: 52, hour: 13, day: 7 }, text: 'day 07 13:52:27', delay: 5 },
    ])
    expect([countersOf(frame), tagOf(frame)?.delay]).toEqual([{ important: 17, normal: 0 }, 5])
  })

  it('announced, and left out by the terminal: the content is what it is', () => {
    const frame = answer('0C', '00 00 02 00 49 48 11 15 52 15', '60', 'A8 01 33 E9 03 02')
    const { units, counters } = decodeUnits(frame)
    expect([units[0]?.problem, counters]).toEqual([null, null])
    expect(auxPlaces(answer('00', '', 'E0', 'A0 00 02 34 12 04'))).toEqual({ limit: 0, ec: null, tp: null })
  })

  it('a tag of zeros is no time, and shown as it is; one of no digits is not', () => {
    const aux = (tag: string) => leavesOf(answer('00', `00 00 01 00 ${tag}`, 'E0', '80 00 02 34 12 04'))
    expect(aux('01 00 00 00 00 00')).toMatchObject({ aux: { tp: { sent: 'day 00 00:00:00' } }, anomaly: 'the time tag holds no such time' })
    expect(aux('01 EE EE EE EE 00')).toMatchObject({ aux: { tp: { sent: null } } })
  })

  it.each([
    ['no PW', '4A 01 33 E9 03 02 05 61 00 00 10 06 1F', 'no password where the protocol has one'],
    ['PW of two bytes', '4A 01 33 E9 03 02 05 61 00 00 10 06 1F 60 04', /^two-byte password/],
    ['a surplus byte', `4A 01 33 E9 03 02 05 61 00 00 01 03 00 ${ZEROS}`, /^2009 edition lists no data for F25; a surplus 00 byte/],
    ['bytes behind the last unit', '88 01 33 E9 03 02 0C 61 00 00 40 00 01 02 AA BB', /2 surplus bytes AA BB/],
    ['counters announced and left out', 'A8 01 33 E9 03 02 0C 61 00 00 02 00 49 48 11 15 52 15', /^ACD is set/],
    ['a content too short', '88 01 33 E9 03 02 0C 61 00 00 02 00 49 48', /does not have the length/],
    ['a function code nobody has', '87 01 33 E9 03 02 00 61 00 00 01 00', 'function code 7 is not in the protocol'],
  ])('says what is odd: %s', (_, user, text) => {
    const { anomaly } = leavesOf(frameOf(wire(user)))
    expect(anomaly).toEqual(typeof text === 'string' ? text : expect.stringMatching(text))
  })

  it('a tag is written as it is read', () => {
    const tag = writeTp(0x123, { second: 27, minute: 52, hour: 13, day: 7 }, 5)
    expect(tag).toEqual(bytes('23 27 52 13 07 05'))
    expect([looksLikeTp(tag, 0), looksLikeTp(bytes('00 99 00 00 00 00'), 0)]).toEqual([true, false])
  })
})

describe('words of terminals', () => {
  it.each([
    ['heartbeat of 2009', '02', '00 00 04 00', undefined],
    ['heartbeat of 2013 with the clock', '02', '00 00 04 00 49 48 11 15 52 15', { time: '2015-12-15 11:48:49', weekday: 2 }],
    ['login with the clock', '02', '00 00 01 00 49 48 11 15 52 15', { time: '2015-12-15 11:48:49', weekday: 2 }],
    ['confirmation with the clock', '00', '00 00 01 00 49 48 11 15 52 15', { time: '2015-12-15 11:48:49', weekday: 2 }],
  ])('%s', (_, afn, data, clock) => {
    const frame = frameOf(wire(`C9 01 33 E9 03 00 ${afn} 71 ${data}`))
    expect(unitsOf(frame)).toMatchObject([clock === undefined ? { pn: 0 } : { clock }])
    expect(decodeUnits(frame).surplus).toBe(null)
  })

  it('a heartbeat with a tag has no clock', () =>
    expect(unitsOf(frameOf(wire('C4 02 17 01 01 04 02 F2 00 00 04 00 01 15 14 18 05 05')))).toEqual([
      { pn: 0, fn: 3, name: 'heartbeat', name_zh: '心跳' },
    ]))

  it('confirms and denies one by one', () =>
    expect(unitsOf(answer('00', '00 00 04 00 04 00 00 02 01 00 05 01 01 03 02'))).toMatchObject([
      {
        fn: 3,
        confirmed_afn: '0x04',
        items: [
          { pn: 0, fn: 10, err: 0 },
          { pn: [1, 3], fn: 25, err: 2 },
        ],
      },
    ]))

  it('events: known bodies by name, unknown ones kept, a body of another length kept with its time', () => {
    const current = '09 1C 30 14 02 08 24 05 80 43 00 22 01 22 02 22 50 01 00 60 01 00 70 01 00 00 45 23 01 00'
    const power = '0E 0A 30 14 02 08 24 EE EE EE EE EE'
    const odd = '09 06 30 14 02 08 24 AA'
    const local = '34 03 01 02 03'
    const frame = answer('0E', `00 00 01 00 05 02 01 05 ${current} ${power} ${odd} ${local}`)
    const [unit] = Array.isArray(unitsOf(frame)) ? (unitsOf(frame) as { events: object[] }[]) : []
    expect(unit).toMatchObject({ EC1: 5, EC2: 2, Pm: 1, Pn: 5 })
    expect(unit?.events).toMatchObject([
      {
        erc: 9,
        time: '2024-08-02 14:30',
        pn: 5,
        begin: 1,
        flag: 0x43,
        phase_A: 1,
        phase_B: 1,
        phase_C: 0,
        kind: 1,
        U_V: [220, 220.1, 220.2],
        I_A: [0.15, 0.16, 0.17],
        energy_kWh: 123.45,
      },
      { erc: 14, off_time: '2024-08-02 14:30', on_time: null },
      { erc: 9, length: 6, time: '2024-08-02 14:30', body_hex: '30 14 02 08 24 AA' },
      { erc: 0x34, length: 3, body_hex: '01 02 03' },
    ])
  })

  it('an event of a point whose body is longer than its edition had it: time, point and edge, the rest raw', () => {
    const frame = answer('0E', '00 00 01 00 05 02 01 02 0C 0A 30 14 02 08 24 05 80 AA BB CC')
    expect(unitsOf(frame)).toMatchObject([
      { events: [{ erc: 12, time: '2024-08-02 14:30', pn: 5, begin: 1, body_hex: '30 14 02 08 24 05 80 AA BB CC' }] },
    ])
    const cut = answer('0E', '00 00 01 00 05 02 01 02 0D 07 30 14 02 08 24 05 80')
    expect(unitsOf(cut)).toMatchObject([{ events: [{ erc: 13, pn: 5 }] }])
  })

  it('an event longer than the frame keeps the rest raw', () =>
    expect(decodeUnits(answer('0E', '00 00 01 00 05 02 01 02 09 50 30 14')).units[0]).toMatchObject({
      problem: 'GW3761_CONTENT',
      layout: null,
    }))
})

describe('forwarding', () => {
  it.each([
    ['2400 8E1, 60 s', { baud: 2400, parity: 'even', waitMs: 60_000, byteWaitMs: 100 } as const, '1F 6B BC 0A 02 00 AB CD'],
    ['9600 8E1, 40 s', { baud: 9600, parity: 'even', waitMs: 40_000, byteWaitMs: 200 } as const, '1F CB A8 14 02 00 AB CD'],
    ['9600 8N1, 100 ms', { baud: 9600, parity: 'none', waitMs: 100, byteWaitMs: 50 } as const, '1F C3 0A 05 02 00 AB CD'],
  ])('asks: %s', (_, some, hex) => {
    const settings = { port: 31, dataBits: 8, stopBits: 1, ...some } as const
    expect(hexOf(writeForward(settings, bytes('AB CD')))).toBe(hex)
  })

  it('takes the bytes out of an answer, silence too', () => {
    const frame = answer('10', '00 00 01 00 1F 02 00 AB CD')
    expect(readForward(frame, decodeUnits(frame).units[0]!)).toEqual({ port: 31, bytes: bytes('AB CD') })
    const silent = answer('10', '00 00 01 00 1F 00 00')
    expect(readForward(silent, decodeUnits(silent).units[0]!)).toEqual({ port: 31, bytes: bytes('') })
    const wrong = answer('10', '00 00 01 00 1F 09 00 AB')
    expect(readForward(wrong, decodeUnits(wrong).units[0]!)).toBe(null)
  })
})

describe('one line', () => {
  it.each([
    [wire(`${REQUEST} 0D 62 01 02 01 14 20 07 24`), '→ 3301-1001 class-2 data #2: p9 F161 forward active energy, daily freeze 2024-07-20'],
    [bytes('68 32 00'), '→ 3 bytes, 3 of at least 16 bytes'],
    [
      wire('A8 01 33 E9 03 02 0C 42 00 00 02 00 49 48 11 15 52 15 05 06'),
      '→ 3301-1001 class-1 data #2 (first frame): p0 F2 clock of the terminal, events wait',
    ],
  ])('%#', (raw, line) => expect(describeFrame(raw, 'tx')).toBe(line))
})
