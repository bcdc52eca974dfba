import type { OutageDeps, OutageDetailView, OutageView, Refusal } from '../api/index.ts'
import {
  isShortNotice,
  NOTICE_MS,
  OUTAGE_SCOPES,
  type Outage,
  OutageFile,
  type OutageScope,
  outageFailure,
  outageSpan,
  outageState,
} from '../collection/index.ts'
import { type Clock, err, type GatewayError, ok, type Result } from '../core/index.ts'
import type { Span } from '../energy/index.ts'
import type { Kind } from '../ledger/index.ts'
import { everUnder, isUnder, type PlaceLedger } from './outage-places.ts'

export interface OutagesDeps {
  readonly directory: string
  readonly ledger: PlaceLedger
  readonly clock: Clock
  readonly isLine: (id: string) => boolean
  readonly log: (level: 'info' | 'warn', message: string) => void
}

const KIND_OF: Readonly<Record<Exclude<OutageScope, 'line'>, Kind>> = { zone: 'zone', feeder: 'feeder', area: 'area', point: 'point' }

/** The outage calendar of the running gateway: who lies under it, and what else asks for it. */
export class Outages {
  readonly file: OutageFile
  readonly #deps: OutagesDeps

  constructor(deps: OutagesDeps) {
    this.#deps = deps
    this.file = new OutageFile(deps.directory)
  }

  /** Times without power at a point within [from, to), as far as they have passed. */
  spans(point: string, from: number, to: number): readonly Span[] {
    const { clock } = this.#deps
    return this.#of(point, from, Math.min(to, clock.now())).flatMap((outage) => outageSpan(outage, clock.now()) ?? [])
  }

  /**
   * Whether it is useless to ask the meter of a point: it has no power by the calendar, nothing was heard of it since, and power is not
   * expected back yet. What nobody has ended is asked again when its expected end has passed.
   */
  isOff(point: string, heardAt: number | null): boolean {
    const now = this.#deps.clock.now()
    return this.#of(point, now, now + 1).some(({ from, expectedTo }) => (heardAt ?? 0) < from && (expectedTo ?? now + 1) > now)
  }

  get views(): OutageDeps {
    const { file } = this
    const { clock, log } = this.#deps
    const shown = (answer: Result<Outage>): Result<OutageDetailView, Refusal> =>
      answer.ok ? ok(this.#detail(answer.value)) : refused(answer.error)
    return {
      outages: (filter, before, limit) => file.list(filter, before, limit, clock.now()).map((outage) => viewOf(outage, clock.now())),
      outage: (id) => {
        const outage = file.get(id)
        return outage ? ok(this.#detail(outage)) : refused(unknown(id))
      },
      addOutage: (draft, who) => {
        const missing = this.#missing(draft.scope, draft.target)
        if (missing) return refused(missing)
        const added = file.add(draft, who, clock.now())
        if (added.ok && isShortNotice(added.value)) log('warn', `outage ${added.value.id}: ${noticeText(added.value)}`)
        return shown(added)
      },
      noticeOutage: (id, at, who, why) => shown(file.notice(id, at ?? clock.now(), who, why, clock.now())),
      extendOutage: (id, expectedTo, who, why) => shown(file.extend(id, expectedTo, who, why, clock.now())),
      endOutage: (id, at, who, why) => shown(file.end(id, at ?? clock.now(), who, why, clock.now())),
      withdrawOutage: (id, who, why) => shown(file.withdraw(id, who, why, clock.now())),
    }
  }

  close(): void {
    this.file.close()
  }

  #of(point: string, from: number, to: number): readonly Outage[] {
    // Most of the time there is none at all, and the ledger need not be asked.
    if (this.file.over(from, to).length === 0) return []
    const places = everUnder(this.#deps.ledger, point)
    return OUTAGE_SCOPES.flatMap((scope) => [...places[scope]].flatMap((target) => this.file.of(scope, target, from, to))).filter(
      (outage) => isUnder(this.#deps.ledger, point, outage),
    )
  }

  #detail(outage: Outage): OutageDetailView {
    const history = this.file.history(outage.id).map(({ at, what, who, why }) => ({ at, what, who, why }))
    return { ...viewOf(outage, this.#deps.clock.now()), history }
  }

  #missing(scope: OutageScope, target: string): GatewayError | null {
    const isThere = scope === 'line' ? this.#deps.isLine(target) : this.#deps.ledger.get(KIND_OF[scope], target, null) !== null
    return isThere ? null : outageFailure('OUTAGE_TARGET', `there is no ${scope} ${target}`, { scope, target }).error
  }
}

const HOUR_MS = 3_600_000

const noticeText = ({ from, noticed }: Outage): string =>
  noticed === null
    ? `key accounts were not told of it; they are to be told ${NOTICE_MS / HOUR_MS} h before`
    : `key accounts were told ${Math.max(0, Math.floor((from - noticed) / HOUR_MS))} h before; it should be ${NOTICE_MS / HOUR_MS} h`

const viewOf = (outage: Outage, now: number): OutageView => {
  const { id, scope, target, kind, from, expectedTo, to, reason, workOrder, noticed, who, recordedAt, withdrawnAt } = outage
  const isWarned = withdrawnAt === null && isShortNotice(outage)
  return {
    ...{ id, scope, target, kind, state: outageState(outage, now), from, expectedTo, to, reason, workOrder, noticed, who, recordedAt },
    warning: isWarned ? noticeText(outage) : null,
  }
}

const unknown = (id: number): GatewayError => outageFailure('OUTAGE_UNKNOWN', `there is no outage ${id}`, { outage: id }).error

const refused = (error: GatewayError) =>
  err<Refusal>({
    because: error.code === 'OUTAGE_UNKNOWN' ? 'unknown' : error.code.startsWith('OUTAGE_') ? 'not-possible' : 'unavailable',
    error,
  })
