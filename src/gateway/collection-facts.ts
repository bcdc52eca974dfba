import type { FactsOf } from '../collection/index.ts'
import type { Kind, Ledger, Value } from '../ledger/index.ts'

const PAGE = 5000

/** What the ledger said of every meter at an instant, as the figures of collection need it. @param brokers  channels whose meters push */
export const collectionFacts =
  (ledger: Pick<Ledger, 'meters' | 'list' | 'areas'>, brokers: ReadonlySet<string>): FactsOf =>
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
    const wasZone = attribute('area', 'zone')
    return ledger.meters(asOf).map((fact) => {
      const area = areas.get(fact.point) ?? ''
      return {
        ...{ meter: fact.meter, point: fact.point, area, line: fact.line, concentrator: fact.concentrator, state: fact.state },
        zone: wasZone.get(area) || zones.get(area) || '',
        maker: makers.get(fact.meter) ?? '',
        since: fact.from,
        pushes: brokers.has(fact.line),
      }
    })
  }

const wordOf = (value: Value | undefined): string => (value === undefined || value === null ? '' : String(value))
