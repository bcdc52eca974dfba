import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gw3761 } from '../../../protocols/gw3761/adapter.ts'
import type { Frame } from '../../../protocols/gw3761/frame.ts'
import type { Heard, TerminalEar } from '../../../src/core/terminal.ts'
import { at, bytes, frame, hex, wire } from './terminal.ts'

const adapter = gw3761(1)
const now = at('2026-11-22 07:00')
const hear = (raw: Uint8Array | string, ear: TerminalEar<Frame> = adapter.ear()): readonly Heard<Frame>[] =>
  ear.hear(frame(typeof raw === 'string' ? bytes(raw) : raw), now)
const one = (raw: Uint8Array | string, ear?: TerminalEar<Frame>) => {
  const [first, ...others] = hear(raw, ear)
  expect(others).toEqual([])
  return first
}
/** A report of the terminal: PRM = 1, function 4. */
const report = (afn: string, seq: string, data: string) => wire(afn, seq, data, { control: 'C4', a3: '00' })
const asReport = (heard: Heard<Frame> | undefined) => {
  if (heard?.kind !== 'report') throw new Error(`heard ${heard?.kind}`)
  return heard
}

describe('logins and heartbeats', () => {
  it.each([
    ['login of 2009', '68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16', 'login', '0B 00 02 34 12 00 00 61 00 00 01 00', null],
    [
      'login without CON',
      '68 32 00 32 00 68 C9 00 00 00 05 00 02 60 00 00 01 00 31 16',
      'login',
      '0B 00 00 00 05 00 00 60 00 00 01 00',
      null,
    ],
    [
      'heartbeat, PSEQ 15',
      '68 32 00 32 00 68 C9 03 41 A9 F9 00 02 7F 00 00 04 00 34 16',
      'heartbeat',
      '0B 03 41 A9 F9 00 00 6F 00 00 01 00',
      null,
    ],
    [
      'heartbeat with Tp and MSA 2',
      '68 4A 00 4A 00 68 C4 02 17 01 01 04 02 F2 00 00 04 00 01 15 14 18 05 05 27 16',
      'heartbeat',
      '0B 02 17 01 01 04 00 62 00 00 01 00',
      null,
    ],
    ['logout', '68 32 00 32 00 68 C9 01 33 E9 03 00 02 76 00 00 02 00 63 16', 'logout', '0B 01 33 E9 03 00 00 66 00 00 01 00', null],
    [
      'heartbeat of 2013 with the clock',
      hex(wire('02', '71', '00 00 04 00 49 48 11 15 52 15', { control: 'C9', a3: '00' })),
      'heartbeat',
      '0B 01 33 E9 03 00 00 61 00 00 01 00',
      '2015-12-15 11:48:49',
    ],
    [
      'login with the clock and Tp',
      hex(wire('02', 'F1', '00 00 01 00 49 48 11 15 52 15 01 15 14 18 05 05', { control: 'C9', a3: '00' })),
      'login',
      '0B 01 33 E9 03 00 00 61 00 00 01 00',
      '2015-12-15 11:48:49',
    ],
  ] as const)('%s is answered at once under its own number', (_, raw, kind, user, clock) => {
    const heard = one(raw)
    if (heard?.kind !== 'login' && heard?.kind !== 'heartbeat' && heard?.kind !== 'logout') throw new Error(`heard ${heard?.kind}`)
    expect(heard.kind).toBe(kind)
    expect(heard.clock).toEqual(clock === null ? null : at(clock))
    const reply = hex(heard.reply ?? bytes(''))
    expect(reply.slice(18, -6)).toBe(user)
    expect(reply.slice(0, 17)).toBe('68 32 00 32 00 68')
    const sum = bytes(user).reduce((total, byte) => total + byte, 0) % 256
    expect(reply.slice(-5)).toBe(`${sum.toString(16).toUpperCase().padStart(2, '0')} 16`)
  })

  it('in the older protocol id are answered in it', () => {
    const heard = one('68 31 00 31 00 68 C9 01 33 E9 03 00 02 76 00 00 01 00 62 16')
    expect(heard?.kind === 'login' && heard.reply?.[1]).toBe(0x31)
  })

  it('of nobody, or saying nothing known, are noted and not answered', () => {
    expect(one(wire('02', '71', '00 00 08 00', { control: 'C9' }))?.kind).toBe('other')
    expect(one(wire('02', '71', '00 00 01 00', { control: 'C9', a2: 'FF FF' }))?.kind).toBe('other')
    expect(one(wire('02', '71', '', { control: 'C9' }))?.kind).toBe('other')
    expect(one(wire('0C', '61', '00 00 02 00', { control: '4B' }))?.kind).toBe('other')
  })
})

