import { describe, expect, it } from 'vitest'
import { type AreaDay, areaHistory, type CommDay, commFrameOf, type MeterDay, type MeterFact } from '../../src/anomaly/index.ts'

const STEP = 900_000
const T0 = Date.parse('2026-03-27T23:00:00Z')
const fact = (id: string): MeterFact => ({
  ...{ id, meter: id, area: 'A1', type: '1P', multiplier: 1, phase: 'A', contractKw: 10, ratedA: null, category: '', link: '' },
  ...{ keyAccount: false, pfStandard: null, bus: null, concentrator: null, solar: null, exchanges: [], since: null, node: null },
  serviceOhm: null,
})
const meterDay = (id: string, slots: number, value: number, change: Partial<MeterDay> = {}): MeterDay => ({
  fact: fact(id),
  imp: new Float64Array(slots).fill(value),
  exp: new Float64Array(slots).fill(Number.NaN),
  known: new Uint8Array(slots).fill(2),
  faceImp: new Float64Array(slots).fill(value * 100),
  faceExp: new Float64Array(slots).fill(Number.NaN),
  u: [new Float32Array(slots).fill(230), null, null],
  i: [null, null, null],
  iN: null,
  p: null,
  pf: null,
  rates: null,
  ...change,
})
const SLOTS = [96, 92, 96, 100, 96, 96, 96, 96, 96, 96, 96, 96]
const startOf = (index: number) => T0 + SLOTS.slice(0, index).reduce((sum, slots) => sum + slots, 0) * STEP
const day = (index: number, meters: (slots: number) => MeterDay[], change: Partial<AreaDay> = {}): AreaDay => {
  const slots = SLOTS[index]!
  return {
    fact: { id: 'A1', name: 'A1', zone: null, feeder: null, transformerKva: null, nominalV: 230, network: null },
    day: new Date(startOf(index) + 7_200_000).toISOString().slice(0, 10),
    start: startOf(index),
    slots,
    gateways: [meterDay('G', slots, 1000 + index)],
    meters: meters(slots),
    temperature: null,
    isRest: index === 0,
    outages: [],
    events: [],
    ...change,
  }
}

