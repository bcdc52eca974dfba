import { describe, expect, it } from 'vitest'
import { decodePayload } from '../../../../protocols/mqtt/sparkplug/codec.ts'
import type { SparkplugOptions } from '../../../../protocols/mqtt/sparkplug/options.ts'
import type { Metric } from '../../../../protocols/mqtt/sparkplug/payload.ts'
import { SparkplugHost } from '../../../../protocols/mqtt/sparkplug/session.ts'
import { rebirthOf } from '../../../../protocols/mqtt/sparkplug/will.ts'
import type { PushMessage, PushOutcome } from '../../../../src/core/push.ts'
import { message, metric, text, vector } from './help.ts'

const T = 1732178700000
const table: SparkplugOptions['table'] = new Map([['Power/Active', { obis: '1-0:1.7.0', unit: 'W', ratio: 'ctpt' }]])
const signals = new Map([['Properties/Signal dBm', 'dBm']])
const hostOf = (options: Partial<SparkplugOptions> = {}) => new SparkplugHost({ table, signals, ...options })
const ofVector = (name: string, flags: Partial<PushMessage> = {}): PushMessage => {
  const { topic, hex = '' } = vector(name)
  return { ...message('', hex, flags), topic }
}
const births = () => [ofVector('meter-nbirth-meter-gateway'), ofVector('meter-dbirth-three-phase-meter')]
const born = (options: Partial<SparkplugOptions> = {}) => {
  const host = hostOf(options)
  for (const birth of births()) host.take(birth, T)
  return host
}
/** DDATA of M001, power by alias; the value says which message it is. */
const data = (seq: number, value: number | Metric[] = seq, flags: Partial<PushMessage> = {}) => {
  const metrics = typeof value === 'number' ? [metric({ alias: 12, datatype: 3 }, value)] : value
  return message('Substation7/DDATA/GW01/M001', { timestamp: T + 60_000 + seq, seq, metrics }, flags)
}
const nbirth = (bdSeq: number, timestamp = T, seq: number | null = 0) =>
  message('Substation7/NBIRTH/GW01', { timestamp, seq, metrics: [metric({ name: 'bdSeq', datatype: 8 }, bdSeq)] })
const ndeath = (bdSeq: number) =>
  message('Substation7/NDEATH/GW01', { timestamp: T, metrics: [metric({ name: 'bdSeq', datatype: 4 }, bdSeq)] })
const values = (outcomes: readonly PushOutcome[]) =>
  outcomes.flatMap(({ records }) => records.flatMap(({ values: list }) => list.map(({ path, text: written }) => `${path} ${written}`)))
const numbers = (outcomes: readonly PushOutcome[]) => values(outcomes).map((line) => Number(line.split(' ').at(-1)))
const codes = (outcomes: readonly PushOutcome[]) =>
  outcomes.flatMap(({ skipped, findings }) => [...skipped.map(({ error }) => error.code), ...findings.map(({ code }) => code)])
const asked = (outcomes: readonly PushOutcome[]) => outcomes.flatMap(({ answers }) => answers.map(({ topic }) => topic))

