import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mix } from '../../../simulators/random.ts'
import { type CommCounts, readComm } from '../../../src/cli/analyse/comm.ts'
import { filesOf } from '../../../src/cli/analyse/load.ts'
import { problemList } from '../../../src/cli/analyse/problems.ts'
import { readReadings, type Series } from '../../../src/cli/analyse/readings.ts'
import { zoneOf } from '../../../src/cli/analyse/zone.ts'
import { readLabels } from '../labels.ts'
import { disturb } from './comm.ts'
import { diceOf } from './generate.ts'
import { exchange, losePhase, loseRows, openCover, steal, THEFTS, type TheftKind, wrongArea, wrongClock, wrongRatio } from './tamper.ts'
import {
  type CommHours,
  DAY_MS,
  type Dice,
  dateOf,
  pick,
  type Seen,
  SLOTS_A_DAY,
  STEP_MS,
  slotsOf,
  type World,
  type WorldArea,
  type WorldMeter,
  within,
} from './world.ts'

/** What can be put into a set that lies there. */
export const INJECTIONS = [
  ...THEFTS,
  'wrong_multiplier',
  'wrong_area',
  'phase_loss',
  'meter_exchange',
  'meter_exchange_recorded',
  'clock_jump',
  'clock_drift',
  'unregistered_pv',
  'unmetered_load',
  'missing',
  'vacation',
  'tenant_left',
  'new_load',
  'dead',
  'weak_signal',
  'baud',
  'evening_noise',
  'open',
  'noise',
  'downlink',
  'no_signal',
] as const
export type Injection = (typeof INJECTIONS)[number]

type Json = Record<string, unknown>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isJson) : [])

/** Reads a labelled folder as a world that can be changed. */
export const worldOf = async (dir: string, set: string): Promise<World> => {
  const ledger: unknown = JSON.parse(readFileSync(join(dir, 'ledger.json'), 'utf8'))
  if (!isJson(ledger)) throw new Error(`${dir}: no ledger`)
  const labels = readLabels(dir)
  const zone = zoneOf(String(ledger.timezone)) ?? 'UTC'
  const start = Date.parse(String(ledger.start))
  const days = Math.round((Date.parse(String(ledger.end)) - start) / DAY_MS)
  const offset = /([+-])(\d{2}):/.exec(String(ledger.start).slice(19))
  const offsetHours = offset ? Number(`${offset[1]}${offset[2]}`) : 0
  const slots = days * SLOTS_A_DAY
  const files = filesOf(dir)
  const entries = listOf(ledger.meters)
  const areas = listOf(ledger.areas)
  const gateways = areas.map(({ gateway }) => (isJson(gateway) ? String(gateway.meter) : ''))
  const wanted = new Set([...entries.map(({ id }) => String(id)), ...gateways])
  const { series } = await readReadings(files.readings, 'readings', problemList(), { wanted, zone, until: Number.POSITIVE_INFINITY })
  const membership: unknown = JSON.parse(readFileSync(join(dir, 'labels.json'), 'utf8')).membership
  const trueRatio = new Map(
    labels.faults.flatMap(({ kind, meter, params }) => (kind === 'wrong_multiplier' && meter ? [[meter, Number(params?.true)]] : [])),
  )
  const comm =
    files.comm === undefined ? null : await readComm(files.comm, 'comm', problemList(), { zone, until: Number.POSITIVE_INFINITY })
  const world: World = {
    set,
    note: `${labels.set ?? ''} with faults put in`,
    ...{ offsetHours, start, days },
    areas: areas.map((entry, index): WorldArea => {
      const id = String(entry.id)
      const truth = labels.truth.areas[id]
      const column = (values: readonly number[] | undefined) => Float64Array.from({ length: days }, (_, day) => values?.[day] ?? 0)
      const of = series.get(gateways[index] ?? '')
      if (!of) throw new Error(`${dir}: nothing was read of the gateway of ${id}`)
      return {
        id,
        gateway: seenOf(of, start, slots),
        ratio: isJson(entry.gateway) ? Number(entry.gateway.multiplier) : 1,
        ledger: entry,
        truth: { input: column(truth?.inputKWh), technical: column(truth?.technicalKWh), nonTechnical: column(truth?.nonTechnicalKWh) },
      }
    }),
    meters: entries.flatMap((entry): WorldMeter[] => {
      const id = String(entry.id)
      const of = series.get(id)
      if (!of) return []
      const phase = labels.phases[id]
      return [
        {
          seen: seenOf(of, start, slots),
          type: entry.type === '3P' || entry.type === '3P-CT' ? entry.type : '1P',
          area: String((isJson(membership) ? membership[id] : null) ?? entry.area),
          ratio: trueRatio.get(id) ?? Number(entry.multiplier ?? 1),
          phase: phase === 'A' || phase === 'B' || phase === 'C' ? phase : 'ABC',
          ledger: entry,
        },
      ]
    }),
    events: listOf(ledger.events).map(({ meter, time, event }) => ({
      meter: String(meter),
      at: Date.parse(String(time)),
      event: String(event),
    })),
    temperature: isJson(ledger.weather) && isJson(ledger.weather.temperatureC) ? numbers(ledger.weather.temperatureC.values) : null,
    faults: [...labels.faults],
    legit: [...labels.legit],
    comm: comm ? commOf(comm, start, days) : null,
  }
  return world
}

