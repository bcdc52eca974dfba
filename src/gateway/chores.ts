import type { Logger } from 'pino'
import { type Clock, explain, many } from '../core/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { CommStatistics, type CountedTerminals } from './comm.ts'
import type { Field } from './field.ts'
import type { Store } from './open-store.ts'
import type { Push } from './push.ts'
import type { GatewayTokens } from './tokens.ts'

/** How often communication statistics become rows, milliseconds. */
const COMM_PERIOD_MS = 15 * 60_000
/** Ticks between two looks who is silent: a large site has a hundred thousand meters. */
const SILENCE_TICKS = 5
const HOUSEKEEPING_MS = 10 * 60_000
const HEALTH_CHECK_MS = 5000

interface Chores {
  readonly clock: Clock
  readonly field: Field
  readonly push: Push
  readonly terminals: CountedTerminals
  readonly outbox: Outbox
  readonly store: Store
  readonly tokens: Pick<GatewayTokens, 'reload'>
  readonly log: Logger
  /** Tells brokers how the gateway is. */
  readonly sayHealth: () => Promise<void>
}

/** What is done beside reading: statistics rows, packing and retention, revoked tokens. Returns how to stop it. */
export const startChores = ({ clock, field, push, terminals, outbox, store, tokens, log, sayHealth }: Chores): (() => void) => {
  const comm = new CommStatistics(field, push, clock.monotonic(), terminals)
  let commPeriod = Math.floor(clock.now() / COMM_PERIOD_MS)
  let said = ''
  let ticks = 0
  let tokenProblem = ''
  const minute = setInterval(
    () => {
      try {
        tokens.reload()
        tokenProblem = ''
      } catch (error) {
        // The tokens in force stay in force; a running gateway does not end for a file.
        const text = error instanceof Error ? error.message : String(error)
        if (text !== tokenProblem) log.warn(text)
        tokenProblem = text
      }
      if (ticks++ % SILENCE_TICKS === 0) said = sayWhoIsSilent(field, said, log)
      const period = Math.floor(clock.now() / COMM_PERIOD_MS)
      if (period === commPeriod) return
      const rows = comm.take(commPeriod * COMM_PERIOD_MS, clock.monotonic())
      commPeriod = period
      void outbox.put(rows).then((done) => {
        if (!done.ok) log.warn(explain(done.error))
      })
    },
    Math.max(250, 1000 / clock.speed),
  )
  const health = setInterval(() => void sayHealth(), HEALTH_CHECK_MS)
  const housekeeping = setInterval(() => {
    store
      .pack?.(clock.now())
      .then((done) => {
        if (!done.ok) log.warn(explain(done.error))
      })
      .catch((error: unknown) => log.error({ err: error }, 'packing failed'))
  }, HOUSEKEEPING_MS)
  return () => {
    clearInterval(minute)
    clearInterval(health)
    clearInterval(housekeeping)
  }
}

/** A thousand meters that fail alike are one line that says a thousand, said again only when it changes. */
const sayWhoIsSilent = (field: Field, before: string, log: Logger): string => {
  const counts = [...field.silent()].sort()
  const text = counts.map(([line, count]) => `${line} ${count}`).join(', ')
  if (text === before) return before
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  if (total > 0)
    log.warn(
      `${many(total, 'meter')} ${total === 1 ? 'does' : 'do'} not answer (by line: ${text}); GET /api/v1/lines/LINE says which and why`,
    )
  else log.info('every meter answers again')
  return text
}
