import { QUALITY, type Source } from '../core/index.ts'

/**
 * Reading qualities as `system.category.index`; 2 is the metering system.
 *
 * @source  IEC 61968-9:2013 annex D; the numbers are public in the enumeration QualityCodeIndex of Connexo
 */
export const CIM_QUALITIES = {
  valid: { mRID: '2.0.0', name: 'Data valid' },
  manual: { mRID: '2.4.131', name: 'Data collection: manual read' },
  suspect: { mRID: '2.5.258', name: 'Reasonability: suspect' },
  missing: { mRID: '2.5.259', name: 'Reasonability: known missing read' },
  estimated: { mRID: '2.8.0', name: 'Estimated: generic' },
  questionable: { mRID: '2.10.0', name: 'Questionable: indeterminate' },
  derived: { mRID: '2.11.0', name: 'Derived: deterministic' },
} as const
export type CimQuality = keyof typeof CIM_QUALITIES

/** One quality of a value and, where there is something to say, the words. */
export interface QualityNote {
  readonly quality: CimQuality
  readonly comment?: string
}

/** Qualities of a value that was read, by the bits of QUALITY; none set and nothing else to say: valid. */
export const notesOfBits = (bits: number, source: Source | '-'): QualityNote[] => {
  const notes: QualityNote[] = []
  if (bits & QUALITY.estimated || source === 'estimated') notes.push({ quality: 'estimated' })
  if (bits & QUALITY.manual || source === 'manual') notes.push({ quality: 'manual' })
  if (bits & QUALITY.clockDoubtful) notes.push({ quality: 'questionable', comment: "the meter's clock is doubtful" })
  if (bits & QUALITY.unregistered) notes.push({ quality: 'questionable', comment: 'the meter is not in the ledger' })
  if (notes.length === 0)
    notes.push({ quality: 'valid', ...(bits & QUALITY.liveAsFreeze ? { comment: 'read live in place of a freeze' } : {}) })
  return notes
}

/** Reasons of interval energy that are no measurement; the others do not touch what the figure is worth. */
const ESTIMATED = new Set(['split', 'estimated'])
const QUESTIONABLE = new Set(['no-meter', 'partial', 'clockDoubtful', 'unregistered'])

/**
 * Qualities of an interval energy, by the words of the house.
 *
 * @param known  false: there is no figure
 */
export const notesOfEnergy = (known: boolean, quality: readonly string[], reasons: readonly string[]): QualityNote[] => {
  const words = [...new Set([...reasons, ...quality.filter((name) => name !== 'good')])]
  const comment = words.length > 0 ? { comment: words.join(', ') } : {}
  if (!known) return [{ quality: 'missing', ...comment }]
  const kinds: CimQuality[] = []
  if (words.some((word) => ESTIMATED.has(word))) kinds.push('estimated')
  if (words.includes('manual')) kinds.push('manual')
  if (words.some((word) => QUESTIONABLE.has(word))) kinds.push('questionable')
  return (kinds.length > 0 ? kinds : (['valid'] as const)).map((kind) => ({ quality: kind, ...comment }))
}
