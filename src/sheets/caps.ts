/** How much of a stranger's file is looked at. What is larger is refused, with the figure, before it costs memory. */
export interface Caps {
  /** The file as it lies there. */
  readonly bytes: number
  /** Files inside an XLSX. */
  readonly entries: number
  /** What the parts that are read unpack to, together. */
  readonly unpackedBytes: number
  /** Unpacked by packed size of one part larger than a megabyte. Sheets of a spreadsheet stay below 60. */
  readonly ratio: number
  /** Strings that cells share, and their text in bytes. */
  readonly strings: number
  readonly stringBytes: number
  readonly sheets: number
  readonly rows: number
  readonly columns: number
  readonly cells: number
  /** Characters of one cell. @source Excel specifications and limits */
  readonly cellChars: number
  /** Characters of one row of a CSV. */
  readonly recordChars: number
}

const MIB = 1024 * 1024

export const CAPS: Caps = {
  bytes: 64 * MIB,
  entries: 1000,
  unpackedBytes: 768 * MIB,
  ratio: 200,
  strings: 4_000_000,
  stringBytes: 192 * MIB,
  sheets: 50,
  rows: 400_000,
  columns: 1000,
  cells: 12_000_000,
  cellChars: 32_767,
  recordChars: MIB,
}