describe('births', () => {
  it('give name, unit and OBIS to what DATA sends by alias, each at its own time', () => {
    const [outcome] = born().take(ofVector('meter-ddata-by-alias'), T + 61_000)
    expect(outcome).toMatchObject({ rule: 'sparkplug/DDATA', device: 'GW01/M001', skipped: [], answers: [], findings: [], refused: null })
    expect(outcome?.records).toEqual([
      {
        ...{ meter: 'GW01/M001', measuredAt: T + 60_000, timeSource: 'payload-epoch-ms', alternative: null, flags: [] },
        ...{ ct: null, pt: null, historical: false },
        values: [
          {
            path: 'Energy/Active Import',
            text: '1234602',
            isText: false,
            value: { raw: 1234602, scaler: 0 },
            unit: 'Wh',
            obis: '1-0:1.8.0',
            ratio: 'none',
          },
          {
            path: 'Power/Active',
            text: '-1200',
            isText: false,
            value: { raw: -1200, scaler: 0 },
            unit: 'W',
            obis: '1-0:1.7.0',
            ratio: 'ctpt',
          },
          { path: 'Voltage/L1', text: '231.25', isText: false, value: { raw: 23125, scaler: -2 }, unit: null, obis: null, ratio: 'none' },
        ],
      },
    ])
  })

  it('say who is there, how it is heard, and what is null', () => {
    const host = hostOf()
    const [node, device] = births().flatMap((birth) => host.take(birth, T))
    expect(node).toMatchObject({ presence: [{ device: 'GW01', online: true }], signals: [{ device: 'GW01', figures: { dBm: -71 } }] })
    expect(device).toMatchObject({ presence: [{ device: 'GW01/M001', online: true }], device: 'GW01/M001' })
    expect(device?.skipped.map(({ path, error }) => [path, error.code])).toEqual([
      ['Voltage/L2', 'SPARKPLUG_NULL'],
      ['Clock', 'SPARKPLUG_VALUE'],
    ])
  })

  it.each([
    ['device', 'M001', 'GW01'],
    ['node/device', 'GW01/M001', 'GW01'],
    ['group/node/device', 'Substation7/GW01/M001', 'Substation7/GW01'],
  ] as const)('address a meter by %s', (meterOf, device, node) => {
    const host = hostOf({ meterOf })
    expect(
      births()
        .flatMap((birth) => host.take(birth, T))
        .map((outcome) => outcome.device),
    ).toEqual([node, device])
  })

  it('begin the counter anew and replace every alias of the node and its devices', () => {
    const host = born()
    host.take(nbirth(8, T + 1000), T + 1000)
    expect(codes(host.take(data(1), T + 1001))).toEqual(['SPARKPLUG_ALIAS'])
    expect(host.nodes()).toMatchObject([{ born: true, bdSeq: 8, seq: 1 }])
  })

  it('that give one alias to two names make it mean neither', () => {
    const host = hostOf()
    const metrics = [
      metric({ name: 'a', alias: 1, datatype: 7 }, 1),
      metric({ name: 'b', alias: 1, datatype: 7 }, 2),
      metric({ name: 'bdSeq', datatype: 8 }, 1),
    ]
    expect(values(host.take(message('G/NBIRTH/N', { timestamp: T, seq: 0, metrics }), T))).toEqual(['a 1', 'b 2'])
    const sent = [metric({ alias: 1, datatype: 7 }, 5), metric({ name: 'b', alias: 1, datatype: 7 }, 6)]
    const outcomes = host.take(message('G/NDATA/N', { timestamp: T, seq: 1, metrics: sent }), T)
    expect([values(outcomes), codes(outcomes)]).toEqual([['b 6'], ['SPARKPLUG_ALIAS']])
  })

  it('beyond the room are not remembered, and say so', () => {
    const host = hostOf({ maxAliases: 6 })
    expect(births().flatMap((birth) => codes(host.take(birth, T)))).toContain('SPARKPLUG_LIMIT')
    expect(host.nodes()).toMatchObject([{ metrics: 5, devices: ['M001'] }])
  })

  it('of a node take the devices away that do not come back', () => {
    const host = born()
    host.take(nbirth(7, T + 1000), T + 1000)
    expect(host.tick(T + 30_999)).toEqual([])
    expect(host.tick(T + 31_000)).toMatchObject([{ presence: [{ device: 'GW01/M001', online: false }] }])
  })
})

