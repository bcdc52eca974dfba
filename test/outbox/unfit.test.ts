import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ok, type Reading } from '../../src/core/index.ts'
import { hintOf } from '../../src/core/result.ts'
import { close, directory, drain, MoodySink, openHere, reading, readings } from './support.ts'

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)
const unfit = (change: Partial<Reading>): Reading => ({ ...reading(1), ...change })
const REFUSED = { ok: false, error: { code: 'OUTBOX_READING', recovery: 'skip' } }

describe('a reading that can never be kept', () => {
  it.each([
    ['a raw that is infinite', { raws: [Number.POSITIVE_INFINITY, 1, 1] }, 'Infinity for 1.8.0'],
    ['a raw that is none', { raws: [1, Number.NaN, 1] }, 'NaN for 32.7.0'],
    ['a raw with a fraction, small', { raws: [0.5, 1, 1] }, '0.5 for 1.8.0'],
    ['a raw with a fraction, large', { raws: [1, 1, 2 ** 40 + 0.5] }, '1099511627776.5 for text'],
    ['an exponent that is none', { raws: [1, 2, 3], scalers: [0, Number.NaN, 0] }, 'the exponent NaN for 32.7.0'],
    ['an exponent with a fraction', { raws: [1, 2, 3], scalers: [0, -1.5, 0] }, 'the exponent -1.5 for 32.7.0'],
    ['a time that is none', { measuredAt: Number.NaN }, 'the time NaN'],
    ['an arrival between two milliseconds', { receivedAt: 1_700_000_000_000.5 }, 'the time of arrival 1700000000000.5'],
  ] satisfies [string, Partial<Reading>, string][])('%s: a failed result that says so, and the next is taken', async (_, change, words) => {
    const sink = new MoodySink('store')
    const opened = await openHere(directory(), [sink])
    const refused = await opened.outbox.put([unfit(change)])
    expect(refused).toMatchObject(REFUSED)
    expect(!refused.ok && refused.error.message).toContain(words)
    expect(hintOf('OUTBOX_READING')).not.toBeNull()
    expect(opened.outbox.state()).toMatchObject({ ready: true, depth: 0 })
    const put = opened.outbox.put([reading(7)])
    await opened.hands.pass(10)
    expect(await put).toEqual(ok(undefined))
    await drain(opened)
    expect([sink.taken, sink.wrong]).toEqual([[7], []])
    await close(opened)
  })

  it('one that the encoder itself cannot bear does not throw either', async () => {
    const opened = await openHere(directory(), [])
    const broken: Reading = JSON.parse('{}')
    expect(await opened.outbox.put([broken])).toMatchObject(REFUSED)
    await close(opened)
  })

  it.each([
    ['in the first commit', 3],
    ['in the second', 1200],
    ['in the third', 2400],
  ])('takes none of its own call and all of the others, when it stands %s', async (_, before) => {
    const sink = new MoodySink('store', 5000)
    const opened = await openHere(directory(), [sink])
    const first = opened.outbox.put(readings(0, 10))
    const bad = opened.outbox.put([...readings(5000, before), unfit({ raws: [Number.NaN, 1, 1] }), ...readings(9000, 5)])
    const last = opened.outbox.put(readings(10, 10))
    await opened.hands.pass(100)
    expect([await first, await last]).toEqual([ok(undefined), ok(undefined)])
    expect(await bad).toMatchObject(REFUSED)
    await drain(opened)
    expect(sink.taken).toEqual(numbers(0, 20))
    expect(opened.outbox.state()).toMatchObject({ depth: 0, bytes: 0 })
    await close(opened)
  })

  it('the same for one that is too large', async () => {
    const sink = new MoodySink('store', 5000)
    const opened = await openHere(directory(), [sink])
    const huge = unfit({ absent: new Map(numbers(0, 400_000).map((column) => [column, 'X'])) })
    const first = opened.outbox.put(readings(0, 3))
    expect(await opened.outbox.put([...readings(5000, 3), huge])).toMatchObject({ error: { code: 'OUTBOX_TOO_LARGE' } })
    await opened.hands.pass(100)
    expect(await first).toEqual(ok(undefined))
    await drain(opened)
    expect(sink.taken).toEqual(numbers(0, 3))
    await close(opened)
  })

  it('does not count against the room that is left', async () => {
    const opened = await openHere(directory(), [], { maxBytes: 300_000 })
    for (let call = 0; call < 10; call++)
      expect(await opened.outbox.put([...readings(0, 2400), unfit({ raws: [Number.NaN, 1, 1] })])).toMatchObject(REFUSED)
    expect(opened.outbox.state()).toMatchObject({ ready: true, reason: null })
    const put = opened.outbox.put(readings(0, 10))
    await opened.hands.pass(10)
    expect(await put).toEqual(ok(undefined))
    await close(opened)
  })

  it('leaves no trace among any sequence of calls', async () => {
    const call = fc.record({ count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 900, max: 1100 })), isSound: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 8 }), async (calls) => {
        const sink = new MoodySink('store', 20_000)
        const opened = await openHere(directory(), [sink])
        let next = 0
        const wanted: number[] = []
        const puts = calls.map(({ count, isSound }) => {
          const from = next
          next += count
          if (isSound) wanted.push(...numbers(from, count))
          return opened.outbox.put(isSound ? readings(from, count) : [...readings(from, count), unfit({ raws: [1.5, 1, 1] })])
        })
        await opened.hands.pass(1000)
        expect((await Promise.all(puts)).map(({ ok }) => ok)).toEqual(calls.map(({ isSound }) => isSound))
        await drain(opened)
        expect([sink.taken, sink.wrong]).toEqual([wanted, []])
        await close(opened)
      }),
      { numRuns: 20 },
    )
  })
})
