import { fraction, mix } from '../../../simulators/random.ts'
import { type Customer, customersOf, solvedArea } from './area.ts'
import { type CommCause, disturb, healthyComm } from './comm.ts'
import { networkOf } from './network.ts'
import { type Climate, householdOf, skyOf, solarOf, sunOf, temperatureOf, workshopOf } from './people.ts'
import { exchange, losePhase, loseRows, openCover, steal, THEFTS, wrongArea, wrongClock, wrongRatio } from './tamper.ts'
import { DAY_MS, type Dice, dateOf, pick, SLOTS_A_DAY, STEP_MS, type World, type WorldMeter, within } from './world.ts'

const CLIMATES: readonly (Climate & { readonly offsetHours: number })[] = [
  { meanC: 17, swingC: 11, latitude: 31, offsetHours: 8 },
  { meanC: 10, swingC: 9, latitude: 47, offsetHours: 1 },
  { meanC: 22, swingC: 7, latitude: 23, offsetHours: 8 },
  { meanC: 4, swingC: 17, latitude: 45, offsetHours: 8 },
]

/** What a generated set is about. `quiet`: nothing is wrong, much looks as if. */
export const THEMES = ['quiet', 'theft', 'metering', 'comms', 'mixed'] as const
export type Theme = (typeof THEMES)[number]

/** Dice from a seed: the same numbers on every machine. */
export const diceOf = (seed: number): Dice => {
  let at = 0
  return () => fraction(seed, at++)
}

interface Draft extends Customer {
  kw: Float64Array
  hasExport: boolean
}

/** How large a set is; the seed says without it. At least four weeks and a dozen customers: faults need meters and time before them. */
export interface WorldSize {
  readonly days?: number
  readonly customers?: number
}

/** A whole set from a seed: season, feeder, people, faults; nothing in it was measured anywhere. */
export const generateWorld = (seed: number, theme: Theme, size: WorldSize = {}): World => {
  const dice = diceOf(mix(seed, 77))
  const { offsetHours, ...climate } = pick(dice, CLIMATES)
  const weeks = 6 + Math.floor(dice() * 2)
  const days = size.days ?? weeks * 7
  // Any Monday of a year.
  const monday = Date.UTC(2024, 0, 1) + Math.floor(dice() * 45) * 7 * DAY_MS
  const start = monday - offsetHours * 3_600_000
  const set = `g${String(seed).padStart(3, '0')}-${theme}`
  const temperature = temperatureOf(dice, climate, start, days)
  const sky = skyOf(dice, days)
  const count = theme === 'metering' ? 2 : 1
  const world: World = {
    set,
    note: `generated, seed ${seed}`,
    ...{ offsetHours, start, days, areas: [], meters: [], events: [], temperature, faults: [], legit: [], comm: null },
  }
  const areas: World['areas'][number][] = []
  const meters: WorldMeter[] = []
  for (let index = 0; index < count; index++) {
    const many = 40 + Math.floor(dice() * (count === 1 ? 70 : 35))
    const customerCount = size.customers ?? many
    const network = networkOf(dice, customerCount)
    const id = `G${seed}-${index + 1}`
    const prefix = String(100_000 + (mix(seed, 5, index) % 800_000))
    const customers = customersOf(dice, id, prefix, customerCount, network.branches.length).map(
      (customer): Draft => ({
        ...customer,
        kw:
          customer.type === '3P-CT'
            ? workshopOf(dice, start + offsetHours * 3_600_000, days)
            : householdOf(dice, temperature, start + offsetHours * 3_600_000, days),
      }),
    )
    const solar = (kwp: number) => solarOf(climate, sky, kwp, start, offsetHours)
    const unmetered = live(world, id, customers, dice, theme, {
      solar,
      dark: (slot) => sunOf(climate, start + slot * STEP_MS, offsetHours) < 0.03,
    })
    const solved = solvedArea(dice, { id, prefix, customers, network, hasNetworkInLedger: dice() < 0.5, unmetered }, days)
    areas.push(solved.area)
    meters.push(...solved.meters)
  }
  const targets = [
    ...meters.map(({ seen, ledger }) => ({ id: seen.id, link: String(ledger.link) })),
    ...areas.flatMap(({ gateway, ledger }) => [
      { id: gateway.id, link: '4g' },
      ...(Array.isArray(ledger.concentrators) ? ledger.concentrators : []).map((one) => ({ id: String(one), link: 'uplink' })),
    ]),
  ]
  const whole: World = { ...world, areas, meters, comm: healthyComm(dice, targets, days) }
  spoilSet(whole, dice, theme)
  return whole
}

