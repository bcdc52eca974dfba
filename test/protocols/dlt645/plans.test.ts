import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dlt6451997, dlt6452007 } from '../../../protocols/dlt645/adapter.ts'
import type { DeviceMemory, Profile, Selection } from '../../../src/core/adapter.ts'
import { frameOf, meter, run, type Script, silence } from './help.ts'

const me = '202608150042'
const load = (name: string): Profile =>
  JSON.parse(readFileSync(new URL(`../../../config/profiles/dlt645/${name}.json`, import.meta.url), 'utf8'))
const three = load('2007-three-phase')
const single = load('2007-single-phase')
const older = load('1997-three-phase')

const line = (obis: string, di: string, scaler: number, unit: string, more: object = {}) => ({
  obis: `1-0:${obis}`,
  di,
  scaler,
  unit,
  sample: { hex: '00', value: 0 },
  ...more,
})
const small: Profile = {
  id: 'small',
  protocol: 'dlt645-2007',
  source: 'test',
  wakeUps: 2,
  blocks: true,
  registers: [
    line('1.8.0', '00010000', -2, 'kWh'),
    line('1.8.1', '00010100', -2, 'kWh'),
    line('1.8.2', '00010200', -2, 'kWh'),
    line('32.7.0', '02010100', -1, 'V'),
    line('52.7.0', '02010200', -1, 'V'),
    line('14.7.0', '02800002', -2, 'Hz'),
  ],
  dayFreeze: {
    time: '050600nn',
    registers: [
      line('1.8.0', '050601nn', -2, 'kWh', { index: 0 }),
      line('1.8.1', '050601nn', -2, 'kWh', { index: 1 }),
      line('2.8.0', '050602nn', -2, 'kWh'),
    ],
  },
  monthFreeze: { registers: [line('1.8.0', '0001FFnn', -2, 'kWh')] },
}

const read = (profile: Profile, selection: Selection, script: Script, memory: DeviceMemory = new Map()) => {
  const adapter = profile.protocol === 'dlt645-1997' ? dlt6451997 : dlt6452007
  const plan = adapter.plan(profile, selection)
  if (!plan.ok) throw new Error(plan.error.message)
  const { result, heard } = run(plan.value.talk(me, memory), script)
  const samples = result.ok ? result.value : []
  const asked = heard.map(({ control, data }) => `${control.toString(16)} ${data}`)
  const values = samples.map(({ at, raws }) => ({
    at: at && `${at.year}-${at.month}-${at.day} ${at.hour}:${at.minute}`,
    ...Object.fromEntries(plan.value.values.map(({ obis }, index) => [obis.slice(4), raws[index]])),
  }))
  const why = samples.map(({ absent }) =>
    Object.fromEntries([...(absent ?? [])].map(([index, { code }]) => [plan.value.values[index]!.obis.slice(4), code])),
  )
  return { result, plan: plan.value, values, why, asked, heard }
}
const current: Selection = { kind: 'current' }
const BLOCK = '34 12 00 00 66 07 00 00 15 06 00 00'

