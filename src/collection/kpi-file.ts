import { numberIn, numberOrNullIn } from '../sqlite/row.ts'
import type { CollectionFile } from './file.ts'
import {
  type Figure,
  figures,
  KPI_GROUPS,
  KPIS,
  type Kpi,
  type KpiDay,
  type KpiGroup,
  type KpiMeter,
  type KpiRules,
  type Member,
  members,
  type Outcome,
} from './kpi.ts'
import type { OutageKind } from './outages.ts'
import { daysBetween } from './policy.ts'
import { outcomeOf } from './schema.ts'
import { DUE_KINDS, FILLS, GOOD_FILLS } from './types.ts'

const DAY_MS = 86_400_000

/** A figure with the one that was kept at the cut-off, and what it was before. */
export interface KpiFigure {
  readonly kpi: Kpi
  /** At the cut-off. */
  readonly kept: Figure
  readonly cutoff: number
  /** Whether it was written down then, or worked out afterwards from when each reading came. */
  readonly isKept: boolean
  /** As of now, or as of the end of the collection period. */
  readonly final: Figure
  readonly finalAt: number
  /** The same KPI a day and a month before, at their cut-offs; null where nothing is kept. */
  readonly yesterday: Figure | null
  readonly lastMonth: Figure | null
}

export interface KpiUnit {
  /** Id of the zone, area … ; empty for all. */
  readonly id: string
  readonly kpis: readonly KpiFigure[]
}

/** Facts of the meters as of an instant; what the ledger says. */
export type FactsOf = (asOf: number) => readonly KpiMeter[]

/** Which meters were without power at some time in [from, to), and by which kind of outage. */
export type OutagesOf = (from: number, to: number, meters: readonly KpiMeter[]) => ReadonlyMap<string, OutageKind>

/** Figures of collection: worked out from due readings, kept at their cut-offs. */
export class KpiFile {
  readonly #file: CollectionFile
  readonly #factsOf: FactsOf
  readonly #outagesOf: OutagesOf
  #last: { readonly day: number; readonly until: number; readonly value: KpiDay } | null = null

  constructor(file: CollectionFile, factsOf: FactsOf, outagesOf: OutagesOf = () => new Map()) {
    this.#file = file
    this.#factsOf = factsOf
    this.#outagesOf = outagesOf
  }

