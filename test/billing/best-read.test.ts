import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestRead, type Choice, differs, type Hanging, holdsOf, type NearRead } from '../../src/billing/index.ts'
import { parseDecimal, QUALITY, SOURCES, type Source } from '../../src/core/index.ts'

const AT = Date.UTC(2026, 9, 31, 16)
const MINUTE = 60_000
const WINDOW = 60 * MINUTE
const STAYS: Hanging = { meter: 'M1', from: 0, to: null }

const read = (source: Source, minutes: number, text: string, more: Partial<NearRead> = {}): NearRead => ({
  register: '1.8.0',
  unit: 'kWh',
  value: parseDecimal(text)!,
  storedRatio: '1',
  meter: 'M1',
  source,
  quality: 0,
  measuredAt: AT + minutes * MINUTE,
  receivedAt: AT + minutes * MINUTE + 1500,
  ...more,
})
const best = (...reads: NearRead[]) => bestRead(AT, WINDOW, STAYS, reads)
const value = ({ best }: Choice) => (best ? `${best.source} ${Number(best.value.raw)}` : null)

describe('the best read around an instant', () => {
  const all = [
    read('day-freeze', 0, '1'),
    read('month-freeze', 0, '1'),
    read('curve', 0, '1'),
    read('live', 1, '4'),
    read('push', 2, '5'),
    read('manual', 3, '6'),
    read('estimated', 0, '7'),
  ]
  it.each(all.map((_, from) => [from]))('goes down from day freeze to estimate: %i', (from) => {
    expect(best(...all.slice(from)).best).toBe(all[from])
    expect(best(...all.slice(from).reverse()).best).toBe(all[from])
  })

  it.each<[string, NearRead]>([
    ['a freeze of another day', read('day-freeze', -1440, '1')],
    ['a freeze a millisecond off', read('day-freeze', 0, '1', { measuredAt: AT + 1 })],
    ['a month freeze of another month', read('month-freeze', 1440, '1')],
    ['a point of the curve beside it', read('curve', 15, '1')],
    ['an estimate of another instant', read('estimated', 1, '1')],
    ['a live read before the window', read('live', -61, '1')],
    ['a live read after the window', read('live', 61, '1')],
    ['an entered read outside of the window', read('manual', -61, '1')],
    [
      'a live read in place of a freeze, taken after the window',
      read('day-freeze', 0, '1', { quality: QUALITY.liveAsFreeze, receivedAt: AT + 61 * MINUTE }),
    ],
  ])('never takes %s', (_, one) => {
    expect(best(one)).toEqual({ best: null, other: null, setAside: null })
  })

  it.each<[string, NearRead[], string]>([
    ['the nearest of one source, before', [read('live', -20, '1'), read('live', -10, '2'), read('live', 30, '3')], 'live 2'],
    ['the nearest of one source, after', [read('live', -20, '1'), read('live', 10, '3')], 'live 3'],
    ['live and pushed alike: the nearest', [read('live', -20, '1'), read('push', 10, '3')], 'push 3'],
    ['of two equally near the one that came last', [read('live', -10, '1'), read('live', 10, '3')], 'live 3'],
    ['the border of the window itself', [read('live', 60, '3')], 'live 3'],
    [
      'a live read in place of a freeze by when it was read',
      [read('day-freeze', 0, '1', { quality: QUALITY.liveAsFreeze, receivedAt: AT + 30 * MINUTE }), read('live', 20, '2')],
      'live 2',
    ],
    [
      'a curve before a live read in place of a freeze',
      [read('day-freeze', 0, '2', { quality: QUALITY.liveAsFreeze, receivedAt: AT + 5000 }), read('curve', 0, '2')],
      'curve 2',
    ],
    [
      'an entered read before a freeze whose clock is doubtful',
      [read('day-freeze', 0, '1', { quality: QUALITY.clockDoubtful }), read('manual', 5, '2')],
      'manual 2',
    ],
    [
      'a doubtful clock before an estimate',
      [read('day-freeze', 0, '1', { quality: QUALITY.clockDoubtful }), read('estimated', 0, '2')],
      'day-freeze 1',
    ],
    [
      'an entered estimate last, whatever it calls itself',
      [read('manual', 0, '1', { quality: QUALITY.estimated }), read('live', 50, '2')],
      'live 2',
    ],
  ])('takes %s', (_, reads, expected) => {
    expect(value(best(...reads))).toBe(expected)
    expect(value(best(...reads.toReversed()))).toBe(expected)
  })

  it.each([QUALITY.quarantined, QUALITY.unregistered])('sets aside what must not be used (%i), and says so', (quality) => {
    const bad = read('day-freeze', 0, '1', { quality })
    expect(best(bad)).toEqual({ best: null, other: null, setAside: bad })
    expect(value(best(bad, read('live', 5, '2')))).toBe('live 2')
  })

  it('never takes a negative register', () => {
    expect(best(read('live', 0, '-1')).best).toBeNull()
  })

  it('takes reads of the meter that hung there, while it hung there', () => {
    const exchanged: Hanging = { meter: 'M2', from: AT - 10 * MINUTE, to: AT + 20 * MINUTE }
    const of = (...reads: NearRead[]) => value(bestRead(AT, WINDOW, exchanged, reads))
    expect(of(read('live', -15, '99999'), read('live', 5, '88888'))).toBeNull()
    expect(of(read('live', -15, '3', { meter: 'M2' }))).toBeNull()
    expect(of(read('live', 20, '3', { meter: 'M2' }))).toBeNull()
    expect(of(read('live', 19, '3', { meter: 'M2' }), read('live', -1, '9', { meter: 'M1' }))).toBe('live 3')
    expect(of(read('day-freeze', 0, '9'))).toBeNull()
  })

  it.each<[string, NearRead[], boolean]>([
    ['two day freezes', [read('day-freeze', 0, '1.00'), read('day-freeze', 0, '1.01')], true],
    ['day and month freeze', [read('day-freeze', 0, '1.00'), read('month-freeze', 0, '2.00')], true],
    ['freeze and curve', [read('day-freeze', 0, '1.00'), read('curve', 0, '1.02')], true],
    ['freeze and curve with fewer digits', [read('day-freeze', 0, '1.0099'), read('curve', 0, '1.00')], false],
    ['the same value twice', [read('day-freeze', 0, '1.00'), read('month-freeze', 0, '1.0')], false],
    ['live reads of one instant', [read('live', 5, '1.00'), read('push', 5, '2.00')], true],
    ['live reads of two instants', [read('live', -5, '1.00'), read('live', 5, '2.00')], false],
    ['freeze and live read', [read('day-freeze', 0, '1.00'), read('live', 0, '1.01')], false],
    ['freeze and entered read', [read('day-freeze', 0, '1.00'), read('manual', 0, '5.00')], false],
    ['two entered reads', [read('manual', 0, '1.00'), read('manual', 0, '5.00')], true],
    [
      'freeze and one that was set aside',
      [read('day-freeze', 0, '1.00'), read('curve', 0, '9.00', { quality: QUALITY.quarantined })],
      false,
    ],
  ])('%s that differ are both named', (_, reads, isConflict) => {
    expect(best(...reads).other !== null).toBe(isConflict)
    expect(best(...reads.toReversed()).other !== null).toBe(isConflict)
  })
})