describe('values', () => {
  it('are exact, historical apart, NaN absent, and without a code reported only', () => {
    const sent = [
      metric({ alias: 10, datatype: 8, timestamp: T + 1 }, 9007199254740993n),
      metric({ alias: 12, timestamp: T + 1, value: { field: 'int', value: 0xffff_ffff } }),
      metric({ alias: 12, datatype: 3, timestamp: T + 1, isHistorical: true }, -7),
      metric({ alias: 13, datatype: 9, timestamp: T + 2 }, Number.NaN),
      metric({ alias: 13, datatype: 9, timestamp: T + 2 }, 230.1),
      metric({ alias: 11, datatype: 8, isTransient: true }, 1),
    ]
    const [outcome] = born().take(data(2, sent), T + 61_000)
    expect(
      outcome?.records.map(({ measuredAt, historical, values: list }) => [
        measuredAt,
        historical,
        list.map(({ text: written }) => written),
      ]),
    ).toEqual([
      [T + 1, false, ['9007199254740993', '-1']],
      [T + 1, true, ['-7']],
      [T + 2, false, ['230.1']],
    ])
    expect(outcome?.skipped.map(({ error }) => error.code)).toEqual(['SPARKPLUG_NAN', 'SPARKPLUG_TRANSIENT'])
  })

  it('carry the doubt of their time and quality', () => {
    const properties = new Map([['Quality', { datatype: 3, isNull: false, value: { field: 'int', value: 0 } }]] as const)
    const sent = [
      metric({ alias: 12, timestamp: 5 }, undefined),
      metric({ alias: 12, datatype: 3, timestamp: 5 }, 1),
      metric({ alias: 12, datatype: 3, timestamp: T + 3_600_000 }, 2),
      metric({ alias: 12, datatype: 3, timestamp: 2n ** 63n }, 3),
      metric({ alias: 12, datatype: 3, properties }, 4),
    ]
    const [outcome] = born().take(data(2, sent), T + 61_000)
    expect(outcome?.records.map(({ measuredAt, flags }) => [measuredAt, flags])).toEqual([
      [null, ['clock-unset']],
      [null, ['time-implausible']],
      [T + 60_002, ['quality-bad']],
    ])
  })

  it('without any time stand under their arrival', () => {
    const sent = message('Substation7/DDATA/GW01/M001', { seq: 2, metrics: [metric({ alias: 12, datatype: 3 }, 1)] })
    expect(born().take(sent, T + 5)[0]?.records).toMatchObject([{ measuredAt: null, timeSource: 'arrival' }])
  })

  it('take text for a number, and a switch only where a code says what it is', () => {
    const host = hostOf({ table: new Map([['Relay', { obis: '0-0:96.3.10', unit: '', ratio: 'none' }]]) })
    const metrics = [
      metric({ name: 'bdSeq', datatype: 8 }, 1),
      metric(
        {
          name: 'Total',
          datatype: 12,
          properties: new Map([
            ['obis', text('1.8.0')],
            ['engUnit', text('kWh')],
          ]),
        },
        '00123.40',
      ),
      metric({ name: 'Relay', datatype: 11 }, true),
      metric({ name: 'Door', datatype: 11 }, true),
      metric({ name: 'Odd', datatype: 7, properties: new Map([['obis', text('one')]]) }, 3),
    ]
    const [outcome] = host.take(message('G/NBIRTH/N', { timestamp: T, seq: 0, metrics }), T)
    expect(outcome?.records[0]?.values).toMatchObject([
      { path: 'Total', text: '00123.40', isText: true, value: { raw: 12340, scaler: -2 }, unit: 'kWh', obis: '1-0:1.8.0' },
      { path: 'Relay', value: { raw: 1, scaler: 0 }, obis: '0-0:96.3.10' },
      { path: 'Odd', obis: null },
    ])
    expect(outcome?.skipped.map(({ path, error }) => [path, error.code])).toEqual([
      ['Door', 'SPARKPLUG_VALUE'],
      ['Odd.obis', 'SPARKPLUG_OBIS'],
    ])
  })
})

