import type { ScanProof, ScanStrategy } from '../../src/core/index.ts'
import type { Framing } from './frame.ts'
import { type Numbering, type ReadFunction, readWords } from './scan.ts'

/** Everything learnt about one unit's registers, so that thirty profiles that look at the same places ask once. */
export interface RegisterMemory {
  readonly framing: Framing
  readonly unit: number
  readonly numbering: Numbering
  /** `3:1000` → the word there. */
  readonly words: Map<string, number>
  /** `3:1000:2` → why that read brings nothing: exception code, 0 = silence or damage. */
  readonly refused: Map<string, number>
  readonly proofs: ScanProof[]
  /** Reads without an answer; a unit that stays silent on unknown registers must not cost minutes. */
  silences: number
}

export const registerMemory = (framing: Framing, unit: number, numbering: Numbering): RegisterMemory => ({
  framing,
  unit,
  numbering,
  words: new Map(),
  refused: new Map(),
  proofs: [],
  silences: 0,
})

/** Silent reads after which a unit is asked for nothing it has not answered before. */
const MOST_SILENCES = 40

const keep = (memory: RegisterMemory, fn: ReadFunction, address: number, words: readonly number[]): void => {
  for (const [at, word] of words.entries()) memory.words.set(`${fn}:${address + at}`, word)
}

/** The words of some registers out of the memory, null when one is not there. */
export const wordsOf = ({ words }: RegisterMemory, fn: ReadFunction, address: number, count: number): number[] | null => {
  const found: number[] = []
  for (let at = address; at < address + count; at++) {
    const word = words.get(`${fn}:${at}`)
    if (word === undefined) return null
    found.push(word)
  }
  return found
}

/** Reads registers unless they are known. @returns null when the unit does not give them */
export function* obtain(memory: RegisterMemory, fn: ReadFunction, address: number, count: number): ScanStrategy<number[] | null> {
  const known = wordsOf(memory, fn, address, count)
  if (known) return known
  const key = `${fn}:${address}:${count}`
  if (memory.refused.has(key) || memory.silences >= MOST_SILENCES) return null
  let heard = yield* readWords(memory.framing, memory.unit, fn, address, count, memory.numbering)
  // Busy is no refusal.
  if (heard.answered.kind === 'damaged' || (heard.answered.kind === 'exception' && heard.answered.code === 6))
    heard = yield* readWords(memory.framing, memory.unit, fn, address, count, memory.numbering, { patience: 2 })
  const { answered, tx, rx } = heard
  if (answered.kind === 'words') {
    keep(memory, fn, address, answered.words)
    memory.proofs.push({ what: `read ${fn}:${address} × ${count}`, tx, rx, says: `${count} registers from ${address} by function ${fn}` })
    return [...answered.words]
  }
  if (answered.kind !== 'exception') memory.silences++
  memory.refused.set(key, answered.kind === 'exception' ? answered.code : 0)
  return null
}

/** Forgets the words of some registers, to read them again later. */
export const forget = (memory: RegisterMemory, fn: ReadFunction, address: number, count: number): void => {
  for (let at = address; at < address + count; at++) memory.words.delete(`${fn}:${at}`)
}
