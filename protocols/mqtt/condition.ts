import type { ConditionFile } from './schema.ts'
import type { Operand, Scope } from './scope.ts'
import { parseNamePattern } from './topic.ts'

/** Both are linear: a class of characters and an end. */
const FORMS = { hex: /^(?:[0-9A-Fa-f]{2}\s*)+$/, number: /^[+-]?[0-9]+(?:\.[0-9]+)?$/ } as const

/** A test of a message, ready to be made. */
export interface Condition {
  readonly text: string
  holds(scope: Scope): boolean
}

/** @returns  what is wrong (where, and in words), or the condition */
export const conditionOf = (
  { is, not, exists, like, form, orAbsent = false }: ConditionFile,
  of: Operand,
  same: Operand | null,
): Condition | { readonly at: string; readonly message: string } => {
  const allowed = is && new Set(is.map(String))
  const barred = not && new Set(not.map(String))
  const pattern = like === undefined ? null : parseNamePattern(like)
  if (typeof pattern === 'string') return { at: 'like', message: pattern }
  if (pattern?.capture) return { at: 'like', message: `is "${like}"; a test captures nothing, write *` }
  const text = [
    of.text,
    ...(allowed ? [`is ${[...allowed].join(' or ')}`] : []),
    ...(barred ? [`is not ${[...barred].join(' or ')}`] : []),
    ...(exists === undefined ? [] : [exists ? 'is there' : 'is not there']),
    ...(like === undefined ? [] : [`is like ${like}`]),
    ...(form === undefined ? [] : [form === 'hex' ? 'is hexadecimal' : 'is a number']),
    ...(same ? [`is the same as ${same.text}`] : []),
    ...(orAbsent ? ['or is not there'] : []),
  ].join(' ')
  const isThere = (scope: Scope): boolean => {
    if (!of.path) return of.read(scope) !== null
    const found = scope.find(of.path)
    return found !== undefined && found !== null
  }
  const isBare = !allowed && !barred && !pattern && !same && form === undefined
  return {
    text,
    holds: (scope) => {
      if (exists === false) return !isThere(scope)
      if (isBare) return isThere(scope)
      const value = of.read(scope)
      if (value === null) return orAbsent && !isThere(scope)
      // Capitals of an EUI or a serial number are a matter of taste.
      if (same && same.read(scope)?.toLowerCase() !== value.toLowerCase()) return false
      if (form !== undefined && !FORMS[form].test(value)) return false
      return !(allowed && !allowed.has(value)) && !barred?.has(value) && !(pattern && pattern.match(value) === null)
    },
  }
}

export const allHold = (conditions: readonly Condition[], scope: Scope): boolean => {
  for (const condition of conditions) if (!condition.holds(scope)) return false
  return true
}