describe('digits', () => {
  it.each([
    ['1.00', '1.0', false],
    ['1.00', '1.01', true],
    ['1.2345', '1.23', false],
    ['1.2345', '1.24', false],
    ['1.25', '1.23', true],
    ['100', '101', true],
  ])('%s and %s differ: %s', (a, b, expected) => {
    expect(differs(parseDecimal(a)!, parseDecimal(b)!)).toBe(expected)
    expect(differs(parseDecimal(b)!, parseDecimal(a)!)).toBe(expected)
  })
})

describe('what speaks against a point', () => {
  const due = ['1.8.0', '1.8.1']
  const choices = (entries: Record<string, NearRead[]>) =>
    new Map(Object.entries(entries).map(([register, reads]) => [register, best(...reads)] as const))
  const reasons = (entries: Record<string, NearRead[]>) => holdsOf(choices(entries), due, 'within 60 minutes').map(({ reason }) => reason)

  it.each<[string, Record<string, NearRead[]>, string[]]>([
    ['nothing', { '1.8.0': [read('day-freeze', 0, '1')], '1.8.1': [read('day-freeze', 0, '1')] }, []],
    ['nothing was read', {}, ['no-read']],
    ['a register is missing', { '1.8.0': [read('day-freeze', 0, '1')] }, ['incomplete']],
    ['all was set aside', { '1.8.0': [read('day-freeze', 0, '1', { quality: QUALITY.quarantined })] }, ['quarantined', 'incomplete']],
    [
      'one was set aside',
      { '1.8.0': [read('day-freeze', 0, '1')], '1.8.1': [read('live', 0, '1', { quality: QUALITY.unregistered })] },
      ['quarantined', 'incomplete'],
    ],
    [
      'the clock',
      { '1.8.0': [read('live', 0, '1', { quality: QUALITY.clockDoubtful })], '1.8.1': [read('day-freeze', 0, '1')] },
      ['clock-doubtful'],
    ],
    [
      'two that differ',
      { '1.8.0': [read('curve', 0, '1'), read('day-freeze', 0, '2')], '1.8.1': [read('day-freeze', 0, '1')] },
      ['conflict'],
    ],
  ])('%s', (_, entries, expected) => {
    expect(reasons(entries)).toEqual(expected)
  })

  it('names both sides of a conflict', () => {
    const [hold] = holdsOf(choices({ '1.8.0': [read('curve', 0, '1.50'), read('day-freeze', 0, '2.00')] }), ['1.8.0'], '')
    expect(hold?.text).toContain('2.00')
    expect(hold?.text).toContain('1.50')
  })
})

