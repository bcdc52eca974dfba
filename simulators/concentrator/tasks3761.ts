import { DAY_MS, instantOf, SLOT_MS, startOfDay, startOfMonth } from '../calendar.ts'
import { namedBy } from './frame3761.ts'
import { CURVE_ITEMS, MONTH_ITEMS } from './items3761.ts'
import type { Parameters } from './params3761.ts'
import { numberOfPair, Pen, stampInto } from './pen.ts'

/** Task uploads: F65 and F66 say what and how often, F67 and F68 let them run. Own times. */
export interface Tasks {
  /** When the next upload is due; Infinity = none runs. */
  next(): number
  /** Items of the tasks that are due, each once. */
  take(own: number): readonly (readonly { readonly pn: number; readonly fn: number }[])[]
  /** The time scale a task asks for: yesterday, last month, the quarter hours of the last hour. */
  scaleOf(fn: number, own: number): Uint8Array
  /** A task was set or switched. */
  changed(own: number): void
}

const RUNS = 0x55
const UNITS_MS = [60_000, 3_600_000, DAY_MS, 30 * DAY_MS] as const
const MOST_TASKS = 64

export const tasksOf = (parameters: Parameters): Tasks => {
  const done = new Map<string, number>()
  let known: {
    readonly key: string
    readonly base: number
    readonly period: number
    readonly items: readonly { readonly pn: number; readonly fn: number }[]
  }[] = []
  const dueOf = ({ key, base, period }: (typeof known)[number]): number => {
    const last = done.get(key) ?? base - period
    return Math.max(base, base + (Math.floor((last - base) / period) + 1) * period)
  }
  return {
    next: () => known.reduce((soonest, task) => Math.min(soonest, dueOf(task)), Number.POSITIVE_INFINITY),
    take(own) {
      const now = known.filter((task) => dueOf(task) <= own)
      for (const { key } of now) done.set(key, own)
      return now.map(({ items }) => items)
    },
    scaleOf(fn, own) {
      const pen = new Pen(8)
      if (CURVE_ITEMS.has(fn)) {
        const last = own - (own % SLOT_MS)
        return stampInto(pen, last - 3 * SLOT_MS, 'mhDMY')
          .byte(1)
          .byte(4)
          .done()
      }
      return MONTH_ITEMS.has(fn) ? stampInto(pen, startOfMonth(own, 1), 'MY').done() : stampInto(pen, startOfDay(own, 1), 'DMY').done()
    },
    changed(own) {
      known = []
      for (const [what, runs] of [
        [65, 67],
        [66, 68],
      ] as const)
        for (let pn = 1; pn <= MOST_TASKS; pn++) {
          const task = parameters.get(what, pn)
          if (!task || parameters.get(runs, pn)?.[0] !== RUNS) continue
          const key = `${what} ${pn}`
          const period = (UNITS_MS[task[0]! >> 6] ?? DAY_MS) * Math.max(1, task[0]! & 0x3f)
          known.push({ key, base: baseOf(task), period, items: itemsOf(task) })
          // What was due before it was switched on is not made up for.
          if (!done.has(key)) done.set(key, own)
        }
    },
  }
}

const baseOf = (task: Uint8Array): number => {
  const [second, minute, hour, day, month, year] = [1, 2, 3, 4, 5, 6].map((at) => numberOfPair(at === 5 ? task[at]! & 0x1f : task[at])) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const base = instantOf({ year: 2000 + year, month, day, hour, minute, second })
  return Number.isNaN(base) ? 0 : base
}

const itemsOf = (task: Uint8Array): { pn: number; fn: number }[] => {
  const items: { pn: number; fn: number }[] = []
  for (let left = task[8] ?? 0, at = 9; left > 0; left--, at += 4) {
    const named = namedBy(task, at)
    for (const pn of named?.points ?? []) for (const fn of named?.items ?? []) items.push({ pn, fn })
  }
  return items
}
