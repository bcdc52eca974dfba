import type { ExplainedField } from '../../src/core/explained.ts'
import { wantsPassword } from './aux.ts'
import { type ExplainOptions, explainBytes } from './explain.ts'
import { HEAD, OVERHEAD, readHead, sumOf } from './frame.ts'

/** A frame as a trace shows it: secrets are gone from bytes and fields alike, and the checksum fits what is left. */
export interface TracedFrame {
  readonly bytes: Uint8Array
  readonly hidden: readonly { readonly at: number; readonly size: number }[]
  /** Whose frame it is, or for whom: `4510-21`; null where none can be told. */
  readonly address: string | null
  readonly isResponse: boolean | null
  readonly fields: readonly ExplainedField[]
  readonly error: { readonly code: string; readonly offset: number; readonly message: string; readonly hint: string } | null
}

/** Takes a frame apart for a trace. @param inner  takes apart frames that are passed through */
export const traced = (bytes: Uint8Array, inner: NonNullable<ExplainOptions['inner']>): TracedFrame => {
  const { fields, error, terminal, prm } = explainBytes(bytes, { inner })
  const own = {
    address: typeof terminal === 'string' ? terminal : null,
    isResponse: typeof prm === 'number' ? prm === 0 : null,
    error: error ? { code: error.code, offset: error.offset, message: error.message, hint: error.hint } : null,
  }
  const secrets = fields.filter(({ hex }) => hex.startsWith('**'))
  if (secrets.length === 0) return { ...own, bytes, hidden: [], fields }
  const clean = bytes.slice()
  for (const { offset, length } of secrets) clean.fill(0, offset, offset + length)
  const sum = fields.find(({ name }) => name === 'checksum')
  const sumAt = sum?.offset ?? clean.length - 2
  clean[sumAt] = sumOf(clean, 6, sumAt)
  return {
    ...own,
    bytes: clean,
    hidden: [...secrets, ...(sum ? [sum] : [])].map(({ offset, length }) => ({ at: offset, size: length })),
    fields: fields.map((field) => (field.name === 'checksum' ? { ...field, hex: '**' } : field)),
  }
}

/** AFNs whose answers hold passwords of meters or of the terminal: parameters that are asked for, authentication, events about it. */
const SECRET_ANSWERS: ReadonlySet<number> = new Set([0x06, 0x0a, 0x0e])

/**
 * Where a secret may lie in bytes that are no whole frame: behind the head of a frame that carries one.
 *
 * @returns  the first byte nobody may see; the length when there is none
 */
export const secretFrom = (bytes: Uint8Array): number => {
  for (let at = 0; at + 6 + HEAD <= bytes.length; at++) {
    if (bytes[at] !== 0x68) continue
    const head = readHead(bytes, at, bytes.length)
    if (!head.ok || head.size === 0) continue
    const afn = bytes[at + 12]!
    if (wantsPassword(afn) || SECRET_ANSWERS.has(afn)) return at + OVERHEAD - 2 + HEAD
  }
  return bytes.length
}
