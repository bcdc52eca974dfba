import { ok, type Result } from '../core/index.ts'
import { type CimPiece, meterReadingOf, nothingUsed, usedTrees } from './cim.ts'
import { type Tree, xmlOf } from './xml.ts'

export const CIM_NAMESPACE = 'http://iec.ch/TC57/2011/MeterReadings#'

interface Form {
  readonly head: string
  /** A MeterReading; `first` of them all. */
  one(tree: Tree, first: boolean): string
  tail(used: { readonly ReadingQualityType: readonly Tree[]; readonly ReadingType: readonly Tree[] }): string
}

const FORMS: Readonly<Record<'xml' | 'json', Form>> = {
  xml: {
    head: `<?xml version="1.0" encoding="UTF-8"?>\n<MeterReadings xmlns="${CIM_NAMESPACE}">\n`,
    one: (tree) => `${xmlOf('MeterReading', tree)}\n`,
    tail: ({ ReadingQualityType, ReadingType }) =>
      [
        ...ReadingQualityType.map((tree) => `${xmlOf('ReadingQualityType', tree)}\n`),
        ...ReadingType.map((tree) => `${xmlOf('ReadingType', tree)}\n`),
        '</MeterReadings>\n',
      ].join(''),
  },
  // The same names, lists where the schema repeats an element, `ref` for the attribute; every value is text, so that no digit is lost.
  json: {
    head: '{"MeterReadings":{"MeterReading":[',
    one: (tree, first) => `${first ? '' : ','}\n${JSON.stringify(tree)}`,
    tail: (used) =>
      `\n],"ReadingQualityType":${JSON.stringify(used.ReadingQualityType)},"ReadingType":${JSON.stringify(used.ReadingType)}}}\n`,
  },
}
export type CimFormat = keyof typeof FORMS
export const CIM_FORMATS: readonly CimFormat[] = ['xml', 'json']

/** Characters of one piece of text: small ones cost a system call each. */
const PIECE = 65_536

/**
 * A MeterReadings message, piece by piece: nothing is held but one MeterReading and the reading types that were named.
 * A failure ends it: what was written until then is not well-formed, so that nobody takes a part for the whole.
 */
export async function* cimText(pieces: AsyncIterable<Result<CimPiece>>, format: CimFormat): AsyncGenerator<Result<string>> {
  const form = FORMS[format]
  const used = nothingUsed()
  let text = form.head
  let first = true
  for await (const piece of pieces) {
    if (!piece.ok) {
      yield piece
      return
    }
    const tree = meterReadingOf(piece.value, used)
    if (!tree) continue
    text += form.one(tree, first)
    first = false
    if (text.length < PIECE) continue
    yield ok(text)
    text = ''
  }
  yield ok(text + form.tail(usedTrees(used)))
}
