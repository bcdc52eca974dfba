import { describe, expect, it } from 'vitest'
import { decimalText, parseDecimal } from '../../src/core/index.ts'
import { type AnnualUse, gradesOf, judgeKey, KEY_CATEGORIES, type Listed, moveOf } from '../../src/tariff/index.ts'

const decimal = (text: string) => parseDecimal(text) ?? expect.fail(`${text} is no number`)
const RULES = { monthlyKwh: decimal('4000'), inclusive: true, categories: KEY_CATEGORIES }
const use = (kwh: string, change: Partial<AnnualUse> = {}): AnnualUse => ({
  ...{ customer: 'C', category: 'commercial', isNamed: false, months: 12, kwh: decimal(kwh), isWhole: true },
  ...change,
})
const judge = (kwh: string, change: Partial<AnnualUse> = {}, rules = RULES) => {
  const { meanKwh, ...verdict } = judgeKey(use(kwh, change), rules)
  return { ...verdict, mean: meanKwh && decimalText(meanKwh.raw, meanKwh.scaler) }
}

describe('a key account', () => {
  it('uses the limit or more in the mean of its months in service, the limit included', () => {
    expect(judge('48000')).toEqual({ state: 'computed', isKey: true, reasons: ['use'], mean: '4000.00' })
    expect(judge('47999.99')).toMatchObject({ isKey: false, reasons: [], mean: '4000.00' })
    expect(judge('48000', {}, { ...RULES, inclusive: false })).toMatchObject({ isKey: false })
    expect(judge('48000.01', {}, { ...RULES, inclusive: false })).toMatchObject({ isKey: true })
  })
  it('is measured over the months it was in service, not over twelve', () => {
    expect(judge('8000', { months: 2 })).toMatchObject({ isKey: true, mean: '4000.00' })
  })
  it('is one by its kind whatever it uses', () => {
    for (const category of KEY_CATEGORIES) expect(judge('12', { category })).toMatchObject({ isKey: true, reasons: ['category'] })
    expect(judge('12', { isNamed: true })).toMatchObject({ isKey: true, reasons: ['named'] })
  })
  it('whose year is not wholly known is said not to be computable, unless what is known is enough', () => {
    expect(judge('47000', { isWhole: false })).toEqual({ state: 'not-computable', isKey: null, reasons: [], mean: null })
    expect(judge('48000', { isWhole: false })).toEqual({ state: 'at-least', isKey: true, reasons: ['use'], mean: null })
    expect(judge('0', { months: 0 })).toMatchObject({ state: 'not-computable', isKey: null })
    expect(judge('0', { isWhole: false, category: 'school' })).toMatchObject({ state: 'not-computable', isKey: true })
  })
})

describe('grades', () => {
  const grades = (count: number, kwh: (at: number) => number = (at) => at) =>
    [
      ...gradesOf(
        Array.from({ length: count }, (_, at) => ({ customer: `C${at}`, kwh: decimal(String(kwh(at))), isWhole: true, months: 12 })),
      ),
    ]
      .map(([, grade]) => grade)
      .reduce<Record<string, number>>((all, grade) => {
        all[grade] = (all[grade] ?? 0) + 1
        return all
      }, {})
  it('are the first 1 %, the next 4 %, the next 15 % and the rest', () => {
    expect(grades(1000)).toEqual({ A: 10, B: 40, C: 150, D: 800 })
    expect(grades(3)).toEqual({ A: 1, D: 2 })
    expect(grades(0)).toEqual({})
  })
  it('are the same for the same energy', () => {
    expect(grades(100, () => 7)).toEqual({ A: 100 })
  })
  it('are not given to whose year is not known', () => {
    expect(gradesOf([use('9', { isWhole: false }), use('1', { customer: 'D' })])).toEqual(new Map([['D', 'A']]))
  })
})

describe('movers', () => {
  const listed = (change: Partial<Listed> = {}): Listed => ({
    ...{ isKey: true, reasons: ['use'], grade: 'B', isByPerson: false, state: 'computed', ...change },
  })
  const small = listed({ isKey: false, reasons: [], grade: 'D' })
  it('are named with their reason', () => {
    expect(moveOf(small, listed())).toEqual({ moves: ['joined', 'raised'], reasons: ['use-rose', 'rank'] })
    expect(moveOf(listed(), small)).toEqual({ moves: ['left', 'lowered'], reasons: ['use-fell', 'rank'] })
    expect(moveOf(listed({ reasons: ['category'] }), { ...small, grade: 'B' })).toEqual({ moves: ['left'], reasons: ['category-removed'] })
    expect(moveOf(listed(), listed({ grade: 'A', isByPerson: true }))).toEqual({ moves: ['raised'], reasons: ['person'] })
    expect(moveOf(null, listed())).toEqual({ moves: ['new', 'joined'], reasons: ['new-customer', 'use-rose'] })
    expect(moveOf(listed(), null)).toEqual({ moves: ['gone', 'left'], reasons: ['customer-gone'] })
  })
  it('whose year is not known any more have not left: nobody knows', () => {
    const unknown = listed({ isKey: null, reasons: [], grade: null, state: 'not-computable' })
    expect(moveOf(listed(), unknown)).toEqual({ moves: ['no-longer-known'], reasons: ['not-computable'] })
    expect(moveOf(unknown, listed())).toMatchObject({ moves: ['joined'], reasons: ['computable', 'use-rose'] })
    expect(moveOf(unknown, small)).toMatchObject({ moves: ['known-again'] })
  })
  it('are none where nothing moved', () => {
    expect(moveOf(listed(), listed())).toBeNull()
    expect(moveOf(null, small)).toBeNull()
    expect(moveOf(small, null)).toBeNull()
  })
})
