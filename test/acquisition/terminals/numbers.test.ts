import { expect, it } from 'vitest'
import { Numbers } from '../../../src/acquisition/terminals/numbers.ts'
import { claim, newQuarrel } from '../../../src/acquisition/terminals/quarrel.ts'
import { SeldomEach, seldom } from '../../../src/acquisition/terminals/seldom.ts'
import { manualClock } from './site.ts'

it('goes round, leaving out what is under way or may still be answered late', () => {
  const numbers = new Numbers(3)
  expect([numbers.take(0), numbers.take(0)]).toEqual([0, 1])
  numbers.rest(0, 10_000, 0)
  numbers.free(1)
  expect([numbers.take(1), numbers.take(1), numbers.take(1), numbers.take(1)]).toEqual([2, 3, 1, null])
  expect(numbers.take(39_999)).toBeNull()
  expect(numbers.take(40_000)).toBe(0)
})

it.each([
  ['never less than 5 s', 10, 5000],
  ['four times what was allowed', 10_000, 40_000],
  ['never more than 180 s', 90_000, 180_000],
])('rests %s', (_, allowedMs, restMs) => {
  const numbers = new Numbers(0)
  numbers.take(0)
  numbers.rest(0, allowedMs, 0)
  expect(numbers.take(restMs - 1)).toBeNull()
  expect(numbers.take(restMs)).toBe(0)
})

it('lets an address change hands once a minute, and tells of a quarrel again when it had ended', () => {
  const quarrel = newQuarrel()
  const at = (second: number) => {
    const { verdict, tell } = claim(quarrel, second * 1000)
    return `${verdict}${tell ? ', told' : ''}`
  }
  expect([0, 1, 59, 60, 61, 300].map(at)).toEqual(['takeover, told', 'refused, told', 'refused', 'takeover', 'refused', 'takeover'])
  expect([901, 902].map(at)).toEqual(['takeover, told', 'refused, told'])
})

it('says things once a minute, with how often they were', () => {
  const { clock, pass } = manualClock()
  const said: string[] = []
  const complain = seldom(clock, (text) => void said.push(text))
  for (let second = 0; second < 130; second++) {
    complain((times) => `${times}`)
    pass(1000)
  }
  expect(said).toEqual(['1', '60', '60'])
  const each = new SeldomEach(clock, 60_000, 2)
  expect(['a', 'b', 'a', 'c', 'a'].map((subject) => each.isDue(subject))).toEqual([true, true, false, true, true])
  pass(60_000)
  expect(each.isDue('c')).toBe(true)
})
