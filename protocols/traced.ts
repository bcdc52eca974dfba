import { explainBytes } from './dlt645/explain.ts'
import { cleanBytes as cleanDlt698, explainBytes as explainDlt698 } from './dlt698/explain.ts'
import type { InnerFrame } from './gw3761/explain.ts'
import { traced as tracedGw3761 } from './gw3761/traced.ts'
import { explainFrame as explainModbus } from './modbus/explain.ts'

/** A field of a frame, for people. */
export interface NamedField {
  readonly offset: number
  readonly hex: string
  readonly name: string
  readonly meaning: string
}

/** A frame of DL/T 645 that a concentrator passes through (透明转发). */
export const innerDlt645 = (bytes: Uint8Array, passwords: boolean): InnerFrame | null => {
  const { fields, error, protocol: _, ...leaves } = explainBytes(bytes, { passwords })
  return error ? null : { leaves, fields }
}

/** A frame as a trace shows it: every field with its bytes, and where it is wrong. Secrets are gone from bytes and fields alike. */
export interface TracedBytes {
  /** As on the wire; secrets are zero and the checksum that could give them away fits the zeros. */
  readonly bytes: Uint8Array
  /** Bytes to show as `**`. */
  readonly hidden: readonly { readonly at: number; readonly size: number }[]
  /** Whose frame it is: the address it names; null where none can be told. */
  readonly address: string | null
  readonly isResponse: boolean | null
  readonly fields: readonly (NamedField & { readonly length: number })[]
  readonly error: { readonly code: string; readonly offset: number; readonly message: string; readonly hint: string } | null
}

/** Takes a frame of a line apart for a trace. @param protocol  id of the adapter that spoke it */
export const explainTraced = (protocol: string, bytes: Uint8Array, direction: 'request' | 'response'): TracedBytes => {
  if (protocol === 'gw3761') return tracedGw3761(bytes, innerDlt645)
  if (protocol.startsWith('dlt645')) {
    const { fields, error, address, is_response: isResponse } = explainBytes(bytes)
    const own = {
      address: typeof address === 'string' ? address : null,
      isResponse: typeof isResponse === 'boolean' ? isResponse : null,
      error: error ? { code: error.code, offset: error.offset, message: error.message, hint: error.hint } : null,
    }
    const secrets = fields.filter(({ hex }) => hex.startsWith('**'))
    if (secrets.length === 0) return { ...own, bytes, hidden: [], fields }
    const hidden = [...secrets, ...fields.filter(({ name }) => name === 'checksum')].map(({ offset, length }) => ({
      at: offset,
      size: length,
    }))
    return {
      ...own,
      bytes: withoutSecrets(bytes, hidden),
      hidden,
      fields: fields.map((field) => (field.name === 'checksum' ? { ...field, hex: '**' } : field)),
    }
  }
  if (protocol === 'dlt698') return tracedDlt698(bytes)
  const framing = protocol === 'modbus-tcp' ? 'tcp' : protocol === 'modbus-ascii' ? 'ascii' : 'rtu'
  const { fields, errors, unit, direction: way } = explainModbus(bytes, framing, direction)
  const [first] = errors
  return {
    bytes,
    hidden: [],
    address: typeof unit === 'number' ? String(unit) : null,
    isResponse: way === 'response',
    fields,
    error: first ? { code: first.code, offset: first.offset, message: first.message, hint: first.cure } : null,
  }
}

const tracedDlt698 = (bytes: Uint8Array): TracedBytes => {
  const { fields, error, sa, dir } = explainDlt698(bytes)
  const address = typeof sa === 'object' && sa !== null && 'address' in sa && typeof sa.address === 'string' ? sa.address : null
  const clean = cleanDlt698(bytes)
  const hides = clean.hidden.length > 0
  return {
    ...clean,
    address,
    isResponse: typeof dir === 'number' ? dir === 1 : null,
    fields: hides ? fields.map((field) => (/^(frame check|bytes)$/.test(field.name) ? { ...field, hex: '**' } : field)) : fields,
    error: error ? { code: error.code, offset: error.offset, message: error.message, hint: error.hint } : null,
  }
}

/** Zeros (33H on the wire) where secrets were, and the sum of what is left. */
const withoutSecrets = (bytes: Uint8Array, hidden: readonly { readonly at: number; readonly size: number }[]): Uint8Array => {
  const clean = bytes.slice()
  const sumAt = hidden.at(-1)?.at ?? 0
  for (const { at, size } of hidden) clean.fill(0x33, at, at + size)
  let sum = 0
  for (let at = clean.indexOf(0x68); at < sumAt; at++) sum += clean[at]!
  clean[sumAt] = sum & 0xff
  return clean
}
