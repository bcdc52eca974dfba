import { describe, expect, it } from 'vitest'
import { ARRIVED, codes, decoded, KWH, mappingOf, shown } from './tools.ts'

describe('which rule takes a message', () => {
  const mapping = mappingOf([
    { id: 'command', topic: 'site/{meter}', when: [{ of: '$.dir', is: ['down'] }], ignore: 'command' },
    { id: 'first', topic: 'site/{meter}', when: [{ of: '$.type', is: ['a'] }], form: 'shared', ...KWH },
    { id: 'second', topic: 'site/{meter}', when: [{ of: '$.type', is: ['b'] }], ...KWH },
  ])
  it.each([
    ['the first that fits', 'site/m1', { type: 'a', kwh: 1 }, { rule: 'own/shared', discard: null }],
    ['the next when the first does not', 'site/m1', { type: 'b', kwh: 1 }, { rule: 'own/second', discard: null }],
    [
      'our own command is put aside',
      'site/m1',
      { dir: 'down', type: 'a', kwh: 1 },
      { rule: 'own/command', discard: 'command', records: [] },
    ],
    ['none of them', 'site/m1', { kwh: 1 }, { rule: null, discard: 'no-rule' }],
    ['no topic fits', 'other/m1', { type: 'a' }, { rule: null, discard: 'no-topic' }],
    ['a topic of the broker', '$SYS/broker/uptime', '9284 seconds', { discard: 'system-topic', refused: null }],
    ['empty: a deletion', 'site/m1', '', { discard: 'empty-payload', refused: null }],
    ['empty, whatever the topic', 'other', '', { discard: 'empty-payload' }],
  ])('%s', (_, topic, payload, expected) => expect(decoded(mapping, payload, { topic })).toMatchObject(expected))

  it('mappings in their order', () => {
    const other = mappingOf([KWH], { id: 'other' })
    expect([decoded([mapping, other], { kwh: 1 }).rule, decoded([other, mapping], { type: 'a', kwh: 1 }).rule]).toEqual([
      'other/rule-0',
      'other/rule-0',
    ])
  })
})

describe('a payload', () => {
  const json = { id: 'json', ...KWH }
  const text = { id: 'text', payload: 'text' as const, meter: '{meter}', values: [{ path: '$', obis: '1.8.0', unit: 'kWh' }] }
  it('that is no JSON goes on to a rule for text', () => {
    const mapping = mappingOf([{ ...json, when: [{ of: '$.kwh', exists: true }] }, text])
    expect([decoded(mapping, { kwh: 1 }).rule, decoded(mapping, '12.5').rule, shown(decoded(mapping, '012.50'))]).toEqual([
      'own/json',
      'own/text',
      ['m1 @ arrival: 1-0:1.8.0 = 12.50 kWh'],
    ])
  })
  it('that no rule can read is refused', () => {
    expect(decoded(mappingOf([json]), '{"kwh":')).toMatchObject({
      rule: 'own/json',
      refused: { code: 'MQTT_JSON' },
      discard: null,
      records: [],
    })
  })
  it.each([
    ['a cut character', [0xe4, 0xbd]],
    ['an overlong form', [0xc0, 0xaf]],
    ['half a pair', [0xed, 0xa0, 0x80]],
    ['a byte that never occurs', [0xff]],
    ['a number without its end', [0x31, 0x80]],
  ])('that is no UTF-8 is refused: %s', (_, bytes) => {
    expect(decoded(mappingOf([text]), Uint8Array.from(bytes))).toMatchObject({ refused: { code: 'MQTT_UTF8' } })
    expect(
      decoded(mappingOf([text, { id: 'raw', payload: 'raw', topic: 'site/{meter}', ignore: 'bytes' }]), Uint8Array.from(bytes)).discard,
    ).toBe('bytes')
  })
  it('may begin with a byte order mark', () =>
    expect(shown(decoded(mappingOf([json]), Uint8Array.from([0xef, 0xbb, 0xbf, ...new TextEncoder().encode('{"kwh":1}')])))).toEqual([
      'm1 @ arrival: 1-0:1.8.0 = 1 kWh',
    ]))
  it('under a topic of 65,535 characters is not looked at', () =>
    expect(decoded(mappingOf([{ ...KWH, topic: '#', meter: 'm' }]), { kwh: 1 }, { topic: 'x/'.repeat(32_767) })).toMatchObject({
      refused: { code: 'MQTT_TOPIC' },
      records: [],
    }))
})