const numbers = (values: unknown): number[] => (Array.isArray(values) ? values.map(Number) : [])

const COMM = ['polls', 'ok', 'timeouts', 'crcErrors', 'addrErrors', 'latencyMs', 'snrDb', 'rssiDbm'] as const
const commOf = ({ targets }: CommCounts, start: number, days: number): Map<string, CommHours> =>
  new Map(
    [...targets].map(([id, { hours, values }]) => {
      const column = (place: number) =>
        Float64Array.from({ length: days * 24 }, (_, hour) => {
          const at = hours.get(start / 3_600_000 + hour)
          return at === undefined ? Number.NaN : (values[at + place] ?? Number.NaN)
        })
      const [polls, ok, timeouts, crcErrors] = [column(0), column(1), column(2), column(3)]
      const [addrErrors, latencyMs, snrDb, rssiDbm] = [column(4), column(5), column(6), column(COMM.length - 1)]
      return [id, { polls, ok, timeouts, crcErrors, addrErrors, latencyMs, snrDb, rssiDbm }]
    }),
  )

/** Rows as steps on the grid; a fall of the register is a restart. Rows that are missing are spread over and marked. */
const seenOf = (of: Series, start: number, slots: number): Seen => {
  const column = () => new Float32Array(slots).fill(Number.NaN)
  const hasExport = of.exp.subarray(0, of.count).some((value) => !Number.isNaN(value))
  const seen: Seen = {
    id: of.id,
    imp: new Float64Array(slots),
    exp: hasExport ? new Float64Array(slots) : null,
    baseImp: of.imp[0] ?? 0,
    baseExp: of.exp[0] ?? 0,
    u: [0, 1, 2].map((place) => (of.instants[place] ? column() : null)),
    i: [3, 4, 5].map((place) => (of.instants[place] ? column() : null)),
    iN: of.instants[6] ? column() : null,
    p: column(),
    pf: column(),
    missing: new Uint8Array(slots + 1).fill(1),
    restarts: [],
    clockMs: null,
  }
  let before = 0
  const rowOf = (at: number) => Math.round(((of.times[at] ?? 0) - start) / STEP_MS)
  for (let at = 0; at < of.count; at++) {
    const row = rowOf(at)
    if (row < 0 || row > slots) continue
    seen.missing[row] = 0
    for (const [place, into] of [...seen.u, ...seen.i, seen.iN, seen.p, seen.pf].entries())
      if (into && row > 0) into[row - 1] = of.instants[place]?.[at] ?? Number.NaN
    if (at === 0) continue
    const last = rowOf(before)
    const delta = (of.imp[at] ?? 0) - (of.imp[before] ?? 0)
    if (delta < 0) seen.restarts.push({ row, imp: of.imp[at] ?? 0 })
    for (let slot = last; slot < row; slot++) {
      seen.imp[slot] = Math.max(0, delta) / (row - last)
      if (seen.exp) seen.exp[slot] = Math.max(0, (of.exp[at] ?? 0) - (of.exp[before] ?? 0)) / (row - last)
    }
    before = at
  }
  return seen
}

/**
 * Puts one fault, or something that only looks like one, into a world.
 * Whatever changes what flows changes the gateway as well; wires, voltages and their losses stay as measured, which for one house is near enough.
 */
