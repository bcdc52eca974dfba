import {
  decimalText,
  type GatewayError,
  ok,
  qualityNames,
  type Reading,
  type Result,
  type Sink,
  type SinkAnswer,
  scalerAt,
} from '../core/index.ts'
import type { After } from './devices.ts'
import { fail, type PushError, textOf } from './errors.ts'
import { type TopicOf, topicTemplate } from './topic-template.ts'

export interface PublishTerms {
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
}

export interface PublishSinkOptions extends PublishTerms {
  readonly id: string
  /** What `{gateway}` stands for in a template. */
  readonly gateway: string
  readonly topic: string
  /** Template for readings of the measurement `event`; without it they go where the others go. */
  readonly eventTopic?: string
  /** Resolves when the broker has it, by the rules of its QoS. `recovery: 'skip'` in an error means: never this one. */
  readonly publish: (topic: string, payload: Uint8Array, terms: PublishTerms) => Promise<Result<void>>
  /** What is not to go out. It counts as stored. */
  readonly filter?: (reading: Reading) => boolean
  /** For a whole batch. */
  readonly deadlineMs?: number
  readonly after: After
}

const BATCH = 200
const UNDERWAY = 100
const DEADLINE_MS = 20_000

/**
 * A sink that publishes readings as JSON. At least once: a batch that was not acknowledged as a whole comes again as a whole.
 *
 * @errors PUSH_TEMPLATE
 */
export const publishSink = (options: PublishSinkOptions): Result<Sink, PushError> => {
  const { id, gateway, topic, eventTopic, filter = () => true, after, deadlineMs = DEADLINE_MS } = options
  const topicOf = topicTemplate(topic, gateway)
  if (!topicOf.ok) return topicOf
  const eventTopicOf = eventTopic === undefined ? topicOf : topicTemplate(eventTopic, gateway)
  if (!eventTopicOf.ok) return eventTopicOf
  let isClosed = false
  const send = sender(options, topicOf.value, eventTopicOf.value)

  const write = async (readings: readonly Reading[]): Promise<SinkAnswer> => {
    if (isClosed) return { kind: 'later', waitMs: null, error: fail('PUSH_CLOSED', `${id} is closed`, { id }).error }
    const dead: { index: number; error: GatewayError }[] = []
    let failure: GatewayError | null = null
    let next = 0
    const lane = async () => {
      while (failure === null && next < readings.length) {
        const index = next++
        const reading = readings[index]!
        const error = filter(reading) ? await send(reading) : null
        if (error?.recovery === 'skip') dead.push({ index, error })
        else failure ??= error
      }
    }
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = after(deadlineMs, () => {
        failure ??= fail('PUSH_PUBLISH', `${id}: ${readings.length} readings were not acknowledged in ${deadlineMs} ms`, { id }).error
        resolve()
      })
    })
    try {
      await Promise.race([Promise.all(Array.from({ length: UNDERWAY }, lane)), late])
    } finally {
      cancel()
    }
    return failure === null ? { kind: 'stored', dead: dead.toSorted((a, b) => a.index - b.index) } : putOff(failure)
  }

  return ok({
    id,
    batch: BATCH,
    write: (readings) => write(readings).catch((error: unknown) => putOff(fail('PUSH_PUBLISH', `${id}: ${textOf(error)}`, { id }).error)),
    close: async () => {
      isClosed = true
    },
  })
}

const putOff = (error: GatewayError): SinkAnswer =>
  error.recovery === 'stop' ? { kind: 'stop', error } : { kind: 'later', waitMs: null, error }

/** Publishes one reading. @returns why not, null when the broker has it */
const sender =
  ({ id, qos, retain, publish }: PublishSinkOptions, topicOf: TopicOf, eventTopicOf: TopicOf) =>
  async (reading: Reading): Promise<GatewayError | null> => {
    const topic = (reading.series.measurement === 'event' ? eventTopicOf : topicOf)(reading)
    if (!topic.ok) return topic.error
    const payload = readingPayload(reading)
    if (!payload.ok) return payload.error
    try {
      const sent = await publish(topic.value, payload.value, { qos, retain })
      return sent.ok ? null : sent.error
    } catch (error) {
      return fail('PUSH_PUBLISH', `${id}, topic ${topic.value.slice(0, 200)}: ${textOf(error)}`, { id }).error
    }
  }

/**
 * A reading as JSON: its tags, times in ISO 8601 UTC, values as decimal text in which no digit is lost, and the absent ones with the
 * code of their reason. Registers are as displayed, the ratio stands beside them.
 *
 * @errors PUSH_READING
 */
export const readingPayload = (reading: Reading): Result<Uint8Array, PushError> => {
  const { series, shape, raws, absent, ratio, measuredAt, receivedAt, quality } = reading
  const values = shape.columns.flatMap(({ field, obis, unit }, at) => {
    const raw = raws[at]
    return raw === null || raw === undefined ? [] : [{ field, obis, unit, value: decimalText(raw, scalerAt(reading, at)) }]
  })
  const missing = shape.columns.flatMap(({ field }, at) => (raws[at] == null ? [[field, absent?.get(at) ?? 'NOT_READ']] : []))
  try {
    const json = {
      meter: '-',
      point: '-',
      area: '-',
      ...series.tags,
      measurement: series.measurement,
      source: series.tags.source ?? '-',
      measuredAt: new Date(measuredAt).toISOString(),
      receivedAt: new Date(receivedAt).toISOString(),
      ratio,
      quality: qualityNames(quality),
      values,
      absent: Object.fromEntries(missing),
    }
    return ok(Buffer.from(JSON.stringify(json)))
  } catch (error) {
    return fail('PUSH_READING', `${series.key.slice(0, 200)} at ${measuredAt}: ${textOf(error)}`, { measuredAt })
  }
}

/** What a gateway says of itself on a retained topic; its will says `offline`. */
export interface HealthParts {
  readonly gateway: string
  readonly version: string
  readonly state: 'online' | 'stopping' | 'offline'
  /** Milliseconds since 1970 UTC; null in a will, which is sent at a time nobody knows yet. */
  readonly at: number | null
  /** Figures of the rooms, as they are: depth of the outbox, devices heard. */
  readonly figures?: Readonly<Record<string, string | number | boolean | null>>
}

export const healthPayload = ({ gateway, version, state, at, figures = {} }: HealthParts): Uint8Array =>
  Buffer.from(JSON.stringify({ gateway, version, state, at: at === null ? null : new Date(at).toISOString(), figures }))