describe('the counter', () => {
  it('goes on from 255 to 0', () => {
    const host = born()
    const outcomes = Array.from({ length: 300 }, (_, at) => host.take(data((at + 2) % 256, at), T + at)).flat()
    expect([numbers(outcomes).length, codes(outcomes)]).toEqual([300, []])
  })

  it('puts messages back into their order', () => {
    const host = born()
    expect(host.take(data(4), T)).toEqual([])
    expect(host.take(data(3), T + 1)).toEqual([])
    expect(numbers(host.take(data(2), T + 2))).toEqual([2, 3, 4])
  })

  it('with a gap waits, then delivers and asks for a rebirth, once per pause', () => {
    const host = born()
    expect(host.take(data(4), T)).toEqual([])
    expect(host.tick(T + 1999)).toEqual([])
    const outcomes = host.tick(T + 2000)
    expect([numbers(outcomes), codes(outcomes), asked(outcomes)]).toEqual([[4], ['SPARKPLUG_GAP'], ['spBv1.0/Substation7/NCMD/GW01']])
    expect(outcomes[0]?.findings[0]?.message).toBe('gap: seq 4 after 1, 2 messages missing')
    const gaps = [10, 20, 30, 40].map((seq, at) => {
      const now = T + 10_000 + at * 30_000
      host.take(data(seq), now)
      return asked(host.tick(now + 2000)).length
    })
    expect(gaps).toEqual([0, 0, 1, 0])
  })

  it('takes what comes too late, without asking again', () => {
    const host = born()
    host.take(data(4), T)
    host.tick(T + 2000)
    expect(numbers(host.take(data(3), T + 2001))).toEqual([3])
    expect(numbers(host.take(data(5), T + 2002))).toEqual([5])
  })

  it('is not moved by a repeat', () => {
    const host = born()
    host.take(data(2), T)
    host.take(data(3), T)
    const repeats = [data(2), data(3), data(2, 9, { duplicate: true })].flatMap((again) => host.take(again, T + 1))
    expect([numbers(repeats), codes(repeats)]).toEqual([[2, 3, 9], []])
    expect(numbers(host.take(data(4), T + 2))).toEqual([4])
  })

  it('counts a left-out number as 0 where 0 is due, and is not checked elsewhere', () => {
    const host = born()
    host.restore(host.snapshot())
    for (let seq = 2; seq < 256; seq++) host.take(data(seq), T)
    const without = () => message('Substation7/DDATA/GW01/M001', { timestamp: T, metrics: [metric({ alias: 12, datatype: 3 }, 1)] })
    expect(codes(host.take(without(), T))).toEqual([])
    expect(host.nodes()).toMatchObject([{ seq: 0 }])
    expect(codes(host.take(without(), T))).toEqual(['SPARKPLUG_SEQ'])
    expect(host.nodes()).toMatchObject([{ seq: 0 }])
  })

  it('is left alone where the subscription leaves devices out', () => {
    const host = born({ checkSequence: false })
    expect(codes([9, 3, 200].flatMap((seq) => host.take(data(seq), T)))).toEqual([])
  })

  it('lets a DBIRTH overtake its NBIRTH on another connection', () => {
    const host = hostOf()
    const [node, device] = births()
    expect(host.take(device!, T)).toEqual([])
    const outcomes = host.take(node!, T + 5)
    expect(outcomes.map(({ rule }) => rule)).toEqual(['sparkplug/NBIRTH', 'sparkplug/DBIRTH'])
    expect([codes(outcomes).filter((code) => code === 'SPARKPLUG_UNBORN'), asked(outcomes)]).toEqual([[], []])
    expect(values(host.take(ofVector('meter-ddata-by-alias'), T + 6))).toHaveLength(3)
  })

  it('of a message that a new birth overtook is not asked, and its aliases are not guessed', () => {
    const host = born()
    host.take(
      message('Substation7/NBIRTH/GW01', { timestamp: T + 90_000, seq: 0, metrics: [metric({ name: 'bdSeq', datatype: 8 }, 8)] }),
      T,
    )
    const outcomes = host.take(data(57), T + 5)
    expect([codes(outcomes), asked(outcomes), host.nodes()[0]?.seq]).toEqual([['SPARKPLUG_ALIAS'], [], 0])
  })
})

