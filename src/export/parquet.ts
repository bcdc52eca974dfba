import { deserialize, serialize } from 'node:v8'
import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer'
import { parseDecimal, rescale } from '../core/index.ts'
import { headText, type Language, numberText, textOf } from './cells.ts'
import { exportFailure, RowsStopped } from './errors.ts'
import { isInstant } from './local.ts'
import type { Cell, ExportColumn, ExportRow, KeptGroups, RowSource, Tally } from './types.ts'

/** Rows of a group: written and forgotten. */
const ROWS_OF_GROUP = 50_000
/** Columns of decimals whose cells differ in their digits: 29 before the point and 9 behind, as other houses have them. */
const FREE = { precision: 38, scale: 9 } as const
const FREE_LIMIT = 10n ** 38n
/** What 64 bits hold. */
const SET_PRECISION = 18
const SET_LIMIT = 10n ** 18n
const INT64_LIMIT = 2n ** 63n

/** Said twice, because some readers believe only the one. */
const UTC_MILLIS = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' } as const

type Value = string | number | bigint | boolean | null

/** What the end of the file says of a group of rows. */
interface GroupEnd {
  readonly group: ParquetWriter['row_groups'][number]
  readonly indexes: ParquetWriter['pendingIndexes']
}

/** One column of the file, and what of a cell stands in it. */
interface Leaf {
  readonly element: SchemaElement
  readonly from: number
  readonly value: (cell: Cell) => Value
}

const optional = (name: string, rest: Omit<SchemaElement, 'name' | 'repetition_type'>): SchemaElement => ({
  name,
  repetition_type: 'OPTIONAL',
  ...rest,
})

/** Unscaled integer of a decimal; null when there is none, `'rounded'` when digits behind the last one are lost. */
const unscaled = (cell: Cell, scale: number): { readonly raw: bigint; readonly isExact: boolean } | null => {
  const text = numberText(cell)
  const decimal = text === null ? null : parseDecimal(text)
  if (decimal === null) return null
  if (decimal.scaler >= -scale) return { raw: BigInt(rescale(decimal, -scale).raw), isExact: true }
  const lost = 10n ** BigInt(-scale - decimal.scaler)
  const raw = BigInt(decimal.raw)
  const rest = raw % lost
  const half = (raw < 0n ? -rest : rest) * 2n >= lost ? (raw < 0n ? -1n : 1n) : 0n
  return { raw: raw / lost + half, isExact: rest === 0n }
}
const within = (raw: bigint, limit: bigint): boolean => raw < limit && raw > -limit

