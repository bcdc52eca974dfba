/** InfluxQL text out of names and values that anybody may have chosen. */

const CONTROL: Readonly<Record<string, string>> = { '\n': '\\n', "'": "\\'", '"': '\\"', '\\': '\\\\' }

/** A string literal; nothing in it can end it early. @source InfluxQL specification, "String Literals" */
export const stringOf = (text: string): string => `'${text.replace(/[\\'\n]/g, (char) => CONTROL[char]!)}'`

/** A quoted identifier. @source InfluxQL specification, "Identifiers" */
export const identifier = (name: string): string => `"${name.replace(/[\\"\n]/g, (char) => CONTROL[char]!)}"`

/** One block of rows in the answer of `/query`. */
export interface Block {
  readonly columns: readonly string[]
  readonly values: readonly (readonly unknown[])[]
}

const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value)
const of = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

/**
 * The blocks of rows in an answer of `/query`, or the server's complaint.
 *
 * @returns  null when the answer has not the documented form
 */
export const blocksOf = (answer: unknown): { readonly blocks: readonly Block[] } | { readonly complaint: string } | null => {
  const whole = of(answer, 'error')
  if (typeof whole === 'string') return { complaint: whole }
  const results = of(answer, 'results')
  if (!isArray(results)) return null
  const blocks: Block[] = []
  for (const result of results) {
    const complaint = of(result, 'error')
    if (typeof complaint === 'string') return { complaint }
    for (const series of [of(result, 'series') ?? []].flat()) {
      const columns = of(series, 'columns')
      const values = of(series, 'values') ?? []
      if (!isArray(columns) || !isArray(values) || !columns.every((column) => typeof column === 'string') || !values.every(isArray))
        return null
      blocks.push({ columns, values })
    }
  }
  return { blocks }
}
