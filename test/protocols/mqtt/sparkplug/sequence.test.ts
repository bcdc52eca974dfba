import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SequenceWindow } from '../../../../protocols/mqtt/sparkplug/sequence.ts'

const started = (last: number, reorderMs = 2000) => {
  const window = new SequenceWindow<number>(reorderMs)
  window.begin(last)
  return window
}
const seqs = (delivered: readonly { readonly item: number }[]) => delivered.map(({ item }) => item)

describe('the counter of an edge node', () => {
  it('goes on from 255 to 0 without a gap', () => {
    const window = started(254)
    expect([255, 0, 1].flatMap((seq) => window.offer(seq, seq, 0))).toEqual([255, 0, 1].map((item) => ({ item, gap: null, late: false })))
  })

  it('holds what is ahead, over the wrap too, and delivers in order', () => {
    const window = started(254)
    expect(window.offer(1, 1, 0)).toEqual([])
    expect(window.offer(0, 0, 1)).toEqual([])
    expect(seqs(window.offer(255, 255, 2))).toEqual([255, 0, 1])
    expect(window.waiting).toEqual([])
  })

  it('gives up after the waiting time, says what is missing, and still takes it late', () => {
    const window = started(2)
    expect([window.offer(6, 6, 0), window.offer(5, 5, 10), window.expire(1999)].flat()).toEqual([])
    expect(window.expire(2000)).toEqual([
      { item: 5, gap: { after: 2, seq: 5, missing: 2 }, late: false },
      { item: 6, gap: null, late: false },
    ])
    expect(window.offer(4, 4, 2001)).toEqual([{ item: 4, gap: null, late: true }])
    expect(seqs(window.offer(7, 7, 2002))).toEqual([7])
  })

  it('gives up at once when the clock was set back, when nobody waits, and when too many wait', () => {
    const back = started(0)
    back.offer(2, 2, 100_000)
    expect(seqs(back.expire(50_000))).toEqual([2])
    expect(seqs(started(0, 0).offer(2, 2, 0))).toEqual([2])
    const full = started(0)
    const delivered = Array.from({ length: 65 }, (_, at) => full.offer(at + 2, at + 2, 0)).flat()
    expect(seqs(delivered)).toEqual(Array.from({ length: 65 }, (_, at) => at + 2))
  })

  it('delivers every message of any short disorder in order, and none twice', () => {
    const disorder = fc.array(fc.nat(30), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(fc.nat(255), disorder, (first, delays) => {
        const window = started((first + 255) % 256)
        const arrivals = delays.map((delay, at) => ({ at, arrival: at + delay })).sort((a, b) => a.arrival - b.arrival)
        const delivered = arrivals.flatMap(({ at }) => window.offer((first + at) % 256, at, 0))
        expect(delivered.map(({ item }) => item)).toEqual(delays.map((_, at) => at))
      }),
    )
  })
})