describe('reports', () => {
  it('of values carry the codes of the house, the day they end, and are confirmed under their number', () => {
    const heard = asReport(
      one(
        report(
          '0D',
          '7B',
          '01 02 01 14 20 07 24 05 00 21 07 24 04 00 07 81 21 00 00 50 00 03 00 00 00 00 09 00 00 57 80 05 00 EE EE EE EE EE',
        ),
      ),
    )
    expect(heard.values).toHaveLength(1)
    expect(heard.values[0]).toMatchObject({
      meter: { pn: 9 },
      plan: {
        source: 'day-freeze',
        values: [
          { obis: '1-0:1.8.0', unit: 'kWh', scaler: -4, ratio: 'ctpt' },
          { obis: '1-0:1.8.1' },
          { obis: '1-0:1.8.2' },
          { obis: '1-0:1.8.3' },
          { obis: '1-0:1.8.4' },
        ],
      },
      samples: [{ at: at('2024-07-21'), raws: [21810700, 3005000, 9000000, 5805700, null] }],
    })
    expect([heard.events, heard.unknown]).toEqual([[], []])
    expect(hex(heard.confirm ?? bytes('')).slice(18, -6)).toBe('00 01 33 E9 03 00 00 6B 00 00 01 00')
    expect(asReport(one(report('0D', '6B', '01 02 01 14 20 07 24 EE EE EE EE EE 00 EE EE EE EE EE'))).confirm).toBeNull()
  })

  it('of a time that is filled are kept as they came, and are of no other moment', () => {
    const live = asReport(one(report('0C', '71', '02 01 01 10 EE EE EE EE EE 00 00 07 81 21 00')))
    expect(live).toMatchObject({ values: [], unknown: [{ what: '0C F129 p2' }] })
    const day = asReport(one(report('0D', '71', '02 01 01 14 EE EE EE 05 00 21 07 24 00 00 07 81 21 00')))
    expect(day).toMatchObject({ values: [], unknown: [{ what: '0D F161 p2' }] })
    expect(asReport(one(report('0C', '71', '02 01 01 10 EE EE EE EE EE 00 EE EE EE EE EE')))).toMatchObject({ values: [], unknown: [] })
  })

  it('of curves and of now: a row an instant, several items of a point together', () => {
    const curves = asReport(
      one(report('0D', '71', '02 01 01 0B 45 12 16 04 15 01 02 00 22 EE EE 02 01 08 0B 45 12 16 04 15 01 02 00 15 00 00 16 00')),
    )
    expect(
      curves.values.map(({ plan, samples }) => [plan.source, plan.values.map(({ obis }) => obis), samples.map(({ raws }) => raws)]),
    ).toEqual([
      [
        'curve',
        ['1-0:32.7.0', '1-0:31.7.0'],
        [
          [2200, 1500],
          [null, 1600],
        ],
      ],
    ])
    const live = asReport(
      one(report('0C', '71', '01 01 03 10 00 11 21 07 24 01 00 50 10 00 00 00 50 10 00 00 00 11 21 07 24 01 25 01 00 00 25 01 00 00')),
    )
    expect(live.values[0]).toMatchObject({
      plan: { source: 'live' },
      samples: [{ at: at('2024-07-21 11:00'), raws: [105000, 105000, 125, 125] }],
    })
    expect(live.values).toHaveLength(1)
  })

  it('of demand: each value, without the time beside it', () => {
    const heard = asReport(one(report('0D', '71', '01 01 01 17 20 07 24 05 00 21 07 24 01 34 12 00 15 10 20 07 56 34 00 30 11 20 07')))
    expect(heard.values[0]?.samples[0]?.raws).toEqual([1234, 3456])
    expect(heard.values[0]?.plan.values.map(({ obis, unit }) => `${obis} ${unit}`)).toEqual(['1-0:1.6.0 kW', '1-0:1.6.1 kW'])
  })

  it('of events are events', () => {
    const heard = asReport(
      one(
        '68 A6 00 A6 00 68 C4 12 96 56 34 00 0E 71 00 00 01 00 03 00 00 01 24 17 18 14 02 08 10 00 01 01 00 00 00 00 00 88 FF FF 54 17 14 01 02 08 10 1D 16',
      ),
    )
    expect(heard.events).toMatchObject([{ code: 'erc-36', begins: at('2010-08-02 14:18'), meter: null }])
    expect(hex(heard.confirm ?? bytes('')).slice(18, -6)).toBe('00 12 96 56 34 00 00 61 00 00 01 00')
  })

  it('of what nobody has a name for keep its bytes, and what stands before it', () => {
    const heard = asReport(one(report('0D', '71', '01 01 01 14 20 07 24 05 00 21 07 24 00 00 07 81 21 00 01 01 80 1E AB CD EF')))
    expect(heard.values).toHaveLength(1)
    expect(heard.unknown.map(({ what, raw }) => `${what}: ${hex(raw)}`)).toEqual(['0D F248 p1: AB CD EF'])
    const counts = asReport(one(report('0C', '71', '00 00 40 00 4F 00')))
    expect(counts.unknown.map(({ what }) => what)).toEqual(['0C F7 p0'])
  })

  it('with CON in a frame that is no word of its own are reports too: only the requests under way can tell', () => {
    expect(one(wire('0C', '71', '00 00 02 00 51 20 23 07 10 18'))?.kind).toBe('report')
    expect(one(wire('0C', '61', '00 00 02 00 51 20 23 07 10 18'))?.kind).toBe('answer')
    expect(
      hear(wire('0A', '70', '00 00 04 00 B4 61 51 BE 25 4E 00 00 00 00 00 00 63 6D 6E 65 74 00 00 00 00 00 00 00 00 00 00 00')).map(
        ({ kind }) => kind,
      ),
    ).toEqual(['say', 'answer'])
    expect(hear(wire('00', '71', '00 00 01 00')).map(({ kind }) => kind)).toEqual(['answer'])
  })

  describe('in several frames', () => {
    const whole = (pn: string) => `${pn} 01 01 14 20 07 24 05 00 21 07 24 00 00 07 81 21 00`
    it('are confirmed one by one', () => {
      const ear = adapter.ear()
      const [first, last] = [asReport(one(report('0D', '51', whole('01')), ear)), asReport(one(report('0D', '32', whole('02')), ear))]
      expect([first, last].map(({ values, confirm }) => [values[0]?.meter, confirm?.[13]])).toEqual([
        [{ pn: 1 }, 0x61],
        [{ pn: 2 }, 0x62],
      ])
    })

    it('that are cut in the middle of a value are one report, with both confirmations', () => {
      const ear = adapter.ear()
      const cut = `${whole('01')} ${whole('02')}`.split(' ')
      expect(hear(report('0D', '51', cut.slice(0, 30).join(' ')), ear)).toEqual([])
      const heard = asReport(one(report('0D', '32', cut.slice(30).join(' ')), ear))
      expect(heard.values.map(({ meter }) => meter)).toEqual([{ pn: 1 }, { pn: 2 }])
      expect(heard.unknown).toEqual([])
      const confirm = heard.confirm ?? bytes('')
      expect([confirm.length, confirm[13], confirm[33]]).toEqual([40, 0x61, 0x62])
    })

    it('that never go on are told as far as they came when the terminal says something else', () => {
      const ear = adapter.ear()
      expect(hear(report('0D', '51', `${whole('01')} 02 01 01 14 20 07`), ear)).toEqual([])
      expect(hear(wire('02', '71', '00 00 04 00', { control: 'C9', a3: '00' }), ear).map(({ kind }) => kind)).toEqual(['heartbeat'])
      const both = hear(report('0D', '73', whole('04')), ear).map(asReport)
      expect(both.map(({ values, confirm }) => [values[0]?.meter, confirm?.[13]])).toEqual([
        [{ pn: 1 }, 0x61],
        [{ pn: 3 }, 0x63],
      ])
    })

    it('of which the first is said again: it waits for its confirmation, and gets it', () => {
      const ear = adapter.ear()
      const raw = report('0D', '51', `${whole('01')} 02 01 01 14 20 07`)
      expect(hear(raw, ear)).toEqual([])
      const heard = asReport(one(raw, ear))
      expect([heard.values.length, heard.unknown.length, heard.confirm?.[13]]).toEqual([1, 1, 0x61])
    })
  })
})

