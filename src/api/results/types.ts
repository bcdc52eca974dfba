import { createHash } from 'node:crypto'
import type { TSchema } from 'typebox'
import type { Principal } from '../../access/principals.ts'
import type { Permission } from '../../access/roles.ts'
import { err, ok, type Result, type Scope } from '../../core/index.ts'
import type { CellType, ExportColumn, ExportRow, Language, RowPiece, RowSource } from '../../export/index.ts'
import type { ApiDeps, PointView } from '../deps.ts'
import type { ResultQuery } from '../export-deps.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { type Problem, problem } from '../problems.ts'

/** For whom, and in which language, rows are made. */
export interface ResultContext {
  readonly deps: ApiDeps
  readonly who: Principal
  readonly scope: Scope
  readonly language: Language
  /** From where he asks: what the house asks for him counts as from there. */
  readonly address: string
  /** Whether a busy gateway is waited for from the first question on. */
  readonly waits: boolean
}

/** Something whose rows go into a file: a table of the API by its name. */
export interface ResultKind {
  readonly name: string
  readonly summary: string
  readonly description: string
  /** What seeing its rows takes; taking them away is `export` besides. */
  readonly needs: Permission
  /** Members a question may have, as in an address. */
  readonly query: TSchema
  /** Proves the question and opens the rows. */
  open(query: ResultQuery, context: ResultContext): Promise<Result<RowSource, Problem>>
}

export const column = (name: string, type: CellType, en: string, zh: string, scale?: number): ExportColumn => ({
  ...{ name, type, title: { en, zh } },
  ...(scale === undefined ? {} : { scale }),
})

/** What stands in the file about itself. */
export const aboutOf = (query: ResultQuery, { deps, who }: ResultContext): Readonly<Record<string, string>> => ({
  question: new URLSearchParams(pairsOf(query)).toString(),
  zone: deps.exports.zone,
  made: new Date(deps.now()).toISOString(),
  by: who.name,
  gateway: `gridtally ${deps.version}`,
})

export const pairsOf = (query: ResultQuery): [string, string][] =>
  Object.entries(query).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one]))

/** One or several of a word that may be repeated in an address. */
export const manyOf = (value: string | readonly string[] | undefined): readonly string[] => (value === undefined ? [] : [value].flat())

const DAY_MS = 86_400_000

/** The time of a question; both ends must be said, and in this order. */
export const timeOf = (
  { from, to }: { readonly from: string; readonly to: string },
  mostDays: number,
): Result<{ readonly from: number; readonly to: number }, Problem> => {
  const [start, end] = [Date.parse(from), Date.parse(to)]
  if (Number.isNaN(start)) return err(badValue('querystring/from', from, INSTANT))
  if (Number.isNaN(end)) return err(badValue('querystring/to', to, INSTANT))
  if (!(end > start)) return err(badValue('querystring/to', to, 'an instant after `from`'))
  if (end - start > mostDays * DAY_MS) return err(badValue('querystring/to', to, `at most ${mostDays} days after \`from\``))
  return ok({ from: start, to: end })
}

/** Which points a question is about. */
export interface PointChoice {
  readonly point?: string | readonly string[]
  readonly area?: string | readonly string[]
  readonly zone?: string
}

const PAGE = 500

/**
 * The points of a question that somebody may see, by id within each area: those named, those of areas or of a zone, or all.
 *
 * @returns a problem when a point, area or zone is named that does not exist for him
 */
export const choosePoints = async (
  choice: PointChoice,
  { deps, scope }: Pick<ResultContext, 'deps' | 'scope'>,
): Promise<Result<{ readonly all: boolean; points(): AsyncGenerator<PointView, void> }, Problem>> => {
  const named = manyOf(choice.point)
  const areas = [...manyOf(choice.area)]
  const sees = (point: PointView) => scope.all || scope.sees('point', point.id)
  for (const id of named) {
    const point = await deps.point(id)
    if (point === null || !sees(point)) return err(problem('API_POINT', `there is no metering point "${id}"`))
  }
  if (choice.zone !== undefined) {
    const found: string[] = []
    for (let after = ''; ; ) {
      const page = await deps.areas({ zone: choice.zone }, after, PAGE)
      for (const { id } of page) if (scope.all || scope.sees('area', id)) found.push(id)
      after = page.at(-1)?.id ?? after
      if (page.length < PAGE) break
    }
    if (found.length === 0)
      return err(badValue('querystring/zone', choice.zone, 'a zone with areas: GET /api/v1/ledger/zone lists the zones'))
    areas.push(...found)
  }
  for (const area of manyOf(choice.area))
    if ((!scope.all && !scope.sees('area', area)) || (await deps.points({ area }, null, 1)).length === 0)
      return err(badValue('querystring/area', area, 'an area with metering points: GET /api/v1/areas lists the areas'))
  async function* of(filter: { readonly area?: string }): AsyncGenerator<PointView, void> {
    for (let after: string | null = null; ; ) {
      const page: readonly PointView[] = await deps.points(filter, after, PAGE)
      for (const point of page) if (sees(point)) yield point
      after = page.at(-1)?.id ?? null
      if (page.length < PAGE || after === null) return
    }
  }
  async function* points(): AsyncGenerator<PointView, void> {
    const given = new Set<string>()
    for (const id of named) {
      const point = await deps.point(id)
      if (point === null || given.has(id)) continue
      given.add(id)
      yield point
    }
    for (const area of new Set(areas)) for await (const point of of({ area })) if (!given.has(point.id)) yield point
    if (named.length === 0 && areas.length === 0) yield* of({})
  }
  return ok({ all: named.length === 0 && areas.length === 0, points })
}

/** Ids of the points of a question, in its order. */
export const idsOf = async (points: AsyncIterable<PointView>): Promise<readonly Pick<PointView, 'id' | 'area'>[]> => {
  const found: Pick<PointView, 'id' | 'area'>[] = []
  for await (const { id, area } of points) found.push({ id, area })
  return found
}

/** Tells one question, its columns and what it chose from any other. */
export const printOf = (...parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

const PIECE = 500

/**
 * Rows of one thing after another, gathered into pieces. A place is the number of the thing that comes next.
 *
 * @param from  such a place, as text
 */
export async function* ofEach<Thing>(
  things: readonly Thing[],
  rows: (thing: Thing) => AsyncIterable<ExportRow> | Iterable<ExportRow>,
  signal: AbortSignal,
  from: string | null = null,
): AsyncGenerator<RowPiece, void> {
  let piece: ExportRow[] = []
  for (let at = Number(from ?? 0); at < things.length; at++) {
    const thing = things[at]
    let isDivided = false
    if (thing !== undefined)
      for await (const row of rows(thing)) {
        piece.push(row)
        if (piece.length < PIECE) continue
        yield { rows: piece }
        if (signal.aborted) return
        piece = []
        isDivided = true
      }
    const next = at + 1
    if (piece.length < PIECE && !isDivided && next % THINGS !== 0 && next < things.length) continue
    yield { rows: piece, place: { mark: String(next), until: null, share: next / things.length } }
    if (signal.aborted) return
    piece = []
  }
}
/** Things without rows are progress too. */
const THINGS = 50