  /** Every KPI of a day by groups, by id ascending after `after`. */
  kpis(day: number, by: KpiGroup, after: string | null, limit: number, now: number): KpiUnit[] {
    const world = this.#day(day, now)
    const cutoff = this.#cutoff(day)
    const at = Math.min(cutoff, now)
    const finalAt = Math.min(now, this.#end(day))
    const kept = this.#kept(day, 'cutoff', by)
    const atCutoff = kept.size > 0 ? kept : figures(world, by, this.#rules(world, at))
    const done = this.#kept(day, 'final', by)
    const final = done.size > 0 ? done : figures(world, by, this.#rules(world, finalAt))
    const { days } = this.#file.rules
    const yesterday = this.#kept(days.dayStart(day - 1), 'cutoff', by)
    const lastMonth = this.#kept(monthBefore(day, days), 'cutoff', by)
    const of = (from: Map<string, Figure[]>, id: string, kpi: Kpi) => from.get(id)?.find((figure) => figure.kpi === kpi)
    return [...final]
      .filter(([id]) => after === null || id > after)
      .slice(0, limit)
      .map(([id, list]) => ({
        id,
        kpis: inOrder(list).map((figure) => ({
          kpi: figure.kpi,
          kept: of(atCutoff, id, figure.kpi) ?? { ...figure, numerator: 0, denominator: 0, excluded: {} },
          cutoff: figure.kpi === 'timely' ? this.#billing(day).cutoff : cutoff,
          isKept: kept.size > 0,
          final: figure,
          finalAt,
          yesterday: of(yesterday, id, figure.kpi) ?? null,
          lastMonth: of(lastMonth, id, figure.kpi) ?? null,
        })),
      }))
  }

  /** The meters behind a figure, as of now. @param at  `cutoff`: as they were then */
  members(kpi: Kpi, day: number, by: KpiGroup, id: string, list: 'in' | 'out' | 'excluded', at: 'cutoff' | 'final', now: number): Member[] {
    const until = at === 'cutoff' ? Math.min(this.#cutoff(day), now) : Math.min(now, this.#end(day))
    const world = this.#day(day, now)
    return members(kpi, world, by, id, list, this.#rules(world, until))
  }

  /** Keeps the figures of every cut-off and every end of a period that have passed and are not kept yet. @returns how many days */
  snapshot(now: number): number {
    const { days } = this.#file.rules
    let count = 0
    const today = days.dayStart(now)
    // A gateway that was down at a cut-off works it out later: when each reading came is known.
    for (const [side, instantOf] of [
      ['cutoff', (day: number) => this.#cutoff(day)],
      ['final', (day: number) => this.#end(day)],
    ] as const) {
      const mark = `kept ${side}`
      let day = this.#file.mark(mark)
      day = day === 0 ? days.dayStart(today - (side === 'cutoff' ? 1 : 40) * DAY_MS) : days.dayAfter(day)
      if (daysBetween(day, today) > LONGEST_BACK) day = days.dayStart(today - LONGEST_BACK * DAY_MS)
      for (; day <= today && instantOf(day) <= now; day = days.dayAfter(day)) {
        if (this.#hasRows(day)) {
          this.#keep(day, side, instantOf(day))
          count++
        }
        this.#file.setMark(mark, day)
      }
    }
    return count
  }

  /** What is known of a day, read once for several questions in a row. */
  #day(day: number, now: number): KpiDay {
    if (this.#last && this.#last.day === day && now < this.#last.until && now >= this.#last.until - REMEMBER_MS) return this.#last.value
    const { names, database, rules } = this.#file
    const outcomes = (kind: number, label: number): Map<string, Outcome> => {
      const rows = database
        .prepare('SELECT meter, state, fill, reason, first_try, filled_at FROM due WHERE kind = ? AND label = ?')
        .all(kind, label)
      return new Map(rows.map((row) => [names.text(numberIn(row, 'meter')), outcomeOf(row, names)]))
    }
    const freezes = outcomes(DUE, day)
    const curves = database.prepare('SELECT meter, expected, got, reason, step_ms FROM due WHERE kind = ? AND label = ?').all(CURVE, day)
    const heard = database.prepare('SELECT meter, at FROM heard WHERE day = ?').all(day) as { meter: number; at: number }[]
    const asked = database.prepare('SELECT meter FROM asked WHERE day = ?').all(day) as { meter: number }[]
    const online = database.prepare('SELECT line, minutes, up FROM online WHERE day = ?').all(day) as {
      line: number
      minutes: number
      up: number
    }[]
    const { label } = this.#billing(day)
    const months = outcomes(MONTH, label)
    const value: KpiDay = {
      day,
      meters: this.#factsOf(day),
      freezes,
      curves: new Map(
        curves.map((row) => {
          // Of a day that is not over only the points that were due until now count.
          const due = Math.min(numberIn(row, 'expected'), Math.max(0, Math.floor((now - day) / numberIn(row, 'step_ms'))))
          const reason = numberOrNullIn(row, 'reason')
          const got = Math.min(numberIn(row, 'got'), due)
          return [names.text(numberIn(row, 'meter')), { expected: due, got, reason: reason === null ? null : names.text(reason) }]
        }),
      ),
      // A month freeze is the bill where a meter has one, else the freeze of the billing day.
      billing: new Map([...outcomes(DUE, label), ...(rules.settings.billingDay === 1 ? months : [])]),
      asked: new Set(asked.map(({ meter }) => names.text(meter))),
      heard: new Map(heard.map(({ meter, at }) => [names.text(meter), at])),
      came: this.#came(day),
      online: new Map(online.map(({ line, minutes, up }) => [names.text(line), { minutes, up }])),
    }
    this.#last = { day, until: now + REMEMBER_MS, value }
    return value
  }

  #came(day: number): Map<string, readonly (number | null)[]> {
    const { rules, database, names } = this.#file
    const { consecutiveDays } = rules.settings
    const came = new Map<string, (number | null)[]>()
    for (let n = 0, label = day; n < consecutiveDays; n++, label = rules.days.dayStart(label - 1)) {
      const rows = database.prepare('SELECT meter, fill, filled_at FROM due WHERE kind = ? AND label = ?').all(DUE, label) as {
        meter: number
        fill: number | null
        filled_at: number | null
      }[]
      for (const { meter, fill, filled_at } of rows) {
        const id = names.text(meter)
        const word = fill === null ? undefined : FILLS[fill]
        came.set(id, [...(came.get(id) ?? []), word !== undefined && GOOD_FILLS.has(word) ? filled_at : null])
      }
    }
    return new Map([...came].filter(([, days]) => days.length === consecutiveDays))
  }

  #rules(world: KpiDay, at: number): KpiRules {
    const { settings, days } = this.#file.rules
    const { day } = world
    // Power that goes off after a cut-off is no reason for what was missing at it.
    const off = this.#outagesOf(day, Math.min(days.dayAfter(day), at), world.meters)
    return {
      at,
      billingCutoff: this.#billing(day).cutoff,
      excludeAreas: new Set(settings.excludeAreas),
      outageOf: (meter) => off.get(meter) ?? null,
    }
  }

  #cutoff(day: number): number {
    const { days, settings } = this.#file.rules
    return days.minuteOf(day, settings.cutoffMinute)
  }

  /** End of the collection period of a day. */
  #end(day: number): number {
    const { days, settings } = this.#file.rules
    let end = days.dayAfter(day)
    for (let n = 0; n < settings.lastDay; n++) end = days.dayAfter(end)
    return end
  }

  /** The last billing instant that is not after the day, and until when its readings are on time. */
  #billing(day: number): { readonly label: number; readonly cutoff: number } {
    const { days, settings } = this.#file.rules
    const of = (within: number): number => {
      let label = days.periodStart({ unit: 'month', count: 1 }, within)
      for (let n = 1; n < settings.billingDay; n++) label = days.dayAfter(label)
      return label
    }
    const present = of(day)
    const label = present <= day ? present : of(days.periodStart({ unit: 'month', count: 1 }, day) - 1)
    return { label, cutoff: label + settings.billingCutoffMs }
  }

  #hasRows(day: number): boolean {
    const { database } = this.#file
    return (
      database.prepare('SELECT 1 FROM due WHERE kind IN (0, 2) AND label = ? LIMIT 1').get(day) !== undefined ||
      database.prepare('SELECT 1 FROM heard WHERE day = ? LIMIT 1').get(day) !== undefined
    )
  }

  #keep(day: number, side: 'cutoff' | 'final', at: number): void {
    const world = this.#day(day, at)
    // What was looked up for one instant is not taken for another.
    this.#last = null
    const put = this.#file.database.prepare('INSERT OR REPLACE INTO figure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
    const rules = this.#rules(world, at)
    for (const by of KPI_GROUPS)
      for (const [unit, list] of figures(world, by, rules))
        for (const { kpi, numerator, denominator, excluded } of list)
          put.run(day, side, by, unit, kpi, at, numerator, denominator, JSON.stringify(excluded))
  }