describe('an alias that no birth gave', () => {
  it('is not guessed: the node is asked to be born again', () => {
    const host = hostOf()
    expect(host.take(ofVector('umh-ndata-before-birth'), T)).toEqual([])
    const [outcome] = host.tick(T + 2000)
    expect(outcome).toMatchObject({ records: [], skipped: [{ path: 'alias 100', error: { code: 'SPARKPLUG_ALIAS' } }], presence: [] })
    expect(outcome?.answers).toEqual([rebirthOf('TestGroup', 'OtherNode', T + 2000)])
  })

  it('is asked for with the very bytes of a known command', () => {
    const { topic, payload } = rebirthOf('G', 'N', 1790000000000)
    expect([topic, Buffer.from(payload).toString('hex')]).toEqual([vector('ncmd-rebirth').topic, vector('ncmd-rebirth').hex])
    expect(decodePayload(payload)).toMatchObject({ ok: true, value: { metrics: [{ name: 'Node Control/Rebirth' }] } })
  })

  it('among known ones costs nothing but itself; names with a datatype need no birth', () => {
    const host = born()
    const sent = [
      metric({ alias: 99, datatype: 3 }, 1),
      metric({ alias: 12, datatype: 3 }, 2),
      metric({ name: 'New', alias: 98, datatype: 3 }, 3),
    ]
    const outcomes = host.take(data(2, sent), T)
    expect([values(outcomes), codes(outcomes), asked(outcomes).length]).toEqual([['Power/Active 2', 'New 3'], ['SPARKPLUG_ALIAS'], 1])
  })

  it('of another device, or with another datatype, is not taken for its own', () => {
    const host = born()
    const sent = message('Substation7/DDATA/GW01/M002', { timestamp: T, seq: 2, metrics: [metric({ alias: 12, datatype: 3 }, 1)] })
    expect(codes(host.take(sent, T))).toEqual(['SPARKPLUG_ALIAS'])
    expect(codes(host.take(data(3, [metric({ alias: 12, datatype: 10 }, 1.5)]), T))).toEqual(['SPARKPLUG_ALIAS'])
  })

  it('asks with growing pauses, ten minutes at most, and not at all where it may not', () => {
    const host = hostOf({ reorderMs: 0 })
    const times: number[] = []
    for (let second = 0; second < 3600; second++) if (asked(host.take(data(second % 256), T + second * 1000)).length > 0) times.push(second)
    expect(times).toEqual([0, 60, 180, 420, 900, 1500, 2100, 2700, 3300])
    const mute = hostOf({ reorderMs: 0, requestRebirth: false })
    expect(asked(mute.take(data(1), T))).toEqual([])
  })
})

describe('deaths', () => {
  it('of a node count only with the bdSeq of its birth', () => {
    const host = born()
    expect(host.take(ndeath(6), T)).toMatchObject([{ discard: 'old-will', presence: [] }])
    expect(host.nodes()).toMatchObject([{ online: true, born: true }])
    expect(host.take(ndeath(7), T)).toMatchObject([
      {
        presence: [
          { device: 'GW01', online: false },
          { device: 'GW01/M001', online: false },
        ],
      },
    ])
    expect(host.take(ndeath(6), T)).toMatchObject([{ discard: 'old-will' }])
    expect(host.nodes()).toMatchObject([{ online: false, born: false, devices: [] }])
  })

  it('deliver first what waited for its turn', () => {
    const host = born()
    host.take(data(5), T)
    const outcomes = host.take(ndeath(7), T + 1)
    expect([numbers(outcomes), asked(outcomes), outcomes.at(-1)?.presence.length]).toEqual([[5], [], 2])
  })

  it('of a session whose birth was missed make the aliases doubtful, over the wrap of bdSeq too', () => {
    const host = hostOf()
    host.take(nbirth(255), T)
    expect(host.take(ndeath(254), T)).toMatchObject([{ discard: 'old-will' }])
    expect(host.take(ndeath(0), T)).toMatchObject([{ discard: 'unborn-will', presence: [] }])
    expect(host.nodes()).toMatchObject([{ born: false, metrics: 0 }])
  })

  it('of a device leave the others alone; its DATA needs a new birth', () => {
    const host = born()
    expect(host.take(message('Substation7/DDEATH/GW01/M001', { timestamp: T, seq: 2 }), T)).toMatchObject([
      { presence: [{ device: 'GW01/M001', online: false }] },
    ])
    const outcomes = host.take(data(3), T)
    expect([codes(outcomes), asked(outcomes).length]).toEqual([['SPARKPLUG_ALIAS'], 1])
  })
})