describe('current values', () => {
  it('asks for neighbours together and knows each value', () => {
    const { values, asked, plan, heard } = read(
      small,
      current,
      meter(me, { '0001FF00': BLOCK, '0201FF00': '03 23 FF FF FF FF', '02800002': '03 50' }),
    )
    expect(asked).toEqual(['11 00FF0100', '11 00FF0102', '11 02008002'])
    expect(values).toEqual([{ at: null, '1.8.0': 1234, '1.8.1': 766, '1.8.2': 615, '32.7.0': 2303, '52.7.0': null, '14.7.0': 5003 }])
    expect(plan.source).toBe('live')
    expect(plan.values.map(({ ratio, unit, scaler }) => [ratio, unit, scaler]).slice(2, 6)).toEqual([
      ['ctpt', 'kWh', -2],
      ['pt', 'V', -1],
      ['pt', 'V', -1],
      ['none', 'Hz', -2],
    ])
    expect([...heard[0]!.request.bytes.subarray(0, 3)]).toEqual([0xfe, 0xfe, 0x68])
  })

  it.each([
    ['FF fill', 'FF FF FF FF', 'DLT645_ABSENT'],
    ['EE fill', 'EE EE EE EE', 'DLT645_ABSENT'],
    ['an impossible digit', '34 1A 00 00', 'DLT645_BCD'],
  ])('%s in one place takes that value alone', (_, hex, code) => {
    const { values, why } = read(
      small,
      current,
      meter(me, { '0001FF00': `34 12 00 00 ${hex} 15 06 00 00`, '0201FF00': '03 23 04 23 05 23', '02800002': '03 50' }),
    )
    expect(values[0]).toMatchObject({ '1.8.0': 1234, '1.8.1': null, '1.8.2': 615 })
    expect(why).toEqual([{ '1.8.1': code }])
  })

  it('a block that ends early leaves the rest absent', () => {
    const { values, why } = read(
      small,
      current,
      meter(me, { '0001FF00': '34 12 00 00 66 07 00 00', '0201FF00': '03 23 04 23 05 23', '02800002': '03 50' }),
    )
    expect(values[0]).toMatchObject({ '1.8.1': 766, '1.8.2': null })
    expect(why).toEqual([{ '1.8.2': 'DLT645_ABSENT' }])
  })

  it('a refused block is asked for item by item, and stays so', () => {
    const memory = new Map()
    const items = {
      '00010000': '34 12 00 00',
      '00010100': '66 07 00 00',
      '00010200': '15 06 00 00',
      '0201FF00': '03 23 04 23 05 23',
      '02800002': '03 50',
    }
    const first = read(small, current, meter(me, items), memory)
    expect(first.asked).toEqual(['11 00FF0100', '11 00000100', '11 00010100', '11 00020100', '11 00FF0102', '11 02008002'])
    expect(first.values[0]).toMatchObject({ '1.8.0': 1234, '1.8.1': 766, '1.8.2': 615 })
    expect(read(small, current, meter(me, items), memory).asked).toEqual([
      '11 00000100',
      '11 00010100',
      '11 00020100',
      '11 00FF0102',
      '11 02008002',
    ])
  })

  it('a block of a wrong length is asked for item by item', () => {
    const { values } = read(
      small,
      current,
      meter(me, {
        '0001FF00': '34 12 00',
        '00010000': '34 12 00 00',
        '00010100': '66 07 00 00',
        '00010200': '15 06 00 00',
        '0201FF00': '03 23 04 23 05 23',
        '02800002': '03 50',
      }),
    )
    expect(values[0]).toMatchObject({ '1.8.0': 1234, '1.8.1': 766, '1.8.2': 615 })
  })

  it('an item the meter lacks is left alone, and tried again after many reads', () => {
    const memory = new Map()
    const items = { '0001FF00': BLOCK, '0201FF00': '03 23 04 23 05 23' }
    const first = read(small, current, meter(me, items), memory)
    expect(first.why).toEqual([{ '14.7.0': 'DLT645_NO_DATA' }])
    const later = Array.from({ length: 100 }, () => read(small, current, meter(me, items), memory))
    expect(later.filter(({ asked }) => asked.includes('11 02008002'))).toHaveLength(1)
    expect(later.every(({ why }) => why[0]?.['14.7.0'] === 'DLT645_NO_DATA')).toBe(true)
  })

  it('an item the meter is always silent about is left alone too', () => {
    const memory = new Map()
    const script = meter(me, { '0001FF00': BLOCK, '0201FF00': '03 23 04 23 05 23', '02800002': null })
    const asked = Array.from({ length: 5 }, () => read(small, current, script, memory).asked.length)
    expect(asked).toEqual([3, 3, 3, 2, 2])
  })

  it('one silence is no reason to stop asking', () => {
    const memory = new Map()
    const quiet = meter(me, { '0001FF00': BLOCK, '0201FF00': '03 23 04 23 05 23', '02800002': null })
    const well = meter(me, { '0001FF00': BLOCK, '0201FF00': '03 23 04 23 05 23', '02800002': '03 50' })
    for (let round = 0; round < 5; round++) {
      expect(read(small, current, quiet, memory).why).toEqual([{ '14.7.0': 'LINE_TIMEOUT' }])
      expect(read(small, current, well, memory).why).toEqual([{}])
    }
  })

  it('gives a dead meter one request, and another one the next time', () => {
    const memory = new Map()
    const first = read(small, current, () => null, memory)
    expect(first.result).toEqual({ ok: false, error: silence })
    expect(first.asked).toEqual(['11 00FF0100'])
    expect(read(small, current, () => null, memory).asked).toEqual(['11 00FF0102'])
    const alive = read(small, current, meter(me, { '0001FF00': BLOCK, '0201FF00': '03 23 04 23 05 23', '02800002': '03 50' }), memory)
    expect(alive.values[0]).toMatchObject({ '1.8.0': 1234, '14.7.0': 5003 })
  })

  it('a single item of the wrong length has no value', () => {
    const { why } = read(
      small,
      { kind: 'current', obis: ['1-0:32.7.0', '14.7.0'] },
      meter(me, { '02010100': '00 00 00', '02800002': '03 50' }),
    )
    expect(why).toEqual([{ '32.7.0': 'DLT645_LENGTH' }])
  })

  it('asks for nothing but the selection', () => {
    const { asked, values } = read(small, { kind: 'current', obis: ['14.7.0'] }, meter(me, { '02800002': '03 50' }))
    expect(asked).toEqual(['11 02008002'])
    expect(values).toEqual([{ at: null, '14.7.0': 5003 }])
  })

  it('reads a whole three-phase meter in blocks', () => {
    const { asked, result } = read(three, current, meter(me, {}))
    expect(result).toMatchObject({ ok: false, error: { code: 'DLT645_NO_DATA' } })
    expect(asked).toContain('11 00FF0302')
  })

  it('reads 1997 blocks with and without AA behind them', () => {
    const items = {
      '901F': '34 12 00 00 66 07 00 00 15 06 00 00 80 04 00 00 71 10 00 00 AA',
      B61F: '20 02 21 02 22 02',
      B62F: '50 05 60 05 70 05 AA',
      B63F: '61 86 00 61 86 80 00 00 00 00 00 00',
      '9020': '01 00 00 00',
    }
    const { values, asked } = read(older, current, meter(me, items, true))
    expect(asked.slice(0, 2)).toEqual(['1 1F90', '1 2090'])
    expect(values[0]).toMatchObject({
      '1.8.0': 1234,
      '1.8.4': 1071,
      '2.8.0': 1,
      '32.7.0': 220,
      '72.7.0': 222,
      '71.7.0': 570,
      '16.7.0': 8661,
      '36.7.0': -8661,
      '3.8.0': null,
    })
  })
})