  #kept(day: number, side: 'cutoff' | 'final', by: KpiGroup): Map<string, Figure[]> {
    const rows = this.#file.database
      .prepare('SELECT unit, kpi, numerator, denominator, excluded FROM figure WHERE day = ? AND side = ? AND by = ? ORDER BY unit')
      .all(day, side, by) as { unit: string; kpi: Kpi; numerator: number; denominator: number; excluded: string }[]
    const found = new Map<string, Figure[]>()
    for (const { unit, excluded, ...figure } of rows)
      found.set(unit, [...(found.get(unit) ?? []), { ...figure, excluded: JSON.parse(excluded) as Figure['excluded'] }])
    return found
  }
}

const inOrder = (list: readonly Figure[]): Figure[] => [...list].sort((a, b) => KPIS.indexOf(a.kpi) - KPIS.indexOf(b.kpi))

const DUE = DUE_KINDS.indexOf('day-freeze')
const MONTH = DUE_KINDS.indexOf('month-freeze')
const CURVE = DUE_KINDS.indexOf('curve')
const REMEMBER_MS = 10_000
const LONGEST_BACK = 62

/** Midnight of the same day a month before, or of the month's last when it has none. */
const monthBefore = (day: number, days: CollectionFile['rules']['days']): number => {
  const month = days.periodStart({ unit: 'month', count: 1 }, day)
  const before = days.periodStart({ unit: 'month', count: 1 }, month - 1)
  const same = days.dayStart(before + (day - month) + DAY_MS / 2)
  return same < month ? same : days.dayStart(month - 1)
}
