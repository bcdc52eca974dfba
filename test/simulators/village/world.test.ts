import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DAY_MS, EPOCH, SLOT_MS, startOfDay, startOfMonth, TARIFFS } from '../../../simulators/calendar.ts'
import { FAMILIES, instrumentsOf, PUSH_MIX, pushAddressOf, ratioOf, villageOf } from '../../../simulators/index.ts'
import { solveArea } from '../../../simulators/village/grid.ts'
import { PERIOD_SLOTS } from '../../../simulators/village/load.ts'

const plan = villageOf(42)
const meters = instrumentsOf(plan)
const now = Date.UTC(2026, 10, 21, 10, 7, 31)
const instants = fc.integer({ min: EPOCH, max: EPOCH + 3000 * DAY_MS })
const anyMeter = fc.constantFrom(...meters.values())

describe('village', () => {
  it('is a pure function of seed and size', () => {
    expect(villageOf(42)).toEqual(plan)
    expect(villageOf(43)).not.toEqual(plan)
  })

  it('has 64 meters with ids, points, line places and addresses of their own', () => {
    expect(plan.meters).toHaveLength(64)
    expect(new Set(plan.meters.map(({ id }) => id)).size).toBe(64)
    expect(new Set(plan.meters.map(({ point }) => point)).size).toBe(64)
    expect(new Set(plan.meters.map(({ line, address }) => `${line} ${address}`)).size).toBe(64)
    expect(new Set(plan.lines.map(({ kind }) => kind))).toEqual(new Set(['modbus-tcp', 'modbus-rtu', 'dlt645']))
    expect(plan.areas.length).toBeGreaterThanOrEqual(2)
    for (const { id } of plan.areas) expect(plan.meters.filter(({ area, role }) => area === id && role === 'area-supply')).toHaveLength(1)
  })

  it.each([5, 20, 130, 500])('can have %i meters', (count) => expect(villageOf(1, count).meters).toHaveLength(count))

  it('has only the kinds of line it is told to have', () => {
    const only = villageOf(1, 64, { 'modbus-tcp': 0, 'modbus-rtu': 0, dlt645: 1 })
    expect(new Set(only.lines.map(({ kind }) => kind))).toEqual(new Set(['dlt645']))
  })

  it('lets two meters in fourteen push when it is told to, all on one line, families by turn, each telling what its area needs', () => {
    const pushing = villageOf(42, 200, PUSH_MIX)
    expect(pushing.lines.filter(({ kind }) => kind === 'mqtt')).toEqual([{ id: 'push-01', kind: 'mqtt' }])
    const meters = pushing.meters.filter(({ line }) => line === 'push-01')
    expect(meters.length).toBeGreaterThan(200 / 8)
    expect(new Set(meters.map(({ family }) => family)).size).toBeGreaterThan(12)
    expect(new Set(meters.map(({ address }) => address)).size).toBe(meters.length)
    for (const { id, family, address, profile, use, solarW } of meters) {
      expect(address).toBe(pushAddressOf(family!, id))
      expect(profile).toBe(`mqtt/${FAMILIES[family!].mapping}`)
      expect(FAMILIES[family!]).toMatchObject({ totals: true, ...(solarW > 0 && { exports: true }) })
      expect(FAMILIES[family!].phases).toContain(use === 'shop' ? 3 : 1)
    }
  })

  it('can push from every meter; area meters then are Acrel, with the ratio of their transformers', () => {
    const all = villageOf(42, 64, { 'modbus-tcp': 0, 'modbus-rtu': 0, dlt645: 0, mqtt: 1 })
    expect(all.lines).toHaveLength(1)
    expect(new Set(all.meters.filter(({ role }) => role === 'area-supply').map(({ family }) => family))).toEqual(new Set(['acrel']))
    const few = villageOf(42, 64, PUSH_MIX, ['ttn', 'site-json'])
    expect(new Set(few.meters.flatMap(({ family, solarW }) => (family && solarW === 0 ? [family] : [])))).toEqual(
      new Set(['ttn', 'site-json']),
    )
  })
})

