import { expect, it } from 'vitest'
import { type AskBilling, begunLater, billingHandlers } from '../../src/billing/index.ts'
import { ok } from '../../src/core/index.ts'
import { AT, book, LI } from './support.ts'

/** A book that counts what it is asked. */
const counted = (isThere: boolean) => {
  const handlers = billingHandlers(book(), () => undefined)
  const asked: string[] = []
  const whole: AskBilling = async (call, request) => ok(handlers[call](request))
  const ask: AskBilling = (call, request) => {
    asked.push(call)
    return whole(call, request)
  }
  return { asked, whole, ...begunLater(ask, isThere) }
}

it('says of a book that was never begun what an empty one says, and begins none', async () => {
  const { asked, whole, ask, isBegun } = counted(false)
  const questions = [
    (each: AskBilling) => each('current', { at: AT, points: ['P-1'] }),
    (each: AskBilling) => each('held', { at: AT, points: ['P-1'] }),
    (each: AskBilling) => each('versions', { point: 'P-1', at: null, before: null, limit: 10 }),
    (each: AskBilling) => each('changes', { since: 0, limit: 10 }),
    (each: AskBilling) => each('newest', null),
    (each: AskBilling) => each('release', 1),
    (each: AskBilling) => each('releases', { before: null, limit: 10 }),
    (each: AskBilling) => each('released', { id: 1, after: 0, limit: 10 }),
    (each: AskBilling) => each('left', { id: 1, reason: null, after: '', limit: 10 }),
    (each: AskBilling) => each('pending', 1),
    (each: AskBilling) => each('pendings', { filter: {}, after: 0, limit: 10 }),
    (each: AskBilling) => each('openPlaces', { after: 0, limit: 10 }),
    (each: AskBilling) => each('holdOf', 1),
    (each: AskBilling) => each('holds', { filter: { lifted: true }, after: 0, limit: 10 }),
    (each: AskBilling) => each('instants', null),
    (each: AskBilling) => each('pointsAt', { at: AT, after: '', limit: 10 }),
    (each: AskBilling) => each('mark', { heard: [{ point: 'P-1', from: 0, to: AT, cause: 'why' }], due: 0, place: 0 }),
    (each: AskBilling) => each('nextLooks', { now: AT, place: 0, limit: 10 }),
    (each: AskBilling) => each('doneLooks', []),
    (each: AskBilling) => each('laterLooks', { looks: [], due: 0 }),
    (each: AskBilling) => each('place', 'ledger'),
    (each: AskBilling) => each('counts', null),
  ]
  for (const question of questions) expect(await question(ask)).toEqual(await question(whole))
  expect(asked).toEqual([])
  expect(isBegun()).toBe(false)
})

it('begins one when something is to be kept, and asks that from then on', async () => {
  const { asked, ask, isBegun } = counted(false)
  await ask('hold', { draft: { point: 'P-1', from: AT, onward: true }, who: LI, why: 'a doubt', now: AT })
  expect(isBegun()).toBe(true)
  expect(await ask('held', { at: AT, points: ['P-1'] })).toMatchObject({ ok: true, value: new Map([['P-1', { point: 'P-1' }]]) })
  expect(asked).toEqual(['hold', 'held'])
})

it('asks the one that is there', async () => {
  const { asked, ask } = counted(true)
  expect(await ask('newest', null)).toEqual({ ok: true, value: 0 })
  expect(asked).toEqual(['newest'])
})
