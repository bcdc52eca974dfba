import type { DueTask, FactsOf, LiveMeter } from '../collection/index.ts'
import type { Kind, Ledger, Value } from '../ledger/index.ts'

const PAGE = 5000

/**
 * Since when a meter has hung at its point without a break. Its facts are cut where its line, a ratio or its state changes; that makes it
 * no younger, and what was due before such a cut was due all the same. While its point was planned or archived it was not there.
 */
const beginnings = (ledger: Pick<Ledger, 'history'>): ((meter: string, from: number) => number) => {
  const last = new Map<string, { readonly point: string; readonly to: number | null; readonly isThere: boolean; readonly since: number }>()
  const earlier = new Map<string, number>()
  const keyOf = (meter: string, from: number) => `${from} ${meter}`
  for (const { meter, point, from, to, state } of ledger.history()) {
    const before = last.get(meter)
    const isThere = state !== 'planned' && state !== 'archived'
    const goesOn = before?.to === from && before.point === point && before.isThere === isThere
    const since = goesOn ? before.since : from
    last.set(meter, { point, to, isThere, since })
    if (since < from) earlier.set(keyOf(meter, from), since)
  }
  return (meter, from) => earlier.get(keyOf(meter, from)) ?? from
}

/** What tasks make due, each meter since it has hung where it hangs. */
export const dueSince = (
  ledger: Pick<Ledger, 'history'>,
  { tasks, live = [] }: { readonly tasks: readonly DueTask[]; readonly live?: readonly LiveMeter[] },
): { readonly tasks: readonly DueTask[]; readonly live: readonly LiveMeter[] } => {
  const sinceOf = beginnings(ledger)
  const early = <T extends LiveMeter>(meters: readonly T[]) => meters.map((each) => ({ ...each, since: sinceOf(each.meter, each.since) }))
  return { tasks: tasks.map((task) => ({ ...task, meters: early(task.meters) })), live: early(live) }
}

/** What the ledger said of every meter at an instant, as the figures of collection need it. @param brokers  channels whose meters push */
export const collectionFacts =
  (ledger: Pick<Ledger, 'meters' | 'list' | 'areas' | 'history'>, brokers: ReadonlySet<string>): FactsOf =>
  (asOf) => {
    const attribute = (kind: Kind, name: string): Map<string, string> => {
      const found = new Map<string, string>()
      for (let after = ''; ; ) {
        const page = ledger.list({ kind, after, limit: PAGE, asOf })
        for (const { id, attributes } of page) found.set(id, wordOf(attributes[name]))
        if (page.length < PAGE) return found
        after = page.at(-1)?.id ?? ''
      }
    }
    const areas = attribute('point', 'area')
    const makers = attribute('meter', 'maker')
    const zones = new Map(ledger.areas().map(({ id, zone }) => [id, zone]))
    const sinceOf = beginnings(ledger)
    const wasZone = attribute('area', 'zone')
    return ledger.meters(asOf).map((fact) => {
      const area = areas.get(fact.point) ?? ''
      return {
        ...{ meter: fact.meter, point: fact.point, area, line: fact.line, concentrator: fact.concentrator, state: fact.state },
        zone: wasZone.get(area) || zones.get(area) || '',
        maker: makers.get(fact.meter) ?? '',
        since: sinceOf(fact.meter, fact.from),
        pushes: brokers.has(fact.line),
      }
    })
  }

const wordOf = (value: Value | undefined): string => (value === undefined || value === null ? '' : String(value))
