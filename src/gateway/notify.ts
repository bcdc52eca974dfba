import { rankOf } from '../anomaly/index.ts'
import type { HealthView, NotifyTargetView } from '../api/index.ts'
import {
  NOTIFY_TOPICS,
  type NotifyConfig,
  type NotifyMqttConfig,
  type NotifyTopic,
  type Wanted,
  type WebhookConfig,
} from '../config/index.ts'
import { type Clock, explain, type GatewayError, many, type Result } from '../core/index.ts'
import type { CaseListener } from './case-book.ts'
import type { CaseFile, Notice } from './case-file.ts'
import { minuteOfDay } from './notify-hours.ts'
import { messageOf, signedMessage, stateMessage, type Told, testMessage } from './notify-message.ts'
import { billingNews, healthNews, type News } from './notify-states.ts'
import { isByZone, notifyTopic } from './notify-topics.ts'
import { once, wants } from './notify-wants.ts'
import { type Delivery, sendWebhook, signatureOf } from './webhook.ts'

export interface NotifyDeps {
  readonly gateway: string
  /** IANA zone of quiet hours. */
  readonly zone: string
  readonly clock: Clock
  readonly file: CaseFile
  readonly log: (level: 'info' | 'warn', message: string) => void
  /** Sends through a broker of `publish`, QoS 1. */
  readonly publish: (broker: string, topic: string, body: string) => Promise<Result<void>>
  /** Newest number of a change of billing; 0: there is none. */
  readonly billing?: () => Promise<number>
  readonly health?: () => HealthView | Promise<HealthView>
  readonly webhook?: (config: WebhookConfig, delivery: Delivery) => Promise<Result<void>>
}

/** First wait after a failure and the longest, milliseconds; each is twice the one before. */
const BACK_OFF_MS = 5_000
const LONGEST_MS = 900_000
/** Changes told in one message at most. */
const MOST_AT_ONCE = 1_000

/** Between two looks at what is told as it stands: a row of changes is one message. */
const LOOK_MS = { billing: 3_000, health: 5_000 } as const
type StateTopic = keyof typeof LOOK_MS

/** Where somebody is, and how telling them goes. */
interface Target {
  readonly wanted: Wanted
  readonly kind: NotifyTargetView['kind']
  readonly to: string
  /** Cases of each zone go in messages of their own. */
  readonly byZone: boolean
  /** @param zone  of the cases in it, where each zone has its own */
  readonly send: (delivery: Delivery, zone: string | null) => Promise<Result<void>>
}

/** How telling somebody of one topic goes: what is not taken of one holds up no other. */
interface Lane {
  isBusy: boolean
  failures: number
  /** Not before then; of the clock that never steps. */
  nextAt: number
  error: GatewayError | null
}

/** What one message about cases is about. It lies on disk before it is sent, so that it is sent again as the same one, through a restart too. */
interface Batch {
  readonly key: string
  /** Of its cases, where each zone has messages of its own. */
  readonly zone: string | null
  readonly notices: readonly Pick<Notice, 'id' | 'seq'>[]
  /** Changes that it tells by their count alone. */
  readonly givenUp: number
}

interface Progress {
  readonly lanes: Readonly<Record<NotifyTopic, Lane>>
  sent: number
  failed: number
  dropped: number
  lastSentAt: number | null
}

const lane = (): Lane => ({ isBusy: false, failures: 0, nextAt: Number.NEGATIVE_INFINITY, error: null })
const fresh = (): Progress => ({
  ...{ sent: 0, failed: 0, dropped: 0, lastSentAt: null },
  lanes: { cases: lane(), billing: lane(), health: lane() },
})

/** What a lane is called in the log. */
const WORDS: Readonly<Record<NotifyTopic, string>> = { cases: 'cases', billing: 'changed figures of billing', health: 'the health' }

/**
 * Tells people of cases (告警推送), and of what is told as it stands: changed figures of billing and the health. What is to be told of cases lies in
 * the case book until somebody has taken it, and so does what was last told of the others: both outlive a restart. It is gathered into few
 * messages, waits in quiet hours, and is tried again with growing pauses.
 */
