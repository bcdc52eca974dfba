import { appendFile } from 'node:fs'
import { connect, type MqttClient } from 'mqtt'
import type { Field } from '../answering.ts'
import { EPOCH } from '../calendar.ts'
import { fraction, numberOf } from '../random.ts'
import type { TruthValue } from '../truth.ts'
import { FAMILIES } from './families.ts'
import type { Device, Draft, FamilyId, Report, Talk } from './family.ts'
import { spoilPush } from './faulty.ts'
import type { Shown } from './json.ts'

export interface PublisherOptions {
  readonly url: string
  readonly field: Field
  /** Line id for faults and logs. */
  readonly line: string
  readonly family: FamilyId
  /** Meters that share this connection. */
  readonly devices: readonly Device[]
  /** Time between two reports, village milliseconds. */
  readonly everyMs: number
  /** In front of the client id, so that two villages can share a broker. */
  readonly prefix?: string
}

/** A connection that publishes until it is closed. */
export interface Publisher {
  /** Messages the broker has confirmed (QoS 1) or that have left (QoS 0). */
  readonly sent: () => number
  /** Says something now, out of turn. */
  report(): void
  close(): Promise<void>
}

const RECONNECT_MS = 500
/** Faster than this nobody publishes, however fast the village is. */
const LEAST_PAUSE_MS = 20
/** A broker that takes nothing gets no more than so many messages of one connection. */
const MOST_UNCONFIRMED = 200

/**
 * Publishes what its meters show: each value is in the truth log, synced, before its message leaves. While there is no broker nothing is
 * said and nothing logged; what had been logged is sent when it is back (QoS 1).
 */
export const startPublisher = (options: PublisherOptions): Publisher => {
  const { field, line, family, devices, url, everyMs } = options
  const { clock } = field
  const talk: Talk = FAMILIES[family].talk(devices)
  const startedAt = clock.now()
  const numbers = new Map<string, number>()
  let sent = 0
  let unconfirmed = 0
  let closing = false

  const look = (device: Device, at: number): Report => {
    const number = numbers.get(device.meter) ?? 0
    return { device, at, own: at + clockError(device, at), number, has: () => true }
  }
  const tell = (device: Device, at: number): Report => {
    const report = look(device, at)
    numbers.set(device.meter, report.number + 1)
    return report
  }
  /** Whole seconds: what every form of time can carry. */
  const nowWhole = (): number => Math.floor(clock.now() / 1000) * 1000

  const first = devices[0]?.meter ?? line
  const seed = numberOf(first)
  const willOf = (): { topic: string; payload: Buffer; qos: 0 | 1; retain: boolean } | undefined => {
    const will = talk.will(nowWhole())
    return will ? { topic: will.topic, payload: Buffer.from(will.payload), qos: will.qos, retain: will.retain } : undefined
  }
  const will = willOf()
  const client: MqttClient = connect(url, {
    clientId: `${options.prefix ?? 'sim'}-${family}-${first}`,
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: 5000,
    queueQoSZero: false,
    resubscribe: false,
    ...(will && { will }),
  })
  // Without a listener a refused connection would end the process; the client tries again by itself.
  client.on('error', () => {})
  // Each session has a last will of its own.
  client.on('reconnect', () => {
    const next = willOf()
    if (next) client.options.will = next
  })

  const publish = ({ topic, payload, qos, retain }: Draft): void => {
    unconfirmed++
    client.publish(topic, Buffer.from(payload), { qos, retain }, (error) => {
      unconfirmed--
      if (!error) sent++
    })
  }
  const say = (draft: Draft, at: number, fault: string | null, delayMs = 0): void => {
    const go = (): void => {
      if (closing) return
      if (delayMs === 0) publish(draft)
      else setTimeout(() => !closing && publish(draft), delayMs)
    }
    const meters = [...new Set(draft.said.map(({ meter }) => meter))]
    // Nothing to log still waits its turn, so that messages keep their order.
    if (meters.length === 0) meters.push(first)
    // The log releases in order: the last one's turn is everybody's.
    for (const [index, meter] of meters.entries())
      field.truth.said(at, meter, draft.said.flatMap(truthOf(meter)), fault, index === meters.length - 1 ? go : () => {})
  }

  const hello = (): void => {
    const at = nowWhole()
    for (const draft of talk.hello(devices.map((device) => look(device, at)))) say(draft, at, null)
  }
  const report = (): void => {
    if (closing || !client.connected || unconfirmed > MOST_UNCONFIRMED) return
    if (!talk.ready()) {
      hello()
      return
    }
    const at = nowWhole()
    const calm: Device[] = []
    for (const device of devices) {
      const faults = field.desk.draw(line, device.meter, at, 'pushes')
      if (faults.length === 0) {
        calm.push(device)
        continue
      }
      const { drafts, names, delayMs } = spoilPush(talk, tell, device, at, startedAt, faults)
      if (names.length > 0) strikeNote(field, at, device.meter, line, names)
      for (const draft of drafts) say(draft, draft.at ?? at, names.join('+') || null, delayMs)
    }
    for (const draft of talk.report(calm.map((device) => tell(device, at)))) say(draft, at, null)
  }

  client.on('connect', () => {
    const begin = (): void => {
      hello()
      if (talk.ready()) report()
    }
    // An answer must find a listener: first subscribed, then spoken.
    if (talk.filters.length > 0) client.subscribe([...talk.filters], { qos: 1 }, (error) => !error && begin())
    else begin()
  })
  client.on('message', (topic, payload) => {
    const wanted = talk.hear(topic, payload)
    if (wanted === 'hello') hello()
    if (wanted === 'report') report()
  })

  const pauseMs = Math.max(LEAST_PAUSE_MS, everyMs / clock.speed)
  // Neighbours do not speak in the same instant.
  let timer: NodeJS.Timeout = setTimeout(
    () => {
      report()
      timer = setInterval(report, pauseMs)
    },
    pauseMs * (0.1 + 0.9 * fraction(seed, 31)),
  )
  return {
    sent: () => sent,
    report,
    close: async () => {
      closing = true
      clearTimeout(timer)
      clearInterval(timer)
      await client.endAsync(!client.connected || unconfirmed > 0)
    },
  }
}

/** Real devices that push keep the time of a server: only an ordered clock fault shows, not the small error of a clock by itself. */
const clockError = ({ instrument }: Device, at: number): number => {
  const error = instrument.ownTime(at) - at
  return error === instrument.ownTime(EPOCH) - EPOCH ? 0 : Math.round(error / 1000) * 1000
}

const truthOf =
  (meter: string) =>
  (value: Shown): TruthValue[] =>
    value.meter === meter ? [{ obis: value.obis, unit: value.unit, text: value.text, sent: hexOf(value.text), at: null, kind: 'live' }] : []
const hexOf = (text: string): string => Buffer.from(text).toString('hex').toUpperCase()

const strikeNote = (field: Field, at: number, meter: string, line: string, faults: readonly string[]): void => {
  if (field.faultLog === null) return
  appendFile(field.faultLog, `${JSON.stringify({ instant: new Date(at).toISOString(), meter, line, faults })}\n`, () => {})
}
