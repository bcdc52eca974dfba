import { describe, expect, it } from 'vitest'
import { DAY_MS, SLOT_MS, startOfDay } from '../../../simulators/calendar.ts'
import { historyOf, instrumentsOf, PUSH_MIX, ratioOf, scenesOf, villageOf } from '../../../simulators/index.ts'

const start = Date.UTC(2026, 10, 21, 15, 55)
const healthy = villageOf(42, 64, PUSH_MIX)
const { plan, scenes, faults } = scenesOf(healthy, start)
const meters = instrumentsOf(plan)
const before = instrumentsOf(healthy)
const scene = (kind: string) => scenes.find((one) => one.kind === kind)!
const importWs = (from: ReturnType<typeof instrumentsOf>, id: string, first: number, last: number) =>
  from.get(id)!.energy(1, 0, 0, last) - from.get(id)!.energy(1, 0, 0, first)

describe('scenes of a village', () => {
  it.each([1, 7, 42, 43])('has one of each, at targets of their own, seed %i', (seed) => {
    const { scenes: all } = scenesOf(villageOf(seed, 64, PUSH_MIX), start)
    expect(all.map(({ kind }) => kind)).toEqual(['bypass', 'wrong-ct', 'unregistered', 'clock', 'dead', 'vacation', 'noisy-bus'])
    expect(new Set(all.map(({ target }) => target)).size).toBe(all.length)
  })

  it('bypass: from its day on the meter counts three tenths, the area meter counts everything', () => {
    const { target, area, from } = scene('bypass')
    const [day, now] = [from!, startOfDay(start)]
    expect(importWs(meters, target, day, now) / importWs(before, target, day, now)).toBeCloseTo(0.3, 2)
    expect(importWs(meters, target, day - 5 * DAY_MS, day)).toBe(importWs(before, target, day - 5 * DAY_MS, day))
    // Nobody is on vacation in these last days: what feeds the area is as in the healthy village.
    const supply = plan.meters.find((meter) => meter.area === area && meter.role === 'area-supply')!
    expect(importWs(meters, supply.id, now - 4 * DAY_MS, now)).toBe(importWs(before, supply.id, now - 4 * DAY_MS, now))
  })

  it('wrong CT: the meter measures with the true ratio, the ledger has another', () => {
    const meter = plan.meters.find(({ id }) => id === scene('wrong-ct').target)!
    expect(meters.get(meter.id)!.ct).toBe(30)
    expect(ratioOf(meter.ledger?.ct ?? '')).toBe(20)
  })

  it('unregistered: the meter is there and the ledger knows nothing of it', () => {
    expect(plan.meters.find(({ id }) => id === scene('unregistered').target)?.ledger).toBeNull()
  })

  it('vacation: hardly any use, voltage there, and back again afterwards', () => {
    const { target, from, to } = scene('vacation')
    expect(importWs(meters, target, from!, to!) / (to! - from!) / 1000).toBeLessThan(0.12)
    expect(meters.get(target)!.volts(1, from! + 40 * SLOT_MS)).toBeGreaterThan(200)
    expect(importWs(meters, target, to!, to! + DAY_MS)).toBe(importWs(before, target, to!, to! + DAY_MS))
  })

  it('clock, dead meter and noisy bus are orders of their time', () => {
    expect(faults.map(({ kind }) => kind)).toEqual(['clock', 'silent', 'noise'])
    for (const { from } of faults) expect(from).toBeLessThan(start)
  })
})

describe('what meters remember of the days before', () => {
  const from = startOfDay(start, 3)
  const world = scenesOf(villageOf(42, 24, PUSH_MIX), start)
  const instruments = instrumentsOf(world.plan)
  const rows = [...historyOf(world, instruments, from, from + 2.5 * DAY_MS)].flat()
  const of = (id: string) => rows.filter(({ series }) => series.tags.meter === id && series.measurement === 'register')

  it('is what their faces showed at quarter hours of their own clocks, with the ratio the ledger believes', () => {
    const shop = world.plan.meters.find(({ ledger }) => ledger?.ct === '100/5')
    for (const { id, ledger } of world.plan.meters.filter(({ ledger }) => ledger !== null).slice(0, 6)) {
      const all = of(id)
      expect(all).toHaveLength(2.5 * 96)
      const instrument = instruments.get(id)!
      for (const { measuredAt, raws } of all.filter((_, at) => at % 37 === 0))
        expect(raws[0]).toBe(
          Math.floor(instrument.energy(1, 0, 0, Math.floor(instrument.worldTime(measuredAt) / 1000) * 1000) / (36_000 * instrument.ct)),
        )
      if (id === shop?.id) expect(all[0]?.ratio).toBe(ledger?.ct === undefined ? '' : '20')
    }
  })

  it('has nothing of a dead meter after its end, and nothing of one the ledger does not know', () => {
    const dead = world.scenes.find(({ kind }) => kind === 'dead')!
    const stranger = world.scenes.find(({ kind }) => kind === 'unregistered')
    expect(of(dead.target).at(-1)!.measuredAt).toBeLessThan(dead.from!)
    if (stranger) expect(of(stranger.target)).toEqual([])
  })
})