interface Light {
  readonly solar: (kwp: number) => Float64Array
  readonly dark: (slot: number) => boolean
}

/** What people do with nothing wrong in it (vacations, tenants, roofs, new loads), and loads no meter sees: before the wires are solved. */
const live = (
  world: World,
  area: string,
  customers: readonly Draft[],
  dice: Dice,
  theme: Theme,
  { solar, dark }: Light,
): Float64Array | null => {
  const { days } = world
  const homes = customers.filter(({ type }) => type !== '3P-CT')
  const free = [...homes]
  const take = (): Draft => {
    const one = pick(dice, free)
    free.splice(free.indexOf(one), 1)
    return one
  }
  const tell = (kind: string, meter: string, from: number, to = days) =>
    world.legit.push({ kind, meter, area, from: dateOf(world, from), to: dateOf(world, to) })
  const edit = (one: Draft, from: number, to: number, of: (kw: number, slot: number) => number) => {
    for (let slot = from * SLOTS_A_DAY; slot < to * SLOTS_A_DAY; slot++) one.kw[slot] = of(one.kw[slot] ?? 0, slot)
  }
  for (let n = 0; n < 2 + Math.floor(dice() * 3); n++) {
    const one = take()
    const from = 7 + Math.floor(dice() * (days - 16))
    const to = Math.min(days, from + 5 + Math.floor(dice() * 10))
    const rest = within(dice, 0.03, 0.12)
    edit(one, from, to, (_, slot) => rest * (slot % 6 < 3 ? 1 : 0.3))
    tell('vacation', one.id, from, to)
  }
  const left = take()
  const leftDay = 10 + Math.floor(dice() * (days - 15))
  edit(left, leftDay, days, () => 0)
  tell('tenant_left', left.id, leftDay)
  if (dice() < 0.5) {
    const empty = take()
    edit(empty, 0, days, () => 0)
    tell('vacant', empty.id, 0)
  }
  const fresh = take()
  const freshDay = 10 + Math.floor(dice() * (days - 15))
  const freshKw = within(dice, 1, 3)
  edit(fresh, freshDay, days, (kw, slot) => kw + (slot % 96 < 24 || slot % 96 > 80 ? freshKw * 0.7 : 0))
  tell('new_load', fresh.id, freshDay)
  for (let n = 0; n < Math.floor(dice() * 5); n++) {
    const one = take()
    const kwp = Math.round(within(dice, 2, 8) * 10) / 10
    const roof = solar(kwp)
    one.hasExport = true
    one.ledger.pv = { kWp: kwp }
    edit(one, 0, days, (kw, slot) => kw - (roof[slot] ?? 0))
    tell('prosumer', one.id, 0)
  }
  if (theme === 'comms' || (theme === 'mixed' && dice() < 0.5)) {
    const one = take()
    const day = 12 + Math.floor(dice() * (days - 20))
    const kwp = Math.round(within(dice, 3, 8) * 10) / 10
    const roof = solar(kwp)
    one.hasExport = true
    edit(one, day, days, (kw, slot) => kw - (roof[slot] ?? 0))
    const fed = one.kw.subarray(day * SLOTS_A_DAY).reduce((sum, kw) => sum + Math.max(0, -kw) / 4, 0)
    world.faults.push({
      kind: 'unregistered_pv',
      area,
      meter: one.id,
      from: dateOf(world, day),
      params: { kWp: kwp },
      trueKWh: -Math.round(fed * 10) / 10,
    })
  }
  if (theme !== 'mixed' || dice() < 0.4) return null
  const day = 12 + Math.floor(dice() * (days - 24))
  const lampKw = within(dice, 0.6, 2.5)
  const lamps = Float64Array.from({ length: days * SLOTS_A_DAY }, (_, slot) => (slot >= day * SLOTS_A_DAY && dark(slot) ? lampKw : 0))
  const kwh = lamps.reduce((sum, kw) => sum + kw / 4, 0)
  world.faults.push({
    kind: 'unmetered_load',
    area,
    target: area,
    from: dateOf(world, day),
    params: { kw: lampKw },
    trueKWh: Math.round(kwh * 10) / 10,
  })
  return lamps
}

