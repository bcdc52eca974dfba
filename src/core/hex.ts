/** Bytes as upper-case pairs with blanks: `68 AA 16`. */
export const hexOf = (bytes: Uint8Array, separator = ' '): string => {
  let text = ''
  for (let at = 0; at < bytes.length; at++) text += (at === 0 ? '' : separator) + HEX[bytes[at]!]
  return text
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'))

/**
 * Bytes out of hexadecimal text; blanks, commas, colons, dashes and line feeds between the pairs are dropped, as is a leading `0x`.
 *
 * @returns  null for an odd number of digits or a character that is no digit
 */
export const bytesOf = (text: string): Uint8Array | null => {
  const digits = text.replace(/0x/gi, '').replace(/[\s,:-]/g, '')
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) return null
  return new Uint8Array(Buffer.from(digits, 'hex'))
}