describe('the window of an area', () => {
  it('grows by days of 92, 96 and 100 quarter hours and lets the oldest go', () => {
    const history = areaHistory(3)
    expect(history.frame()).toBeNull()
    for (let index = 0; index < SLOTS.length; index++) {
      history.put(day(index, (slots) => [meterDay('M1', slots, index)]))
      const frame = history.frame()!
      const first = Math.max(0, index - 2)
      const held = SLOTS.slice(first, index + 1)
      expect(frame.start).toBe(startOf(first))
      expect([...frame.dayStarts]).toEqual([0, ...held.map((_, at) => held.slice(0, at + 1).reduce((sum, slots) => sum + slots, 0))])
      expect(frame.slots).toBe(frame.meters[0]!.imp.length)
      const seen = held.map((_, at) => frame.meters[0]!.imp[frame.dayStarts[at]!])
      expect(seen).toEqual(held.map((_, at) => first + at))
      expect(frame.gateways[0]!.imp[frame.slots - 1]).toBe(1000 + index)
      expect(frame.meters[0]!.u[0]![frame.slots - 1]).toBe(230)
    }
  })

  it('knows nothing of a meter before it came, and does not show one that has gone', () => {
    const history = areaHistory()
    history.put(day(0, (slots) => [meterDay('M1', slots, 1)]))
    history.put(day(1, (slots) => [meterDay('M1', slots, 1), meterDay('M2', slots, 2)]))
    const frame = history.frame()!
    expect(frame.meters.map((meter) => [meter.fact.id, meter.imp[0], meter.known[0], meter.imp[100]])).toEqual([
      ['M1', 1, 2, 1],
      ['M2', Number.NaN, 0, 2],
    ])
    history.put(day(2, (slots) => [meterDay('M2', slots, 2)]))
    expect(history.frame()!.meters.map((meter) => meter.fact.id)).toEqual(['M2'])
  })

  it('puts an earlier day anew: what it does not have any more is unknown', () => {
    const history = areaHistory()
    history.put(day(0, (slots) => [meterDay('M1', slots, 1), meterDay('M2', slots, 2)]))
    history.put(day(1, (slots) => [meterDay('M1', slots, 1), meterDay('M2', slots, 2)]))
    history.put(day(0, (slots) => [meterDay('M1', slots, 7)]))
    const [first, second] = history.frame()!.meters
    expect([first!.imp[0], first!.imp[96], second!.imp[0], second!.known[0], second!.imp[96]]).toEqual([7, 1, Number.NaN, 0, 2])
  })

  it('amends single meters of an earlier day', () => {
    const history = areaHistory()
    for (let index = 0; index < 2; index++) history.put(day(index, (slots) => [meterDay('M1', slots, 1), meterDay('M2', slots, 2)]))
    history.amend(history.days[0]!, [meterDay('M2', 96, 9)])
    history.amend('1999-01-01', [meterDay('M2', 96, 9)])
    const [first, second] = history.frame()!.meters
    expect([first!.imp[0], second!.imp[0], second!.imp[96]]).toEqual([1, 9, 2])
    expect(history.slice(history.days[0]!, 'M2')!.imp[95]).toBe(9)
    expect(history.slice('1999-01-01', 'M2')).toBeNull()
  })

  it('begins anew after days that nobody gave: a hole is not a day', () => {
    const history = areaHistory()
    history.put(day(0, (slots) => [meterDay('M1', slots, 1)]))
    history.put(day(4, (slots) => [meterDay('M1', slots, 5)]))
    expect(history.frame()!.start).toBe(startOf(4))
    expect(history.frame()!.slots).toBe(96)
  })

  it('has tariff registers a day, events and outages of the window only', () => {
    const history = areaHistory(2)
    const rates = (value: number) => ({ rates: [value, value * 2] })
    for (let index = 0; index < 3; index++)
      history.put(
        day(index, (slots) => [meterDay('M1', slots, 1, index === 1 ? {} : rates(index))], {
          events: [{ id: 'M1', at: startOf(index), event: 'cover_open' }],
          outages: [{ from: startOf(0), to: startOf(3), ids: null, what: 'planned' }],
        }),
      )
    const frame = history.frame()!
    expect(frame.meters[0]!.rates?.map((rate) => [...rate])).toEqual([
      [Number.NaN, 2],
      [Number.NaN, 4],
    ])
    expect(frame.events.map(({ at }) => at)).toEqual([startOf(1), startOf(2)])
    expect(frame.outages).toHaveLength(1)
    expect([...frame.restDays]).toEqual([0, 0])
  })
})

it('joins days of communication; a target that a day lacks is unknown there', () => {
  const column = (value: number) => new Float32Array(24).fill(value)
  const target = (id: string, value: number) => ({
    ...{ id, kind: 'meter' as const, polls: column(value), ok: column(value), timeouts: column(0), crcErrors: column(0) },
    ...{ addrErrors: column(0), latencyMs: column(0), snrDb: column(0), rssiDbm: column(0) },
  })
  const comm = (index: number, ids: string[]): CommDay => ({
    area: 'A1',
    start: T0 + index * 86_400_000,
    hours: 24,
    targets: ids.map((id) => target(id, index)),
  })
  const frame = commFrameOf([comm(0, ['M1']), comm(1, ['M1', 'M2'])])!
  expect([frame.hours, [...frame.dayStarts]]).toEqual([48, [0, 24, 48]])
  expect(frame.targets.map(({ id, polls }) => [id, polls[0], polls[24]])).toEqual([
    ['M1', 0, 1],
    ['M2', Number.NaN, 1],
  ])
  expect(commFrameOf([])).toBeNull()
})
