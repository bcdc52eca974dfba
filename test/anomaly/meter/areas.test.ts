import { describe, expect, it } from 'vitest'
import { METER_FIRST, METER_LATER } from '../../../src/anomaly/meter/index.ts'
import { daysOf, isThere, type Raised, readLabelled, replay } from './labelled.ts'

const alarms = (set: string, every = 1): readonly Raised[] => {
  const labelled = readLabelled(set)
  return labelled.ledger.areas.flatMap(({ id }) =>
    [...replay(daysOf(labelled, id), [...METER_FIRST, ...METER_LATER], every).values()].filter(({ finding }) => finding.score >= 0.5),
  )
}

describe.skipIf(!isThere)('labelled areas, day by day', () => {
  it('a healthy area raises nothing', () => expect(alarms('a-quiet', 3).map(({ finding }) => finding.key)).toEqual([]))
  it('theft is none of ours', () => expect(alarms('b-theft', 3).map(({ finding }) => finding.key)).toEqual([]))
  it('the exchange and the lost phase are found on their day, and nothing else', () => {
    const found = alarms('c-metering')
    expect(found.map(({ finding, raisedOn }) => [finding.kind, finding.target, raisedOn])).toEqual([
      ['meter_exchange', '613036000443', '2018-11-22'],
      ['phase_loss', '153352000331', '2018-11-28'],
    ])
    const [, loss] = found
    expect(Math.abs((loss?.finding.kwh?.value ?? 0) / 651.9 - 1)).toBeLessThan(0.1)
  })
  it('the plant is found on its day, and nothing else', () => {
    const found = alarms('d-comms')
    expect(found.map(({ finding, raisedOn }) => [finding.kind, finding.target, raisedOn])).toEqual([
      ['unregistered_pv', '273506000548', '2018-11-12'],
    ])
    expect(Math.abs((found[0]?.finding.kwh?.value ?? 0) / -973.7 - 1)).toBeLessThan(0.1)
  })
})
