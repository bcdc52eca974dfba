import type { Layout } from './layout.ts'

/** How the time of stored data is written (数据时标): day, month, curve, hour. */
export type ScaleKind = 'd' | 'm' | 'c' | 'h'

/** One item (信息类 Fn) of an AFN. */
export interface FnRow {
  readonly fn: number
  readonly en: string
  readonly zh: string
  /** Class 2: request and answer begin with this time. */
  readonly scale: ScaleKind | null
  /**
   * What carries the item's content, request or answer: see {@link AfnTable.carries}. More than one where editions differ; the first that
   * fits the frame's length is taken. null = known by name only.
   */
  readonly bodies: readonly Layout[] | null
  /** What a request names behind its identifier. */
  readonly ask: Layout
  /** Where the layout comes from. */
  readonly source: string
}

/** All items of one application function (应用层功能码 AFN). */
export interface AfnTable {
  readonly afn: number
  readonly en: string
  readonly zh: string
  /** Frames in which items come with their content: `down` from the master, `up` from the terminal, `both`. */
  readonly carries: 'down' | 'up' | 'both'
  readonly rows: ReadonlyMap<number, FnRow>
}

interface RowOptions {
  readonly scale?: ScaleKind
  readonly ask?: Layout
  readonly source?: string
  /** Layouts of other editions. */
  readonly also?: readonly Layout[]
}

/** Where rows without a source of their own come from. */
export const LIBRARIES = 'public libraries xiangruipuzhao/3761 (2009 edition) and yangboshan/C3761Protocol, which agree'
export const ONE_LIBRARY = 'public library xiangruipuzhao/3761 (2009 edition) alone'

/** A row of a table. @param body  null = known by name only */
export const row = (fn: number, en: string, zh: string, body: Layout | null, options: RowOptions = {}): FnRow => ({
  fn,
  en,
  zh,
  scale: options.scale ?? null,
  bodies: body && [body, ...(options.also ?? [])],
  ask: options.ask ?? [],
  source: options.source ?? LIBRARIES,
})

export const table = (afn: number, en: string, zh: string, carries: AfnTable['carries'], rows: readonly FnRow[]): AfnTable => ({
  afn,
  en,
  zh,
  carries,
  rows: new Map(rows.map((one) => [one.fn, one])),
})
