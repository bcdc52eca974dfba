import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Avoided, type PlanItem, planBlocks, seamOf, splitBlock } from '../../../protocols/modbus/planner.ts'

const item = (index: number, start: number, length: number, more: Partial<PlanItem> = {}): PlanItem => ({
  index,
  function: 3,
  start,
  end: start + length,
  ...more,
})
const spans = (items: readonly PlanItem[], maxRegisters: number, mergeGap: number, avoided: readonly Avoided[] = []) => {
  const { blocks, refused } = planBlocks(items, { maxRegisters, mergeGap }, avoided)
  return { blocks: blocks.map((block) => `${block.function}:${block.start}-${block.end}`), refused: refused.map(({ index }) => index) }
}

describe('merges', () => {
  it('neighbours', () => expect(spans([item(0, 0, 2), item(1, 2, 2), item(2, 4, 1)], 125, 0).blocks).toEqual(['3:0-5']))
  it('across a hole as wide as allowed, not wider', () => {
    expect(spans([item(0, 0, 2), item(1, 6, 2)], 125, 4).blocks).toEqual(['3:0-8'])
    expect(spans([item(0, 0, 2), item(1, 7, 2)], 125, 4).blocks).toEqual(['3:0-2', '3:7-9'])
  })
  it('up to the limit, never cutting a value: eleven registers hold five pairs', () =>
    expect(
      spans(
        Array.from({ length: 6 }, (_, at) => item(at, 2 * at, 2)),
        11,
        0,
      ).blocks,
    ).toEqual(['3:0-10', '3:10-12']))
  it('each function by itself', () =>
    expect(spans([item(0, 0, 1), item(1, 1, 1, { function: 4 })], 125, 9).blocks).toEqual(['3:0-1', '4:1-2']))
  it('out of order', () => expect(spans([item(0, 4, 2), item(1, 0, 2), item(2, 2, 2)], 125, 0).blocks).toEqual(['3:0-6']))
  it('a group in one request, whatever lies at the limit', () =>
    expect(spans([item(0, 0, 4), item(1, 4, 4, { group: 'tariffs' }), item(2, 8, 4, { group: 'tariffs' })], 8, 0).blocks).toEqual([
      '3:0-4',
      '3:4-12',
    ]))
  it('a group across a hole wider than others may span', () =>
    expect(spans([item(0, 0, 2, { group: 'g' }), item(1, 10, 2, { group: 'g' })], 125, 0).blocks).toEqual(['3:0-12']))
})

describe('plans around what a device refuses', () => {
  it('a hole', () =>
    expect(spans([item(0, 0, 2), item(1, 4, 2), item(2, 6, 2)], 125, 8, [{ function: 3, start: 2, end: 4 }]).blocks).toEqual([
      '3:0-2',
      '3:4-8',
    ]))
  it('a value that does not exist', () =>
    expect(spans([item(0, 0, 2), item(1, 2, 2), item(2, 4, 2)], 125, 8, [{ function: 3, start: 2, end: 4 }])).toEqual({
      blocks: ['3:0-2', '3:4-6'],
      refused: [1],
    }))
  it('a group in one piece', () =>
    expect(
      spans([item(0, 0, 2, { group: 'g' }), item(1, 4, 2, { group: 'g' })], 125, 8, [{ function: 3, start: 2, end: 4 }]).blocks,
    ).toEqual(['3:0-2', '3:4-6']))
  it('another function is not concerned', () =>
    expect(spans([item(0, 0, 4)], 125, 0, [{ function: 4, start: 0, end: 4 }]).blocks).toEqual(['3:0-4']))
})

