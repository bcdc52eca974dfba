import { describe, expect, it } from 'vitest'
import { theftWords } from '../../../src/anomaly/balance/words.ts'

const told = (before: number | null) =>
  theftWords({
    ...{ cause: 'partial', id: 'P1', day: '2026-11-13', days: 9, share: 0.5, rival: null, daily: false },
    energy: { value: 81, low: 80, high: 82, aDay: 9 },
    loss: { before, after: 9.8 },
    use: { before, after: 3.8 },
  }).why

describe('what is said of a theft', () => {
  it('tells before and after', () => {
    expect(told(0.6).en).toContain("lacked beyond the wires' loss: 0.6 before and 9.8 since; this meter's own: 0.6 before and 3.8 since")
    expect(told(0.6).zh).toContain('由 0.6 变为 9.8')
  })

  it('says so where the theft is as old as the data', () => {
    expect(told(null).en).toContain('9.8 (nothing is known of the time before)')
    expect(told(null).zh).toContain('9.8（此前无数据）')
  })
})
