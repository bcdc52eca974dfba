import { nothingPushed, type PushMessage, type PushOutcome } from '../../src/core/push.ts'
import type { GatewayError } from '../../src/core/result.ts'
import type { Mapping, Rule } from './compiled.ts'
import { errorOf } from './errors.ts'
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
  const levels = topic.split('/')
  let json: Json | undefined
  let text: string | undefined
  let wasMatched = false
  for (const mapping of mappings)
    for (const rule of mapping.rules) {
      const captures = rule.topic.match(levels)
      if (captures === null) continue
      wasMatched = true
      // Deletion of a retained message. @source MQTT 3.1.1, 3.3.1.3 RETAIN
      if (payload.length === 0) return { ...nothingPushed, discard: 'empty-payload' }
      if (rule.payload === 'sparkplug') return sparkplug({ mapping, rule, captures }, message)
      let value: Json = ''
      if (rule.payload !== 'raw') {
        if (text === undefined) {
          const read = textOf(payload)
          if (typeof read !== 'string') return { ...refused(read), rule: rule.name }
          text = read
        }
        value = text
      }
      if (rule.payload === 'json') {
        if (json === undefined) {
          const parsed = parseJson(text ?? '')
          if (!parsed.ok) return { ...refused(parsed.error), rule: rule.name }
          json = parsed.value
        }
        value = json
      }
      if (fits(rule, value, captures)) return runRule(mapping, rule, message, value, captures, environment)
    }
  if (payload.length === 0) return { ...nothingPushed, discard: 'empty-payload' }
  return { ...nothingPushed, discard: wasMatched ? 'no-rule' : 'no-topic' }
}

const refused = (error: GatewayError): PushOutcome => ({ ...nothingPushed, refused: error })

const textOf = (payload: Uint8Array): string | GatewayError => {
  try {
    return UTF8.decode(payload)
  } catch {
    return errorOf('MQTT_UTF8', 'the payload is no UTF-8 text')
  }
}