describe('for all reads', () => {
  const anyRead = fc
    .record({
      source: fc.constantFrom(...SOURCES),
      minutes: fc.constantFrom(-1440, -61, -60, -15, 0, 0, 0, 1, 15, 60, 61, 1440),
      raw: fc.integer({ min: 0, max: 3 }),
      quality: fc.constantFrom(0, 0, 0, ...Object.values(QUALITY)),
      meter: fc.constantFrom('M1', 'M1', 'M2'),
      late: fc.constantFrom(0, 1500, 40 * MINUTE),
    })
    .map(({ source, minutes, raw, quality, meter, late }) =>
      read(source, minutes, String(raw), { quality, meter, receivedAt: AT + minutes * MINUTE + late }),
    )

  it('the order of the store makes no difference, and what is taken may be taken', () => {
    fc.assert(
      fc.property(fc.array(anyRead, { maxLength: 8 }), fc.nat(7), (reads, turn) => {
        const choice = best(...reads)
        const turned = best(...reads.slice(turn), ...reads.slice(0, turn))
        expect(turned.best && { ...turned.best }).toEqual(choice.best && { ...choice.best })
        expect(turned.other === null).toBe(choice.other === null)
        if (choice.best === null) return
        const { source, meter, measuredAt, quality } = choice.best
        expect(meter).toBe('M1')
        expect(quality & (QUALITY.quarantined | QUALITY.unregistered)).toBe(0)
        expect(Math.abs(measuredAt - AT)).toBeLessThanOrEqual(WINDOW)
        if (source === 'day-freeze' || source === 'month-freeze' || source === 'curve') expect(measuredAt).toBe(AT)
      }),
    )
  })

  it('one more read that must not be used changes nothing', () => {
    fc.assert(
      fc.property(fc.array(anyRead, { maxLength: 6 }), anyRead, (reads, one) => {
        const before = best(...reads)
        const after = best(...reads, { ...one, quality: one.quality | QUALITY.quarantined })
        expect(after.best).toEqual(before.best)
        expect(after.other === null).toBe(before.other === null)
      }),
    )
  })
})
