/** One value as a device writes it into a message: what it measures and its digits, so that what is sent and what is logged are one thing. */
export class Shown {
  readonly meter: string
  /** Null: no quantity of this world, or one that stands in the same message already. */
  readonly obis: string | null
  readonly unit: string
  /** Decimal digits, trailing zeros kept. */
  readonly text: string
  readonly quoted: boolean

  constructor(meter: string, obis: string | null, unit: string, text: string, quoted = false) {
    this.meter = meter
    this.obis = obis
    this.unit = unit
    this.text = text
    this.quoted = quoted
  }
}

/** The same value in quotation marks: `"231.2"`. */
export const quoted = (value: Shown | undefined): Shown | undefined =>
  value && new Shown(value.meter, value.obis, value.unit, value.text, true)

/** The same digits once more, of which the truth log knows already. */
export const again = (value: Shown | undefined): Shown | undefined => value && new Shown(value.meter, null, value.unit, value.text)

/** A JSON document under construction. Absent members are left out, absent items of an array are `null`. */
export type Json = Shown | string | number | boolean | null | undefined | Json[] | { readonly [name: string]: Json }

/**
 * Writes a document digit for digit: `JSON.stringify` would make 12.5 of 12.50.
 *
 * @param said  takes every value that was written, in order
 */
export const jsonText = (tree: Json, said: Shown[] = []): string => {
  if (tree === undefined) return 'null'
  if (tree instanceof Shown) {
    said.push(tree)
    return tree.quoted ? JSON.stringify(tree.text) : tree.text
  }
  if (Array.isArray(tree)) return `[${tree.map((item) => jsonText(item, said)).join(',')}]`
  if (tree === null || typeof tree !== 'object') return JSON.stringify(tree)
  const members = Object.entries(tree).filter(([, value]) => value !== undefined)
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${jsonText(value, said)}`).join(',')}}`
}
