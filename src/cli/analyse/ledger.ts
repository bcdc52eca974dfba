import { readFileSync } from 'node:fs'
import type { AreaFact, KnownExchange, MeterEvent, MeterFact, NetworkLine, Phase } from '../../anomaly/index.ts'
import type { ProblemList } from './problems.ts'
import { instantOf } from './time.ts'
import { zoneOf } from './zone.ts'

/** What the ledger file says of one area. Facts with a date are held back until that date by whoever replays. */
export interface LedgerArea {
  readonly fact: AreaFact
  readonly gateways: readonly MeterFact[]
  readonly meters: readonly MeterFact[]
  readonly concentrators: readonly string[]
}

export interface OfflineLedger {
  readonly zone: string
  /** As the file says; null = it does not. */
  readonly start: number | null
  readonly end: number | null
  readonly areas: readonly LedgerArea[]
  readonly events: readonly MeterEvent[]
  readonly temperature: { readonly start: number; readonly stepMs: number; readonly values: readonly number[] } | null
  /** Local dates that are holidays. */
  readonly holidays: ReadonlySet<string>
  readonly outages: readonly { readonly from: number; readonly to: number; readonly ids: readonly string[] | null; readonly what: string }[]
}

type Entry = Readonly<Record<string, unknown>>
const isEntry = (value: unknown): value is Entry => typeof value === 'object' && value !== null && !Array.isArray(value)
const entriesOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value.trim() !== ''
    ? value.trim()
    : typeof value === 'number' && Number.isFinite(value)
      ? String(value)
      : null
const numberOf = (value: unknown): number | null => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}
const PHASES: Readonly<Record<string, Phase>> = { a: 'A', b: 'B', c: 'C', abc: 'ABC', l1: 'A', l2: 'B', l3: 'C' }

const NOMINAL_V = 230