describe('beside what a frame says', () => {
  it('counters and waiting events are seen', () => {
    const ear = adapter.ear()
    const raw = frame(bytes('68 52 00 52 00 68 A0 00 02 34 12 04 00 E0 00 00 01 00 11 00 00 27 52 13 07 05 76 16'))
    expect([ear.counters(raw), ear.eventsWait(raw), adapter.sender(raw)]).toEqual([{ important: 17, normal: 0 }, true, '0200-4660'])
    const plain = frame(wire('00', '61', '00 00 01 00'))
    expect([ear.counters(plain), ear.eventsWait(plain)]).toEqual([null, false])
    expect(adapter.sender(frame(wire('0C', '61', '00 00 02 00', { control: '4B' })))).toBeNull()
    expect(adapter.sender(frame(wire('02', '71', '00 00 01 00', { control: 'C9', a2: 'FF FF' })))).toBeNull()
  })

  it('addresses have one form', () => {
    for (const text of ['4510-21', ' 4510-0015H ', '4510-0015h', '4510-00021'])
      expect(adapter.address(text)).toEqual({ ok: true, value: '4510-21' })
    for (const text of ['4510-0', '4510-65535', '451-21', '4510', '4510-', '', 'abc'])
      expect(adapter.address(text)).toMatchObject({ ok: false, error: { code: 'GW3761_ADDRESS' } })
  })

  it('the first bytes of a connection tell the protocol', () => {
    const login = bytes('68 32 00 32 00 68 C9')
    expect([0, 1, 3, 4, 5, 6, 7].map((size) => adapter.claims(login.slice(0, size)))).toEqual([
      'more',
      'more',
      'more',
      'more',
      'more',
      'yes',
      'yes',
    ])
    expect(adapter.claims(bytes('68 1E 00 81 05 11'))).toBe('no')
    expect(adapter.claims(bytes('16'))).toBe('no')
  })
})

