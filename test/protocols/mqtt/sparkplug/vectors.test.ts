import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { encodePayload } from '../../../../protocols/mqtt/sparkplug/codec.ts'
import { emptyPayload } from '../../../../protocols/mqtt/sparkplug/payload.ts'
import { judgeInvalidSparkplug, judgeSparkplug } from '../../../../protocols/mqtt/sparkplug/vectors.ts'
import { inflate, metric, vector, vectors } from './help.ts'

const judged = judgeSparkplug(vectors)
/** Differences of the last of some vectors. */
const differences = (...run: readonly unknown[]) => judgeSparkplug(run, inflate).at(-1)!.differences
const paths = (...run: readonly unknown[]) => differences(...run).map(({ path }) => path)
const changed = (name: string, expected: Record<string, unknown>) => ({ ...vector(name), expect: { ...vector(name).expect, ...expected } })
const births = [vector('meter-nbirth-meter-gateway'), vector('meter-dbirth-three-phase-meter')]
const hexOf = (payload: Parameters<typeof encodePayload>[0]) => Buffer.from(encodePayload(payload)).toString('hex')
const data = (payload: Partial<typeof emptyPayload>, expected: Record<string, unknown>) => ({
  topic: 'spBv1.0/Substation7/DDATA/GW01/M001',
  hex: hexOf({ ...emptyPayload, timestamp: 1732178900000, ...payload }),
  expect: expected,
})

describe('foreign payloads', () => {
  it.each(judged.map((result) => [result.name, result] as const))('says every leaf of %s', (_, result) =>
    expect(result.differences).toEqual([]),
  )

  it.each(vectors.map((one, at) => [one.name, at] as const))('sees every changed leaf of %s', (_, at) => {
    const { expect: leaves } = vectors[at]!
    const spoilt = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.length > 0
          ? value.map(spoilt)
          : ['more']
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, leaf]) => [key, spoilt(leaf)]))
          : `not ${value}`
    const count = (value: unknown): number =>
      typeof value === 'object' && value !== null && Object.keys(value).length > 0
        ? Object.values(value).reduce<number>((sum, leaf) => sum + count(leaf), 0)
        : 1
    // The state a vector asks for is brought about, so what it says about that state must stay.
    const { afterSeq, lastBirthBdSeq, ...rest } = leaves
    const state = { ...(afterSeq !== undefined && { afterSeq }), ...(lastBirthBdSeq !== undefined && { lastBirthBdSeq }) }
    const run = [...vectors.slice(0, at), { ...vectors[at], expect: { ...Object(spoilt(rest)), ...state } }]
    expect(differences(...run)).toHaveLength(count(rest))
  })
})