export class Notifier {
  readonly #deps: NotifyDeps
  readonly #progress = new Map<string, Progress>()
  #config: NotifyConfig
  #targets: readonly Target[] = []
  readonly #underWay = new Set<Promise<void>>()
  readonly #stopped = new AbortController()
  /** Topics that could not be looked at, said once. */
  readonly #trouble = new Set<StateTopic>()
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
      wants: (what, stored) => wanted.about.includes('cases') && wants(wanted, what, stored),
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
    const done = await target.send({ id: delivery, body: testMessage(this.#deps.gateway, delivery, now), at: now }, null)
    const progress = this.#of(id)
    for (const topic of NOTIFY_TOPICS) {
      const { [topic]: one } = progress.lanes
      if (topic === 'cases') one.error = done.ok ? null : done.error
      if (!done.ok) continue
      // What waits need not wait for the end of a pause.
      one.error = null
      one.failures = 0
      one.nextAt = Number.NEGATIVE_INFINITY
    }
    if (done.ok) progress.lastSentAt = now
    return this.#viewOf(target)
  }

  /** Sends what is due; to be called every second. */
  async tick(): Promise<void> {
    if (this.#isStopping) return
    const [billing, health] = [once(this.#deps.billing), once(this.#deps.health)]
    const telling = Promise.all(
      this.#targets.flatMap((target) => [
        this.#tellCases(target),
        this.#tellState(target, 'billing', async (told) => (billing ? billingNews(await billing(), told) : null)),
        this.#tellState(target, 'health', async (told) => (health ? healthNews(await health(), told) : null)),
      ]),
    ).then(() => undefined)
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
      const dropped = file.giveUpNotices(wanted.id, clock.now() - this.#config.keepMs, this.#config.keepMost)
      this.#of(wanted.id).dropped += dropped
      if (dropped > 0)
        log('warn', `${wanted.id} could not be told of ${many(dropped, 'change')} of cases for too long, or of too many; they are given up`)
    }
  }

  #webhook(config: WebhookConfig): Target {
    const send = this.#deps.webhook ?? sendWebhook
    return { wanted: config, kind: 'webhook', to: config.url.origin, byZone: false, send: (delivery) => send(config, delivery) }
  }

  #mqtt(config: NotifyMqttConfig): Target {
    const { secret, topic } = config
    const { gateway } = this.#deps
    const send = ({ id, body, at }: Delivery, zone: string | null) =>
      this.#deps.publish(
        config.broker,
        notifyTopic(topic, gateway, zone),
        secret ? signedMessage(id, signatureOf(secret.reveal(), Math.floor(at / 1000), body), body) : body,
      )
    return {
      wanted: config,
      kind: 'mqtt',
      to: `${config.broker} ${topic.replaceAll('{gateway}', () => gateway)}`,
      byZone: isByZone(topic),
      send,
    }
  }

  async #tellCases(target: Target): Promise<void> {
    const { clock } = this.#deps
    const { cases } = this.#of(target.wanted.id).lanes
    if (cases.isBusy || clock.monotonic() < cases.nextAt) return
    // Zones wait for each other no longer than it takes to tell them.
    for (let isTold = true; isTold; ) {
      const batch = this.#batch(target)
      isTold = batch !== null && (await this.#tellBatch(target, batch)) && target.byZone && !this.#isStopping
    }
  }

