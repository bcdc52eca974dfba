import type { CaseDeps } from '../api/index.ts'
import { afterWorkingDays } from '../collection/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import { type Clock, explain } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { CaseBook } from './case-book.ts'
import { caseViews } from './case-views.ts'
import { Notifier, type NotifyDeps } from './notify.ts'
import { notifyFailure } from './notify-errors.ts'
import type { Publisher } from './publish.ts'

export interface StartCases {
  readonly config: Pick<GatewayConfig, 'id' | 'dataDirectory' | 'timezone' | 'cases' | 'notify' | 'unregistered'>
  readonly clock: Clock
  readonly ledger: Pick<Ledger, 'get'>
  readonly publishers: () => readonly Publisher[]
  /** What is told besides: newest number of a change of billing, and the health. */
  readonly billing?: NotifyDeps['billing']
  readonly health?: NotifyDeps['health']
  readonly log: (level: 'info' | 'warn', message: string) => void
}

export interface OpenCases {
  readonly book: CaseBook
  readonly views: CaseDeps
  /** Takes a changed configuration. */
  use(config: Pick<GatewayConfig, 'cases' | 'notify'>): void
  start(): void
  /** Ends after the message that is under way. */
  stop(): Promise<void>
  close(): void
}

const TELL_MS = 1_000
/** Between two looks at deadlines, and at what has waited too long. */
const LOOK_MS = 60_000
/** What a message that is under way gets at the end. */
const STOP_WITHIN_MS = 3_000

/** Opens the case book, and what tells people of it. */
export const openCases = ({ config, clock, ledger, publishers, billing, health, log }: StartCases): OpenCases => {
  let { cases } = config
  let notifier: Notifier | null = null
  const { weekend, holidays, worked } = config.unregistered
  const calendar = { zone: config.timezone, weekend: new Set(weekend), holidays: new Set(holidays), worked: new Set(worked) }
  const book = new CaseBook({
    directory: config.dataDirectory,
    zoneOf: (area) => {
      const zone = ledger.get('area', area, null)?.attributes.zone
      return typeof zone === 'string' ? zone : null
    },
    dueAt: (severity, from) => {
      const days = cases.deadlines[severity]
      return days === null ? null : afterWorkingDays(from, days, calendar)
    },
    listeners: () => notifier?.listeners() ?? [],
  })
  const told = new Notifier(config.notify, {
    ...{ gateway: config.id, zone: config.timezone, clock, file: book.file, log },
    ...(billing ? { billing } : {}),
    ...(health ? { health } : {}),
    publish: async (broker, topic, body) => {
      const publisher = publishers().find((one) => one.config.id === broker)
      const sent = publisher ? await publisher.send(topic, body) : null
      if (sent?.ok) return sent
      return notifyFailure(
        'NOTIFY_BROKER',
        sent ? `broker ${broker} did not take it: ${explain(sent.error)}` : `there is no broker ${broker}`,
      )
    },
  })
  notifier = told
  let timers: readonly NodeJS.Timeout[] = []
  // A disk that is full may be empty again: everything is tried anew.
  let said = ''
  const failed = (error: unknown) => {
    const text = `cases.db: ${error instanceof Error ? error.message : String(error)}`
    if (text !== said) log('warn', text)
    said = text
  }
  const look = () => {
    const late = book.escalate(clock.now())
    if (late > 0) log('warn', `${late} of the cases are past their deadline now`)
    told.tidy()
  }
  return {
    book,
    views: caseViews(book, clock, told),
    use: (next) => {
      cases = next.cases
      told.use(next.notify)
    },
    start: () => {
      look()
      timers = [
        setInterval(() => void told.tick().catch(failed), TELL_MS),
        setInterval(() => {
          try {
            look()
          } catch (error) {
            failed(error)
          }
        }, LOOK_MS),
      ]
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer)
      await told.stop(STOP_WITHIN_MS)
    },
    close: () => book.close(),
  }
}
