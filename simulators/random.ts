/**
 * Numbers that look random and are a pure function of what goes in: the same seed gives the same village on every machine,
 * whatever was asked before.
 *
 * @source  the finaliser of MurmurHash3 (public domain, A. Appleby), used as a mixing step
 */
export const mix = (a: number, b = 0, c = 0, d = 0): number => {
  let hash = 0x9e3779b9
  hash = stir(hash ^ a)
  hash = stir(hash ^ b)
  hash = stir(hash ^ c)
  return stir(hash ^ d)
}

/** A fraction in [0, 1). */
export const fraction = (a: number, b = 0, c = 0, d = 0): number => mix(a, b, c, d) / 0x1_0000_0000

/** A number between two limits. */
export const between = (low: number, high: number, a: number, b = 0, c = 0, d = 0): number => low + (high - low) * fraction(a, b, c, d)

/** A 32-bit number for a name, so that names can take part in mixing. @source FNV-1a */
export const numberOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

const stir = (word: number): number => {
  let hash = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
