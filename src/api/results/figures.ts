import { Type } from 'typebox'
import { err, ok } from '../../core/index.ts'
import { type ExportRow, RowsStopped } from '../../export/index.ts'
import type { PointView } from '../deps.ts'
import { ENERGY_PERIODS } from '../energy-deps.ts'
import { badValue } from '../invalid.ts'
import { LOSS_STEPS } from '../loss-deps.ts'
import { fullCodes } from '../routes/common.ts'
import { closed, oneOf } from '../schema-words.ts'
import { define, repeated } from './define.ts'
import { aboutOf, choosePoints, column, idsOf, manyOf, ofEach, printOf, timeOf } from './types.ts'
import { directionOf, PLACE, REGISTERS, TIME } from './words.ts'

const DAY_MS = 86_400_000
/** A question of a point or area at a time: what their rooms answer at once. */
const ENERGY_WINDOW_DAYS = { '15m': 28, '1h': 28, day: 400, month: 3000 } as const
const LOSS_WINDOW_DAYS = { '15m': 28, day: 365, month: 3000 } as const
const MOST_DAYS = 3700

/** Pieces of a time, each short enough to be asked for at once. */
export const windowsOf = (from: number, to: number, days: number): (readonly [from: number, to: number])[] => {
  const windows: (readonly [number, number])[] = []
  for (let start = from; start < to; start += days * DAY_MS) windows.push([start, Math.min(to, start + days * DAY_MS)])
  return windows
}

/** Interval energy of many points. */
export const energyResult = define({
  name: 'energy',
  needs: 'readings:read',
  summary: 'Interval energy of points',
  description: 'Register differences times the ratios in force, by quarter hours, hours, days or months. What is not known is empty.',
  query: Type.Object(
    { ...TIME, ...PLACE, registers: REGISTERS, period: Type.Optional(oneOf(ENERGY_PERIODS, 'Length of an interval; `day` if not given.')) },
    closed,
  ),
  rows: async ({ registers, period = 'day', ...query }, asked, context) => {
    const { deps } = context
    const time = timeOf(query, MOST_DAYS)
    if (!time.ok) return time
    const span = time.value
    const codes = registers === undefined ? null : fullCodes(registers.split(','), 'querystring/registers')
    if (codes && 'problem' in codes) return err(codes.problem)
    const wanted = codes?.codes ?? null
    const chosen = await choosePoints(query, context)
    if (!chosen.ok) return chosen
    const { points } = chosen.value
    async function* rowsOf({ id, area }: Pick<PointView, 'id' | 'area'>): AsyncGenerator<ExportRow, void> {
      for (const [from, to] of windowsOf(span.from, span.to, ENERGY_WINDOW_DAYS[period])) {
        const answer = await deps.energy(id, { from, to, period, detail: false })
        // A point that the ledger lost meanwhile has no rows; whatever else is no answer ends the file.
        if (!answer.ok && answer.error.because === 'unknown') break
        if (!answer.ok) throw new RowsStopped(answer.error.error)
        for (const { obis, unit, items } of answer.value.registers)
          if (wanted === null || wanted.has(obis))
            for (const item of items)
              yield [
                ...[id, area, obis, directionOf(obis), unit, item.from, item.to, item.value],
                ...[item.quality.join(' '), item.reasons.join(' '), item.estimatedPpm, item.coveredPpm, item.version],
              ]
      }
    }
    return ok({
      name: `energy-${period}`,
      columns: [
        column('point', 'text', 'point', '计量点'),
        column('area', 'text', 'area', '台区'),
        column('obis', 'text', 'OBIS code', 'OBIS 码'),
        column('direction', 'text', 'direction (import/export)', '方向（import 正向 / export 反向）'),
        column('unit', 'text', 'unit', '单位'),
        column('from', 'instant', 'from', '起'),
        column('to', 'instant', 'to', '止'),
        column('energy', 'decimal', 'energy, primary (ratio applied)', '电量（已乘倍率）'),
        column('quality', 'text', 'quality', '质量'),
        column('reasons', 'text', 'reasons', '说明'),
        column('estimated_ppm', 'integer', 'estimated share, ppm', '估算占比 ppm'),
        column('covered_ppm', 'integer', 'share of the time covered, ppm', '覆盖率 ppm'),
        column('version', 'integer', 'version', '版本'),
      ],
      about: aboutOf(asked, context),
      expected: null,
      rows: async function* (signal, from) {
        yield* ofEach(await idsOf(points()), rowsOf, signal, from)
      },
      basis: { state: async () => printOf('energy', asked, await idsOf(points())), readings: null, energy: span },
    })
  },
})

