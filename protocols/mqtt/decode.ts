import { nothingPushed, type PushMessage, type PushOutcome } from '../../src/core/push.ts'
import { type GatewayError, ok, type Result } from '../../src/core/result.ts'
import type { Mapping, Rule } from './compiled.ts'
import { errorOf, fail } from './errors.ts'
import { type Json, parseJson } from './json.ts'
import { fits, type PushEnvironment, runRule } from './run.ts'
import { LONGEST_TOPIC } from './topic.ts'

/** A rule that takes a message, and what its topic says. */
export interface Taker {
  readonly mapping: Mapping
  readonly rule: Rule
  readonly captures: Readonly<Record<string, string>>
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Turns a message into what it means, by the first rule of the first mapping that fits. Total: nothing here throws, waits or
 * recurses with the message.
 *
 * @param sparkplug  takes messages of rules with payload sparkplug, which need a memory
 */
export const decodeMessage = (
  mappings: readonly Mapping[],
  message: PushMessage,
  environment: PushEnvironment,
  sparkplug: (taker: Taker, message: PushMessage) => PushOutcome = () => ({ ...nothingPushed, discard: 'no-rule' }),
): PushOutcome => {
  const { topic, payload } = message
  if (topic.length > LONGEST_TOPIC)
    return refused(errorOf('MQTT_TOPIC', `the topic has ${topic.length} characters, ${LONGEST_TOPIC} are the most that is looked at`))
  if (topic.startsWith('$SYS/')) return { ...nothingPushed, discard: 'system-topic' }
  // Deletion of a retained message. @source MQTT 3.1.1, 3.3.1.3 RETAIN
  if (payload.length === 0) return { ...nothingPushed, discard: 'empty-payload' }
  const takers = takersOf(mappings, topic)
  const read = new PayloadReader(payload)
  let unreadable: PushOutcome | null = null
  for (const taker of takers) {
    const { mapping, rule, captures } = taker
    if (rule.payload === 'sparkplug') return sparkplug(taker, message)
    const value = read.as(rule.payload)
    if (!value.ok) {
      // Another rule may want it as text or as bytes.
      unreadable ??= { ...refused(value.error), rule: rule.name }
      continue
    }
    if (fits(rule, value.value, captures)) return runRule(mapping, rule, message, value.value, captures, environment)
  }
  return unreadable ?? { ...nothingPushed, discard: takers.length > 0 ? 'no-rule' : 'no-topic' }
}

/** Topics whose rules are known, by the list of mappings: meters say the same topic again and again. */
const known = new WeakMap<readonly Mapping[], Map<string, readonly Taker[]>>()
const MOST_TOPICS = 10_000

/** The rules whose topic fits, in their order. */
const takersOf = (mappings: readonly Mapping[], topic: string): readonly Taker[] => {
  let topics = known.get(mappings)
  if (!topics) {
    topics = new Map()
    known.set(mappings, topics)
  }
  const before = topics.get(topic)
  if (before) return before
  const levels = topic.split('/')
  const takers = mappings.flatMap((mapping) =>
    mapping.rules.flatMap((rule): Taker[] => {
      const captures = rule.topic.match(levels)
      return captures === null ? [] : [{ mapping, rule, captures }]
    }),
  )
  if (topics.size >= MOST_TOPICS) topics.clear()
  topics.set(topic, takers)
  return takers
}

/** A payload in the forms that rules ask for, each worked out once. */
class PayloadReader {
  readonly #payload: Uint8Array
  #text: Result<string> | null = null
  #json: Result<Json> | null = null

  constructor(payload: Uint8Array) {
    this.#payload = payload
  }

  as(form: 'json' | 'text' | 'raw'): Result<Json> {
    if (form === 'raw') return NOTHING
    this.#text ??= textOf(this.#payload)
    if (form === 'text' || !this.#text.ok) return this.#text
    this.#json ??= parseJson(this.#text.value)
    return this.#json
  }
}
const NOTHING = ok('')

const refused = (error: GatewayError): PushOutcome => ({ ...nothingPushed, refused: error })

const textOf = (payload: Uint8Array): Result<string> => {
  try {
    return ok(UTF8.decode(payload))
  } catch {
    return fail('MQTT_UTF8', 'the payload is no UTF-8 text')
  }
}