/** Faults of meters, ledger and communication: after the wires are solved. */
const spoilSet = (world: World, dice: Dice, theme: Theme): void => {
  const { days, meters } = world
  const used = new Set([...world.faults, ...world.legit].map(({ meter }) => meter))
  const daily = ({ seen, ratio }: WorldMeter) => (seen.imp.reduce((sum, kwh) => sum + kwh, 0) * ratio) / days
  const take = (fits: (meter: WorldMeter) => boolean): WorldMeter | null => {
    const free = meters.filter((meter) => !used.has(meter.seen.id) && fits(meter))
    if (free.length === 0) return null
    const one = pick(dice, free)
    used.add(one.seen.id)
    return one
  }
  const onset = () => 12 + Math.floor(dice() * (days - 24))
  // Who steals has something to steal: the upper two fifths.
  const uses = meters
    .filter(({ type }) => type !== '3P-CT')
    .map(daily)
    .toSorted((a, b) => a - b)
  const much = uses[Math.floor(0.6 * uses.length)] ?? 0
  if (theme === 'theft' || theme === 'mixed' || theme === 'comms') {
    const some = theme === 'theft' ? 3 + Math.floor(dice() * 3) : 1
    for (let n = 0; n < some; n++) {
      const kind = theme === 'theft' ? (THEFTS[n % THEFTS.length] ?? 'partial') : pick(dice, THEFTS)
      const thief = take((meter) => daily(meter) >= much && (kind !== 'shunt' || meter.type === '1P') && meter.type !== '3P-CT')
      if (!thief) continue
      const hour = Math.floor(within(dice, 20, 23))
      steal(world, thief, kind, onset(), {
        fraction: Math.round(within(dice, 0.35, 0.75) * 100) / 100,
        onHour: hour,
        offHour: 6,
        kw: Math.round(within(dice, 1.2, 2.2) * 10) / 10,
      })
      if (dice() < 0.4) openCover(world, thief, Math.min(days - 1, onset()))
    }
  }
  const innocent = take(() => true)
  if (innocent) openCover(world, innocent, onset())
  const recorded = take(() => true)
  if (recorded && dice() < 0.6) exchange(world, recorded, onset(), 10, true)
  if (theme === 'metering' || theme === 'mixed') {
    const replaced = take(() => true)
    if (replaced) exchange(world, replaced, onset(), Math.floor(within(dice, 8, 18)), false)
    const shop = take(({ type }) => type === '3P-CT')
    if (shop) wrongRatio(world, shop, shop.ratio * pick(dice, [0.5, 0.75, 4 / 3, 2]))
    const three = take((meter) => meter.type !== '1P' && daily(meter) > 5)
    if (three) losePhase(world, three, onset(), pick(dice, [0, 1, 2] as const), dice)
    const late = take((meter) => daily(meter) > 2)
    if (late) wrongClock(world, late, onset(), pick(dice, [-60, -45, 45, 60, 90]), 0)
    const [one, other] = world.areas
    if (one && other)
      for (let n = 0; n < 2; n++) {
        const moved = take(({ area, type }) => area === one.id && type === '1P')
        if (moved) wrongArea(world, moved, other.id)
      }
  }
  if (theme === 'quiet' || dice() < 0.5) for (const meter of meters) if (dice() < 0.1) loseRows(meter, 0.02, dice)
  if (theme !== 'comms') return
  const hour = () => 24 * (5 + Math.floor(dice() * (days - 14))) + pick(dice, [0, 6, 12])
  const single: readonly CommCause[] = ['weak_signal', 'dead', 'baud', 'address_conflict', 'evening_noise']
  const taken = new Set<string>()
  for (const cause of single) {
    const link =
      cause === 'weak_signal' || cause === 'evening_noise'
        ? ['hplc', 'rf']
        : cause === 'baud' || cause === 'address_conflict'
          ? ['rs485', 'hplc']
          : null
    const one = take(({ ledger }) => (link === null || link.includes(String(ledger.link))) && !taken.has(String(ledger.bus)))
    if (!one) continue
    const from = hour()
    taken.add(String(one.ledger.bus))
    disturb(world, cause, one.seen.id, from, Math.min(days * 24, from + 24 * (4 + Math.floor(dice() * 12))), dice)
  }
  const buses = [...new Set(meters.map(({ ledger }) => String(ledger.bus)))].filter((bus) => !taken.has(bus))
  const [first, second] = [buses[0], buses[1]]
  if (first) disturbBus(world, 'open', first, hour(), dice)
  if (second) disturbBus(world, 'noise', second, hour(), dice)
  const [concentrator] = [...new Set(meters.map(({ ledger }) => String(ledger.concentrator)))].toSorted()
  if (concentrator) {
    disturb(world, 'downlink', concentrator, 48, 48 + 18, dice)
    disturb(world, 'no_signal', concentrator, 24 * (days - 4), 24 * (days - 4) + 30, dice)
  }
}

const disturbBus = (world: World, cause: CommCause, bus: string, from: number, dice: Dice): void =>
  disturb(world, cause, bus, from, Math.min(world.days * 24, from + 36 + Math.floor(dice() * 60)), dice)