const decimalLeaves = (column: ExportColumn, from: number): Leaf[] => {
  const { name, scale } = column
  if (scale !== undefined)
    return [
      {
        from,
        element: optional(name, { type: 'INT64', converted_type: 'DECIMAL', precision: SET_PRECISION, scale }),
        value: (cell) => {
          if (cell === null) return null
          const found = unscaled(cell, scale)
          // Written with less it would be another number.
          if (found === null || !found.isExact || !within(found.raw, SET_LIMIT))
            throw new RowsStopped(
              exportFailure('EXPORT_DIGITS', `${name} is ${String(cell)}, which has no place in DECIMAL(18,${scale})`).error,
            )
          return found.raw
        },
      },
    ]
  return [
    {
      from,
      element: optional(name, { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', ...FREE }),
      value: (cell) => {
        const found = cell === null ? null : unscaled(cell, FREE.scale)
        return found !== null && within(found.raw, FREE_LIMIT) ? found.raw : null
      },
    },
    {
      from,
      element: optional(`${name}_exact`, { type: 'BYTE_ARRAY', converted_type: 'UTF8' }),
      value: (cell) => {
        if (cell === null) return null
        const found = unscaled(cell, FREE.scale)
        return found?.isExact && within(found.raw, FREE_LIMIT) ? null : numberText(cell)
      },
    },
  ]
}

const integerOf = (name: string, cell: Cell): Value => {
  if (cell === null) return null
  const text = numberText(cell)
  if (text === null) return null
  const raw = /^-?\d+$/.test(text) ? BigInt(text) : null
  if (raw === null || raw >= INT64_LIMIT || raw < -INT64_LIMIT)
    throw new RowsStopped(exportFailure('EXPORT_DIGITS', `${name} is ${text}, which is no whole number of 64 bits`).error)
  return raw
}

const leavesOf = (column: ExportColumn, from: number): Leaf[] => {
  const { name, type } = column
  if (type === 'decimal') return decimalLeaves(column, from)
  if (type === 'integer') return [{ from, element: optional(name, { type: 'INT64' }), value: (cell) => integerOf(name, cell) }]
  if (type === 'float')
    return [
      {
        from,
        element: optional(name, { type: 'DOUBLE' }),
        value: (cell) => (cell === null || !Number.isFinite(Number(cell)) ? null : Number(cell)),
      },
    ]
  if (type === 'boolean')
    return [{ from, element: optional(name, { type: 'BOOLEAN' }), value: (cell) => (typeof cell === 'boolean' ? cell : null) }]
  if (type === 'instant')
    return [
      {
        from,
        element: optional(name, { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', logical_type: UTC_MILLIS }),
        value: (cell) => (typeof cell === 'number' && isInstant(cell) ? BigInt(Math.trunc(cell)) : null),
      },
    ]
  return [{ from, element: optional(name, { type: 'BYTE_ARRAY', converted_type: 'UTF8' }), value: textOf }]
}

/**
 * Rows as Parquet: a group of rows is packed, handed on and forgotten. Columns have the names programs use; instants are UTC; a decimal
 * column whose cells differ in their digits is DECIMAL(38,9), and a cell that has more stands whole in `…_exact` beside it, where else
 * nothing stands. What people read (question, zone, heads with units) is in the file's key-value metadata.
 *
 * @source Apache Parquet format 2.11: logical types, file layout
 */
export async function* parquetPieces(
  source: RowSource,
  pieces: AsyncIterable<readonly ExportRow[]>,
  {
    zone,
    language,
    rowsOfGroup = ROWS_OF_GROUP,
    groups,
    written = { rows: 0, bytes: 0 },
  }: {
    readonly zone: string
    readonly language: Language
    readonly rowsOfGroup?: number
    readonly groups?: KeptGroups
    readonly written?: Readonly<Tally>
  },
): AsyncGenerator<Uint8Array, void> {
  const leaves = source.columns.flatMap(leavesOf)
  const writer = new ByteWriter(1 << 20)
  const packer = new ParquetWriter({
    writer,
    schema: [{ name: 'root', num_children: leaves.length }, ...leaves.map(({ element }) => element)],
    kvMetadata: [
      ...Object.entries(source.about).map(([key, value]) => ({ key: `gridtally.${key}`, value })),
      {
        key: 'gridtally.columns',
        value: JSON.stringify(
          Object.fromEntries(
            source.columns.map((column) => [
              column.name,
              column.type === 'instant' ? column.title[language] : headText(column, language, zone),
            ]),
          ),
        ),
      },
    ],
    createdBy: 'gridtally (hyparquet-writer)',
  })
  const taken = (): Uint8Array => {
    const bytes = new Uint8Array(writer.getBytes())
    writer.index = 0
    return bytes
  }
  if (written.bytes > 0) {
    // What stands at the start of a file stands there already.
    writer.index = 0
    writer.offset = written.bytes
    for (const body of groups?.before ?? []) {
      const { group, indexes }: GroupEnd = deserialize(body)
      packer.row_groups.push(group)
      packer.pendingIndexes.push(...indexes)
      packer.num_rows += group.num_rows
    }
    // Bytes that the end does not name would be rows that nobody sees.
    if (Number(packer.num_rows) !== written.rows)
      throw new RowsStopped(exportFailure('EXPORT_PART', `${packer.num_rows} of ${written.rows} rows are known`).error)
  }
  const lastGroup = (): Uint8Array => {
    const group = packer.row_groups.at(-1)
    const end: GroupEnd | null = group ? { group, indexes: packer.pendingIndexes.slice(-group.columns.length) } : null
    return serialize(end)
  }
  let data: Value[][] = leaves.map(() => [])
  let count = 0
  const flush = (): Uint8Array => {
    void packer.write({ columnData: leaves.map(({ element }, at) => ({ name: element.name, data: data[at] ?? [] })), rowGroupSize: count })
    data = leaves.map(() => [])
    count = 0
    return taken()
  }
  for await (const rows of pieces)
    for (const row of rows) {
      for (let at = 0; at < leaves.length; at++) {
        const leaf = leaves[at]
        if (leaf) data[at]?.push(leaf.value(row[leaf.from] ?? null))
      }
      count++
      if (count < rowsOfGroup) continue
      yield flush()
      groups?.keep(lastGroup(), Number(packer.num_rows))
    }
  if (count > 0) yield flush()
  void packer.finish()
  yield taken()
}
