import { fail } from './errors.ts'
import type { DueRecord } from './types.ts'

export const samePerson = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase()
export const unknown = (id: number) => fail('GAP_UNKNOWN', `there is no due reading ${id}`, { gap: id })
export const wrongState = ({ id, meter, state }: DueRecord, what: string) =>
  fail('GAP_STATE', `gap ${id} of meter ${meter} is ${state}; ${what} that is open, scheduled or permanent`, { gap: id, state })
