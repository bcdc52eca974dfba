/**
 * Qualities of a Green Button reading.
 *
 * @source NAESB REQ.21, espi.xsd: QualityOfReading
 */
export const ESPI_QUALITY = {
  /** passed all checks */
  valid: 0,
  /** entered or approved by a person */
  manuallyEdited: 7,
  /** replaced by a machine, from days alike */
  estimatedUsingReferenceDay: 8,
  /** failed a check */
  questionable: 10,
} as const

const TABLE: readonly (readonly [word: string, quality: number])[] = [
  // The first that fits is told: a made-up figure is that before anything else.
  ['estimated', ESPI_QUALITY.estimatedUsingReferenceDay],
  ['split', ESPI_QUALITY.estimatedUsingReferenceDay],
  ['no-meter', ESPI_QUALITY.questionable],
  ['partial', ESPI_QUALITY.questionable],
  ['clockDoubtful', ESPI_QUALITY.questionable],
  ['unregistered', ESPI_QUALITY.questionable],
  ['manual', ESPI_QUALITY.manuallyEdited],
]

/** Quality of an interval energy that is known, by the words of the house. */
export const espiQualityOf = (quality: readonly string[], reasons: readonly string[]): number =>
  TABLE.find(([word]) => reasons.includes(word) || quality.includes(word))?.[1] ?? ESPI_QUALITY.valid
