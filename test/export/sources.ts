import type { Cell, ExportColumn, ExportRow, RowSource } from '../../src/export/index.ts'
import { type ExportFormat, encode } from '../../src/export/index.ts'

export const COLUMNS: readonly ExportColumn[] = [
  { name: 'point', title: { en: 'point', zh: '计量点' }, type: 'text' },
  { name: 'measured_at', title: { en: 'measured at', zh: '测量时间' }, type: 'instant' },
  { name: 'value', title: { en: '1.8.0 import kWh (as displayed)', zh: '正向有功总 kWh（表码，未乘倍率）' }, type: 'decimal' },
  { name: 'energy', title: { en: 'energy kWh (ratio applied)', zh: '电量 kWh（已乘倍率）' }, type: 'decimal', scale: 4 },
  { name: 'count', title: { en: 'count', zh: '数量' }, type: 'integer' },
  { name: 'share', title: { en: 'share', zh: '占比' }, type: 'float' },
  { name: 'good', title: { en: 'good', zh: '有效' }, type: 'boolean' },
]

export const sourceOf = (
  pieces: Iterable<readonly ExportRow[]> | AsyncIterable<readonly ExportRow[]>,
  columns: readonly ExportColumn[] = COLUMNS,
  more: Partial<RowSource> = {},
): RowSource => ({
  name: 'readings',
  columns,
  about: { question: 'from=2026-11-01', zone: 'Asia/Shanghai' },
  expected: null,
  rows: async function* () {
    for await (const rows of pieces) yield { rows }
  },
  basis: null,
  ...more,
})

export const fileOf = async (
  source: RowSource,
  format: ExportFormat,
  options: { readonly zone?: string; readonly language?: 'en' | 'zh' } = {},
): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  const { zone = 'Asia/Shanghai', language = 'en' } = options
  for await (const piece of encode(source, format, { zone, language }, new AbortController().signal)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Rows for every kind of cell: ordinary, hostile, absent. */
export const ROWS: readonly (readonly Cell[])[] = [
  ['P-1', Date.parse('2026-11-01T00:00:00+08:00'), '123456.78', '9876542.4000', 4, 0.5, true],
  ['000000000012', Date.parse('2026-11-01T00:15:00+08:00'), '-0.10', '-12.5', -1, -2.5, false],
  ['=HYPERLINK("http://x","y")', null, null, null, null, null, null],
  ['＝1+1,\r\n"quoted"\t', Date.parse('2026-11-01T00:30:00.250+08:00'), '0', '0', 0, 0, true],
  ["'@SUM(A1)", 0, '123456789012345678901234567.123456789012', '1', 9007199254740993n, 1e-9, null],
  ['', 1, '0.00000000012', '0.0001', 1, Number.NaN, false],
  ['-2+3 李明 \u{20087} _x000D_ <&>', 2, '1e3', '100', 7, 1e21, true],
]