describe('what a broker kept', () => {
  const mapping = mappingOf([{ ...KWH, time: [{ of: '$.ts', form: 's' }] }])
  it('counts under its own time', () =>
    expect(shown(decoded(mapping, { ts: 1732178700, kwh: 1 }, { retained: true }))).toEqual([
      'm1 @ 2024-11-21T08:45:00.000Z: 1-0:1.8.0 = 1 kWh',
    ]))
  it('is nothing without one, or with one that cannot be true', () => {
    for (const payload of [{ kwh: 1 }, { ts: 12, kwh: 1 }, { ts: 'x', kwh: 1 }]) {
      const outcome = decoded(mapping, payload, { retained: true })
      expect([outcome.records, codes(outcome)]).toEqual([[], expect.arrayContaining(['$.kwh MQTT_RETAINED'])])
    }
  })
  it('still says who is there, asks nothing and repeats no event', () => {
    const rule = {
      device: '{meter}',
      presence: { of: '$.state', online: ['on'], offline: ['off'] },
      answer: { topic: 'down/{meter}', json: { ok: 1 } },
      event: { key: '$.alarm', value: '$.state' },
    }
    const outcome = decoded(mappingOf([rule]), { state: 'off', alarm: 'x' }, { retained: true })
    expect(outcome).toMatchObject({ presence: [{ device: 'm1', online: false }], answers: [], events: [] })
    expect(decoded(mappingOf([rule]), { state: 'off', alarm: 'x' })).toMatchObject({
      answers: [{ topic: 'down/m1' }],
      events: [{ device: 'm1', key: 'x', value: 'off', at: null }],
    })
  })
})

describe('who sends', () => {
  const mapping = mappingOf([{ ...KWH, device: '{meter}', sender: [{ of: '$.id', same: '{meter}', orAbsent: true }] }])
  it('a name that does not fit the topic is a finding, and the values are flagged', () => {
    const outcome = decoded(mapping, { id: 'm2', kwh: 1 })
    expect(outcome.findings).toEqual([
      {
        code: 'PUSH_IDENTITY',
        device: 'm1',
        message: 'the sender does not fit the topic site/m1: $.id is the same as {meter} or is not there does not hold',
      },
    ])
    expect(outcome.records).toMatchObject([{ meter: 'm1', flags: ['identity'] }])
  })
  it.each([{ id: 'm1' }, { id: 'M1' }, {}])('%j fits', (payload) =>
    expect(decoded(mapping, { ...payload, kwh: 1 })).toMatchObject({ findings: [], records: [{ flags: [] }] }),
  )
})

describe('names', () => {
  const mapping = mappingOf([{ topic: '#', device: '$.d', meter: '$.m', values: [{ path: '$.kwh', obis: '1.8.0', unit: 'kWh' }] }])
  it.each(['007', 'ground floor/washing machine', '__proto__', 'constructor', '电表 1', '\u200fמונה', 'a'.repeat(200), '💡'])(
    '%j is kept as it is',
    (name) => expect(decoded(mapping, { d: name, m: name, kwh: 1 })).toMatchObject({ device: name, records: [{ meter: name }] }),
  )
  it.each(['', 'a\nb', 'a\u0000', '\u007f', 'a\u2028', '\ud800', 'x\udc00', 'a'.repeat(201), 'a'.repeat(65_536)])(
    '%j is refused',
    (name) => {
      const outcome = decoded(mapping, { d: name, m: name, kwh: 1 })
      expect(outcome).toMatchObject({ device: null, records: [] })
      expect(codes(outcome)).toEqual(['$ MQTT_METER_NAME', '$ MQTT_METER_NAME'])
      expect(JSON.stringify(outcome.skipped).length).toBeLessThan(2000)
    },
  )
  it('numbers keep their digits, objects are none', () => {
    expect(decoded(mapping, '{"m":12345678901234567890,"kwh":1}').records[0]?.meter).toBe('12345678901234567890')
    expect(codes(decoded(mapping, { m: {}, kwh: 1 }))).toEqual(['$ MQTT_NO_METER'])
  })
  it('capitals as the mapping says', () => {
    const fold = (form: 'lower' | 'upper') =>
      decoded(mappingOf([{ ...KWH, fold: form }]), { kwh: 1 }, { topic: 'site/A84aff' }).records[0]?.meter
    expect([fold('lower'), fold('upper')]).toEqual(['a84aff', 'A84AFF'])
  })
})

