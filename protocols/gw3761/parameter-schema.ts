import Type, { type TSchema } from 'typebox'
import { decimalNumber } from '../../src/core/decimal.ts'
import { EXAMPLES } from './content-write.ts'
import type { BitsField, Field, Layout, NumberField, TimeField, UintField } from './layout.ts'

const labelled = (label: string, ...more: readonly string[]): { readonly description: string } => ({
  description: [label, ...more.filter((one) => one !== '')].join(', '),
})

const wordsText = (words: Readonly<Record<number, string>> | null): string =>
  words
    ? Object.entries(words)
        .map(([code, word]) => `${code} = ${word}`)
        .join(', ')
    : ''

const scalarSchema = (field: NumberField | UintField | TimeField): TSchema => {
  if (field.kind === 'number') {
    const most = decimalNumber(field.format.max, field.format.scaler)
    return Type.Union(
      [Type.Number({ minimum: field.format.signed ? -most : 0, maximum: most }), Type.Null()],
      labelled(field.label, field.unit),
    )
  }
  if (field.kind === 'uint') {
    const most = 256 ** field.size - 1
    const number = Type.Integer({ minimum: 0, maximum: most })
    const text = labelled(field.label, field.unit, wordsText(field.words))
    return field.shape === 'hex'
      ? Type.Union([number, Type.String({ pattern: '^0x[0-9A-Fa-f]+$' })], text)
      : Type.Integer({ minimum: 0, maximum: most, ...text })
  }
  const time = Type.Union([Type.String({ pattern: '^(day )?[0-9: T-]+( h)?$' }), Type.Null()])
  const text = labelled(field.label, `like ${EXAMPLES[field.format]}`)
  // Shown with its day of the week beside it; written without.
  return field.shape === 'clock'
    ? Type.Union([Type.Object({ time }), time], text)
    : Type.Union([Type.String({ pattern: '^(day )?[0-9: T-]+( h)?$' }), Type.Null()], text)
}

const listSchema = (field: NumberField | UintField | TimeField): TSchema => {
  if (field.times === null) return scalarSchema(field)
  const fixed = typeof field.times === 'number' ? { minItems: field.times, maxItems: field.times } : {}
  return Type.Array(scalarSchema(field), { ...fixed, ...labelled(field.label, field.each?.join(', ') ?? '') })
}

const bitMembers = ({ parts }: BitsField): readonly (readonly [string, TSchema])[] =>
  parts.map(({ name, label, width, plus, words }) => [
    name,
    Type.Integer({ minimum: plus, maximum: 2 ** width - 1 + plus, ...labelled(label, wordsText(words)) }),
  ])

const membersOf = (field: Field): readonly (readonly [string, TSchema])[] => {
  switch (field.kind) {
    case 'number':
    case 'uint':
    case 'time':
      return [[field.name, listSchema(field)]]
    case 'bits':
      return bitMembers(field)
    case 'hex': {
      const size = typeof field.size === 'number' ? { minLength: field.size * 2 } : {}
      return [[field.name, Type.String({ pattern: '^([0-9A-Fa-f]{2} ?)*$', ...size, ...labelled(field.label, 'hexadecimal digits') })]]
    }
    case 'digits':
      return [[field.name, Type.String({ pattern: '^[0-9A-Fa-f]*$', maxLength: field.size * 2, ...labelled(field.label) })]]
    case 'text':
      return [[field.name, Type.String({ pattern: '^[ -~]*$', maxLength: field.size, ...labelled(field.label) })]]
    case 'ip':
      return [[field.name, Type.String({ pattern: '^([0-9]{1,3}\\.){3}[0-9]{1,3}$', ...labelled(field.label) })]]
    case 'each':
      return [[field.name, Type.Array(schemaOf(field.of), labelled(field.label))]]
    case 'identifiers':
      return [
        [
          field.name,
          Type.Array(
            Type.Object({ pn: Type.Integer({ minimum: 0, maximum: 2040 }), fn: Type.Integer({ minimum: 1, maximum: 248 }) }),
            labelled(field.label),
          ),
        ],
      ]
    case 'optional':
      return field.of.flatMap(membersOf).map(([name, schema]) => [name, Type.Optional(schema)])
    // Counts follow from their lists.
    default:
      return []
  }
}

/** JSON Schema of a content: what reading it gives and writing it takes. Counts and what is only said for people may stand there too. */
export const schemaOf = (layout: Layout): TSchema => Type.Object(Object.fromEntries(layout.flatMap(membersOf)))
