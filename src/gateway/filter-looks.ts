import type { ApiDeps } from '../api/index.ts'
import type { Ledger } from '../ledger/index.ts'

interface FilterLooks {
  readonly ledger: Pick<Ledger, 'get'>
  /** Lines of gateway.yaml. */
  readonly lines: () => Iterable<string>
  readonly brokers: () => Iterable<string>
  /** Whether meters of the ledger are read through it now. */
  readonly hangsOn: (line: string) => boolean
  /** Whether a meter that is not in the ledger was heard there. */
  readonly heardAt: (channel: string) => boolean
}

const has = (ids: Iterable<string>, id: string): boolean => new Set(ids).has(id)

/** Whether what a list is narrowed to is there: in the ledger now or once, in gateway.yaml, or known by what came from it. */
export const filterLooks = ({ ledger, lines, brokers, hangsOn, heardAt }: FilterLooks): ApiDeps['isEntry'] => {
  const isLine = (id: string): boolean =>
    has(lines(), id) ||
    has(brokers(), id) ||
    hangsOn(id) ||
    (['channel', 'concentrator'] as const).some((kind) => ledger.get(kind, id, null) !== null)
  return (kind, id) => {
    switch (kind) {
      case 'line':
      case 'bus':
        return isLine(id)
      case 'channel':
        return isLine(id) || heardAt(id)
      case 'broker':
        return has(brokers(), id)
      default:
        return ledger.get(kind, id, null) !== null
    }
  }
}
