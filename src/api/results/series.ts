import { type Static, Type } from 'typebox'
import { err, fullObis, nameOfObis, ok, type Result } from '../../core/index.ts'
import { type ExportRow, exportFailure, RowsStopped } from '../../export/index.ts'
import type { ResultQuery } from '../export-deps.ts'
import { badValue } from '../invalid.ts'
import { type Problem, problemOf } from '../problems.ts'
import { fullCodes } from '../routes/common.ts'
import { closed, oneOf } from '../schema-words.ts'
import {
  AREA_FIELDS,
  SERIES_COMPARES,
  SERIES_FNS,
  SERIES_KINDS,
  type SeriesFn,
  type SeriesKind,
  type SeriesLine,
  type SeriesPlan,
} from '../series-deps.ts'
import { define } from './define.ts'
import { readingsResult } from './readings.ts'
import { aboutOf, choosePoints, column, manyOf, ofEach, printOf, type ResultContext, timeOf } from './types.ts'
import { PLACE, SOURCE, TIME } from './words.ts'

export const BUCKET_WORDS = ['raw', '15m', '1h', 'day', 'month'] as const

export const SeriesQuery = Type.Object(
  {
    ...{ ...TIME, ...PLACE, source: SOURCE },
    kind: Type.Optional(
      oneOf(
        SERIES_KINDS,
        '`register`: as displayed; `instant`: instantaneous, primary; `energy`: of intervals, primary; `area`: balances. `register` if not given.',
      ),
    ),
    registers: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4000,
        description: `Codes with commas between, full or short; of areas ${AREA_FIELDS.join(', ')}. All there are if not given.`,
        examples: ['1.8.0,2.8.0'],
      }),
    ),
    bucket: Type.Optional(
      oneOf(BUCKET_WORDS, 'Length of a bucket, by the calendar of the zone; `day` if not given. `raw`: every value as it was read.'),
    ),
    fn: Type.Optional(
      oneOf(
        SERIES_FNS,
        'What is made of the values of a bucket. Not given: `increase` of registers (their energy, primary), `mean` of instantaneous values, `sum` of energy and areas.',
      ),
    ),
    quality: Type.Optional(
      oneOf(
        ['good', 'any'],
        '`good`, if not given: what was quarantined or has a doubtful clock is counted and not used. `any`: it is used.',
      ),
    ),
    compare: Type.Optional(oneOf(SERIES_COMPARES, '`yoy`: the same time a year before (同比); `mom`: the period before (环比).')),
  },
  closed,
)
export type SeriesAsked = Static<typeof SeriesQuery>

const USUAL_FN: Readonly<Record<SeriesKind, SeriesFn>> = { register: 'increase', instant: 'mean', energy: 'sum', area: 'sum' }

/** A series that is planned, and whose it is. */
export interface OpenSeries {
  readonly plan: SeriesPlan
  ids(): AsyncGenerator<string, void>
}

/** Proves a question of buckets. @returns null for raw values */
export const planSeries = async (query: SeriesAsked, context: ResultContext): Promise<Result<OpenSeries | null, Problem>> => {
  const { deps, scope } = context
  const { kind = 'register', bucket = 'day', registers, quality = 'good', compare = 'none' } = query
  const time = timeOf(query, 3700)
  if (!time.ok) return time
  if (bucket === 'raw') {
    if (kind === 'energy' || kind === 'area')
      return err(badValue('querystring/bucket', bucket, `a bucket of ${kind}: 15m, 1h, day or month`))
    return query.fn === undefined && compare === 'none'
      ? ok(null)
      : err(badValue('querystring/bucket', bucket, 'raw without fn and compare'))
  }
  const wanted = registers === undefined ? null : registers.split(',').map((one) => one.trim())
  if (wanted !== null && kind !== 'area') {
    const codes = fullCodes(wanted, 'querystring/registers')
    if ('problem' in codes) return err(codes.problem)
  }
  const sources = manyOf(query.source)
  const planned = deps.series.plan({
    ...{ kind, ...time.value, bucket, quality, compare, fn: query.fn ?? USUAL_FN[kind] },
    codes: wanted === null ? null : [...new Set(kind === 'area' ? wanted : wanted.map((code) => fullObis(code) ?? code))],
    sources: sources.length === 0 ? null : sources,
  })
  if (!planned.ok) return err(problemOf(planned.error.because, planned.error.error))
  if (kind === 'area') {
    const areas = manyOf(query.area)
    if (query.point !== undefined)
      return err(badValue('querystring/point', manyOf(query.point).join(', '), 'nothing: figures of areas are asked for with area or zone'))
    for (const id of areas) {
      const isSeen = scope.all || scope.sees('area', id)
      const found = isSeen ? await deps.areaLoss(id, { from: time.value.from, to: time.value.from + 1, step: 'day' }) : null
      if (!found || (!found.ok && found.error.because === 'unknown'))
        return err(badValue('querystring/area', id, 'an area of the ledger: GET /api/v1/areas lists them'))
    }
    const { zone } = query
    async function* all(): AsyncGenerator<string, void> {
      if (areas.length > 0) return yield* new Set(areas)
      for (let after = ''; ; ) {
        const page = await deps.areas(zone === undefined ? {} : { zone }, after, 200)
        for (const { id } of page) if (scope.all || scope.sees('area', id)) yield id
        after = page.at(-1)?.id ?? after
        if (page.length < 200) return
      }
    }
    return ok({ plan: planned.value, ids: all })
  }
  const chosen = await choosePoints(query, context)
  if (!chosen.ok) return chosen
  const { points } = chosen.value
  async function* ids(): AsyncGenerator<string, void> {
    for await (const { id } of points()) yield id
  }
  return ok({ plan: planned.value, ids })
}

