import { Type } from 'typebox'
import { err, ok, type Reading, SOURCES } from '../../core/index.ts'
import { type ExportRow, exportFailure, type RowPiece, RowsStopped } from '../../export/index.ts'
import { type ReadingView, readingJson } from '../reading-json.ts'
import { fullCodes } from '../routes/common.ts'
import { closed, oneOf } from '../schema-words.ts'
import { define } from './define.ts'
import { aboutOf, choosePoints, column, idsOf, manyOf, ofEach, printOf, timeOf } from './types.ts'
import { directionOf, PLACE, REGISTERS, SOURCE, STORED, TIME } from './words.ts'

const COLUMNS = [
  column('point', 'text', 'point', '计量点'),
  column('meter', 'text', 'meter', '电能表'),
  column('area', 'text', 'area', '台区'),
  column('measured_at', 'instant', 'measured at', '数据时间'),
  column('received_at', 'instant', 'received at', '接收时间'),
  column('measurement', 'text', 'measurement', '数据类别'),
  column('source', 'text', 'source', '数据来源'),
  column('quality', 'text', 'quality', '质量'),
  column('obis', 'text', 'OBIS code', 'OBIS 码'),
  column('name', 'text', 'name', '名称'),
  column('direction', 'text', 'direction (import/export)', '方向（import 正向 / export 反向）'),
  column('unit', 'text', 'unit', '单位'),
  column('value', 'decimal', 'value (registers as displayed, ratio not applied)', '数值（表码，未乘倍率）'),
  column('primary', 'decimal', 'primary value (ratio applied)', '一次值（已乘倍率）'),
  column('ratio', 'decimal', 'ratio CT x PT', '综合倍率'),
  column('absent', 'text', 'why there is no value', '缺失原因'),
]

const MOST_DAYS = 3700
const DAY_MS = 86_400_000
const PAGE = 500
/** Rows made before others have their turn. */
const PIECE = 500

/** A row for each value of a reading; what is absent has its reason and no value. */
function* rowsOf(reading: Reading, view: ReadingView): Generator<ExportRow, void> {
  const { point, meter, measurement, source, quality, ratio, values, absent } = readingJson(reading, view)
  const known = (tag: string) => (tag === '-' ? null : tag)
  const head = [
    known(point),
    known(meter),
    known(reading.series.tags.area ?? '-'),
    reading.measuredAt,
    reading.receivedAt,
    measurement,
    known(source),
    quality.join(' '),
  ] as const
  for (const { obis, name, unit, value, primary } of values)
    yield [...head, obis, name, directionOf(obis), unit, value, primary, ratio, null]
  for (const { obis, name, code } of absent) yield [...head, obis, name, directionOf(obis), null, null, null, ratio, code]
}

const markOf = (day: number, cursor: string): string => `${day} ${cursor}`
const readMark = (mark: string | null): { readonly day: number; readonly cursor: string } | null => {
  const [, day, cursor = ''] = /^(-?\d+) (.*)$/.exec(mark ?? '') ?? []
  return day === undefined ? null : { day: Number(day), cursor }
}