describe('daily freeze', () => {
  const freeze = { '05060001': '00 00 09 10 15', '05060101': '34 12 00 00 66 07 00 00', '05060201': '05 00 00 00' }
  it('carries the stamp of the meter: 2015-10-09 00:00 holds the end of 8 October', () => {
    const { values, plan, asked } = read(small, { kind: 'day-freeze' }, meter(me, freeze))
    expect(plan.source).toBe('day-freeze')
    expect(values).toEqual([{ at: '2015-10-9 0:0', '1.8.0': 1234, '1.8.1': 766, '2.8.0': 5 }])
    expect(asked).toEqual(['11 01000605', '11 01010605', '11 01020605', '11 01000605'])
  })
  it('goes back n days', () =>
    expect(
      read(
        small,
        { kind: 'day-freeze', nth: 12 },
        meter(me, { '0506000C': '00 00 27 09 15', '0506010C': '01 00 00 00', '0506020C': '01 00 00 00' }),
      ).values[0],
    ).toMatchObject({ at: '2015-9-27 0:0', '1.8.0': 1 }))

  it('reads again when midnight passed in between', () => {
    let times = 0
    const { values } = read(small, { kind: 'day-freeze' }, (heard, turn) => {
      const isTime = heard.data === '01000605'
      if (isTime) times++
      const day = times >= 2 ? '10' : '09'
      return meter(me, {
        '05060001': `00 00 ${day} 10 15`,
        '05060101': times >= 2 ? '99 00 00 00' : '34 12 00 00',
        '05060201': '05 00 00 00',
      })(heard, turn)
    })
    expect(values).toEqual([{ at: '2015-10-10 0:0', '1.8.0': 99, '1.8.1': null, '2.8.0': 5 }])
  })
  it('gives up when the time never stands still', () => {
    let day = 10
    const { result } = read(small, { kind: 'day-freeze' }, (heard, turn) =>
      meter(me, { ...freeze, '05060001': `00 00 ${day++} 10 15` })(heard, turn),
    )
    expect(result).toMatchObject({ ok: false, error: { code: 'DLT645_FREEZE_MOVED' } })
  })
  it.each([['00 00 00 00 00'], ['FF FF FF FF FF']])('a time of %s is no freeze', (hex) =>
    expect(read(small, { kind: 'day-freeze' }, meter(me, { ...freeze, '05060001': hex })).result).toMatchObject({
      ok: false,
      error: { code: 'DLT645_NO_FREEZE' },
    }),
  )
  it('a refused time is no freeze, an impossible one no date', () => {
    expect(read(small, { kind: 'day-freeze' }, meter(me, {})).result).toMatchObject({ ok: false, error: { code: 'DLT645_NO_FREEZE' } })
    expect(read(small, { kind: 'day-freeze' }, meter(me, { ...freeze, '05060001': '00 00 31 02 15' })).result).toMatchObject({
      ok: false,
      error: { code: 'DLT645_DATE' },
    })
  })
  it.each([[0], [64], [1.5]])('there is no number %d', (nth) => expect(dlt6452007.plan(small, { kind: 'day-freeze', nth }).ok).toBe(false))
})

