import type { EnergyFindingView } from '../api/index.ts'
import { type Decimal, decimalText } from '../core/index.ts'
import type { EnergyFinding } from '../energy/index.ts'

export const textOf = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)

/** A finding as it is shown and kept. */
export const findingView = ({
  register,
  code,
  meter,
  at,
  before,
  after,
  would,
  note,
}: EnergyFinding & { readonly register: string }): EnergyFindingView => {
  const side = (seen: typeof before) => seen && { at: seen.at, register: textOf(seen.value), source: seen.source }
  return { register, code, meter, at, before: side(before), after: side(after), would: would && textOf(would), note }
}
