import {
  type AreaFrame,
  type AreaView,
  type CommColumns,
  type CommFrame,
  type Finding,
  NO_LAYERS,
  type Standing,
  type Withdrawal,
} from '../../../src/anomaly/index.ts'
import { SIGNAL_DETECTORS } from '../../../src/anomaly/signal/index.ts'
import { bareFact } from './facts.ts'

export const HOUR = 3_600_000
export const START = Date.UTC(2026, 2, 1)

/** Pseudo-random numbers 0 to 1 of a seed (mulberry32). */
export const random = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const COLUMNS = ['polls', 'ok', 'timeouts', 'crcErrors', 'addrErrors', 'latencyMs', 'snrDb', 'rssiDbm'] as const

/** A made-up area: three buses of eight meters on two concentrators, 4 polls an hour, each tried twice. */
export interface Made {
  readonly days: number
  readonly random: () => number
  readonly targets: Map<string, CommColumns>
  readonly facts: ReturnType<typeof bareFact>[]
  events: { readonly id: string; readonly at: number; readonly event: string }[]
  outages: AreaFrame['outages']
}

const LINKS = ['hplc', 'rf', 'rs485'] as const

export const made = (seed: number, days = 5, failRate = 0.001): Made => {
  const area: Made = { days, random: random(seed), targets: new Map(), facts: [], events: [], outages: [] }
  const hours = days * 24
  const blank = (id: string, kind: CommColumns['kind']): CommColumns => {
    const column = () => new Float32Array(hours).fill(Number.NaN)
    const [polls, ok, timeouts, crcErrors] = [column().fill(4), column().fill(4), column().fill(0), column().fill(0)]
    const columns = {
      id,
      kind,
      polls,
      ok,
      timeouts,
      crcErrors,
      addrErrors: column().fill(0),
      latencyMs: column(),
      snrDb: column(),
      rssiDbm: column(),
    }
    area.targets.set(id, columns)
    return columns
  }
  for (const id of ['C1', 'C2']) blank(id, 'concentrator').rssiDbm.fill(-92)
  for (let bus = 0; bus < 3; bus++)
    for (let index = 0; index < 8; index++) {
      const link = LINKS[bus] ?? 'hplc'
      const id = `M${bus}${index}`
      area.facts.push(bareFact({ id, meter: id, area: 'A', link, bus: `B${bus}`, concentrator: bus < 2 ? 'C1' : 'C2' }))
      const columns = blank(id, 'meter')
      const level = 12 + 8 * area.random()
      for (let hour = 0; hour < hours; hour++) {
        poll(area, id, hour, failRate, 0.5)
        if (link !== 'rs485') columns.snrDb[hour] = level + (area.random() + area.random() + area.random() - 1.5) * 2
      }
    }
  return area
}

export const of = (area: Made, id: string): CommColumns => {
  const columns = area.targets.get(id)
  if (!columns) throw new Error(`no target ${id}`)
  return columns
}

/** One hour of polls whose attempts fail with a probability, part of them with a damaged frame. */
export const poll = (area: Made, id: string, hour: number, rate: number, crcShare: number, strayRate = 0): void => {
  const columns = of(area, id)
  let [ok, timeouts, crc, strays] = [0, 0, 0, 0]
  for (let index = 0; index < 4; index++) {
    let isDone = false
    for (let attempt = 0; attempt < 2 && !isDone; attempt++) {
      if (area.random() >= rate) isDone = true
      else if (area.random() < crcShare) crc++
      else timeouts++
    }
    if (isDone) ok++
    if (strayRate > 0 && area.random() < strayRate) strays++
  }
  columns.ok[hour] = ok
  columns.timeouts[hour] = timeouts
  columns.crcErrors[hour] = crc
  columns.addrErrors[hour] = strays
}

export const silence = (area: Made, ids: readonly string[], from: number, to: number): void => {
  for (const id of ids) {
    const columns = of(area, id)
    columns.ok.fill(0, from, to)
    columns.timeouts.fill(8, from, to)
    columns.crcErrors.fill(0, from, to)
    columns.snrDb.fill(Number.NaN, from, to)
  }
}

export const onBus = (area: Made, bus: string): string[] => area.facts.filter((fact) => fact.bus === bus).map(({ id }) => id)
export const under = (area: Made, concentrator: string): string[] =>
  area.facts.filter((fact) => fact.concentrator === concentrator).map(({ id }) => id)

/** What is known at the end of a day, 1 = the first. */
export const viewAt = (area: Made, day: number, standing: readonly Standing[] = []): AreaView => {
  const hours = day * 24
  const end = START + hours * HOUR
  const cut = (columns: CommColumns): CommColumns => ({
    ...columns,
    ...Object.fromEntries(COLUMNS.map((name) => [name, columns[name].subarray(0, hours)])),
  })
  const comm: CommFrame = {
    area: 'A',
    start: START,
    hours,
    dayStarts: Int32Array.from({ length: day + 1 }, (_, index) => index * 24),
    targets: [...area.targets.values()].map(cut),
  }
  const empty = new Float64Array(0)
  const meters = area.facts.map((fact) => ({
    fact,
    imp: empty,
    exp: empty,
    known: new Uint8Array(0),
    faceImp: empty,
    faceExp: empty,
    u: [null, null, null],
    i: [null, null, null],
    iN: null,
    p: null,
    pf: null,
    rates: null,
  }))
  const frame: AreaFrame = {
    fact: { id: 'A', name: 'A', zone: null, feeder: null, transformerKva: null, nominalV: 230, network: null },
    stepMs: 900_000,
    start: START,
    slots: 0,
    days: [],
    dayStarts: new Int32Array(1),
    gateways: [],
    meters,
    temperature: null,
    restDays: new Uint8Array(0),
    outages: area.outages,
    events: area.events.filter(({ at }) => at < end),
  }
  return { frame, neighbours: [], comm, thresholds: NO_LAYERS, standing, phases: {}, technical: null, doubts: [], found: [] }
}

export const judgeAt = (view: AreaView): { readonly findings: readonly Finding[]; readonly withdrawn: readonly Withdrawal[] } => {
  const all = SIGNAL_DETECTORS.map((detector) => detector.detect(view))
  return { findings: all.flatMap(({ findings }) => findings), withdrawn: all.flatMap(({ withdrawn }) => withdrawn ?? []) }
}

/** The parts of findings that labels know. */
export const told = (findings: readonly Finding[]) =>
  findings.map(({ kind, level, target, cause, from, to }) => ({
    what: `${kind} ${level} ${target} ${cause}`,
    from: (from - START) / HOUR,
    to: to === null ? null : (to - START) / HOUR,
  }))
