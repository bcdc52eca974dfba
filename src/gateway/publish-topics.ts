import { topicLevel } from '../push/index.ts'

/** Measurements of readings, and of findings: what `{measurement}` can stand for. */
const MEASURED = { readings: ['register', 'instant', 'comm'], findings: ['event'] } as const

/**
 * Whether an MQTT filter would bring a message that a topic template makes. What the ledger and the messages name is not known here:
 * `{meter}` may be any word.
 *
 * @param template  has passed `topicTemplate`
 * @source          MQTT 3.1.1, 4.7.1 topic wildcards
 */
export const brings = (filter: string, template: string, of: keyof typeof MEASURED, gateway: string): boolean =>
  MEASURED[of].some((measurement) => {
    const topic = template.replaceAll('{gateway}', () => topicLevel(gateway)).replaceAll('{measurement}', measurement)
    return couldBring(filter, topic)
  })

/** Whether a filter would bring a message of a topic whose names in braces may be any word. */
export const couldBring = (filter: string, topic: string): boolean => fits(filter.split('/'), topic.split('/'))

const fits = (filter: readonly string[], topic: readonly string[]): boolean => {
  const isOpen = filter.at(-1) === '#'
  // "a/#" also brings "a".
  if (isOpen ? topic.length < filter.length - 1 : topic.length !== filter.length) return false
  return filter.every((word, at) => word === '#' || word === '+' || couldBe(topic[at] ?? '', word))
}

/** Whether a level of a template can become this word. */
const couldBe = (level: string, word: string): boolean => {
  const open = level.indexOf('{')
  if (open < 0) return level === word
  const [before, after] = [level.slice(0, open), level.slice(level.lastIndexOf('}') + 1)]
  return word.length > before.length + after.length && word.startsWith(before) && word.endsWith(after)
}
