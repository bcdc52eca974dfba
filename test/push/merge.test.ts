import { describe, expect, it } from 'vitest'
import { QUALITY, shapeOf } from '../../src/core/index.ts'
import { compareReadings } from '../../src/push/merge.ts'
import { reading } from './support.ts'

describe('a second reading of one instant', () => {
  it.each([
    ['the same', reading(0, { '1.8.0': '1.50' })],
    ['the same number written shorter', reading(0, { '1.8.0': '1.5' })],
    ['the same number as a float', reading(0, { '1.8.0': '1.500' }, { floats: true })],
    ['the same ratio written longer', reading(0, { '1.8.0': '1.50' }, { ratio: '1.00' })],
    ['an absent value for one that is there', reading(0, { '1.8.0': null })],
    ['an absent value more', reading(0, { '1.8.0': '1.50', '2.8.0': null })],
    ['another quality', reading(0, { '1.8.0': '1.50' }, { quality: QUALITY.partial })],
  ])('brings nothing new: %s', (_, second) =>
    expect(compareReadings(reading(0, { '1.8.0': '1.50' }), second)).toEqual({ merged: null, conflicts: [] }),
  )

  it('adds its columns to those that are there, in the order of their fields', () => {
    const kept = reading(0, { '31.7.0': '5.000', '1.8.0': '1.50' }, { quality: QUALITY.unregistered, floats: true })
    const second = reading(0, { '1.8.0': '1.5', '2.8.0': '12345678901234567890.1' })
    const { merged, conflicts } = compareReadings(kept, { ...second, raws: [15, 123456789012345678901n], receivedAt: kept.receivedAt + 5 })
    expect(conflicts).toEqual([])
    expect(merged).toEqual({
      ...kept,
      shape: shapeOf([kept.shape.columns[1]!, second.shape.columns[1]!, kept.shape.columns[0]!]),
      raws: [150, 123456789012345678901n, 5000],
      scalers: [-2, 0, -3],
      receivedAt: kept.receivedAt + 5,
    })
  })

  it('makes one shape of the same columns whoever came first', () => {
    const a = reading(0, { '1.8.0': '1' })
    const b = reading(0, { '2.8.0': '2' })
    expect(compareReadings(a, b).merged?.shape).toBe(compareReadings(b, a).merged?.shape)
  })

  it('fills what was absent, and the row is partial no longer', () => {
    const kept = reading(0, { '1.8.0': '1', '2.8.0': null, '3.8.0': null }, { quality: QUALITY.partial | QUALITY.clockDoubtful })
    const half = compareReadings(kept, reading(0, { '2.8.0': '2.5' })).merged!
    expect(half).toMatchObject({ raws: [1, 25, null], quality: kept.quality, absent: new Map([[2, 'DLT645_REFUSED']]) })
    const whole = compareReadings(half, reading(0, { '3.8.0': '3' })).merged!
    expect(whole).toMatchObject({ raws: [1, 25, 3], quality: QUALITY.clockDoubtful, absent: null })
  })

  it.each([
    [0, QUALITY.clockDoubtful, QUALITY.clockDoubtful],
    [QUALITY.unregistered, QUALITY.manual, QUALITY.unregistered | QUALITY.manual],
    [QUALITY.quarantined, QUALITY.quarantined | QUALITY.clockDoubtful, QUALITY.quarantined | QUALITY.clockDoubtful],
    [0, QUALITY.partial, 0],
    [QUALITY.partial, 0, QUALITY.partial],
  ])('a row of quality %i that takes values of quality %i has %i', (first, second, quality) => {
    const kept = reading(0, { '1.8.0': '1' }, { quality: first })
    expect(compareReadings(kept, reading(0, { '2.8.0': '2' }, { quality: second })).merged).toMatchObject({ raws: [1, 2], quality })
  })

  it('contradicts: the first value stays, new columns are added', () => {
    const kept = reading(0, { '1.8.0': '1.50' })
    const { merged, conflicts } = compareReadings(kept, reading(0, { '1.8.0': '1.501', '2.8.0': '7' }))
    expect(conflicts).toEqual([{ field: '1.8.0', kept: { raw: 150, scaler: -2 }, refused: { raw: 1501, scaler: -3 } }])
    expect(merged).toMatchObject({ raws: [150, 7] })
  })

  it('with another ratio adds nothing: a row has one', () =>
    expect(compareReadings(reading(0, { '1.8.0': '1' }), reading(0, { '1.8.0': '1', '2.8.0': '7' }, { ratio: '80' }))).toEqual({
      merged: null,
      conflicts: [{ field: 'ratio', kept: { raw: 1, scaler: 0 }, refused: { raw: 80, scaler: 0 } }],
    }))

  it.each([
    ['1', '-1'],
    ['0', '0.001'],
    ['10', '1'],
    ['9.99', '10.0'],
  ])('%s is not %s', (a, b) => expect(compareReadings(reading(0, { '1.8.0': a }), reading(0, { '1.8.0': b })).conflicts).toHaveLength(1))

  it('is judged, whatever exponents it has', () => {
    const far = (scaler: number) => ({ ...reading(0, { '1.8.0': '1' }, { floats: true }), scalers: [scaler] })
    expect(compareReadings(far(9999), far(-9999)).conflicts).toHaveLength(1)
    expect(compareReadings(far(1e9), far(-1e9)).conflicts).toHaveLength(1)
    expect(compareReadings(reading(0, { '1.8.0': '0' }), { ...far(9999), raws: [0] }).conflicts).toEqual([])
  })
})