describe('splits', () => {
  const blockOf = (items: readonly PlanItem[]) => planBlocks(items, { maxRegisters: 125, mergeGap: 125 }).blocks[0]!
  const cut = (items: readonly PlanItem[]) => splitBlock(blockOf(items))?.map((block) => `${block.start}-${block.end}`) ?? null
  it('at the widest hole', () => expect(cut([item(0, 0, 2), item(1, 3, 2), item(2, 9, 2), item(3, 11, 2)])).toEqual(['0-5', '9-13']))
  it('in the middle', () => expect(cut([item(0, 0, 2), item(1, 2, 2), item(2, 4, 2), item(3, 6, 2)])).toEqual(['0-4', '4-8']))
  it('beside a group rather than inside', () =>
    expect(cut([item(0, 0, 2), item(1, 2, 2, { group: 'g' }), item(2, 4, 2, { group: 'g' })])).toEqual(['0-2', '2-6']))
  it('a group when nothing else is left', () =>
    expect(cut([item(0, 0, 2, { group: 'g' }), item(1, 2, 2, { group: 'g' })])).toEqual(['0-2', '2-4']))
  it('never a value', () => expect(cut([item(0, 0, 4)])).toBe(null))
})

describe('properties', () => {
  const limits = fc.record({ maxRegisters: fc.integer({ min: 4, max: 125 }), mergeGap: fc.nat(30) })
  /** Values side by side with holes, of one, two or four registers. */
  const items = fc
    .array(fc.record({ gap: fc.oneof(fc.constant(0), fc.nat(40)), length: fc.constantFrom(1, 2, 4), code: fc.constantFrom(3, 4) }), {
      minLength: 1,
      maxLength: 60,
    })
    .map((list) => {
      let at = 0
      return list.map(({ gap, length, code }, index) => {
        const start = at + gap
        at = start + length
        return item(index, start, length, { function: code })
      })
    })
  const avoided = fc.array(
    fc
      .record({ function: fc.constantFrom(3, 4), start: fc.nat(900), length: fc.integer({ min: 1, max: 5 }) })
      .map(({ function: code, start, length }) => ({ function: code, start, end: start + length })),
    { maxLength: 12 },
  )

  it('every value is asked for once or refused, whole, within the limits, and no hole is wider than allowed', () =>
    fc.assert(
      fc.property(items, limits, avoided, (list, { maxRegisters, mergeGap }, spansToAvoid) => {
        const { blocks, refused } = planBlocks(list, { maxRegisters, mergeGap }, spansToAvoid)
        const seen = [...blocks.flatMap((block) => block.items), ...refused].map(({ index }) => index)
        expect(seen.sort((a, b) => a - b)).toEqual(list.map(({ index }) => index))
        for (const block of blocks) {
          expect(block.end - block.start).toBeLessThanOrEqual(maxRegisters)
          expect(block.start).toBe(block.items[0]!.start)
          expect(block.end).toBe(block.items.at(-1)!.end)
          for (const [at, each] of block.items.entries()) {
            expect(each.function).toBe(block.function)
            if (at > 0) expect(each.start - block.items[at - 1]!.end).toBeLessThanOrEqual(mergeGap)
          }
          for (const span of spansToAvoid)
            expect(span.function === block.function && block.start <= span.start && block.end >= span.end).toBe(false)
        }
        for (const each of refused)
          expect(spansToAvoid.some((span) => span.function === each.function && each.start <= span.start && each.end >= span.end)).toBe(
            true,
          )
      }),
    ))

  it('halves hold every value once, and a plan that avoids their seam never asks for the whole again', () =>
    fc.assert(
      fc.property(items, limits, (list, limit) => {
        for (const block of planBlocks(list, limit).blocks) {
          const halves = splitBlock(block)
          if (halves === null) {
            expect(block.items.length).toBe(1)
            continue
          }
          expect(halves.flatMap((half) => half.items.map(({ index }) => index)).sort()).toEqual(
            block.items.map(({ index }) => index).sort(),
          )
          const again = planBlocks(block.items, limit, [seamOf(halves[0], halves[1])])
          expect(again.refused).toEqual([])
          expect(again.blocks.length).toBeGreaterThan(1)
        }
      }),
    ))
})