  /** @returns  whether it was taken */
  async #tellBatch(target: Target, batch: Batch): Promise<boolean> {
    const { clock, file, gateway } = this.#deps
    const { id } = target.wanted
    const { key, zone, notices, givenUp } = batch
    const now = clock.now()
    const told = notices.flatMap(({ seq }): Told[] => {
      const line = file.line(seq)
      const stored = line && file.get(line.num)
      return line && stored ? [{ line, stored }] : []
    })
    const delivery = `${gateway}-${key}`
    const body = messageOf(gateway, delivery, told, now, givenUp)
    file.setTold(id, 'trying', JSON.stringify(batch))
    const done = await this.#deliver(target, 'cases', { id: delivery, body, at: now }, zone)
    if (done)
      file.taken(
        id,
        notices.map((one) => one.id),
        givenUp,
      )
    return done === true
  }

  async #tellState(target: Target, topic: StateTopic, look: (told: string | null) => Promise<News | null>): Promise<void> {
    const { clock, file, gateway, log } = this.#deps
    const { id, about } = target.wanted
    const { [topic]: of } = this.#of(id).lanes
    if (!about.includes(topic) || of.isBusy || clock.monotonic() < of.nextAt) return
    of.nextAt = clock.monotonic() + LOOK_MS[topic]
    let news: News | null
    of.isBusy = true
    try {
      news = await this.#orStopped(look(file.told(id, topic)))
      this.#trouble.delete(topic)
    } catch (error) {
      if (!this.#trouble.has(topic))
        log('warn', `nobody can be told of ${WORDS[topic]}: ${error instanceof Error ? error.message : String(error)}`)
      this.#trouble.add(topic)
      return
    } finally {
      of.isBusy = false
    }
    const now = clock.now()
    if (news === null || this.#isStopping || (this.#isQuiet(now) && !(news.isUrgent && this.#mayDisturb(topic)))) return
    const delivery = `${gateway}-${news.key}`
    const done = await this.#deliver(target, topic, { id: delivery, body: stateMessage(gateway, delivery, news, now), at: now })
    if (done) file.setTold(id, topic, news.told)
  }

  /** Figures of billing are told to machines; a part that fails is as bad as a critical case. */
  #mayDisturb(topic: StateTopic): boolean {
    return topic === 'billing' || this.#config.quiet?.breakThrough !== 'none'
  }

  /** Sends one message. @returns  whether it was taken; null: it was broken off, and the file may be closed by now */
  async #deliver(
    { wanted: { id }, send }: Target,
    topic: NotifyTopic,
    delivery: Delivery,
    zone: string | null = null,
  ): Promise<boolean | null> {
    const { clock, log } = this.#deps
    const progress = this.#of(id)
    const { [topic]: of } = progress.lanes
    of.isBusy = true
    try {
      const done = await this.#orStopped(send({ ...delivery, signal: this.#stopped.signal }, zone))
      if (done === null) return null
      of.error = done.ok ? null : done.error
      if (done.ok) {
        if (of.failures > 0) log('info', `${id} is told of ${WORDS[topic]} again`)
        progress.sent++
        of.failures = 0
        progress.lastSentAt = delivery.at
      } else {
        // Said once; what waits is counted.
        if (of.failures === 0) log('warn', `${id} cannot be told of ${WORDS[topic]}: ${explain(done.error)}`)
        progress.failed++
        of.nextAt = clock.monotonic() + Math.min(LONGEST_MS, BACK_OFF_MS * 2 ** of.failures)
        of.failures++
      }
      return done.ok
    } finally {
      of.isBusy = false
    }
  }

  /** What became of it; null: it was broken off. */
  async #orStopped<T>(sending: Promise<T>): Promise<T | null> {
    const { signal } = this.#stopped
    return new Promise((done, failed) => {
      const breakOff = () => done(null)
      signal.addEventListener('abort', breakOff, { once: true })
      sending.then(done, failed).finally(() => signal.removeEventListener('abort', breakOff))
    })
  }

  /** What is to be told now: gathered for as long as is wanted, in quiet hours only what may disturb. Null: nothing. */
  #batch({ wanted: { id }, byZone }: Target): Batch | null {
    const { clock, file } = this.#deps
    const now = clock.now()
    const isQuiet = this.#isQuiet(now)
    const allowed = file.notices(id, MOST_AT_ONCE, isQuiet ? 1 : 0)
    const trying = this.#trying(id)
    const waits = new Set(allowed.map((one) => one.id))
    if (trying && (trying.notices.length > 0 ? trying.notices.every((one) => waits.has(one.id)) : !isQuiet)) return trying
    const lost = Number(file.told(id, 'given-up') ?? 0)
    // What was given up is of no zone. Elsewhere it goes with the next message, and alone when there is none.
    if (lost > 0 && !isQuiet && (byZone || file.noticeCount(id) === 0))
      return { key: `given-up-${file.newestSeq()}-${lost}`, zone: null, notices: [], givenUp: lost }
    const [oldest] = allowed
    if (!oldest || (now - oldest.at < this.#config.digestMs && allowed.length < MOST_AT_ONCE)) return null
    const zone = byZone ? this.#zoneOf(oldest) : null
    const due = byZone ? allowed.filter((one) => this.#zoneOf(one) === zone) : allowed
    return {
      key: `${oldest.id}-${due.at(-1)?.id}`,
      zone,
      notices: due.map(({ id: one, seq }) => ({ id: one, seq })),
      givenUp: byZone ? 0 : lost,
    }
  }

  /** The message that nobody is known to have taken. */
  #trying(id: string): Batch | null {
    const kept = this.#deps.file.told(id, 'trying')
    if (kept === null) return null
    const batch: Batch = JSON.parse(kept)
    return batch
  }

  #zoneOf({ seq }: Notice): string | null {
    const { file } = this.#deps
    const line = file.line(seq)
    return (line && file.get(line.num)?.zone) ?? null
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

  #viewOf({ wanted: { id, about }, kind, to }: Target): NotifyTargetView {
    const { lanes, sent, failed, dropped, lastSentAt } = this.#of(id)
    const error = NOTIFY_TOPICS.map((topic) => lanes[topic].error).find((one) => one !== null) ?? null
    const why = error && { code: error.code, message: error.message, hint: error.hint }
    return { id, kind, to, about, waiting: this.#deps.file.noticeCount(id), sent, failed, dropped, lastSentAt, error: why }
  }
}