describe('a judge of other vectors', () => {
  it.each([
    ['a leaf nobody knows', changed('umh-nbirth', { colour: 'red' }), ['expect.colour']],
    [
      'a wrong name of a node',
      changed('meter-ndeath-matching', { action: 'mark node GW02 and all its devices offline' }),
      ['expect.action'],
    ],
    ['a gap that is none', changed('umh-nbirth', { sequence: 'gap: 3 missing' }), ['expect.sequence']],
    ['a wrong datatype name', changed('umh-nbirth', { metrics: [{ type: 'Int8' }, {}, {}] }), ['expect.metrics[0].type']],
    ['one metric too few', changed('umh-nbirth', { metrics: [{}] }), ['expect.metrics']],
  ])('tells %s', (_, one, wrong) => expect(paths(one)).toEqual(wrong))

  it('tells a gap by its numbers, and a request once it waited', () => {
    const gap = { sequence: 'gap: seq 5 after 1, 3 messages missing', action: 'request rebirth' }
    expect(paths(...births, data({ seq: 5 }, gap))).toEqual([])
    expect(paths(...births, data({ seq: 5 }, { sequence: 'gap: expected 2, received 5' }))).toEqual([])
    expect(paths(...births, data({ seq: 5 }, { sequence: 'gap: expected 3, received 6' }))).toEqual(['expect.sequence'])
    expect(paths(...births, data({ seq: 5 }, { afterSeq: 4, sequence: 'ok' }))).toEqual([])
    expect(paths(...births, data({ seq: 5 }, { afterSeq: 3, sequence: 'ok' }))).toEqual(['expect.sequence'])
  })

  it('takes datatype and name from the birth, and keeps several metrics with one alias apart', () => {
    const one = { alias: 12, timestamp: 1, value: { field: 'int', value: 0xffff_fffe } } as const
    const two = { alias: 12, timestamp: 2, isHistorical: true, value: { field: 'int', value: 7 } } as const
    const expected = {
      metrics: [
        { alias: 12, type: 'Int32', datatype: 3, value: -2 },
        { alias: 12, isHistorical: true, value: 7 },
      ],
      aliasResolvesTo: 'Power/Active',
      action: 'store as historical, never as the present value',
    }
    expect(differences(...births, data({ seq: 2, metrics: [metric(one), metric(two)] }, expected))).toEqual([])
  })

  it('says what is null, beyond a double, a float, or unknown', () => {
    const metrics = [
      metric({ name: 'a', alias: 18446744073709551615n, datatype: 8 }, 18446744073709551615n),
      metric({ alias: 13, datatype: 9, isNull: true }),
      metric({ alias: 13, datatype: 9 }, 230.1),
      metric({ alias: 99, datatype: 1 }, -5),
      metric({ name: 'nan', datatype: 10 }, Number.NaN),
      metric({ name: 'set', datatype: 16 }, new Uint8Array([0xca, 0xfe])),
    ]
    const expected = {
      metrics: [
        { alias: '18446744073709551615', value: '18446744073709551615', valueNote: 'beyond 2^53: kept as text' },
        { isNull: true, value: null },
        { value: 230.1, type: 'Float' },
        { alias: 99, type: 'Int8', value: -5 },
        { value: null },
        { value: 'cafe', type: 'DataSet' },
      ],
      aliasResolvesTo: { 13: 'Voltage/L1', 99: null },
      action: 'request rebirth; the alias cannot be resolved',
    }
    expect(paths(...births, data({ seq: 2, metrics }, expected))).toEqual([])
    const wide = { metrics: [{}, {}, { value: 230.10000610351562 }, {}, {}, {}] }
    expect(paths(...births, data({ seq: 2, metrics }, wide))).toEqual([])
  })

  it('reads compressed payloads and host states of both versions', () => {
    const inner = encodePayload({ ...emptyPayload, timestamp: 5, seq: 2, metrics: [metric({ alias: 12, datatype: 3 }, 9)] })
    const body = deflateSync(inner)
    expect(paths(...births, data({ uuid: 'SPBV1.0_COMPRESSED', body }, { seq: 2, timestamp: 5, metrics: [{ value: 9 }] }))).toEqual([])
    const state = { topic: 'spBv1.0/STATE/HES1', text: '{"online":false,"timestamp":1732178900000}' }
    const expected = { encoding: 'JSON (Sparkplug 3.0)', online: false, retained: true, timestamp: 1732178900000 }
    expect(paths({ ...state, expect: expected })).toEqual([])
    expect(paths({ ...state, expect: { ...expected, online: true, encoding: 'plain text (Sparkplug 2.2)' } })).toEqual([
      'expect.encoding',
      'expect.online',
    ])
  })

  it('says when a vector is none', () => {
    expect(paths({ name: 'x' })).toEqual(['hex'])
    expect(paths({ topic: 'a/b', hex: '', expect: {} })).toEqual(['topic'])
    expect(paths({ topic: 'spBv1.0/G/NDATA/N', hex: '12', expect: {} })).toEqual(['hex'])
  })
})

describe('what must be refused', () => {
  const { topic, hex = '' } = vector('meter-ddata-by-alias')
  it.each([
    ['cut inside a field', { topic, hex: hex.slice(0, -2) }],
    ['cut before its seq', { topic, hex: hex.slice(0, -4) }],
    ['a group', { topic, hex: `${hex}1b1c` }],
    ['no such type', { topic: 'spBv1.0/G/XDATA/N', hex }],
    ['a device message without device', { topic: 'spBv1.0/G/DDATA/N', hex }],
    ['seq above 255', { topic, hex: '18ac02' }],
    ['a host state of other words', { topic: 'STATE/H', text: 'MAYBE' }],
    ['no hexadecimal text', { topic, hex: 'xyz' }],
  ])('refuses %s', (_, entry) => expect(judgeInvalidSparkplug(entry).differences).toEqual([]))

  it('says that a good payload is not invalid', () => {
    expect(judgeInvalidSparkplug({ topic, hex }).differences).toHaveLength(1)
    expect(judgeInvalidSparkplug({ hex }).differences).toHaveLength(1)
    expect(judgeInvalidSparkplug(vector('state-host-online-v2')).differences).toHaveLength(1)
  })
})