describe('a restart', () => {
  it('with the kept births needs no rebirth, and takes the next number for the right one', () => {
    const kept: unknown = JSON.parse(JSON.stringify(born().snapshot()))
    const host = hostOf()
    expect(host.restore(kept)).toEqual({ ok: true, value: 1 })
    expect(host.nodes()).toMatchObject([{ born: true, online: null, bdSeq: 7, seq: null, devices: ['M001'] }])
    const outcomes = host.take(data(77), T + 60_000)
    expect(outcomes).toMatchObject([
      {
        presence: [
          { device: 'GW01', online: true },
          { device: 'GW01/M001', online: true },
        ],
      },
    ])
    expect([values(outcomes), codes(outcomes), asked(outcomes)]).toEqual([['Power/Active 77'], [], []])
    expect(host.take(ndeath(7), T + 60_001).flatMap(({ presence }) => presence)).toHaveLength(2)
  })

  it('keeps everything a birth said', () => {
    const host = hostOf()
    host.restore(JSON.parse(JSON.stringify(born().snapshot())))
    expect(host.snapshot()).toEqual(born().snapshot())
  })

  it.each([
    ['nothing', null],
    ['another version', { version: 2, nodes: [] }],
    ['a node without a name', { version: 1, nodes: [{ group: 'G' }] }],
    ['a metric of a device that is not there', { version: 1, nodes: [{ ...born().snapshot().nodes[0], devices: [] }] }],
    ['an alias that is no number', { version: 1, nodes: [{ ...born().snapshot().nodes[0], metrics: [['a', 'x', -1, 3, null, null]] }] }],
    ['a counter above 255', { version: 1, nodes: [{ ...born().snapshot().nodes[0], seq: 256 }] }],
  ])('refuses %s', (_, json) => {
    const host = hostOf()
    expect(host.restore(json)).toMatchObject({ ok: false, error: { code: 'SPARKPLUG_SNAPSHOT' } })
    expect(host.nodes()).toEqual([])
  })
})

describe('what is put aside', () => {
  it.each([
    ['STATE/HES1', 'host-state'],
    ['spBv1.0/STATE/HES1', 'host-state'],
    ['spBv1.0/G/NCMD/N', 'command'],
    ['spBv1.0/G/DCMD/N/D', 'command'],
    ['spBv1.0/G/NDEATH/N', 'old-will'],
  ])('%s: %s', (topic, discard) => expect(hostOf().take({ ...message('', '0801'), topic }, T)).toMatchObject([{ discard, refused: null }]))

  it.each([
    ['spBv1.0/G/NDATA/N/D', '0801', 'SPARKPLUG_TOPIC'],
    ['spBv1.0/G/DDATA/N', '0801', 'SPARKPLUG_TOPIC'],
    ['spBv1.0/G//N', '0801', 'SPARKPLUG_TOPIC'],
    ['spAv1.0/G/NDATA/N', '0801', 'SPARKPLUG_TOPIC'],
    ['spBv1.0/G/NDATA/N', '08', 'SPARKPLUG_TRUNCATED'],
    ['spBv1.0/G/NDATA/N', '188002', 'SPARKPLUG_SEQ'],
  ])('%s %s is refused', (topic, hex, code) => {
    const host = hostOf()
    expect(host.take({ ...message('', hex), topic }, T)).toMatchObject([{ refused: { code } }])
    expect(host.nodes()).toEqual([])
  })

  it('a stored message is no sign of life and no birth, but what it says under its own time is kept', () => {
    const host = hostOf()
    const [outcome] = host.take(ofVector('meter-nbirth-meter-gateway', { retained: true }), T)
    expect(outcome).toMatchObject({ presence: [], signals: [] })
    const [device] = host.take(ofVector('meter-dbirth-three-phase-meter', { retained: true }), T)
    expect(device?.records[0]?.values.length).toBeGreaterThan(3)
    expect(host.nodes()).toMatchObject([{ born: false, online: null, metrics: 0 }])
    expect(born().take(ofVector('meter-ndeath-matching', { retained: true }), T)).toMatchObject([{ discard: 'old-will', presence: [] }])
  })

  it('large messages that wait for their turn do not fill the memory', () => {
    const host = born()
    const metrics = Array.from({ length: 10_000 }, () => metric({ alias: 12, datatype: 3 }, 1))
    const delivered = [10, 11, 12, 13, 14, 15, 16].map((seq) => host.take(data(seq, metrics), T).length)
    expect(delivered).toEqual([0, 0, 0, 0, 0, 0, 7])
    expect(host.nodes()).toMatchObject([{ waiting: 0, seq: 16 }])
  })

  it('a flood of strangers neither grows without end nor drives out who is there', () => {
    const host = born({ maxNodes: 10 })
    for (let at = 0; at < 5000; at++) host.take(message(`G/NDATA/stranger${at}`, { timestamp: T, seq: 1 }), T + at * 10)
    expect(host.nodes()).toHaveLength(10)
    expect(numbers(host.take(data(2), T + 60_000))).toEqual([2])
  })
})