describe('registers', () => {
  it('do not depend on what was asked before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...meters.keys()), instants), { minLength: 1, maxLength: 5 }), (questions) => {
        const fresh = instrumentsOf(villageOf(42, 8))
        const ask = ([id, at]: readonly [string, number]) => fresh.get(id)?.energy(1, 0, 0, at)
        const forward = questions.map(ask)
        const again = instrumentsOf(villageOf(42, 8))
        expect([...questions].reverse().map(([id, at]) => again.get(id)?.energy(1, 0, 0, at))).toEqual([...forward].reverse())
      }),
      { numRuns: 5 },
    )
  })

  it('only grow, every second of eight years', () =>
    fc.assert(
      fc.property(
        anyMeter,
        instants,
        fc.integer({ min: 0, max: 40 * DAY_MS }),
        fc.constantFrom(1, 2, 3, 5, 6, 9, 10),
        (meter, at, later, channel) => {
          expect(meter.energy(channel, 0, 0, at + later)).toBeGreaterThanOrEqual(meter.energy(channel, 0, 0, at))
        },
      ),
    ))

  it('are the integral of the power: a quarter hour of constant watts, shown at its end', () =>
    fc.assert(
      fc.property(anyMeter, instants, (meter, at) => {
        const start = EPOCH + Math.floor((at - EPOCH) / SLOT_MS) * SLOT_MS
        const net =
          meter.energy(1, 0, 0, start + SLOT_MS) -
          meter.energy(1, 0, 0, start) -
          (meter.energy(2, 0, 0, start + SLOT_MS) - meter.energy(2, 0, 0, start))
        expect(net).toBe(meter.watts(0, start + SLOT_MS) * 900)
      }),
    ))

  it('have tariffs that add up, each counting in its hours only', () =>
    fc.assert(
      fc.property(anyMeter, instants, (meter, at) => {
        expect([1, 2, 3, 4].reduce((sum, tariff) => sum + meter.energy(1, 0, tariff, at), 0)).toBe(meter.energy(1, 0, 0, at))
        const start = startOfDay(at)
        const slot = Math.floor((at - start) / SLOT_MS)
        const from = start + slot * SLOT_MS
        for (const tariff of [1, 2, 3, 4])
          if (TARIFFS[slot] !== tariff) expect(meter.energy(1, 0, tariff, from + SLOT_MS)).toBe(meter.energy(1, 0, tariff, from))
      }),
    ))

  it('keep the largest quarter hour of the month as demand', () => {
    const meter = meters.get('M0005')!
    const from = startOfMonth(now)
    let best = 0
    let when = 0
    for (let at = from; at + SLOT_MS <= now; at += SLOT_MS)
      if (Math.max(0, meter.watts(0, at + SLOT_MS)) > best) {
        best = meter.watts(0, at + SLOT_MS)
        when = at + SLOT_MS
      }
    expect(meter.demand(1, from, now)).toEqual({ watts: best, at: when })
  })
})