/** Balances of areas. */
export const lossResult = define({
  name: 'loss',
  needs: 'readings:read',
  summary: 'Line loss of areas',
  description: 'Supply, sold energy, loss and rates of areas by quarter hours, days or months, with the state of each.',
  query: Type.Object(
    {
      ...TIME,
      area: Type.Optional(Type.Unsafe<string | readonly string[]>(repeated('Area; all if none is given.', 500, 'A-07'))),
      zone: PLACE.zone,
      step: Type.Optional(oneOf(LOSS_STEPS, 'Length of a balance; `day` if not given.')),
    },
    closed,
  ),
  rows: async ({ step = 'day', area, zone, ...query }, asked, context) => {
    const { deps, scope } = context
    const time = timeOf(query, MOST_DAYS)
    if (!time.ok) return time
    const span = time.value
    const named = manyOf(area)
    for (const id of named) {
      if (!scope.all && !scope.sees('area', id)) return err(unknownArea(id))
      const first = await deps.areaLoss(id, { from: span.from, to: span.from + 1, step: 'day' })
      if (!first.ok && first.error.because === 'unknown') return err(unknownArea(id))
    }
    const all = async (): Promise<readonly string[]> => {
      const ids: string[] = []
      for await (const id of areas()) ids.push(id)
      return ids
    }
    async function* areas(): AsyncGenerator<string, void> {
      if (named.length > 0) return yield* new Set(named)
      for (let after = ''; ; ) {
        const page = await deps.areas(zone === undefined ? {} : { zone }, after, 200)
        for (const { id } of page) if (scope.all || scope.sees('area', id)) yield id
        after = page.at(-1)?.id ?? after
        if (page.length < 200) return
      }
    }
    async function* rowsOf(id: string): AsyncGenerator<ExportRow, void> {
      for (const [from, to] of windowsOf(span.from, span.to, LOSS_WINDOW_DAYS[step])) {
        const answer = await deps.areaLoss(id, { from, to, step })
        if (!answer.ok && answer.error.because === 'unknown') break
        if (!answer.ok) throw new RowsStopped(answer.error.error)
        for (const item of answer.value.items)
          yield [
            ...[id, item.from, item.to, item.supply, item.reverse, item.generation, item.sold, item.loss, item.ofInput, item.ofNet],
            ...[item.state, item.grade, item.meters, item.good, item.missing.length, item.estimatedPpm, item.faults.join(' ')],
            ...[item.bound?.[0] ?? null, item.bound?.[2] ?? null, item.version],
          ]
      }
    }
    return ok({
      name: `loss-${step}`,
      columns: [
        column('area', 'text', 'area', '台区'),
        column('from', 'instant', 'from', '起'),
        column('to', 'instant', 'to', '止'),
        column('supply_kwh', 'decimal', 'supply kWh (import of the gateway, ratio applied)', '供电量 kWh（已乘倍率）'),
        column('reverse_kwh', 'decimal', 'reverse kWh (export of the gateway, ratio applied)', '反送电量 kWh（已乘倍率）'),
        column('generation_kwh', 'decimal', 'generation kWh (export of customers, ratio applied)', '上网电量 kWh（已乘倍率）'),
        column('sold_kwh', 'decimal', 'sold kWh (import of customers, ratio applied)', '售电量 kWh（已乘倍率）'),
        column('loss_kwh', 'decimal', 'loss kWh', '损失电量 kWh'),
        column('loss_pct', 'float', 'loss, % of the input', '线损率 %（占输入）'),
        column('net_loss_pct', 'float', 'loss, % of the net supply', '线损率 %（占供电量）'),
        column('state', 'text', 'state', '状态'),
        column('grade', 'text', 'grade', '等级'),
        column('meters', 'integer', 'meters', '表计数'),
        column('good_meters', 'integer', 'good meters', '有效表计数'),
        column('missing', 'integer', 'missing meters', '缺失表计数'),
        column('estimated_ppm', 'integer', 'estimated share, ppm', '估算占比 ppm'),
        column('faults', 'text', 'faults', '不可计算原因'),
        column('low_kwh', 'float', 'loss at least, kWh', '损失下限 kWh'),
        column('high_kwh', 'float', 'loss at most, kWh', '损失上限 kWh'),
        column('version', 'integer', 'version', '版本'),
      ],
      about: aboutOf(asked, context),
      expected: null,
      rows: async function* (signal, from) {
        yield* ofEach(await all(), rowsOf, signal, from)
      },
      // A balance rests on thresholds and members as well, which nobody watches.
      basis: { state: async () => printOf('loss', asked, await all()), readings: null, energy: null },
    })
  },
})

export const unknownArea = (id: string) => badValue('querystring/area', id, 'an area of the ledger: GET /api/v1/areas lists them')
