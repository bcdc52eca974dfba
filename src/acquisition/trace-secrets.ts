import { explainTraced, secretFrom } from '../../protocols/index.ts'
import { hexOf } from '../core/index.ts'

/** Bytes of a frame nobody may see. */
export interface HiddenBytes {
  readonly at: number
  readonly size: number
}

/** Hexadecimal text with `**` where something is hidden: `68 ** 16`. */
export const hexHidden = (bytes: Uint8Array, hidden: readonly HiddenBytes[]): string => {
  if (hidden.length === 0) return hexOf(bytes)
  const pairs = Array.from(bytes, (byte) => hexOf(Uint8Array.of(byte)))
  for (const { at, size } of hidden) pairs.fill('**', at, at + size)
  return pairs.join(' ')
}

/** A whole frame as hexadecimal text for errors and logs: passwords are masked. */
export const frameHex = (protocol: string, bytes: Uint8Array, direction: 'request' | 'response'): string => {
  const { bytes: clean, hidden } = explainTraced(protocol, bytes, direction)
  return hexHidden(clean, hidden)
}

/** Whether a request carries a password. */
export const hasSecrets = (protocol: string, bytes: Uint8Array): boolean => explainTraced(protocol, bytes, 'request').hidden.length > 0

/**
 * What may be seen of bytes that are no frame. Behind a request with a password everything may be its damaged echo; elsewhere what
 * stands behind the head of such a command.
 */
export const hiddenIn = (protocol: string | null, bytes: Uint8Array, afterSecret: boolean): readonly HiddenBytes[] => {
  if (afterSecret) return bytes.length > 0 ? [{ at: 0, size: bytes.length }] : []
  const from = secretFrom(protocol ?? 'dlt645', bytes)
  return from < bytes.length ? [{ at: from, size: bytes.length - from }] : []
}

/** Bytes with zeros where something is hidden. */
export const withoutHidden = (bytes: Uint8Array, hidden: readonly HiddenBytes[]): Uint8Array => {
  if (hidden.length === 0) return bytes
  const clean = bytes.slice()
  for (const { at, size } of hidden) clean.fill(0, at, at + size)
  return clean
}