export const inject = (world: World, what: Injection, dice: Dice, meterId?: string): void => {
  const { days } = world
  const busy = new Set([...world.faults, ...world.legit].flatMap(({ meter }) => meter ?? []))
  const daily = ({ seen, ratio }: WorldMeter) => (seen.imp.reduce((sum, kwh) => sum + kwh, 0) * ratio) / days
  const choose = (fits: (meter: WorldMeter) => boolean): WorldMeter => {
    const named = world.meters.find(({ seen }) => seen.id === meterId)
    if (named) return named
    const free = world.meters.filter((meter) => !busy.has(meter.seen.id) && fits(meter))
    if (free.length === 0) throw new Error(`no meter is left for ${what}`)
    return pick(dice, free)
  }
  const day = 12 + Math.floor(dice() * Math.max(1, days - 24))
  const theft = (kind: TheftKind) => () => {
    const thief = choose((meter) => daily(meter) > 10 && meter.type !== '3P-CT' && (kind !== 'shunt' || meter.seen.iN !== null))
    steal(world, thief, kind, day, { fraction: Math.round(within(dice, 0.35, 0.75) * 100) / 100, onHour: 22, offHour: 6, kw: 1.5 })
  }
  const hour = day * 24
  const comm = (cause: Parameters<typeof disturb>[1], field: 'id' | 'bus' | 'concentrator', hours: number) => () => {
    const { ledger } = choose(() => true)
    disturb(world, cause, String(ledger[field]), hour, Math.min(days * 24, hour + hours), dice)
  }
  const ways: Readonly<Record<Injection, () => void>> = {
    partial: theft('partial'),
    shunt: theft('shunt'),
    night: theft('night'),
    appliance: theft('appliance'),
    full: theft('full'),
    wrong_multiplier: () => {
      const meter = choose(({ type }) => type === '3P-CT')
      wrongRatio(world, meter, meter.ratio * pick(dice, [0.5, 0.75, 4 / 3, 2]))
    },
    wrong_area: () => {
      const meter = choose(({ type }) => type === '1P')
      const other = world.areas.find(({ id }) => id !== meter.area)
      if (!other) throw new Error('there is only one area')
      wrongArea(world, meter, other.id)
    },
    phase_loss: () =>
      losePhase(
        world,
        choose((meter) => meter.type !== '1P' && daily(meter) > 5),
        day,
        pick(dice, [0, 1, 2] as const),
        dice,
      ),
    meter_exchange: () =>
      exchange(
        world,
        choose(() => true),
        day,
        Math.floor(within(dice, 8, 18)),
        false,
      ),
    meter_exchange_recorded: () =>
      exchange(
        world,
        choose(() => true),
        day,
        10,
        true,
      ),
    clock_jump: () =>
      wrongClock(
        world,
        choose((meter) => daily(meter) > 3),
        day,
        pick(dice, [-60, -45, 45, 90]),
        0,
      ),
    clock_drift: () =>
      wrongClock(
        world,
        choose((meter) => daily(meter) > 3),
        day,
        0,
        pick(dice, [-240, 180, 300]),
      ),
    unregistered_pv: () =>
      roof(
        world,
        choose((meter) => meter.type !== '3P-CT' && meter.seen.exp === null),
        day,
        within(dice, 3, 7),
        dice,
      ),
    unmetered_load: () => lamps(world, pick(dice, world.areas), day, within(dice, 0.8, 2.5)),
    missing: () => {
      for (const meter of world.meters) if (dice() < 0.1) loseRows(meter, 0.03, dice)
    },
    vacation: () => {
      const meter = choose(() => true)
      const to = Math.min(days, day + 5 + Math.floor(dice() * 10))
      reload(world, meter, day, to, (kw, slot) => Math.min(kw, slot % 6 < 3 ? 0.09 : 0.03))
      legit(world, 'vacation', meter, day, to)
    },
    tenant_left: () => {
      const meter = choose(() => true)
      reload(world, meter, day, days, () => 0)
      legit(world, 'tenant_left', meter, day, days)
    },
    new_load: () => {
      const meter = choose(({ type }) => type === '1P')
      reload(world, meter, day, days, (kw, slot) => kw + (slot % 96 < 20 ? 2 : 0))
      legit(world, 'new_load', meter, day, days)
    },
    dead: comm('dead', 'id', 24 * 8),
    weak_signal: comm('weak_signal', 'id', 24 * 14),
    baud: comm('baud', 'id', 24 * 5),
    evening_noise: comm('evening_noise', 'id', 24 * 10),
    open: comm('open', 'bus', 54),
    noise: comm('noise', 'bus', 72),
    downlink: comm('downlink', 'concentrator', 18),
    no_signal: comm('no_signal', 'concentrator', 30),
  }
  ways[what]()
  if (dice() < 0.3) openCover(world, pick(dice, world.meters), day)
}

const legit = (world: World, kind: string, { seen, area }: WorldMeter, from: number, to: number): void =>
  void world.legit.push({ kind, meter: seen.id, area, from: dateOf(world, from), to: dateOf(world, to) })

