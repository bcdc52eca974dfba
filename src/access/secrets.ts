import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** What an opaque random secret is for; its text begins with it, so that a scanner of source code or logs knows one. */
export const SECRET_KINDS = { token: 'gt_', session: 'gs_', link: 'gl_', device: 'gd_' } as const
export type SecretKind = keyof typeof SECRET_KINDS

const BODY = /^[A-Za-z0-9_-]{43}$/

/**
 * A new secret: 32 random bytes as `gt_…` and 43 letters, and the SHA-256 to keep, 64 hexadecimal digits. The text is shown once. Random
 * secrets of this length need no slow hash.
 */
export const makeSecret = (kind: SecretKind): { readonly text: string; readonly hash: string } => {
  const text = `${SECRET_KINDS[kind]}${randomBytes(32).toString('base64url')}`
  return { text, hash: sha256(text) }
}

/** Whether a text has the form of a secret of this kind. */
export const isSecretText = (kind: SecretKind, text: string): boolean =>
  text.startsWith(SECRET_KINDS[kind]) && BODY.test(text.slice(SECRET_KINDS[kind].length))

/** 64 hexadecimal digits. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Compares two SHA-256 digests in hexadecimal in constant time; a text that is no digest equals nothing. */
export const sameDigest = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one, 'hex'), Buffer.from(other, 'hex')]
  return a.length === 32 && b.length === 32 && timingSafeEqual(a, b)
}
