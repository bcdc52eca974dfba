import { expect, it } from 'vitest'
import { type AskBilling, type BillingReads, begunLater, billingHandlers } from '../../src/billing/index.ts'
import { ok } from '../../src/core/index.ts'
import { BillingLooks } from '../../src/gateway/billing-looks.ts'
import { AT, book, pointAt, register, release } from '../billing/support.ts'
import { freezeOf } from './billing-book-site.ts'

const HOUR = 3_600_000

/** A book with one released point, and what the data say of it now. */
const site = () => {
  const file = book()
  release(file, [pointAt('P-1', [register('1.8.0', '100.00')])])
  const handlers = billingHandlers(file, () => undefined)
  const ask: AskBilling = async (call, request) => ok(handlers[call](request))
  const state = { value: '100.00', now: AT + HOUR, seq: 5, touched: ['P-1'] }
  const reads: BillingReads = {
    at: async function* (_at, { points = [] }) {
      yield points.map((point) => pointAt(point, [register('1.8.0', state.value)]))
    },
    billed: async function* () {},
  }
  const ledger = {
    get seq() {
      return state.seq
    },
    touchedPages: () => [state.touched.map((id) => ({ kind: 'point' as const, id }))],
    facts: () => [],
  }
  const clock = { now: () => state.now, monotonic: () => 0, speed: 1 }
  const looks = new BillingLooks({
    ask,
    isBegun: () => true,
    reads,
    ledger,
    clock,
    storeSink: 'store',
    windowMs: () => HOUR,
    log: () => undefined,
  })
  const open = () => file.pendings.open({}, 0, 10).map(({ next, cause }) => [next?.value, cause])
  return { looks, state, open }
}

it('compares what was released when a reading comes late, and not for readings of other times', async () => {
  const { looks, state, open } = site()
  await looks.settle()
  state.value = '101.00'
  await looks.sink.write([freezeOf('P-1', AT + 2 * HOUR, [1, 1]), freezeOf('P-2', AT, [1, 1])])
  state.now += 60_000
  await looks.settle()
  expect(open()).toEqual([])
  await looks.sink.write([freezeOf('P-1', AT, [1, 1])])
  await looks.settle()
  expect(open()).toEqual([])
  // What is stored by then is looked at.
  state.now += 60_000
  await looks.settle()
  expect(open()).toEqual([['101.00', 'a reading (day-freeze) came after the release']])
})

it('compares what a change of the ledger touched, once', async () => {
  const { looks, state, open } = site()
  await looks.settle()
  state.value = '102.00'
  await looks.settle()
  expect(open()).toEqual([])
  state.seq = 6
  await looks.settle()
  expect(open()).toEqual([['102.00', 'ledger change 6']])
})

it('compares what a release has made once more: a reading may have come while it was under way', async () => {
  const { looks, state, open } = site()
  await looks.settle()
  state.value = '103.50'
  looks.released(AT)
  await looks.settle()
  expect(open()).toEqual([])
  // When the store has what came until then.
  state.now += 60_000
  await looks.settle()
  expect(open()).toEqual([['103.50', 'found by a check after the release']])
  state.value = '103.60'
  state.now += 60_000
  await looks.settle()
  expect(open()).toHaveLength(1)
})

it('compares everything once a day, whatever was said', async () => {
  const { looks, state, open } = site()
  await looks.settle()
  state.value = '103.00'
  state.now += 25 * HOUR
  await looks.settle()
  expect(open()).toEqual([['103.00', 'found by a check of everything released']])
})

it('hears of energy that was worked out again', async () => {
  const { looks, state, open } = site()
  await looks.settle()
  state.value = '104.00'
  looks.energyChanged('P-1', AT - 24 * HOUR, AT)
  await looks.settle()
  state.now += HOUR
  await looks.settle()
  expect(open()).toEqual([['104.00', 'energy was worked out again']])
})

it('asks no book before something is released, and follows the ledger from the moment before', async () => {
  const file = book()
  const handlers = billingHandlers(file, () => undefined)
  const asked: string[] = []
  const { ask, isBegun } = begunLater(async (call, request) => {
    asked.push(call)
    return ok(handlers[call](request))
  }, false)
  const state = { value: '100.00', now: AT + HOUR, seq: 5 }
  const reads: BillingReads = {
    at: async function* (_at, { points = [] }) {
      yield points.map((point) => pointAt(point, [register('1.8.0', state.value)]))
    },
    billed: async function* () {},
  }
  const ledger = {
    get seq() {
      return state.seq
    },
    touchedPages: (since: number) => (since < state.seq ? [[{ kind: 'point' as const, id: 'P-1' }]] : []),
    facts: () => [],
  }
  const clock = { now: () => state.now, monotonic: () => 0, speed: 1 }
  const looks = new BillingLooks({ ask, isBegun, reads, ledger, clock, storeSink: 'store', windowMs: () => HOUR, log: () => undefined })
  await looks.sink.write([freezeOf('P-1', AT, [1, 1])])
  looks.energyChanged('P-1', AT - 24 * HOUR, AT)
  state.seq = 6
  expect(asked).toEqual([])
  await looks.willRelease(AT)
  expect(isBegun()).toBe(true)
  // The ledger changes while the release is carried out: what was taken before that is compared.
  state.value = '105.00'
  state.seq = 7
  release(file, [pointAt('P-1', [register('1.8.0', '100.00')])])
  await looks.settle()
  expect(file.pendings.open({}, 0, 10).map(({ next, cause }) => [next?.value, cause])).toEqual([['105.00', 'ledger change 7']])
})
