/** What a concentrator said of its archive when it was read last; null = it did not say. */
export interface SaidPoints {
  addressOf(pn: number): string | null
  pnOf(address: string): number | null
}

/**
 * The measuring point (测量点号) under which a meter can be asked for: the ledger's or, where the ledger has none, the archive's.
 *
 * @returns  null where nobody knows it, and where ledger and archive contradict each other: the values would be those of another meter
 */
export const agreedPoint = (inLedger: number | null | undefined, address: string, said: SaidPoints): number | null => {
  const held = said.pnOf(address)
  if (inLedger === null || inLedger === undefined) return held
  const there = said.addressOf(inLedger)
  if (there === address) return inLedger
  return there === null && held === null ? inLedger : null
}
