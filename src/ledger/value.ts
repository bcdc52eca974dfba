import { parseDecimal } from '../core/index.ts'
import { ATTRIBUTES, type AttributeSpec, HIDDEN, type Kind, type Value, type ValueType } from './kinds.ts'

export type Checked = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly allowed: string }

export const ID_FORM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const DECIMAL = /^-?\d{1,18}(\.\d{1,12})?$/
const RATIO = /^\d{1,9}(\.\d{1,9})?(\/\d{1,9}(\.\d{1,9})?)?$/
/** Would do something where they are shown: control characters, and what turns the direction of writing. */
const UNCLEAN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u
const LONGEST = 200

/** A ratio as written, `400/5` or `80`; both sides above 0. */
export const isRatio = (text: string): boolean => RATIO.test(text) && text.split('/').every((side) => (parseDecimal(side)?.raw ?? 0) > 0)

const isDate = (text: string): boolean => {
  if (!/^(19|20|21)\d\d-\d\d-\d\d$/.test(text)) return false
  const at = Date.parse(`${text}T00:00:00Z`)
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(text)
}

const good = (value: Value): Checked => ({ ok: true, value })
const allowed = (what: string): Checked => ({ ok: false, allowed: what })

/** A value in the one form in which it is kept, by its type. */
const CHECKS: Readonly<Record<ValueType, (value: Exclude<Value, null>, spec: AttributeSpec) => Checked>> = {
  text: (value, { longest = LONGEST }) => {
    const plain = typeof value === 'string' ? value.trim() : null
    if (plain === null) return allowed('text, in quotes')
    if (plain.length > longest) return allowed(`at most ${longest} characters`)
    if (UNCLEAN.test(plain)) return allowed('text without control characters')
    return good(plain === '' ? null : plain)
  },
  integer: (value) => {
    const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? good(number) : allowed('a whole number, 0 or above')
  },
  decimal: (value) => {
    const written = typeof value === 'number' ? String(value) : value
    return typeof written === 'string' && DECIMAL.test(written) ? good(written) : allowed('a decimal number such as 12.5')
  },
  ratio: (value) => {
    const written = typeof value === 'number' ? String(value) : value
    return typeof written === 'string' && isRatio(written) ? good(written) : allowed('a ratio above 0: 400/5 or 80')
  },
  date: (value) => (typeof value === 'string' && isDate(value) ? good(value) : allowed('a day such as 2026-11-21')),
  instant: (value) => {
    const at = typeof value === 'string' ? Date.parse(value) : value
    return typeof at === 'number' && Number.isSafeInteger(at) ? good(at) : allowed('an instant with offset')
  },
  choice: (value, { choices = {} }) =>
    typeof value === 'string' && Object.hasOwn(choices, value) ? good(value) : allowed(`one of ${Object.keys(choices).join(', ')}`),
  flag: (value) => (typeof value === 'boolean' ? good(value) : allowed('true or false')),
  reference: (value, { refers }) => (typeof value === 'string' && ID_FORM.test(value) ? good(value) : allowed(`the id of a ${refers}`)),
}

export const attributeOf = (kind: Kind, name: string): AttributeSpec | null =>
  Object.hasOwn(ATTRIBUTES[kind], name) ? (ATTRIBUTES[kind][name] ?? null) : null

/** @returns the value as it is kept; null ends a fact, whatever its type */
export const checkValue = (spec: AttributeSpec, value: Value): Checked => {
  if (value === null) return good(null)
  return (spec.personal || spec.mayBeHidden) && value === HIDDEN
    ? allowed(`the value itself; ${HIDDEN} only stands for one that is not shown`)
    : CHECKS[spec.type](value, spec)
}

/** An instant for a message: `2026-03-01T00:00:00Z`; 0 is as far back as anybody knows. */
export const dateText = (at: number): string => (at === 0 ? 'always' : new Date(at).toISOString().replace(/\.000Z$/, 'Z'))
