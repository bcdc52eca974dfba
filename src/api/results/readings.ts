import { Type } from 'typebox'
import { err, ok, type Reading, SOURCES } from '../../core/index.ts'
import { type ExportRow, exportFailure, RowsStopped } from '../../export/index.ts'
import { type ReadingView, readingJson } from '../reading-json.ts'
import { fullCodes } from '../routes/common.ts'
import { closed, oneOf } from '../schema-words.ts'
import { define } from './define.ts'
import { aboutOf, choosePoints, column, inPieces, manyOf, timeOf } from './types.ts'
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
    async function* rows(signal: AbortSignal): AsyncGenerator<readonly ExportRow[], void> {
      const wanted = new Set<string>()
      const isAll = all && context.scope.all
      if (!isAll) for await (const { id } of points()) wanted.add(id)
      if (!isAll && wanted.size === 0) return
      for (let cursor: string | undefined; ; ) {
        const page = await deps.scanReadings({
          ...{ measurement, ...span, limit: PAGE },
          ...(sources.length > 0 ? { sources } : {}),
          ...(isAll ? {} : { points: wanted }),
          ...(cursor === undefined ? {} : { cursor }),
        })
        if (!page.ok)
          throw new RowsStopped(exportFailure('EXPORT_ROWS', `the store stopped: ${page.error.code} ${page.error.message}`).error)
        let piece: ExportRow[] = []
        for (const reading of page.value.readings) {
          for (const row of rowsOf(reading, view)) piece.push(row)
          if (piece.length < PIECE) continue
          yield piece
          piece = []
        }
        if (piece.length > 0) yield piece
        if (page.value.next === null || signal.aborted) return
        cursor = page.value.next
      }
    }
    return ok({
      ...{ name: measurement === 'register' ? 'readings' : `readings-${measurement}`, columns: COLUMNS, about: aboutOf(asked, context) },
      ...{ expected: null, rows },
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
    async function* rows(): AsyncGenerator<ExportRow, void> {
      for await (const { id } of points()) for (const reading of await deps.latest(id)) yield* rowsOf(reading, view)
    }
    return ok({
      ...{ name: 'latest', columns: COLUMNS, about: aboutOf(asked, context), expected: null },
      rows: (signal: AbortSignal) => inPieces(rows(), signal),
    })
  },
})
