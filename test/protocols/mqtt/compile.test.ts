import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadMapping } from '../../../src/gateway/mappings.ts'
import { scratch } from '../../support/processes.ts'
import { mappingOf, world } from './tools.ts'

/** Problems of a mapping file as a person sees them: line, column, place, words. */
const problems = (yaml: string): string[] => {
  const file = join(scratch(), 'own.yaml')
  writeFileSync(file, yaml)
  const loaded = loadMapping(file, world)
  return loaded.ok ? [] : loaded.problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`)
}

const HEAD = 'id: own\ntitle: own\nsource: this test\n'
const EXAMPLE = "examples: [{ name: none, topic: other, text: '1', expect: { discard: no-topic } }]\n"
const rule = (members: string): string => `${HEAD}rules:\n  - { id: a, topic: 'site/{meter}', ${members} }\n${EXAMPLE}`
const VALUE = '{ path: $.kwh, obis: 1.8.0, unit: kWh }'

it('a mapping that is whole has none', () => expect(problems(rule(`meter: '{meter}', values: [${VALUE}]`))).toEqual([]))

describe('what is wrong is named with its place and the cure', () => {
  it.each([
    [
      'a member nobody knows',
      `meter: '{meter}', valuess: [${VALUE}]`,
      /^5:\d+ \/rules\/0\/valuess unknown; allowed: id, .*; did you mean "values"\?$/,
    ],
    [
      'a word that is none',
      `meter: '{meter}', fold: lowr, values: [${VALUE}]`,
      /^5:\d+ \/rules\/0\/fold is "lowr"; allowed: lower, upper; did you mean "lower"\?$/,
    ],
    [
      'a value without unit',
      "meter: '{meter}', values: [{ path: $.kwh, obis: 1.8.0 }]",
      /\/rules\/0\/values\/0\/unit is missing: a figure without unit is a guess; "" for what has none$/,
    ],
    [
      'a unit the house does not know',
      "meter: '{meter}', values: [{ path: $.kwh, obis: 1.8.0, unit: kwh }]",
      /^5:\d+ \/rules\/0\/values\/0\/unit is "kwh", a unit the house does not know; known are kWh Wh/,
    ],
    [
      'a unit of something else',
      "meter: '{meter}', values: [{ path: $.kwh, obis: 1.8.0, unit: kW }]",
      /\/rules\/0\/values\/0\/unit is "kW", which is no unit of 1-0:1\.8\.0 \(active import energy\)$/,
    ],
    [
      'no unit for a voltage',
      "meter: '{meter}', values: [{ path: $.u, obis: 32.7.0, unit: '' }]",
      /is "", which is no unit of 1-0:32\.7\.0/,
    ],
    [
      'a code beyond 255',
      "meter: '{meter}', values: [{ path: $.kwh, obis: 1.8.256, unit: kWh }]",
      /\/rules\/0\/values\/0\/obis is "1\.8\.256"; each group of an OBIS code is at most 255$/,
    ],
    [
      'a path that goes wrong',
      "meter: '{meter}', values: [{ path: $.a-b, obis: 1.8.0, unit: kWh }]",
      /\/rules\/0\/values\/0\/path is "\$\.a-b", which goes wrong at "-b"; allowed: \.name/,
    ],
    [
      'a path of several',
      "meter: '{meter}', values: [{ path: [$.a, b], obis: 1.8.0, unit: kWh }]",
      /\/rules\/0\/values\/0\/path\/1 must begin with \$/,
    ],
    [
      'a capture nobody makes',
      `meter: '{device}', values: [${VALUE}]`,
      /\/rules\/0\/meter has \{device\}, which nothing captures; there are: \{meter\} \{index\}/,
    ],
    ['a brace without end', `meter: '{meter', values: [${VALUE}]`, /\/rules\/0\/meter is "\{meter"; a \{ has no \}$/],
    ['no meter', `values: [${VALUE}]`, /^5:\d+ \/rules\/0 "meter" is missing$/],
    ['a rule that brings nothing', "device: '{meter}'", /\/rules\/0 brings nothing: one of values, table/],
    ['a part that brings nothing', "parts: [{ meter: '{meter}' }]", /\/rules\/0\/parts\/0 brings nothing/],
    [
      'values beside parts',
      `meter: '{meter}', parts: [{ meter: '{meter}', values: [${VALUE}] }]`,
      /\/rules\/0\/meter cannot stand beside parts: put it into one of them$/,
    ],
    [
      'a pattern without a day',
      `meter: '{meter}', values: [${VALUE}], time: [{ of: $.t, form: pattern, pattern: yyyyMM }]`,
      /\/rules\/0\/time\/0\/pattern is "yyyyMM"; year/,
    ],
    [
      'a pattern that is missing',
      `meter: '{meter}', values: [${VALUE}], time: [{ of: $.t, form: pattern }]`,
      /\/rules\/0\/time\/0\/pattern is missing: form pattern needs it$/,
    ],
    [
      'a pattern for a number',
      `meter: '{meter}', values: [${VALUE}], time: [{ of: $.t, form: s, pattern: yyyyMMddhhmm }]`,
      /is for form pattern only$/,
    ],
    [
      'a zone nobody knows',
      `meter: '{meter}', values: [${VALUE}], time: [{ of: $.t, form: text, zone: Asia/Peking }]`,
      /\/rules\/0\/time\/0\/zone is "Asia\/Peking"; must be an IANA time zone/,
    ],
    [
      'a list and members at once',
      `meter: '{meter}', each: [{ items: $, members: '{n}' }], values: [${VALUE}]`,
      /\/rules\/0\/each\/0 must have either items/,
    ],
    [
      'a list that is no path',
      `meter: '{meter}', each: [{ items: '{meter}' }], values: [${VALUE}]`,
      /\/rules\/0\/each\/0\/items is "\{meter\}"; must be a path$/,
    ],
    [
      'a capture that is taken',
      `meter: '{meter}', each: [{ members: '{meter}' }], values: [${VALUE}]`,
      /\/rules\/0\/each\/0\/members has the capture "\{meter\}", which is taken$/,
    ],
    [
      'a test that captures',
      `meter: '{meter}', when: [{ of: $.a, like: 'x{y}' }], values: [${VALUE}]`,
      /\/rules\/0\/when\/0\/like is "x\{y\}"; a test captures nothing, write \*$/,
    ],
    [
      'a profile without its first register',
      'payload: raw, meter: m, frame: { path: $, encoding: raw, protocol: modbus-rtu, profile: eastron-sdm120 }',
      /\/rules\/0\/frame profile and start belong together/,
    ],
    [
      'a profile for another protocol',
      'frame: { path: $.d, encoding: hex, protocol: dlt645, start: 0 }',
      /\/rules\/0\/frame\/start is for protocol modbus-rtu only$/,
    ],
    [
      'a unit number for a meter',
      'payload: raw, frame: { path: $, encoding: raw, protocol: modbus-rtu, profile: eastron-sdm120, start: 0 }',
      /\/rules\/0 "meter" is missing: a unit number alone/,
    ],
    [
      'an answer with a bad time',
      "device: '{meter}', answer: { topic: x, json: { t: '{now:yyyy}' } }",
      /\/rules\/0\/answer\/json\/t is "yyyy"/,
    ],
    [
      'a unit in a table that is of something else',
      "meter: '{meter}', table: { by: $.n, path: $.v, entries: { kwh: { obis: 1.8.0, unit: V } } }",
      /\/rules\/0\/table\/entries\/kwh\/unit is "V", which is no unit/,
    ],
    ['a unit that is renamed to none', `meter: '{meter}', values: [${VALUE}], units: { 度: Kwh }`, /\/rules\/0\/units\/度 is "Kwh"/],
  ])('%s', (_, members, words) => expect(problems(rule(members)).join('\n')).toMatch(words))

  it('every problem at once', () => expect(problems(rule("meter: '{x}', values: [{ path: kwh, obis: 1.8.0 }]"))).toHaveLength(3))
  it('two rules of one id', () =>
    expect(problems(`${HEAD}rules:\n  - { id: a, topic: x, ignore: y }\n  - { id: a, topic: z, ignore: y }\n${EXAMPLE}`)).toEqual([
      '6:11 /rules/1/id is "a", as rules/0 is',
    ]))
  it('in what an alias stands for', () =>
    expect(
      problems(
        `${HEAD}rules:\n  - id: a\n    topic: 'a/{meter}'\n    meter: '{meter}'\n    values: &v\n      - { path: $.kwh, obis: 1.8.0, unit: Kwh }\n  - id: b\n    topic: 'b/{meter}'\n    meter: '{meter}'\n    values: *v\n${EXAMPLE}`,
      ).map((text) => text.split(',')[0]),
    ).toEqual(['9:43 /rules/0/values/0/unit is "Kwh"', '9:43 /rules/1/values/0/unit is "Kwh"']))
  it('what is no YAML', () => expect(problems(`${HEAD}rules: [`)[0]).toMatch(/^4:\d+ /))
  it('an example that comes out otherwise', () => {
    const example = (value: number) =>
      `${HEAD}rules: [{ id: a, topic: 'site/{meter}', meter: '{meter}', values: [${VALUE}] }]\nexamples:\n  - name: one\n    topic: site/m1\n    json: { kwh: 1.5 }\n    expect: { points: [{ meterId: m1, measuredAt: null, readings: [{ path: $.kwh, value: ${value} }] }] }\n`
    expect(problems(example(1.5))).toEqual([])
    expect(problems(example(1.6))).toEqual(['6:5 /examples/0 "one": expect.points[0].readings[0].value is "15e-1", expected 1.6'])
  })
  it('an example in a zone nobody knows, or that expects what there is not', () => {
    const example = (more: string) =>
      problems(`${HEAD}rules: [{ id: a, topic: x, ignore: y }]\nexamples: [{ name: one, topic: x, text: '1', ${more} }]\n`)
    expect(example('zone: Mars/Dome, expect: { discard: y }')[0]).toContain('zone is "Mars/Dome", expected "an IANA time zone"')
    expect(example('expect: { discarded: y }')[0]).toContain('expect.discarded is nothing, expected "y"')
  })
})

describe('what a site says', () => {
  it("a prefix stands before every topic, a zone goes before the mapping's", () => {
    const compiled = mappingOf([{ topic: 'a/{meter}', ignore: 'x' }], { zone: 'Asia/Shanghai' })
    expect([compiled.rules[0]?.topic.filter, compiled.zone]).toEqual(['a/+', 'Asia/Shanghai'])
    const file = join(scratch(), 'own.yaml')
    writeFileSync(file, `${HEAD}zone: Asia/Shanghai\nrules: [{ id: a, topic: 'a/{meter}', ignore: y }]\n${EXAMPLE}`)
    const loaded = loadMapping(file, world)
    const used = loaded.ok ? loaded.value.compile({ prefix: 'site-3/', zone: 'Europe/Berlin' }) : null
    expect(used).toMatchObject({ ok: true, value: { zone: 'Europe/Berlin', rules: [{ topic: { filter: 'site-3/a/+' } }] } })
    expect(loaded.ok && loaded.value.compile({ prefix: '+x/' })).toMatchObject({ ok: false, problems: [{ path: ['rules', 0, 'topic'] }] })
    expect(loaded.ok && loaded.value.compile({ zone: 'nowhere' })).toMatchObject({ ok: false, problems: [{ path: ['zone'] }] })
  })
})