describe('hostile frames', () => {
  const byte = fc.integer({ min: 0, max: 255 })
  const afns = fc.oneof(fc.constantFrom(0x00, 0x02, 0x04, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x10), byte)
  /** Data that begins like something. */
  const units = fc.array(
    fc.tuple(
      fc.constantFrom('00 00', '01 01', 'FF 01', '05 02', '01 FF', '80 FF'),
      fc.constantFrom('01 00', '02 00', '40 00', '01 14', '01 10', 'FF 14', '01 0B', '01 03', '02 01', '01 15', '80 1E'),
      fc.uint8Array({ maxLength: 60 }),
    ),
    { maxLength: 4 },
  )
  const frames = fc
    .tuple(
      byte,
      afns,
      byte,
      fc.oneof(
        units.map((list) => list.map(([point, item, data]) => `${point} ${item} ${hex(data)}`).join(' ')),
        fc.uint8Array({ maxLength: 120 }).map(hex),
      ),
    )
    .map(([control, afn, seq, data]) => {
      const two = (value: number) => value.toString(16).padStart(2, '0')
      return frame(wire(two(afn), two(seq), data, { control: two(control) }))
    })

  const clock = frame(report('0C', '61', '00 00 02 00 49 48 11 15 52 15'))

  it('never throw, are never swallowed but for one that is held, and leave nothing behind', () => {
    fc.assert(
      fc.property(fc.array(frames, { minLength: 1, maxLength: 12 }), (sequence) => {
        const ear = adapter.ear()
        /** Wishes for a confirmation that are not answered yet. */
        let open = 0
        for (const each of [...sequence, clock]) {
          const heard = ear.hear(each, now)
          ear.counters(each)
          adapter.sender(each)
          if (each.dir === 'up' && each.seq.con && [0x0b, 0x0c, 0x0d, 0x0e].includes(each.afn)) open++
          for (const one of heard) {
            if (one.kind !== 'report') continue
            for (const { samples, plan } of one.values) for (const { raws } of samples) expect(raws.length).toBe(plan.values.length)
            open -= (one.confirm?.length ?? 0) / 20
          }
          expect(open).toBeGreaterThanOrEqual(0)
        }
        // Nothing is held back when the terminal has said something whole.
        expect(open).toBe(0)
        return true
      }),
      { numRuns: 4000 },
    )
  })

  it('make no talk throw, and none go on for ever', () => {
    const plan = adapter.plan(
      {
        id: 'x',
        protocol: 'gw3761',
        source: 'test',
        registers: [],
        curve: {
          minutes: 15,
          registers: [{ obis: '1-0:32.7.0', fn: 'F89', scaler: -1, unit: 'V', sample: { hex: '01 23', value: 230.1 } }],
        },
      },
      { kind: 'curve', since: at('2024-07-19 00:00'), until: at('2024-07-20 00:00') },
    )
    if (!plan.ok) throw new Error(plan.error.message)
    const talks = [
      () =>
        adapter.read(
          '3301-1001',
          plan.value,
          [
            { id: 'a', address: '1', pn: 1 },
            { id: 'b', address: '2', pn: 2 },
          ],
          300,
          now,
        ),
      () => adapter.clock('3301-1001'),
      () => adapter.archive('3301-1001', [1, 2, 3]),
      () => adapter.events('3301-1001', 'important', 3, 9),
      () => adapter.eventCounters('3301-1001'),
      () => adapter.routes('3301-1001', [{ id: 'a', address: '1', pn: 1 }]),
      () => adapter.getParameter('3301-1001', 'F33', null),
      () =>
        adapter.forward(
          '3301-1001',
          { port: 31, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, waitMs: 1, byteWaitMs: 1 },
          bytes('68'),
        ),
    ]
    fc.assert(
      fc.property(fc.nat(talks.length - 1), fc.array(frames, { minLength: 1, maxLength: 30 }), (which, answers) => {
        const talk = talks[which]!()
        let turns = 0
        let step = talk.next()
        while (!step.done) {
          const answer = answers[turns % answers.length]!
          if (++turns > 2000) return false
          const sequence = turns % 16
          step.value.make(sequence)
          // Half of what comes bears the right number and item: the other half is looked at all the same.
          const heard =
            turns % 2 ? answer : frame(wire(hex(step.value.make(sequence).subarray(12, 13)), `6${sequence.toString(16)}`, hex(answer.data)))
          step.value.judge(heard, sequence)
          step = talk.next({ ok: true, value: [heard] })
        }
        return true
      }),
      { numRuns: 2000 },
    )
  })
})
