import { expect, it } from 'vitest'
import { voltageOut } from '../../../src/anomaly/voltage/limits-rule.ts'
import { makeArea, NOMINAL, viewOf } from './made.ts'

const DAY = 96
const detect = (volt: (slot: number) => number) => {
  const { frame } = makeArea({ days: 7 })
  frame.meters[0]?.u[0]?.set(Float32Array.from({ length: frame.slots }, (_, slot) => volt(slot)))
  return voltageOut.detect(viewOf(frame)).findings.filter(({ target }) => target === 'T1-01')
}

it.each([
  ['at +7 % exactly', (_: number) => NOMINAL * 1.07 - 0.001],
  ['at −10 % exactly', () => NOMINAL * 0.9 + 0.001],
  ['out on one day only', (slot: number) => (slot < DAY ? 240 : NOMINAL)],
  ['out for less than 5 % of the week', (slot: number) => (slot % DAY < 4 ? 240 : NOMINAL)],
  ['with a phase lost', () => 100],
  ['without voltage', () => Number.NaN],
])('is quiet %s', (_, volt) => expect(detect(volt)).toEqual([]))

it.each([
  ['high', (slot: number) => (slot % DAY < 8 ? 240 : NOMINAL), { cause: 'high', numbers: { worstV: 240, days: 7, sharePct: 8.3 } }],
  [
    'low',
    (slot: number) => (slot % DAY < 30 ? 190 : NOMINAL),
    { cause: 'low', severity: 'medium', numbers: { worstV: 190, sharePct: 31.3 } },
  ],
])('says a voltage is too %s', (_, volt, expected) => expect(detect(volt)).toMatchObject([{ kind: 'voltage_out', ...expected }]))
