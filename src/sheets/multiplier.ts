import { compare, type Decimal, decimalText, multiply, parseDecimal } from '../core/index.ts'
import type { Value } from '../ledger/kinds.ts'
import type { CellText } from './values.ts'
import { cellValue } from './values.ts'

/** Ratios as the ledger writes them: `400/5`, `80`; null where it has none. */
export interface Ratios {
  readonly ct: string | null
  readonly pt: string | null
}

type Judged = { readonly is: 'right' } | { readonly is: 'taken'; readonly ct: string } | { readonly is: 'wrong'; readonly message: string }

interface Fraction {
  readonly over: Decimal
  readonly under: Decimal
}

const ONE: Decimal = { raw: 1, scaler: 0 }

const fractionOf = (ratio: string): Fraction | null => {
  const [over, under] = ratio.split('/').map(parseDecimal)
  return over ? { over, under: under ?? ONE } : null
}

/**
 * Compares an overall multiplier (综合倍率) with CT × PT of the row, or of the ledger where the row has neither. Where nobody knows CT and
 * PT it is taken as the CT ratio. Exact: 400/5 × 10000/100 is 8000 and nothing near it.
 */
export const checkMultiplier = (
  cell: CellText,
  set: Readonly<Record<string, Value>>,
  ratiosOf: (point: string) => Ratios | null,
  point: string,
): Judged => {
  const found = cellValue(cell, { type: 'ratio', label: { en: '', zh: '' } }, 'UTC')
  if (!found.ok || typeof found.value !== 'string') return { is: 'wrong', message: found.ok ? 'is no ratio' : found.message }
  const known = ratiosOf(point)
  const ct = typeof set.ct === 'string' ? set.ct : (known?.ct ?? null)
  const pt = typeof set.pt === 'string' ? set.pt : (known?.pt ?? null)
  if (ct === null && pt === null) return { is: 'taken', ct: found.value }
  const [a, b, said] = [fractionOf(ct ?? '1'), fractionOf(pt ?? '1'), fractionOf(found.value)]
  // A ratio that is none is a problem of its own cell.
  if (!a || !b || !said) return { is: 'right' }
  const over = multiply(a.over, b.over)
  const under = multiply(a.under, b.under)
  if (compare(multiply(over, said.under), multiply(said.over, under)) === 0) return { is: 'right' }
  return { is: 'wrong', message: `is ${found.value}, but CT ${ct ?? '1'} × PT ${pt ?? '1'} is ${quotientText(over, under)}` }
}

/** For a message: whole where it is whole. */
const quotientText = (over: Decimal, under: Decimal): string => {
  const shift = Math.min(over.scaler, under.scaler)
  const [a, b] = [over, under].map(({ raw, scaler }) => BigInt(raw) * 10n ** BigInt(scaler - shift))
  if (a === undefined || b === undefined || b === 0n) return '?'
  return a % b === 0n ? String(a / b) : `${decimalText(over.raw, over.scaler)}/${decimalText(under.raw, under.scaler)}`
}