describe('settlement day', () => {
  const of = (date: string, day: string | undefined, nth = 1, time = '00 30 12') =>
    read(
      small,
      { kind: 'month-freeze', nth },
      meter(me, { ...(day !== undefined && { '04000B01': day }), '04000101': date, '04000102': time, [`0001FF0${nth}`]: '34 12 00 00' }),
    )
  it.each([
    ['the first at midnight, read on the 21st', '04 21 11 24', '00 01', 1, '00 30 12', '2024-11-1 0:0'],
    ['read on the day itself', '05 01 11 24', '00 01', 1, '00 30 12', '2024-11-1 0:0'],
    ['the 25th, not yet reached', '04 21 11 24', '00 25', 1, '00 30 12', '2024-10-25 0:0'],
    ['the 21st at 08:00, read at 07:59', '04 21 11 24', '08 21', 1, '59 59 07', '2024-10-21 8:0'],
    ['the 21st at 08:00, read at 08:00', '04 21 11 24', '08 21', 1, '00 00 08', '2024-11-21 8:0'],
    ['three back over the new year', '02 02 01 24', '00 01', 3, '00 30 12', '2023-11-1 0:0'],
    ['the last day of a short month', '04 10 03 22', '00 31', 1, '00 30 12', '2022-2-28 0:0'],
    ['a meter that does not say: the first', '04 21 11 24', undefined, 1, '00 30 12', '2024-11-1 0:0'],
    ['a day of 99: the first', '04 21 11 24', '99 99', 1, '00 30 12', '2024-11-1 0:0'],
  ])('%s', (_, date, day, nth, time, at) => expect(of(date, day, nth, time).values).toEqual([{ at, '1.8.0': 1234 }]))

  it('asks for the time only when it matters', () => {
    expect(of('04 21 11 24', '08 25').asked).not.toContain('11 02010004')
    expect(of('04 21 11 24', '08 21').asked).toContain('11 02010004')
  })
  it('does not guess the settlement day of a silent meter', () =>
    expect(read(small, { kind: 'month-freeze' }, meter(me, { '04000B01': null })).result).toEqual({ ok: false, error: silence }))
  it('reads last month and the one before of a 1997 meter', () => {
    const items = { C010: '04 21 11 24', '941F': '34 12 00 00 66 07 00 00 AA', '981F': '33 12 00 00 AA' }
    expect(read(older, { kind: 'month-freeze' }, meter(me, items, true)).values[0]).toMatchObject({
      at: '2024-11-1 0:0',
      '1.8.0': 1234,
      '1.8.1': 766,
      '1.8.4': null,
    })
    expect(read(older, { kind: 'month-freeze', nth: 2 }, meter(me, items, true)).values[0]).toMatchObject({
      at: '2024-10-1 0:0',
      '1.8.0': 1233,
    })
    expect(dlt6451997.plan(older, { kind: 'month-freeze', nth: 3 }).ok).toBe(false)
  })
})