/** Changes what a customer truly draws, kW of a slot, and what the gateway carries with it. */
const reload = (
  world: World,
  { seen, ratio, area: id }: WorldMeter,
  from: number,
  to: number,
  of: (kw: number, slot: number) => number,
): void => {
  const area = world.areas.find((one) => one.id === id)
  for (let slot = from * SLOTS_A_DAY; slot < to * SLOTS_A_DAY; slot++) {
    const old = ((seen.imp[slot] ?? 0) - (seen.exp?.[slot] ?? 0)) * 4 * ratio
    const kw = of(old, slot)
    seen.imp[slot] = Math.max(0, kw) / 4 / ratio
    if (seen.exp) seen.exp[slot] = Math.max(0, -kw) / 4 / ratio
    const power = seen.p[slot] ?? Number.NaN
    const next = kw < old ? (old > 0 ? (power * kw) / old : power) : power + (kw - old) / ratio
    const share = Math.abs(power) > 0.005 ? Math.abs(next / power) : null
    for (const [place, column] of seen.i.entries())
      if (column) column[slot] = share === null ? (1000 * Math.abs(next)) / (seen.u[place]?.[slot] ?? 230) : (column[slot] ?? 0) * share
    if (seen.iN) seen.iN[slot] = seen.i[0]?.[slot] ?? 0
    seen.p[slot] = next
    if (area) carry(area, slot, kw - old, Math.max(0, -kw) - Math.max(0, -old))
  }
}

/** What the gateway carries more, kW, and what customers feed in more. */
const carry = ({ gateway, ratio, truth }: WorldArea, slot: number, moreKw: number, moreFedKw: number): void => {
  const day = Math.floor(slot / SLOTS_A_DAY)
  const old = ((gateway.imp[slot] ?? 0) - (gateway.exp?.[slot] ?? 0)) * 4 * ratio
  const kw = old + moreKw
  if (kw < 0 && !gateway.exp) gateway.exp = new Float64Array(gateway.imp.length)
  gateway.imp[slot] = Math.max(0, kw) / 4 / ratio
  if (gateway.exp) gateway.exp[slot] = Math.max(0, -kw) / 4 / ratio
  const share = Math.abs(old) > 0.1 ? Math.abs(kw / old) : 1
  gateway.p[slot] = (gateway.p[slot] ?? 0) + moreKw / ratio
  for (const column of gateway.i) if (column) column[slot] = (column[slot] ?? 0) * share
  truth.input[day]! += (Math.max(0, kw) - Math.max(0, old) + moreFedKw) / 4
}

/** A roof nobody registered: half a sine around noon, under a sky of each day's own. */
const roof = (world: World, meter: WorldMeter, from: number, kwp: number, dice: Dice): void => {
  meter.seen.exp = new Float64Array(slotsOf(world))
  const sky = Array.from({ length: world.days }, () => 0.2 + 0.6 * Math.sqrt(dice()))
  reload(world, meter, from, world.days, (kw, slot) => {
    const hour = (slot % SLOTS_A_DAY) / 4
    const sun = hour > 8 && hour < 16.5 ? Math.sin((Math.PI * (hour - 8)) / 8.5) : 0
    return kw - kwp * sun * (sky[Math.floor(slot / SLOTS_A_DAY)] ?? 0) * within(dice, 0.85, 1)
  })
  const fed = meter.seen.exp.reduce((sum, kwh) => sum + kwh, 0) * meter.ratio
  world.faults.push({
    kind: 'unregistered_pv',
    meter: meter.seen.id,
    area: meter.area,
    from: dateOf(world, from),
    params: { kWp: Math.round(kwp * 10) / 10 },
    trueKWh: -Math.round(fed * 10) / 10,
  })
}

/** Street lights that no meter counts: from dusk to dawn. */
const lamps = (world: World, area: WorldArea, from: number, kw: number): void => {
  let total = 0
  for (let slot = from * SLOTS_A_DAY; slot < slotsOf(world); slot++) {
    const hour = (slot % SLOTS_A_DAY) / 4
    if (hour >= 6.5 && hour < 17.5) continue
    carry(area, slot, kw, 0)
    total += kw / 4
    area.truth.nonTechnical[Math.floor(slot / SLOTS_A_DAY)]! += kw / 4
  }
  world.faults.push({
    kind: 'unmetered_load',
    area: area.id,
    target: area.id,
    from: dateOf(world, from),
    params: { kw },
    trueKWh: Math.round(total * 10) / 10,
  })
}

/** Faults put in by default: some of everything a set can carry, another choice for each seed. */
export const injected = async (dir: string, set: string, seed: number, wanted?: readonly Injection[]): Promise<World> => {
  const dice = diceOf(mix(seed, 99))
  const world = await worldOf(dir, set)
  const hasTwo = world.areas.length > 1
  const usual = INJECTIONS.filter((one) => (one !== 'wrong_area' || hasTwo) && dice() < 0.4)
  for (const what of wanted ?? usual)
    try {
      inject(world, what, dice)
    } catch {
      // A set without shops has no meter for a wrong ratio: it goes without.
    }
  return world
}