describe('beside values', () => {
  it('presence', () => {
    const mapping = mappingOf([
      { device: '{meter}', payload: 'text', presence: { of: '$', online: ['Online', true], offline: ['Offline'] } },
    ])
    expect(['Online', 'true', 'Offline'].map((text) => decoded(mapping, text).presence)).toEqual([
      [{ device: 'm1', online: true }],
      [{ device: 'm1', online: true }],
      [{ device: 'm1', online: false }],
    ])
    expect(decoded(mapping, 'perhaps')).toMatchObject({ presence: [], skipped: [{ path: '$' }] })
  })
  it('how well a device is heard', () => {
    const mapping = mappingOf([{ device: '{meter}', signal: { dBm: '$.wifi.signal', percent: '$.wifi.rssi', snr: '$.snr' } }])
    expect(decoded(mapping, { wifi: { signal: -68, rssi: '64' }, snr: null }).signals).toEqual([
      { device: 'm1', figures: { dBm: -68, percent: 64 } },
    ])
    expect(decoded(mapping, { wifi: { signal: 'good' } }).signals).toEqual([])
  })
  it('events with their time', () => {
    const mapping = mappingOf([
      { each: [{ items: '$.soe' }], meter: '{meter}', time: [{ of: '@.t', form: 's' }], event: { key: '@.k', value: '@.v' } },
    ])
    expect(
      decoded(mapping, { soe: [{ k: '电压越限', v: 1, t: 1732178700 }, { k: 'open' }, { k: 'x'.repeat(500), v: true }] }).events,
    ).toEqual([
      { device: 'm1', key: '电压越限', value: '1', at: 1732178700000 },
      { device: 'm1', key: 'x'.repeat(200), value: 'true', at: null },
    ])
  })
  it('failures; a meter that is not valid has no values', () => {
    const mapping = mappingOf([
      {
        device: '{meter}',
        parts: [
          { each: [{ members: '{name}', of: '$.errors' }], failure: { item: '{name}', code: '@' } },
          { ...KWH, valid: [{ of: '$.ok', not: ['false'], orAbsent: true }] },
        ],
      },
    ])
    expect(decoded(mapping, { kwh: 1, errors: { tag1: 2014 } })).toMatchObject({
      failures: [{ device: 'm1', item: 'tag1', code: '2014' }],
      records: [{ meter: 'm1' }],
    })
    expect(decoded(mapping, { kwh: 0, ok: false })).toMatchObject({
      failures: [{ device: 'm1', item: '*', code: 'MQTT_BAD_QUALITY' }],
      records: [],
    })
  })
  it('answers, with our local time', () => {
    const mapping = mappingOf(
      [
        {
          device: '{meter}',
          answer: {
            topic: '/server/{meter}',
            json: { type: 'time', n: 1, list: [true, null, '{$.id}'], time: '{now:yyyyMMddhhmmss}', none: '{$.missing}' },
          },
        },
      ],
      { zone: 'Asia/Shanghai' },
    )
    const [answer] = decoded(mapping, { id: 'a"b' }).answers
    expect([answer?.topic, Buffer.from(answer!.payload).toString()]).toEqual([
      '/server/m1',
      '{"type":"time","n":1,"list":[true,null,"a\\"b"],"time":"20241121170000","none":null}',
    ])
    expect(new Date(ARRIVED).toISOString()).toBe('2024-11-21T09:00:00.000Z')
  })
  it.each(['a/+', '#', '', 'a\u0000', 'x'.repeat(2000)])('no answer goes to the topic %j', (to) => {
    const outcome = decoded(mappingOf([{ device: '{meter}', answer: { topic: '$.to', json: {} } }]), { to })
    expect([outcome.answers, outcome.skipped.length]).toEqual([[], 1])
  })
  it('an id of the message, and stored data', () => {
    const mapping = mappingOf([{ ...KWH, messageId: '$.id', historical: true }])
    expect(decoded(mapping, { id: 'f068', kwh: 1 })).toMatchObject({ messageId: 'f068', records: [{ historical: true }] })
    expect(decoded(mapping, { id: 'x'.repeat(70_000), kwh: 1 }).messageId).toBe(null)
  })
  it('the same claim about the same meter is made once', () => {
    const mapping = mappingOf([
      { each: [{ items: '$' }], meter: '@.m', time: [{ of: '@.t', form: 's' }], values: [{ path: '@.v', obis: '1.8.0', unit: 'kWh' }] },
    ])
    expect(
      decoded(
        mapping,
        Array.from({ length: 100 }, (_, v) => ({ m: 'm1', t: 12, v })),
      ).findings,
    ).toHaveLength(1)
    expect(
      decoded(
        mapping,
        Array.from({ length: 100 }, (_, v) => ({ m: `m${v}`, t: 12, v })),
      ).findings,
    ).toHaveLength(20)
  })
})