describe('physics', () => {
  it('supplies each area, in every quarter hour, with what its customers draw less what they feed in plus the heat of the cables', () => {
    for (const area of plan.areas) {
      const here = plan.meters.filter((meter) => meter.area === area.id)
      const { traces, lossW } = solveArea(plan.seed, area, here)
      const supply = traces.get(here.find(({ role }) => role === 'area-supply')!.id)!
      let sold = 0
      let lost = 0
      for (let slot = 0; slot < PERIOD_SLOTS; slot++) {
        let customers = 0
        for (const meter of here) if (meter.role === 'customer') for (const watts of traces.get(meter.id)!.watts) customers += watts[slot]!
        const heat = lossW.reduce((sum, phase) => sum + phase[slot]!, 0)
        expect(supply.watts.reduce((sum, phase) => sum + phase[slot]!, 0)).toBe(customers + heat)
        expect(heat).toBeGreaterThan(0)
        sold += customers
        lost += heat
      }
      expect(lost / (sold + lost)).toBeGreaterThan(0.005)
      expect(lost / (sold + lost)).toBeLessThan(0.06)
    }
  })

  it('balances the registers of an area over a day, to the watt-second', () => {
    const from = startOfDay(now, 3)
    for (const area of plan.areas) {
      const here = plan.meters.filter((meter) => meter.area === area.id)
      const net = (id: string): number => {
        const meter = meters.get(id)!
        const grown = (channel: 1 | 2) => meter.energy(channel, 0, 0, from + DAY_MS) - meter.energy(channel, 0, 0, from)
        return grown(1) - grown(2)
      }
      const { lossW } = solveArea(plan.seed, area, here)
      const first = Math.floor((from - EPOCH) / SLOT_MS) % PERIOD_SLOTS
      let heat = 0
      for (let slot = first; slot < first + 96; slot++) for (const phase of lossW) heat += phase[slot % PERIOD_SLOTS]! * 900
      const supply = here.find(({ role }) => role === 'area-supply')!
      const customers = here.filter(({ role }) => role === 'customer').reduce((sum, { id }) => sum + net(id), 0)
      expect(net(supply.id)).toBe(customers + heat)
    }
  })

  it('keeps every voltage within the national limits of 198 to 235.4 V, lower the farther away', () => {
    for (const meter of meters.values())
      for (const volts of meter.trace.volts) {
        expect(volts.reduce((least, tenth) => Math.min(least, tenth))).toBeGreaterThanOrEqual(1980)
        expect(volts.reduce((most, tenth) => Math.max(most, tenth))).toBeLessThanOrEqual(2354)
      }
    const evening = startOfDay(now) + 20 * 3_600_000
    for (const { id, area, phase, role } of plan.meters) {
      if (role !== 'customer' || phase === 'L123') continue
      const supply = plan.meters.find((meter) => meter.area === area && meter.role === 'area-supply')!
      expect(meters.get(id)!.volts(1, evening)).toBeLessThan(meters.get(supply.id)!.volts(Number(phase[1]), evening))
    }
  })

  it('drops voltage as current times resistance: source less main cable less service cable', () => {
    const area = plan.areas[0]!
    const here = plan.meters.filter((meter) => meter.area === area.id)
    const flow = solveArea(plan.seed, area, here)
    const slot = 80
    const supply = flow.traces.get(here[0]!.id)!
    const phase = 0
    const onPhase = here.filter((meter) => meter.role === 'customer' && (meter.phase === 'L1' || meter.phase === 'L123'))
    const amps = (meter: (typeof here)[number]): number => {
      const trace = flow.traces.get(meter.id)!
      return trace.watts[0]![slot]! / (trace.volts[0]![slot]! / 10)
    }
    for (const meter of onPhase) {
      let volts = supply.volts[phase]![slot]! / 10
      for (let pole = 0; pole <= meter.pole; pole++)
        volts -= area.mainOhm[pole]! * onPhase.filter((other) => other.pole >= pole).reduce((sum, other) => sum + amps(other), 0)
      volts -= meter.serviceOhm * amps(meter)
      expect(flow.traces.get(meter.id)!.volts[0]![slot]! / 10).toBeCloseTo(volts, 0)
    }
  })

  it('lets solar feed back on some days and only by daylight', () => {
    const solar = plan.meters.filter(({ solarW }) => solarW > 0)
    expect(solar.length).toBeGreaterThan(2)
    for (const { id } of solar) {
      const meter = meters.get(id)!
      const midnight = startOfDay(now)
      expect(meter.energy(2, 0, 0, midnight)).toBe(meter.energy(2, 0, 0, midnight + 6 * 3_600_000))
    }
    expect(solar.some(({ id }) => meters.get(id)!.energy(2, 0, 0, now) > meters.get(id)!.energy(2, 0, 0, now - 7 * DAY_MS))).toBe(true)
  })
})

describe('a meter', () => {
  it('has a clock whose error can be turned round exactly', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: EPOCH + 7_300_000, max: EPOCH + 3000 * DAY_MS }),
        fc.integer({ min: -3600, max: 3600 }),
        fc.integer({ min: -200, max: 200 }),
        (at, offset, ppm) => {
          const meter = instrumentsOf(villageOf(3, 4)).get('M0002')!
          meter.setClock(EPOCH, offset * 1000, ppm)
          expect(Math.abs(meter.worldTime(meter.ownTime(at)) - at)).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 30 },
    ))

  it('starts from zero when it is exchanged, and remembers nothing', () => {
    const meter = instrumentsOf(villageOf(3, 4)).get('M0002')!
    const before = meter.energy(1, 0, 0, now)
    meter.exchange(now + 1000)
    expect(meter.energy(1, 0, 0, now)).toBe(before)
    expect(meter.energy(1, 0, 0, now + 1000)).toBe(0)
    expect(meter.installedAt).toBe(now + 1000)
  })

  it('stands at its last digit when it is told to', () => {
    const meter = instrumentsOf(villageOf(3, 4)).get('M0002')!
    meter.rollAt(now, 1_000_000 * 3_600_000)
    expect(meter.energy(1, 0, 0, now)).toBe(1_000_000 * 3_600_000)
    expect([1, 2, 3, 4].reduce((sum, tariff) => sum + meter.energy(1, 0, tariff, now), 0)).toBe(meter.energy(1, 0, 0, now))
  })

  it('knows ratios as they stand on the plate', () => {
    expect(ratioOf('400/5')).toBe(80)
    expect(ratioOf('1')).toBe(1)
  })
})
