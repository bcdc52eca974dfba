import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/anomaly/finding.ts'
import type { MeterEvent } from '../../../src/anomaly/frame.ts'
import { cleanEvents, meterEvents, withEvents } from '../../../src/anomaly/meter/events.ts'
import { viewOf } from './labelled.ts'
import { at, frame, meter } from './made.ts'

const HOUR = 3_600_000
const NOON = at(9 * 96 + 48)
const event = (more: Partial<MeterEvent> = {}): MeterEvent => ({ id: 'M', at: NOON, event: 'cover_open', ...more })
const area = (events: readonly MeterEvent[]) => frame([meter({ id: 'M', days: 12, fact: { since: at(96) } })], { events })

describe('events', () => {
  it.each<[string, MeterEvent]>([
    ['without a name', event({ event: ' ' })],
    ['without a time', event({ at: Number.NaN })],
    ['of a stranger', event({ id: 'X' })],
    ['from before the meter hung there', event({ at: at(10) })],
    ['from 1970', event({ at: 0 })],
    ['from the future', event({ at: at(12 * 96) })],
  ])('%s are dropped', (_, one) => expect(cleanEvents(area([one]))).toEqual([]))
  it('said again within a quarter hour are one, in order of time', () => {
    const later = event({ at: NOON + HOUR })
    expect(cleanEvents(area([later, event(), event({ at: NOON + 15 * 60_000 })]))).toEqual([event(), later])
    expect(cleanEvents(area([event(), event({ event: 'programming' })]))).toHaveLength(2)
  })
  it('of a hand at the meter are information for a week, never an alarm', () => {
    const found = (events: readonly MeterEvent[]) => meterEvents.detect(viewOf(area(events))).findings
    expect(found([event(), event({ at: NOON + HOUR })])).toMatchObject([{ kind: 'meter_event', severity: 'info', numbers: { times: 2 } }])
    expect(found([event()])[0]!.score).toBeLessThan(0.5)
    expect(found([event({ at: at(3 * 96) })])).toEqual([])
    expect(found([event({ event: 'power_off' })])).toEqual([])
  })
})

describe('a finding with events of its week', () => {
  const finding = (more: Partial<Finding> = {}): Finding => ({
    ...meterEvents.detect(viewOf(area([event()]))).findings[0]!,
    kind: 'theft',
    key: 'theft/M',
    score: 0.6,
    from: NOON + 3 * 24 * HOUR,
    ...more,
  })
  const score = (of: Finding, events: readonly MeterEvent[] = [event()]) => withEvents([of], events)[0]!.score
  it('is likelier, and says why', () => {
    expect(score(finding())).toBeCloseTo(0.76)
    const [one] = withEvents([finding()], [event()])
    expect(one!.why.en).toContain('cover opened')
    expect(one!.numbers).toMatchObject({ events: 'cover_open', eventDaysAfterStart: '-3' })
  })
  it.each<[string, Finding, readonly MeterEvent[]]>([
    ['nothing was reported', finding(), []],
    ['it was another meter', finding(), [event({ id: 'X' })]],
    ['it was a week and an hour ago', finding({ from: NOON + (7 * 24 + 1) * HOUR }), [event()]],
    ['it is a place in a ranking', finding({ score: 0.499 }), [event()]],
    ['no hand can cause it', finding({ kind: 'overload' }), [event()]],
    ['the event is a power cut', finding(), [event({ event: 'power_off' })]],
  ])('is what it was when %s', (_, of, events) => expect(withEvents([of], events)).toEqual([of]))
  it('seven days to the hour still count', () => expect(score(finding({ from: NOON + 7 * 24 * HOUR }))).toBeCloseTo(0.76))
})
