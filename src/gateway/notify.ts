import { rankOf } from '../anomaly/index.ts'
import type { NotifyTargetView } from '../api/index.ts'
import type { NotifyConfig, NotifyMqttConfig, Wanted, WebhookConfig } from '../config/index.ts'
import { type Clock, explain, type GatewayError, many, type Result } from '../core/index.ts'
import type { CaseListener } from './case-book.ts'
import type { CaseFile, Notice, StoredCase } from './case-file.ts'
import { minuteOfDay } from './notify-hours.ts'
import { messageOf, type Told, testMessage } from './notify-message.ts'
import { type Delivery, sendWebhook } from './webhook.ts'

export interface NotifyDeps {
  readonly gateway: string
  /** IANA zone of quiet hours. */
  readonly zone: string
  readonly clock: Clock
  readonly file: CaseFile
  readonly log: (level: 'info' | 'warn', message: string) => void
  /** Sends through a broker of `publish`, QoS 1. */
  readonly publish: (broker: string, topic: string, body: string) => Promise<Result<void>>
  readonly webhook?: (config: WebhookConfig, delivery: Delivery) => Promise<Result<void>>
}

/** First wait after a failure and the longest, milliseconds; each is twice the one before. */
const BACK_OFF_MS = 5_000
const LONGEST_MS = 900_000
/** Changes told in one message at most. */
const MOST_AT_ONCE = 1_000

/** Where somebody is, and how telling them goes. */
interface Target {
  readonly wanted: Wanted
  readonly kind: NotifyTargetView['kind']
  readonly to: string
  readonly send: (delivery: Delivery) => Promise<Result<void>>
}

interface Progress {
  isBusy: boolean
  failures: number
  /** Not before then; of the clock that never steps. */
  nextAt: number
  sent: number
  failed: number
  dropped: number
  lastSentAt: number | null
  error: GatewayError | null
  /** What the message that was not taken is about: it is sent again as it was, so that whoever has it after all knows it for a repeat. */
  trying: ReadonlySet<number>
}

const fresh = (): Progress => ({
  ...{ isBusy: false, failures: 0, nextAt: Number.NEGATIVE_INFINITY, sent: 0, failed: 0, dropped: 0, lastSentAt: null, error: null },
  trying: new Set<number>(),
})

/**
 * Tells people of cases (告警推送). What is to be told lies in the case book until somebody has taken it, so that it outlives a restart;
 * it is gathered into few messages, waits in quiet hours, and is tried again with growing pauses.
 */
export class Notifier {
  readonly #deps: NotifyDeps
  readonly #progress = new Map<string, Progress>()
  #config: NotifyConfig
  #targets: readonly Target[] = []
  readonly #underWay = new Set<Promise<void>>()
  readonly #stopped = new AbortController()
  #isStopping = false

  constructor(config: NotifyConfig, deps: NotifyDeps) {
    this.#deps = deps
    this.#config = config
    this.use(config)
  }

  /** Takes a changed configuration. */
  use(config: NotifyConfig): void {
    this.#config = config
    this.#targets = [...config.webhooks.map((one) => this.#webhook(one)), ...config.mqtt.map((one) => this.#mqtt(one))]
  }