/** Reads a ledger file; null when it is none at all. */
export const readLedger = (path: string, name: string, problems: ProblemList): OfflineLedger | null => {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    problems.add('file-unreadable', name, null, error instanceof Error ? error.message : String(error))
    return null
  }
  if (text.trim() === '') {
    problems.add('file-empty', name, null, 'no text in it')
    return null
  }
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch (error) {
    problems.add('file-broken', name, null, `no JSON: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
  if (!isEntry(root)) {
    problems.add('ledger-bad', name, null, 'the file is not an object with areas and meters')
    return null
  }
  return new LedgerReader(root, name, problems).read()
}

class LedgerReader {
  readonly #root: Entry
  readonly #name: string
  readonly #problems: ProblemList
  readonly #zone: string
  readonly #seen = new Set<string>()

  constructor(root: Entry, name: string, problems: ProblemList) {
    this.#root = root
    this.#name = name
    this.#problems = problems
    const given = textOf(root.timezone)
    const zone = given === null ? null : zoneOf(given)
    if (zone === null) this.#bad('zone-bad', given === null ? 'there is no timezone' : `timezone "${given}" is not known`)
    this.#zone = zone ?? 'UTC'
  }

  read(): OfflineLedger {
    const root = this.#root
    const drafts = entriesOf(root.areas).flatMap((entry, index) => this.#area(entry, `areas[${index}]`))
    const areas = new Map<string, { fact: AreaFact; gateways: MeterFact[]; meters: MeterFact[]; concentrators: readonly string[] }>()
    for (const draft of drafts) {
      const known = areas.get(draft.fact.id)
      // Two entries of one area are two meters that feed it.
      if (known) known.gateways.push(...draft.gateways)
      else areas.set(draft.fact.id, draft)
    }
    for (const [index, entry] of entriesOf(root.meters).entries()) {
      const meter = this.#meter(entry, `meters[${index}]`)
      if (!meter) continue
      let area = areas.get(meter.area)
      if (!area) {
        this.#bad('area-unknown', `meter ${meter.id} is of area "${meter.area}", which is not among the areas`)
        area = { fact: bareArea(meter.area), gateways: [], meters: [], concentrators: [] }
        areas.set(meter.area, area)
      }
      area.meters.push(meter)
    }
    for (const { fact, gateways } of areas.values()) {
      if (gateways.length === 0) this.#bad('gateway-none', `area ${fact.id} has no gateway meter`)
      if (gateways.length > 1) this.#bad('gateway-two', `area ${fact.id} has ${gateways.map(({ id }) => id).join(' and ')}`)
    }
    if (areas.size === 0) this.#bad('ledger-bad', 'there are no areas in it')
    return {
      zone: this.#zone,
      start: this.#time(root.start, 'start'),
      end: this.#time(root.end, 'end'),
      areas: [...areas.values()],
      events: entriesOf(root.events).flatMap((entry, index) => this.#event(entry, `events[${index}]`)),
      temperature: this.#temperature(),
      holidays: new Set(entriesOf(root.holidays).flatMap((day) => textOf(day) ?? [])),
      outages: entriesOf(root.outages).flatMap((entry, index) => this.#outage(entry, `outages[${index}]`)),
    }
  }

  #bad(code: Parameters<ProblemList['add']>[0], what: string): void {
    this.#problems.add(code, this.#name, null, what)
  }

  /** An instant; null when there is none; a word about what is none. */
  #time(value: unknown, place: string): number | null {
    const text = textOf(value)
    if (text === null) return null
    const { at } = instantOf(text, this.#zone)
    if (!Number.isNaN(at)) return at
    this.#bad('time-bad', `${place} "${text}" is no time`)
    return null
  }

  #area(entry: unknown, place: string) {
    const id = isEntry(entry) ? textOf(entry.id) : null
    if (!isEntry(entry) || id === null) {
      this.#bad('ledger-bad', `${place} has no id`)
      return []
    }
    const gateways = entriesOf(Array.isArray(entry.gateway) ? entry.gateway : [...entriesOf(entry.gateways), entry.gateway])
      .filter((gateway) => gateway !== undefined && gateway !== null)
      .flatMap((gateway, index) => {
        const fact = this.#gateway(gateway, id, `${place}.gateway${index === 0 ? '' : `[${index}]`}`)
        return fact ? [fact] : []
      })
    const fact: AreaFact = {
      id,
      name: textOf(entry.name) ?? id,
      zone: textOf(entry.zone),
      feeder: textOf(entry.feeder),
      transformerKva: numberOf(entry.transformerKVA),
      nominalV: numberOf(entry.nominalV) ?? NOMINAL_V,
      network: this.#network(entry.network, `${place}.network`),
    }
    const concentrators = entriesOf(entry.concentrators).flatMap((one) => textOf(one) ?? [])
    return [{ fact, gateways, meters: [] as MeterFact[], concentrators }]
  }

  #network(network: unknown, place: string): AreaFact['network'] {
    if (!isEntry(network)) return null
    const root = textOf(network.root)
    const lines = entriesOf(network.lines).flatMap((line, index): NetworkLine[] => {
      const [from, to] = isEntry(line) ? [textOf(line.from), textOf(line.to)] : [null, null]
      const metres = isEntry(line) ? numberOf(line.lengthM) : null
      const perKm = isEntry(line) ? numberOf(line.rOhmPerKm) : null
      if (from === null || to === null || metres === null || perKm === null || metres < 0 || perKm < 0) {
        this.#bad('ledger-bad', `${place}.lines[${index}] needs from, to, lengthM and rOhmPerKm`)
        return []
      }
      return [{ from, to, ohm: (metres * perKm) / 1000 }]
    })
    return root === null || lines.length === 0 ? null : { root, lines }
  }

  #ratio(value: unknown, place: string): number {
    const ratio = value === undefined || value === null ? 1 : (numberOf(value) ?? Number.NaN)
    if (ratio > 0) return ratio
    this.#bad('ratio-bad', `${place} is ${JSON.stringify(value)}`)
    return Number.NaN
  }

  #once(id: string, place: string): boolean {
    if (this.#seen.has(id)) {
      this.#bad('meter-twice', `${place}: meter ${id} is there already`)
      return false
    }
    this.#seen.add(id)
    return true
  }

  #gateway(entry: unknown, area: string, place: string): MeterFact | null {
    const id = isEntry(entry) ? textOf(entry.meter ?? entry.id) : textOf(entry)
    if (id === null) {
      this.#bad('ledger-bad', `${place} names no meter`)
      return null
    }
    if (!this.#once(id, place)) return null
    const of = isEntry(entry) ? entry : {}
    return {
      ...blankMeter(id, area),
      type: '3P-CT',
      multiplier: this.#ratio(of.multiplier, `${place}.multiplier of ${id}`),
      phase: 'ABC',
      category: 'gateway',
      exchanges: this.#exchanges(of.exchanges, place),
    }
  }

  #meter(entry: unknown, place: string): MeterFact | null {
    const id = isEntry(entry) ? textOf(entry.id) : null
    if (!isEntry(entry) || id === null) {
      this.#bad('ledger-bad', `${place} has no id`)
      return null
    }
    if (!this.#once(id, place)) return null
    const type = textOf(entry.type)
    if (type !== null && type !== '1P' && type !== '3P' && type !== '3P-CT')
      this.#bad('ledger-bad', `${place}.type of ${id} is "${type}", not 1P, 3P or 3P-CT: taken as 1P`)
    const phase = textOf(entry.phase)
    const [metres, perKm] = [numberOf(entry.serviceM), numberOf(entry.serviceROhmPerKm)]
    const contract = numberOf(entry.contractKW)
    const solar = isEntry(entry.pv) ? entry.pv : isEntry(entry.solar) ? entry.solar : null
    return {
      ...blankMeter(id, textOf(entry.area) ?? ''),
      type: type === '3P' || type === '3P-CT' ? type : '1P',
      multiplier: this.#ratio(entry.multiplier, `${place}.multiplier of ${id}`),
      phase: phase === null ? null : (PHASES[phase.toLowerCase()] ?? null),
      contractKw: contract !== null && contract > 0 ? contract : null,
      ratedA: numberOf(entry.ratedA),
      category: textOf(entry.category) ?? '',
      keyAccount: entry.keyAccount === true,
      pfStandard: numberOf(entry.pfStandard),
      link: textOf(entry.link) ?? '',
      bus: textOf(entry.bus),
      concentrator: textOf(entry.concentrator),
      solar:
        solar === null
          ? null
          : {
              kwp: numberOf(solar.kWp),
              since: this.#time(solar.since ?? solar.registered, `${place}.pv.since`) ?? Number.NEGATIVE_INFINITY,
            },
      exchanges: this.#exchanges(entry.exchanges, place),
      since: this.#time(entry.since, `${place}.since`),
      node: textOf(entry.node),
      serviceOhm: metres === null || perKm === null ? null : (metres * perKm) / 1000,
    }
  }

  #exchanges(value: unknown, place: string): KnownExchange[] {
    return entriesOf(value)
      .flatMap((entry, index): KnownExchange[] => {
        const at = isEntry(entry) ? this.#time(entry.time, `${place}.exchanges[${index}].time`) : null
        if (!isEntry(entry) || at === null) {
          this.#bad('ledger-bad', `${place}.exchanges[${index}] has no time`)
          return []
        }
        return [{ at, oldFinal: numberOf(entry.oldFinalKWh), newInitial: numberOf(entry.newInitialKWh) }]
      })
      .toSorted((a, b) => a.at - b.at)
  }

  #event(entry: unknown, place: string): MeterEvent[] {
    const [id, event] = isEntry(entry) ? [textOf(entry.meter), textOf(entry.event)] : [null, null]
    const at = isEntry(entry) ? this.#time(entry.time, `${place}.time`) : null
    if (id !== null && event !== null && at !== null) return [{ id, at, event }]
    this.#bad('ledger-bad', `${place} needs meter, time and event`)
    return []
  }

  #outage(entry: unknown, place: string): OfflineLedger['outages'][number][] {
    const [from, to] = isEntry(entry) ? [this.#time(entry.from, `${place}.from`), this.#time(entry.to, `${place}.to`)] : [null, null]
    if (!isEntry(entry) || from === null || to === null || to <= from) {
      this.#bad('ledger-bad', `${place} needs from and a later to`)
      return []
    }
    const ids = Array.isArray(entry.meters) ? entry.meters.flatMap((one) => textOf(one) ?? []) : null
    return [{ from, to, ids, what: textOf(entry.what) ?? 'planned' }]
  }

  #temperature(): OfflineLedger['temperature'] {
    const weather = isEntry(this.#root.weather) ? this.#root.weather.temperatureC : null
    if (!isEntry(weather)) return null
    const start = this.#time(weather.start, 'weather.temperatureC.start')
    const minutes = numberOf(weather.stepMinutes)
    if (start === null || minutes === null || minutes <= 0) {
      this.#bad('ledger-bad', 'weather.temperatureC needs start, stepMinutes and values')
      return null
    }
    return { start, stepMs: minutes * 60_000, values: entriesOf(weather.values).map((value) => numberOf(value) ?? Number.NaN) }
  }
}

const bareArea = (id: string): AreaFact => ({
  id,
  name: id,
  zone: null,
  feeder: null,
  transformerKva: null,
  nominalV: NOMINAL_V,
  network: null,
})

const blankMeter = (id: string, area: string): MeterFact => ({
  id,
  meter: id,
  area,
  type: '1P',
  multiplier: 1,
  phase: null,
  contractKw: null,
  ratedA: null,
  category: '',
  keyAccount: false,
  pfStandard: null,
  link: '',
  bus: null,
  concentrator: null,
  solar: null,
  exchanges: [],
  since: null,
  node: null,
  serviceOhm: null,
})
