import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LONGEST_TOPIC, parseNamePattern, parsePattern } from '../../../protocols/mqtt/topic.ts'

const matched = (pattern: string, topic: string): Readonly<Record<string, string>> | null => {
  const parsed = parsePattern(pattern)
  if (typeof parsed === 'string') throw new Error(`${pattern} ${parsed}`)
  const captures = parsed.match(topic.split('/'))
  return captures && { ...captures }
}

/** MQTT 3.1.1, 4.7, written down again level by level. */
const naive = (filter: readonly string[], topic: readonly string[]): boolean => {
  const [head, ...rest] = filter
  if (head === undefined) return topic.length === 0
  if (head === '#') return true
  const [first, ...more] = topic
  return first !== undefined && (head === '+' || head === first) && naive(rest, more)
}

describe('a filter', () => {
  const level = fc.constantFrom('a', 'b', '', '$SYS', 'a b')
  it('takes the topics that MQTT says', () =>
    fc.assert(
      fc.property(
        fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }),
        fc.boolean(),
        fc.array(level, { minLength: 1, maxLength: 5 }),
        (levels, hasRest, topic) => {
          const filter = hasRest ? [...levels, '#'] : levels
          if (filter.join('/') === '') return
          const wild = filter[0] === '+' || filter[0] === '#'
          expect(matched(filter.join('/'), topic.join('/')) !== null).toBe(naive(filter, topic) && !(wild && topic[0]?.startsWith('$')))
        },
      ),
      { numRuns: 3000 },
    ))
  it.each([
    ['sport/#', 'sport', {}],
    ['#', '/finance', {}],
    ['+/+', '/finance', {}],
    ['+', '/finance', null],
    ['#', '$SYS/broker/uptime', null],
    ['+/monitor/#', '$SYS/monitor/clients', null],
    ['$SYS/#', '$SYS/broker/uptime', {}],
    ['{any}/x', '$SYS/x', null],
    ['a/#/z', 'a/z', null],
    ['a/#/z', 'a/b/c/z', {}],
  ])('%s and %s', (filter, topic, captures) => expect(matched(filter, topic)).toEqual(captures))
})

describe('a capture', () => {
  it.each([
    ['tele/{device}/SENSOR', 'tele/S31B/SENSOR', { device: 'S31B' }],
    ['tele/{device}/SENSOR', 'tele//SENSOR', null],
    ['zigbee2mqtt/{device#}', 'zigbee2mqtt/ground floor/washing machine', { device: 'ground floor/washing machine' }],
    ['zigbee2mqtt/{device#}', 'zigbee2mqtt', null],
    ['zigbee2mqtt/{device#}/availability', 'zigbee2mqtt/a/b/availability', { device: 'a/b' }],
    ['zigbee2mqtt/{device#}/availability', 'zigbee2mqtt/availability', null],
    [
      'zwave/{device#}/meter/{endpoint}/value/{property}',
      'zwave/a/b/meter/endpoint_0/value/65537',
      { device: 'a/b', endpoint: 'endpoint_0', property: '65537' },
    ],
    ['/gw/{sn}', '/gw/007', { sn: '007' }],
    ['site/em-{meter}/json', 'site/em-0042/json', { meter: '0042' }],
    ['site/em-{meter}.json', 'site/em-0042.json', { meter: '0042' }],
    ['site/em-{meter}/json', 'site/em-/json', null],
    ['site/em-{meter}/json', 'site/ex-0042/json', null],
    ['{device}/status/switch:{channel}', 'shelly/status/switch:1', { device: 'shelly', channel: '1' }],
  ])('%s and %s', (pattern, topic, captures) => expect(matched(pattern, topic)).toEqual(captures))

  it('gives the text back that was put in', () => {
    const text = fc.string({ minLength: 1 }).filter((one) => !/[/+#]/.test(one))
    return fc.assert(
      fc.property(text, fc.array(text, { minLength: 1, maxLength: 5 }), text, (one, many, last) => {
        expect(matched('x/{one}/{many#}/y/em-{last}', `x/${one}/${many.join('/')}/y/em-${last}`)).toEqual({
          one,
          many: many.join('/'),
          last,
        })
      }),
    )
  })

  it.each([
    ['tele/{device}/SENSOR', 'tele/+/SENSOR'],
    ['zigbee2mqtt/{device#}/availability', 'zigbee2mqtt/#'],
    ['site/em-{meter}/json', 'site/+/json'],
    ['a/#', 'a/#'],
  ])('%s is subscribed to as %s', (pattern, filter) => expect(parsePattern(pattern)).toMatchObject({ filter }))
})

describe('a pattern that cannot be is refused in words', () => {
  it.each([
    ['', 'is empty'],
    ['a/#/b/{c#}', 'has two levels that stand for many'],
    ['{Device}', 'has the capture "{Device}"'],
    ['{a}/{a}', 'has the capture "{a}" twice'],
    ['{a}{b}', 'has the level "{a}{b}"'],
    ['em-{a#}', 'has the level "em-{a#}"'],
    ['{a}+', 'has the level "{a}+"'],
    ['a+/b', 'has the level "a+"'],
    ['a/}', 'has the level "}"'],
    ['x'.repeat(LONGEST_TOPIC + 1), 'is longer than'],
  ])('%s', (pattern, words) => expect(parsePattern(pattern)).toContain(words))
})

it('topics of 65,535 bytes cost what their length costs', () => {
  const levels = '/'.repeat(65_534).split('/')
  for (const pattern of ['#', '{a#}/x', `${'+/'.repeat(500)}#`, `${'a/'.repeat(300)}{b#}/${'c/'.repeat(200)}d`]) {
    const parsed = parsePattern(pattern)
    // What tries every way through them does not come back.
    if (typeof parsed !== 'string') for (let turn = 0; turn < 100; turn++) parsed.match(levels)
  }
})

describe('a pattern for names', () => {
  it.each([
    ['em1:{channel}', 'em1:0', '0'],
    ['em1:{channel}', 'em1:', null],
    ['em1:{channel}', 'em1data:0', null],
    ['switch:*', 'switch:12', '12'],
    ['*_reply', 'post_reply', 'post'],
    ['{device}', '__proto__', '__proto__'],
    ['kWh', 'kWh', 'kWh'],
    ['kWh', 'kwh', null],
    ['aa{x}aa', 'aaa', null],
  ])('%s and %s', (pattern, name, captured) => {
    const parsed = parseNamePattern(pattern)
    expect(typeof parsed === 'string' ? parsed : parsed.match(name)).toBe(captured)
  })
  it.each(['{a}{b}', '{A}', '{a', '*{a}'])('%s is refused', (pattern) => expect(parseNamePattern(pattern)).toContain(`is "${pattern}"`))
})