describe('curves', () => {
  const bcd = (value: number) => String(value).padStart(2, '0')
  const hexSum = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex').reduce((all, byte) => all + byte, 0) % 256
  const block = (minute: number, hour: number, kwh: string) => {
    const body = `A0 A0 1C ${bcd(minute)} ${bcd(hour)} 21 11 24 AA AA AA ${kwh} 05 00 00 00 00 00 00 00 00 00 00 00 AA AA AA`
    return `${body} ${hexSum(body).toString(16).padStart(2, '0')} E5`
  }
  const energies: Profile = {
    id: 'curve',
    protocol: 'dlt645-2007',
    source: 'test',
    registers: [],
    curve: {
      minutes: 15,
      registers: [line('1.8.0', '06040001', -2, 'kWh', { index: 0 }), line('2.8.0', '06040001', -2, 'kWh', { index: 1 })],
    },
  }
  const time = (hour: number, minute: number) => ({ year: 2024, month: 11, day: 21, hour, minute, second: 0 })

  /** Gives the blocks of 14:00 to 15:45, as many as wanted, from the time asked on; none between 14:30 and 14:45 when there was no power. */
  const recorder =
    (gap: boolean): Script =>
    ({ data }) => {
      const n = Number.parseInt(data.slice(8, 10), 16)
      const from = Number(data.slice(12, 14)) * 60 + Number(data.slice(10, 12))
      const found = [...Array(8).keys()].map((at) => 840 + at * 15).filter((at) => at >= from && !(gap && (at === 870 || at === 885)))
      if (gap && (from === 870 || from === 885)) return [frameOf(me, 0xd1, '02')]
      if (found.length === 0) return [frameOf(me, 0xd1, '02')]
      const blocks = found.slice(0, n).map((at) => block(at % 60, Math.floor(at / 60), `${bcd((at / 15) % 100)} 00 00 00`))
      return [frameOf(me, 0x91, data.slice(0, 8) + blocks.join('').replaceAll(' ', ''))]
    }

  it('reads blocks from a given time through several requests', () => {
    const profile = { ...energies, curve: { ...(energies.curve as object), blocksPerRequest: 3 } }
    const { values, asked, plan } = read(profile, { kind: 'curve', since: time(14, 0), until: time(15, 30) }, recorder(false))
    expect(plan.source).toBe('curve')
    expect(asked).toEqual(['11 01000406030014211124', '11 01000406034514211124', '11 01000406013015211124'])
    expect(values.map(({ at }) => at)).toEqual([
      '2024-11-21 14:0',
      '2024-11-21 14:15',
      '2024-11-21 14:30',
      '2024-11-21 14:45',
      '2024-11-21 15:0',
      '2024-11-21 15:15',
      '2024-11-21 15:30',
    ])
    expect(values[1]).toMatchObject({ '1.8.0': 57, '2.8.0': 5 })
  })
  it('goes on behind a gap', () => {
    const profile = { ...energies, curve: { ...(energies.curve as object), blocksPerRequest: 2 } }
    const { values } = read(profile, { kind: 'curve', since: time(14, 0), until: time(15, 0) }, recorder(true))
    expect(values.map(({ at }) => at)).toEqual(['2024-11-21 14:0', '2024-11-21 14:15', '2024-11-21 15:0'])
  })
  it('ends where the record ends', () => {
    const { values, asked } = read(energies, { kind: 'curve', since: time(15, 0) }, recorder(false))
    expect(values).toHaveLength(4)
    expect(asked.length).toBeLessThan(8)
  })
  it('asks for the latest block when no time is given', () => {
    const { values, asked } = read(energies, { kind: 'curve' }, () => [
      frameOf(me, 0x91, `02000406${block(45, 15, '77 00 00 00')}`.replaceAll(' ', '')),
    ])
    expect(asked).toEqual(['11 0200040601'])
    expect(values).toEqual([{ at: '2024-11-21 15:45', '1.8.0': 77, '2.8.0': 5 }])
  })
  it('leaves out what lies before and behind the time asked for', () => {
    const every: Script = ({ data }) => [
      frameOf(
        me,
        0x91,
        `${data.slice(0, 8)}${block(0, 13, '52 00 00 00')}${block(0, 14, '56 00 00 00')}${block(15, 14, '57 00 00 00')}`.replaceAll(
          ' ',
          '',
        ),
      ),
    ]
    expect(read(energies, { kind: 'curve', since: time(14, 0), until: time(14, 0) }, every).values).toEqual([
      { at: '2024-11-21 14:0', '1.8.0': 56, '2.8.0': 5 },
    ])
  })
  it('says so when the meter has no load record', () =>
    expect(read(energies, { kind: 'curve', since: time(14, 0), until: time(15, 0) }, meter(me, {})).result).toMatchObject({
      ok: false,
      error: { code: 'DLT645_NO_DATA' },
    }))
  it('gives up after one silence', () => {
    const { result, asked } = read(three, { kind: 'curve', since: time(14, 0) }, () => null)
    expect(result).toEqual({ ok: false, error: silence })
    expect(asked).toHaveLength(1)
  })

  it('joins curve items of several identifiers by their time', () => {
    const points: Script = ({ data }) => {
      const di = (data.slice(0, 8).match(/../g) ?? []).reverse().join('')
      const hour = data.slice(12, 14)
      if (hour !== '13' && hour !== '14') return [frameOf(me, 0xd1, '02')]
      const stamp = `${data.slice(10, 14)}251122`
      if (di === '06100101') return [frameOf(me, 0x91, `${data.slice(0, 8)}${stamp}3022`)]
      if (di === '06100601' && data.slice(10, 12) !== '15') return [frameOf(me, 0x91, `${data.slice(0, 8)}${stamp}78563412`)]
      return [frameOf(me, 0xd1, '02')]
    }
    const selection: Selection = {
      kind: 'curve',
      obis: ['32.7.0', '1.8.0'],
      since: { ...time(13, 0), year: 2022, day: 25 },
      until: { ...time(13, 30), year: 2022, day: 25 },
    }
    const { values } = read(single, selection, points)
    expect(values).toEqual([
      { at: '2022-11-25 13:0', '32.7.0': 2230, '1.8.0': 12345678 },
      { at: '2022-11-25 13:15', '32.7.0': 2230, '1.8.0': null },
      { at: '2022-11-25 13:30', '32.7.0': 2230, '1.8.0': 12345678 },
    ])
  })
  it('curve items need a time to begin with', () => expect(dlt6452007.plan(single, { kind: 'curve' }).ok).toBe(false))
})

