import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compiledMappings, openMappings } from '../../../src/gateway/mappings.ts'
import { decoded, world } from './tools.ts'

const mappings = compiledMappings(openMappings(null, world))

/** A topic for each rule of the shipped mappings. */
const TOPICS = [
  ...new Set(
    mappings.flatMap(({ id, rules }) =>
      id === 'sparkplug' ? [] : rules.map(({ topic }) => topic.text.replace(/\{[^}]*\}|\+/g, 'x1').replace('#', 'y/z')),
    ),
  ),
  'application/a1/device/x1/event/up',
  'x1/status/em:0',
  'shellies/x1/emeter/0/total',
]
/** Members that the shipped mappings look at, so that a hostile value reaches the place where it hurts. */
const around = (value: string): string[] => [
  value,
  `{"ENERGY":{"Total":${value},"Power":${value}},"Time":${value},"StatusSNS":${value}}`,
  `{"params":${value},"method":"NotifyStatus","src":${value},"data":${value},"values":${value},"tags":${value},"properties":${value}}`,
  `{"params":{"ts":${value},"switch:0":{"aenergy":{"total":${value}}},"properties":{"Power":{"value":1,"time":${value}}}},"method":"NotifyStatus","timestamp":${value},"time":${value},"ts":${value},"kwh":${value}}`,
  `{"data":[{"ts":1656356400,"period":${value},"values":[{"a_voltage":1},{"a_voltage":${value}}]}],"object":{"kwh":${value},"timestamp":${value}},"ct":${value},"wh":1}`,
]

const quietly = (payload: Uint8Array | string, topics: readonly string[] = TOPICS): void => {
  for (const topic of topics)
    for (const retained of [false, true]) {
      const outcome = decoded(mappings, payload, { topic, retained, explain: true })
      expect(Array.isArray(outcome.records)).toBe(true)
      expect(outcome.skipped.length).toBeLessThanOrEqual(1000)
      expect(outcome.findings.length).toBeLessThanOrEqual(20)
    }
}
const untouched = (): void => {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect([({} as { polluted?: unknown }).polluted, ([] as { polluted?: unknown }).polluted]).toEqual([undefined, undefined])
}

describe('whatever comes becomes an outcome', () => {
  it('any JSON on any topic', () => {
    const member = fc.constantFrom(
      'ENERGY',
      'Total',
      'Time',
      'params',
      'switch:0',
      'values',
      'data',
      'tags',
      'properties',
      'object',
      'rw_prot',
      'r_data',
      'Datas',
      '__proto__',
      'ts',
      'time',
      'value',
      'key',
      'timestamp',
      'constructor',
    )
    const scalar = fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true, min: -1e90, max: 1e90 }),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('2024-02-30', '1e999', '99999999999999999999', '\ud800'),
    )
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        scalar,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.array(fc.tuple(member, tie('tree')), { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs)),
      ),
    }))
    fc.assert(
      fc.property(tree, fc.constantFrom(...TOPICS), (value, topic) => {
        quietly(JSON.stringify(value), [topic])
      }),
      { numRuns: 2000 },
    )
    untouched()
  })
  it('any bytes on any topic', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...TOPICS), (bytes, topic) => {
        quietly(bytes, [topic])
      }),
      { numRuns: 1000 },
    )
  })
  it.each([
    'null',
    '0',
    '-0',
    '1e99',
    '-1e99',
    '1e-99',
    '123456789012345678901234567890123456789',
    '""',
    '"__proto__"',
    '"\\ud800"',
    '"\\u0000"',
    'true',
    '[]',
    '{}',
    '[[]]',
    '[null]',
    '[{}]',
    '{"":{"":{}}}',
    '"9999-12-31T23:59:59-14:00"',
    '"0001-01-01T00:00:00Z"',
    '8640000000000001',
    '"2024-10-27T02:30:00"',
  ])('%s where a mapping looks', (value) => {
    for (const payload of around(value)) quietly(payload)
  })
  it.each(['1e999', 'NaN', 'nan', 'Infinity', '-', "'x'", '"'])('%s, which is no JSON', (value) => {
    for (const payload of around(value)) quietly(payload)
  })
})

describe('large messages', () => {
  const noise = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length)
    for (let at = 0, state = 1; at < length; at++) {
      state = (state * 48_271) % 2_147_483_647
      bytes[at] = state & 0xff
    }
    return bytes
  }
  it.each([300, 4096, 262_144, 8_388_608])('%i random bytes', (length) =>
    quietly(noise(length), ['tele/x1/SENSOR', 'x1/data', 'site/x1/energy']),
  )
  it.each<[string, () => string]>([
    ['100,000 levels of lists', () => '['.repeat(100_000)],
    ['100,000 levels of objects', () => '{"a":'.repeat(100_000)],
    ['1,000,000 members', () => `{${Array.from({ length: 1_000_000 }, (_, at) => `"k${at}":1`).join(',')}}`],
    ['20,000 items where each would be a record', () => `{"values":[${'{"id":"a.kwh","v":1},'.repeat(19_000)}1],"tags":[]}`],
    ['19,000 names that are devices', () => `{${Array.from({ length: 19_000 }, (_, at) => `"d${at}":1`).join(',')}}`],
    ['9,000 devices with a list each', () => `{${Array.from({ length: 9000 }, (_, at) => `"d${at}":[1]`).join(',')}}`],
    ['a text of 8 MB', () => `{"kwh":"${'9'.repeat(8_000_000)}"}`],
    ['a number of 8 MB', () => `{"kwh":${'9'.repeat(8_000_000)}}`],
    [
      'names of 64 kB',
      () =>
        `{"params":{"${'n'.repeat(65_536)}":{"value":1}},"${'d'.repeat(65_536)}":[{"ts":1732178700000,"values":{"${'v'.repeat(65_536)}":1}}]}`,
    ],
    ['escapes only', () => `{"kwh":"${'\\u0031'.repeat(100_000)}"}`],
  ])('%s', (_, text) => {
    const payload = new TextEncoder().encode(text())
    quietly(payload, [
      'tele/x1/SENSOR',
      'v1/gateway/telemetry',
      'iotgateway',
      '/neuron/a/b/c',
      '/sys/p/d/thing/event/property/post',
      'site/x1/json',
    ])
  })
})

describe('names', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])('%s is a name like any other', (name) => {
    const inner = `{"${name}":{"polluted":1},"kwh":1,"value":1}`
    for (const payload of [
      `{"${name}":{"polluted":true}}`,
      `{"${name}":[{"ts":1732178700000,"values":${inner}}]}`,
      `{"params":${inner}}`,
      `{"values":${inner},"errors":{"${name}":{"polluted":1},"x":1},"node":"${name}","group":"${name}"}`,
      `{"object":${inner},"time":"2024-11-21T08:00:00Z"}`,
    ])
      quietly(payload)
    untouched()
  })
  it.each(['x\u0000', 'x\ny', '\u202ex', '\u200fx', ' ', "'", '"', '\\', ',', '=', '#', '💡', 'x'.repeat(900), 'x'.repeat(65_535)])(
    'in a topic: %j',
    (name) => {
      for (const topic of [`tele/${name}/SENSOR`, `zigbee2mqtt/${name}`, `${name}/events/rpc`, name])
        quietly('{"ENERGY":{"Total":1},"energy":1,"method":"NotifyStatus","src":"x","params":{"ts":1732178700,"switch:0":{"apower":1}}}', [
          topic,
        ])
    },
  )
})
