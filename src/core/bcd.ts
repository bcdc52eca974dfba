/** Two digits of each BCD byte; NaN when a nibble is above 9. */
export const BCD_PAIRS: Readonly<Float64Array> = Float64Array.from({ length: 256 }, (_, byte) =>
  (byte & 15) > 9 || byte >> 4 > 9 ? Number.NaN : (byte >> 4) * 10 + (byte & 15),
)

/** Value of one BCD byte, NaN when it is none. */
export const pair = (byte: number | undefined): number => (byte === undefined ? Number.NaN : BCD_PAIRS[byte]!)