/** Every stored reading of a time, value by value. */
export const readingsResult = define({
  name: 'readings',
  needs: 'readings:read',
  summary: 'Stored readings, value by value',
  description:
    'Every reading of the time, hour by hour: registers as displayed and with the ratio applied, where each came from and how good it is. Nothing is filled in and nothing left out.',
  query: Type.Object(
    {
      ...{ ...TIME, ...PLACE, registers: REGISTERS, source: SOURCE },
      measurement: Type.Optional(oneOf(STORED, 'Registers, instantaneous values or events of meters; registers if not given.')),
    },
    closed,
  ),
  rows: async ({ registers, source, measurement = 'register', ...query }, asked, context) => {
    const { deps } = context
    const time = timeOf(query, MOST_DAYS)
    if (!time.ok) return time
    const span = time.value
    const codes = registers === undefined ? null : fullCodes(registers.split(','), 'querystring/registers')
    if (codes && 'problem' in codes) return err(codes.problem)
    const chosen = await choosePoints(query, context)
    if (!chosen.ok) return chosen
    const { all, points } = chosen.value
    const sources = SOURCES.filter((word) => manyOf(source).includes(word))
    const view: ReadingView = { wanted: codes?.codes ?? null, hintOf: deps.hintOf }
    const isAll = all && context.scope.all
    const chosenIds = async (): Promise<readonly string[] | null> => (isAll ? null : (await idsOf(points())).map(({ id }) => id))
    const shareOf = (at: number): number => Math.min(1, Math.max(0, (at - span.from) / (span.to - span.from)))
    /** Day by day (UTC), so that it is known which days are done with; a mark is the day and a place in it. */
    async function* rows(signal: AbortSignal, from: string | null = null): AsyncGenerator<RowPiece, void> {
      const ids = await chosenIds()
      if (ids?.length === 0) return
      const wanted = ids && new Set(ids)
      let { day, cursor } = readMark(from) ?? { day: Math.floor(span.from / DAY_MS), cursor: '' }
      const endOf = (one: number): number => Math.min(span.to, (one + 1) * DAY_MS)
      yield { rows: [], place: { mark: markOf(day, cursor), until: endOf(day), share: shareOf(day * DAY_MS) } }
      while (day * DAY_MS < span.to) {
        const page = await deps.scanReadings({
          ...{ measurement, from: Math.max(span.from, day * DAY_MS), to: endOf(day), limit: PAGE },
          ...(sources.length > 0 ? { sources } : {}),
          ...(wanted ? { points: wanted } : {}),
          ...(cursor === '' ? {} : { cursor }),
        })
        if (!page.ok && page.error.code.endsWith('_CURSOR') && from !== null)
          throw new RowsStopped(exportFailure('EXPORT_PLACE', `${page.error.code} ${page.error.message}`).error)
        if (!page.ok)
          throw new RowsStopped(exportFailure('EXPORT_ROWS', `the store stopped: ${page.error.code} ${page.error.message}`).error)
        let piece: ExportRow[] = []
        for (const reading of page.value.readings) {
          for (const row of rowsOf(reading, view)) piece.push(row)
          if (piece.length < PIECE) continue
          yield { rows: piece }
          if (signal.aborted) return
          piece = []
        }
        const { next } = page.value
        const share = next === null ? shareOf(endOf(day)) : shareOf(page.value.readings.at(-1)?.measuredAt ?? day * DAY_MS)
        if (next === null) day++
        cursor = next ?? ''
        yield { rows: piece, place: { mark: markOf(day, cursor), until: endOf(day), share } }
        if (signal.aborted) return
      }
    }
    return ok({
      ...{ name: measurement === 'register' ? 'readings' : `readings-${measurement}`, columns: COLUMNS, about: aboutOf(asked, context) },
      ...{ expected: null, rows },
      basis: {
        state: async () => printOf('readings', asked, COLUMNS, await chosenIds()),
        readings: { measurement, ...span, passed: span.from },
        energy: null,
      },
    })
  },
})

/** The newest reading of each series of each point. */
export const latestResult = define({
  name: 'latest',
  needs: 'readings:read',
  summary: 'Newest readings of each point',
  description: 'The newest reading of each series, value by value. Compare the time with now: what is old is still given.',
  query: Type.Object({ ...PLACE, registers: REGISTERS }, closed),
  rows: async ({ registers, ...query }, asked, context) => {
    const { deps } = context
    const codes = registers === undefined ? null : fullCodes(registers.split(','), 'querystring/registers')
    if (codes && 'problem' in codes) return err(codes.problem)
    const chosen = await choosePoints(query, context)
    if (!chosen.ok) return chosen
    const { points } = chosen.value
    const view: ReadingView = { wanted: codes?.codes ?? null, hintOf: deps.hintOf }
    async function* rowsOfPoint(id: string): AsyncGenerator<ExportRow, void> {
      for (const reading of await deps.latest(id)) yield* rowsOf(reading, view)
    }
    const ids = async () => (await idsOf(points())).map(({ id }) => id)
    return ok({
      ...{ name: 'latest', columns: COLUMNS, about: aboutOf(asked, context), expected: null },
      rows: async function* (signal: AbortSignal, from?: string | null) {
        yield* ofEach(await ids(), rowsOfPoint, signal, from)
      },
      // The newest is another one with every poll: nobody calls that a change.
      basis: { state: async () => printOf('latest', asked, await ids()), readings: null, energy: null },
    })
  },
})