describe('the adapter', () => {
  it('refuses what it cannot plan, in words', () => {
    expect(dlt6452007.plan(older, current)).toMatchObject({
      ok: false,
      error: { code: 'DLT645_PROFILE', message: expect.stringContaining('for dlt645-1997') },
    })
    expect(dlt6451997.plan(older, { kind: 'day-freeze' })).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('nothing for day-freeze') },
    })
    expect(dlt6452007.plan(small, { kind: 'current', obis: ['1-0:99.8.0'] })).toMatchObject({ ok: false })
    expect(dlt6452007.plan({ id: 'x', protocol: 'dlt645-2007' }, current)).toMatchObject({ ok: false })
  })
  it('probes with one short exchange', () => {
    const { result, heard } = run(dlt6452007.probe(small, me, new Map()), meter(me, {}))
    expect(result.ok).toBe(true)
    expect(heard).toHaveLength(1)
    expect(run(dlt6451997.probe(older, me, new Map()), meter(me, {}, true)).result.ok).toBe(true)
  })
  it('knows addresses and its longest frame', () => {
    expect(dlt6452007.address('42').ok).toBe(false)
    expect(dlt6452007.longestFrame).toBeGreaterThanOrEqual(212)
    expect([dlt6452007.id, dlt6451997.id]).toEqual(['dlt645-2007', 'dlt645-1997'])
  })
})
