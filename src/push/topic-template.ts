import { ok, type Reading, type Result } from '../core/index.ts'
import { fail, type PushError } from './errors.ts'

/** Makes the topic of a reading. */
export type TopicOf = (reading: Pick<Reading, 'series'>) => Result<string, PushError>

const NAMES = ['gateway', 'measurement', 'meter', 'point', 'area', 'source', 'code'] as const

/** @source MQTT 3.1.1, 1.5.3 UTF-8 encoded strings: a length of two bytes */
const LONGEST_TOPIC = 65_535

/**
 * Reads a topic template such as `{gateway}/readings/{measurement}/{meter}`.
 *
 * @param gateway  what `{gateway}` stands for
 * @errors         PUSH_TEMPLATE; the function it gives back: PUSH_TOPIC
 */
export const topicTemplate = (template: string, gateway: string): Result<TopicOf, PushError> => {
  const wrong = (why: string) => fail('PUSH_TEMPLATE', `topic template ${JSON.stringify(template)}: ${why}`, { template })
  if (template === '') return wrong('it is empty')
  const parts = template.split(/\{([^{}]*)\}/)
  const unknown = parts.find((part, at) => at % 2 === 1 && !NAMES.some((name) => name === part))
  if (unknown !== undefined) return wrong(`{${unknown}} is none of ${NAMES.map((name) => `{${name}}`).join(' ')}`)
  const plain = parts.filter((_, at) => at % 2 === 0)
  if (plain.some((text) => /[{}]/.test(text))) return wrong('a brace without its partner')
  if (plain.some((text) => /[+#\p{Cc}]/u.test(text))) return wrong('+, # and control characters are not allowed in the topic of a message')
  if (template.startsWith('$')) return wrong('topics that begin with $ belong to the broker')
  return ok(({ series }) => {
    const values: Readonly<Record<string, string>> = { ...series.tags, gateway, measurement: series.measurement }
    const topic = parts.map((part, at) => (at % 2 === 0 ? part : topicLevel(values[part] ?? ''))).join('')
    const bytes = Buffer.byteLength(topic)
    return bytes > LONGEST_TOPIC ? fail('PUSH_TOPIC', `a topic of ${bytes} bytes for ${series.key.slice(0, 200)}`, { bytes }) : ok(topic)
  })
}

/**
 * A name as one level of a topic: what MQTT gives a meaning is percent-encoded, and the percent sign too, so that two names never
 * become one; an empty name is `-`.
 *
 * @source MQTT 3.1.1, 4.7 topic names and topic filters; 1.5.3 on control characters
 */
export const topicLevel = (name: string): string =>
  name === '' ? '-' : name.replace(/\p{Cs}/gu, '\uFFFD').replace(/[/+#%\p{Cc}\u{FFFE}\u{FFFF}]|^\$/gu, encodeURIComponent)
