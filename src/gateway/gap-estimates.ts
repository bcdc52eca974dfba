import type { EstimateDeps, Refusal } from '../api/index.ts'
import { type AskCollection, type CollectionSettings, type DueRecord, type GapDetail, gapFailure } from '../collection/index.ts'
import { type Clock, err, explain, fieldOf, type GatewayError, ok, type Reading, type Result } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { manualReading } from './collection-manual.ts'
import type { EstimatedRegisters } from './energy-estimate.ts'
import type { RegisterModels } from './energy-facts.ts'

export interface GapEstimatesDeps {
  readonly collection: {
    readonly ask: AskCollection
    readonly settings: Pick<CollectionSettings, 'estimate'>
    flush(): Promise<void>
  }
  readonly estimate: (gap: DueRecord) => Promise<Result<EstimatedRegisters>>
  readonly ledger: Pick<Ledger, 'history'>
  readonly models: Pick<RegisterModels, 'of'>
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly clock: Clock
  readonly log: (level: 'info' | 'warn', message: string) => void
}

const LOOK_MS = 5 * 60_000
const LEAST_TICK_MS = 250
/** What could not be estimated is not tried again before. */
const AGAIN_MS = 24 * 3_600_000
const PAGE = 200
/** Estimates in one go. */
const MOST_AT_ONCE = 100

/** Estimates as the last source of a gap (补抄估算): by hand at any time, by itself when a gap is given up and the setting says so. */
export class GapEstimates {
  readonly #deps: GapEstimatesDeps
  /** Gaps that could not be estimated, and when they are looked at again. */
  readonly #notBefore = new Map<number, number>()
  #timer: NodeJS.Timeout | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #isStopped = false

  constructor(deps: GapEstimatesDeps) {
    this.#deps = deps
  }

  start(): void {
    const every = Math.max(LEAST_TICK_MS, LOOK_MS / this.#deps.clock.speed)
    this.#timer = setInterval(() => {
      if (this.#deps.collection.settings.estimate === 'permanent') void this.look()
    }, every)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearInterval(this.#timer)
    await this.#turn
  }

  get views(): EstimateDeps {
    return {
      estimateGap: async (id, who, why) => {
        const done = await this.estimate(id, who, why)
        return done.ok ? ok(null) : refused(done.error)
      },
    }
  }

  /**
   * Estimates the registers of one gap and fills it with them.
   *
   * @param who  null: by the setting
   * @errors     GAP_UNKNOWN, GAP_STATE, GAP_NO_ESTIMATE, those of outbox, store and the gap ledger
   */
  async estimate(id: number, who: string | null, why: string): Promise<Result<GapDetail>> {
    const { collection, ledger, models, put, clock } = this.#deps
    await collection.flush()
    const found = await collection.ask('get', id)
    if (!found.ok) return found
    const gap = found.value
    if (!gap) return gapFailure('GAP_UNKNOWN', `there is no due reading ${id}`, { gap: id })
    if (gap.state === 'filled' || gap.state === 'waived')
      return gapFailure('GAP_STATE', `gap ${id} of meter ${gap.meter} is ${gap.state}; an estimate is for one that is not`, { gap: id })
    const estimated = await this.#deps.estimate(gap)
    if (!estimated.ok) return estimated
    const { values, note } = estimated.value
    const facts = ledger.history(gap.point).filter(({ meter }) => meter === gap.meter)
    const fact = facts.find(({ from, to }) => from <= gap.label && (to === null || gap.label < to)) ?? null
    const at = clock.now()
    const readings = manualReading(
      gap,
      { values, instant: gap.label, at },
      fact,
      (obis) => (fact && models.of(fact.profile, fieldOf(obis))?.ratio) ?? 'ctpt',
      'estimated',
    )
    // Safe first: a gap filled by what is nowhere would be a lie.
    const safe = await put(readings)
    if (!safe.ok) return safe
    const filled = await collection.ask('estimated', { id, who, note: `${note}: ${why}`, at })
    return filled.ok ? filled.value : filled
  }

  /** Estimates what was given up, some at a time. @returns how many gaps were filled */
  look(): Promise<number> {
    const look = this.#turn.then(() => this.#look())
    this.#turn = look.catch(() => undefined)
    return look
  }

  async #look(): Promise<number> {
    const { collection, clock, log } = this.#deps
    let count = 0
    let tried = 0
    for (const kind of ['day-freeze', 'month-freeze'] as const)
      for (let after = 0; tried < MOST_AT_ONCE && !this.#isStopped; ) {
        const page = await collection.ask('list', { filter: { states: ['permanent'], kind }, after, limit: PAGE })
        if (!page.ok || page.value.length === 0) break
        after = page.value.at(-1)?.id ?? after
        for (const { id } of page.value) {
          if (tried >= MOST_AT_ONCE || this.#isStopped) break
          if ((this.#notBefore.get(id) ?? 0) > clock.now()) continue
          tried++
          const done = await this.estimate(id, null, 'collection.estimate is permanent')
          if (done.ok) count++
          else this.#notBefore.set(id, clock.now() + AGAIN_MS)
          if (!done.ok && done.error.code !== 'GAP_NO_ESTIMATE') log('warn', `gap ${id}: ${explain(done.error)}`)
        }
      }
    if (count > 0) log('info', `registers of ${count} gaps that were given up are estimated now`)
    return count
  }
}

const refused = (error: GatewayError) =>
  err<Refusal>({
    because: error.code === 'GAP_UNKNOWN' ? 'unknown' : error.code.startsWith('GAP_') ? 'not-possible' : 'unavailable',
    error,
  })