/** The question of raw values, in the words of the readings. */
export const rawQuestion = ({
  fn: _fn,
  bucket: _bucket,
  compare: _compare,
  quality: _quality,
  kind,
  ...rest
}: ResultQuery): ResultQuery => ({
  ...rest,
  measurement: typeof kind === 'string' ? kind : 'register',
})

const APPLIED = { true: 'ratio applied', false: 'as displayed, ratio not applied' } as const
/** What a line is, for a head or a legend. */
export const lineTitle = ({ code, unit, ratioApplied }: Pick<SeriesLine, 'code' | 'unit' | 'ratioApplied'>): string =>
  `${nameOfObis(code).en}${unit === '' ? '' : ` ${unit}`} (${APPLIED[ratioApplied ? 'true' : 'false']})`

function* rowsOf({ spans, before: compared }: SeriesPlan, line: SeriesLine): Generator<ExportRow, void> {
  const { id, code, unit, direction, ratioApplied, values, before } = line
  for (const [at, { value, coverage, quality, count, excluded }] of values.entries()) {
    const span = spans[at]
    if (!span) continue
    const row = [id, code, direction, unit, ratioApplied, span.from, span.to, value, coverage, quality, count, excluded]
    const other = before[at]
    yield other ? [...row, compared[at]?.from ?? null, other.value, other.coverage, other.difference, other.percent] : row
  }
}

/** Series by buckets as rows; raw values as the readings they are. */
export const seriesResult = define({
  name: 'series',
  needs: 'readings:read',
  summary: 'Series of many points or areas by buckets',
  description:
    'Registers, instantaneous values, energy or figures of areas by the calendar, with coverage and worst quality in every bucket, beside the year or the period before. A gap is a bucket without a value.',
  query: SeriesQuery,
  rows: async (query, asked, context) => {
    const opened = await planSeries(query, context)
    if (!opened.ok) return opened
    if (opened.value === null) return readingsResult.open(rawQuestion(asked), context)
    const { plan, ids } = opened.value
    const compared = plan.compare !== 'none'
    async function* rowsOfId(id: string): AsyncGenerator<ExportRow, void> {
      const lines = await context.deps.series.lines(plan, id)
      if (!lines.ok && lines.error.because === 'unknown') return
      if (!lines.ok) throw new RowsStopped(exportFailure('EXPORT_ROWS', `${lines.error.error.code} ${lines.error.error.message}`).error)
      for (const line of lines.value) yield* rowsOf(plan, line)
    }
    const all = async (): Promise<readonly string[]> => {
      const found: string[] = []
      for await (const id of ids()) found.push(id)
      return found
    }
    const [first, last] = [plan.before[0]?.from ?? plan.spans[0]?.from ?? 0, plan.spans.at(-1)?.to ?? 0]
    const span = { from: first, to: last }
    const then = plan.compare === 'yoy' ? { en: 'a year before', zh: '同期' } : { en: 'period before', zh: '上期' }
    return ok({
      name: `series-${plan.kind}-${plan.bucket}`,
      columns: [
        plan.kind === 'area' ? column('area', 'text', 'area', '台区') : column('point', 'text', 'point', '计量点'),
        column('code', 'text', 'code', '代码'),
        column('direction', 'text', 'direction (import/export)', '方向（import 正向 / export 反向）'),
        column('unit', 'text', 'unit', '单位'),
        column('ratio_applied', 'boolean', 'ratio applied', '已乘倍率'),
        column('from', 'instant', 'from', '起'),
        column('to', 'instant', 'to', '止'),
        column('value', 'decimal', `${plan.fn} in the unit beside it`, `${plan.fn}（单位见左）`),
        column('coverage', 'float', 'coverage (good values of those due, 0 to 1)', '覆盖率（0–1）'),
        column('quality', 'text', 'worst quality', '最差质量'),
        column('count', 'integer', 'values used', '参与值数'),
        column('excluded', 'integer', 'values excluded', '剔除值数'),
        ...(compared
          ? [
              column('before_from', 'instant', `${then.en}: from`, `${then.zh}起`),
              column('before', 'decimal', `${then.en}: value`, `${then.zh}数值`),
              column('before_coverage', 'float', `${then.en}: coverage`, `${then.zh}覆盖率`),
              column('difference', 'decimal', `difference to the ${then.en}`, `较${then.zh}增减`),
              column('percent', 'decimal', `difference to the ${then.en}, %`, `较${then.zh}增减 %`, 4),
            ]
          : []),
      ],
      about: aboutOf(asked, context),
      expected: null,
      rows: async function* (signal, from) {
        yield* ofEach(await all(), rowsOfId, signal, from)
      },
      basis: {
        state: async () => printOf('series', asked, plan.spans, plan.before, await all()),
        readings: plan.kind === 'energy' || plan.kind === 'area' ? null : { measurement: plan.kind, ...span, passed: span.to },
        // Balances of areas rest on thresholds and members as well, which nobody watches.
        energy: plan.kind === 'area' ? null : span,
      },
    })
  },
})
