import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BillingFigureView, BillingPointView } from '../../src/api/billing-read-deps.ts'
import { billingPointJson, billingPointText, withSummary } from '../../src/api/billing-read-json.ts'
import { SOURCES } from '../../src/core/index.ts'

const STATES = ['released', 'provisional', 'held', 'withdrawn'] as const
const AT = Date.UTC(2026, 8, 30, 16)

/** Words of people and machines: quotes, control characters, halves of characters, Chinese. */
const words = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u007f', '\u2028', '\ud800', '\udc00', '户', '\u00e9', 'a', '1'),
    maxLength: 8,
  }),
  fc.constantFrom('P-1', 'M-1', '1.8.0', '123.40', '李"四', ''),
)
const instants = fc.integer({ min: 0, max: 4_000_000_000_000 })
const evidence = fc.option(fc.record({ id: words, kind: fc.constantFrom('frame' as const, 'message' as const), sha256: words }))
const figures: fc.Arbitrary<BillingFigureView> = fc
  .record({
    ...{ register: words, unit: words, value: words, ratio: words, primary: words, storedRatio: fc.option(words), evidence },
    ...{ meter: fc.constantFrom('M-1', 'M-2', '表"1'), source: fc.constantFrom(...SOURCES), quality: fc.integer({ min: 0, max: 255 }) },
    ...{ measuredAt: fc.oneof(fc.constant(AT), instants), receivedAt: fc.oneof(fc.constant(AT), instants) },
  })
  .map(({ storedRatio, ...rest }) => (storedRatio === null ? rest : { ...rest, storedRatio }))
const registers = fc.record({
  ...{ figure: figures, state: fc.constantFrom(...STATES), version: fc.option(fc.nat()), releasedAt: fc.option(instants) },
  pending: fc.option(figures),
  /** As in a reading of several registers: the same time, meter and evidence as the one before. */
  isLikeBefore: fc.boolean(),
})
const points: fc.Arbitrary<BillingPointView> = fc
  .record({
    ...{ point: words, area: fc.option(words), customer: fc.option(words), meter: fc.option(words), state: fc.constantFrom(...STATES) },
    ...{ registers: fc.array(registers, { maxLength: 5 }), missing: fc.array(words, { maxLength: 3 }) },
    holds: fc.array(fc.record({ reason: words, text: words }), { maxLength: 2 }),
  })
  .map(({ registers: given, ...point }) => {
    let before: BillingFigureView | null = null
    return {
      ...point,
      registers: given.map(({ figure, isLikeBefore, ...rest }) => {
        const { meter, source, quality, measuredAt, receivedAt } = before ?? figure
        const alike = { meter, source, quality, measuredAt, receivedAt, evidence: (before ?? figure).evidence }
        before = isLikeBefore ? { ...figure, ...alike } : figure
        return { ...before, ...rest }
      }),
    }
  })

describe('points at a billing instant as text', () => {
  it('are what their object is as JSON, byte for byte', () => {
    fc.assert(
      fc.property(points, (point) => {
        expect(billingPointText(point, AT)).toBe(JSON.stringify(billingPointJson(point, AT)))
      }),
      { numRuns: 500 },
    )
  })

  it('end with counts and the digest of the lines', async () => {
    const line = (point: string) => ({ point, state: 'held', holds: [{ reason: 'no-read' }, { reason: 'no-read' }] })
    const pieces = async function* () {
      yield [line('P-1'), line('李')]
      yield []
      yield [line('P-2')]
    }
    const texts: string[] = []
    for await (const bytes of withSummary(pieces(), ({ point }) => JSON.stringify({ point }), { at: 'then' }, ['P-2', 'P-9']))
      texts.push(Buffer.from(bytes).toString())
    const lines = texts.join('').split('\n')
    expect(lines.slice(0, 3)).toEqual(['{"point":"P-1"}', '{"point":"李"}', '{"point":"P-2"}'])
    expect(JSON.parse(lines[3]!)).toEqual({
      summary: {
        ...{ at: 'then', points: 3, states: { released: 0, provisional: 0, held: 3, withdrawn: 0 }, reasons: { 'no-read': 3 } },
        // Of the three lines, by sha256sum.
        ...{ notBilled: ['P-9'], sha256: '77522c34518921ed3e4a560f4791aa89cbdf363de0b9876ddc7d13014359262f', complete: true },
      },
    })
  })

  it('go on in pieces of some size, whatever the length of a line', async () => {
    const lengths = [10, 300_000, 1, 60_000, 131_071, 43_690, 43_691, 5]
    const pieces = async function* () {
      yield lengths.map((length, index) => ({ point: String(index), state: 'held', holds: [], text: '李'.repeat(length) }))
    }
    let whole = ''
    const decoder = new TextDecoder()
    for await (const bytes of withSummary(pieces(), ({ text }) => text, {}, [])) whole += decoder.decode(bytes, { stream: true })
    expect(
      whole
        .split('\n')
        .slice(0, -2)
        .map((line) => line.length),
    ).toEqual(lengths)
  })
})