  /** Who wants to know what, for the case book. */
  listeners(): readonly CaseListener[] {
    return this.#targets.map(({ wanted }) => ({
      id: wanted.id,
      wants: (what, stored) => wants(wanted, what, stored),
      isUrgent: ({ one: { severity } }) => {
        const { quiet } = this.#config
        return quiet !== null && quiet.breakThrough !== 'none' && rankOf(severity) >= rankOf(quiet.breakThrough)
      },
    }))
  }

  targets(): readonly NotifyTargetView[] {
    return this.#targets.map((target) => this.#viewOf(target))
  }

  /** Sends a test message at once. @returns  null: there is nobody of that name */
  async test(id: string): Promise<NotifyTargetView | null> {
    const target = this.#targets.find(({ wanted }) => wanted.id === id)
    if (!target) return null
    const now = this.#deps.clock.now()
    const delivery = `test-${now}`
    const done = await target.send({ id: delivery, body: testMessage(this.#deps.gateway, delivery, now), at: now })
    const progress = this.#of(id)
    progress.error = done.ok ? null : done.error
    if (done.ok) {
      // What waits need not wait for the end of a pause.
      progress.failures = 0
      progress.nextAt = Number.NEGATIVE_INFINITY
      progress.lastSentAt = now
    }
    return this.#viewOf(target)
  }

  /** Sends what is due; to be called every second. */
  async tick(): Promise<void> {
    if (this.#isStopping) return
    const telling = Promise.all(this.#targets.map((target) => this.#tell(target))).then(() => undefined)
    this.#underWay.add(telling)
    try {
      await telling
    } finally {
      this.#underWay.delete(telling)
    }
  }

  /** Begins nothing any more. A message that nobody has taken after so long is broken off; what it was about is told after the next start. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true
    const timer = setTimeout(() => this.#stopped.abort(), withinMs)
    await Promise.allSettled(this.#underWay)
    clearTimeout(timer)
    this.#stopped.abort()
  }

  /** Gives up what has waited too long, and what waits for nobody. */
  tidy(): void {
    const { clock, file, log } = this.#deps
    file.dropNoticesBut(this.#targets.map(({ wanted }) => wanted.id))
    for (const { wanted } of this.#targets) {
      const dropped = file.dropOldNotices(wanted.id, clock.now() - this.#config.keepMs)
      this.#of(wanted.id).dropped += dropped
      if (dropped > 0) log('warn', `${wanted.id} could not be told of ${many(dropped, 'change')} of cases for too long; they are given up`)
    }
  }

  #webhook(config: WebhookConfig): Target {
    const send = this.#deps.webhook ?? sendWebhook
    const to = URL.canParse(config.url) ? new URL(config.url).origin : ''
    return { wanted: config, kind: 'webhook', to, send: (delivery) => send(config, delivery) }
  }

  #mqtt(config: NotifyMqttConfig): Target {
    const topic = config.topic.replaceAll('{gateway}', () => this.#deps.gateway)
    const send = ({ body }: Delivery) => this.#deps.publish(config.broker, topic, body)
    return { wanted: config, kind: 'mqtt', to: `${config.broker} ${topic}`, send }
  }

  async #tell({ wanted: { id }, send }: Target): Promise<void> {
    const { clock, file, gateway, log } = this.#deps
    const progress = this.#of(id)
    if (progress.isBusy || clock.monotonic() < progress.nextAt) return
    const due = this.#due(id, progress)
    const [first] = due
    const last = due.at(-1)
    if (!first || !last) return
    const told = due.flatMap(({ seq }): Told[] => {
      const line = file.line(seq)
      const stored = line && file.get(line.num)
      return line && stored ? [{ line, stored }] : []
    })
    progress.isBusy = true
    try {
      const delivery = `${gateway}-${first.id}-${last.id}`
      const now = clock.now()
      const done = await this.#sent(
        send({ id: delivery, body: messageOf(gateway, delivery, told, now), at: now, signal: this.#stopped.signal }),
      )
      // Broken off: the file may be closed by now.
      if (done === null) return
      progress.trying = new Set(done.ok ? [] : due.map((one) => one.id))
      progress.error = done.ok ? null : done.error
      if (done.ok) {
        file.dropNotices(due.map((one) => one.id))
        if (progress.failures > 0) log('info', `${id} is told of cases again`)
        progress.sent++
        progress.failures = 0
        progress.lastSentAt = now
      } else {
        // Said once; what waits is counted.
        if (progress.failures === 0) log('warn', `${id} cannot be told of cases: ${explain(done.error)}`)
        progress.failed++
        progress.nextAt = clock.monotonic() + Math.min(LONGEST_MS, BACK_OFF_MS * 2 ** progress.failures)
        progress.failures++
      }
    } finally {
      progress.isBusy = false
    }
  }

  /** How it went; null: it was broken off. */
  async #sent(sending: Promise<Result<void>>): Promise<Result<void> | null> {
    const { signal } = this.#stopped
    return new Promise((done, failed) => {
      const breakOff = () => done(null)
      signal.addEventListener('abort', breakOff, { once: true })
      sending.then(done, failed).finally(() => signal.removeEventListener('abort', breakOff))
    })
  }

  /** What is to be told now: gathered for as long as is wanted, in quiet hours only what may disturb. */
  #due(id: string, { trying }: Progress): readonly Notice[] {
    const { clock, file } = this.#deps
    const now = clock.now()
    const allowed = file.notices(id, MOST_AT_ONCE, this.#isQuiet(now) ? 1 : 0)
    const again = allowed.filter((one) => trying.has(one.id))
    if (trying.size > 0 && again.length === trying.size) return again
    const [first] = allowed
    return first && (now - first.at >= this.#config.digestMs || allowed.length >= MOST_AT_ONCE) ? allowed : []
  }

  #isQuiet(now: number): boolean {
    const { quiet } = this.#config
    if (quiet === null) return false
    const minute = minuteOfDay(now, this.#deps.zone)
    const { fromMin, toMin } = quiet
    return fromMin < toMin ? minute >= fromMin && minute < toMin : minute >= fromMin || minute < toMin
  }

  #of(id: string): Progress {
    const known = this.#progress.get(id) ?? fresh()
    this.#progress.set(id, known)
    return known
  }

  #viewOf({ wanted: { id }, kind, to }: Target): NotifyTargetView {
    const { sent, failed, dropped, lastSentAt, error } = this.#of(id)
    const why = error && { code: error.code, message: error.message, hint: error.hint }
    return { id, kind, to, waiting: this.#deps.file.noticeCount(id), sent, failed, dropped, lastSentAt, error: why }
  }
}

const wants = ({ events, least, kinds, zones }: Wanted, what: string, { one, zone }: StoredCase): boolean =>
  events.some((event) => event === what) &&
  rankOf(one.severity) >= rankOf(least) &&
  (kinds === null || kinds.includes(one.kind)) &&
  (zones === null || (zone !== null && zones.includes(zone)))
