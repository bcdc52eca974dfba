import { Type } from 'typebox'
import { err, ok, qualityNames } from '../../core/index.ts'
import { type ExportRow, exportFailure, type RowBasis, type RowPiece, RowsStopped } from '../../export/index.ts'
import { BILLING_STATES, type BillingPlace } from '../billing-read-deps.ts'
import type { ResultQuery } from '../export-deps.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { problemOf } from '../problems.ts'
import { closed, oneOf } from '../schema-words.ts'
import { define, repeated } from './define.ts'
import { aboutOf, choosePoints, column, idsOf, manyOf, printOf, type ResultContext } from './types.ts'

const AREA_AND_ZONE = {
  point: Type.Optional(Type.Unsafe<string | readonly string[]>(repeated('Metering point.', 500, 'P-12'))),
  area: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only points of this area.', examples: ['A-07'] })),
  zone: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only points of this zone.', examples: ['Z-1'] })),
}
const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })

const READING_COLUMNS = [
  column('point', 'text', 'point', '计量点'),
  column('area', 'text', 'area', '台区'),
  column('customer', 'text', 'customer number', '户号'),
  column('state', 'text', 'state', '状态'),
  column('register', 'text', 'register', '寄存器'),
  column('value', 'decimal', 'register as displayed', '表码（未乘倍率）'),
  column('ratio', 'decimal', 'ratio CT x PT', '综合倍率'),
  column('primary', 'decimal', 'primary value (ratio applied)', '一次值（已乘倍率）'),
  column('unit', 'text', 'unit', '单位'),
  column('meter', 'text', 'meter', '电能表'),
  column('source', 'text', 'source', '数据来源'),
  column('quality', 'text', 'quality', '质量'),
  column('measured_at', 'instant', 'measured at', '数据时间'),
  column('received_at', 'instant', 'received at', '接收时间'),
  column('version', 'integer', 'released version', '发布版本'),
  column('released_at', 'instant', 'released at', '发布时间'),
  column('pending', 'decimal', 'read now, where it differs', '待更正表码'),
  column('evidence', 'text', 'evidence SHA-256', '证据 SHA-256'),
  column('missing', 'text', 'missing registers', '缺失寄存器'),
  column('holds', 'text', 'what stands against it', '暂缓原因'),
]

const placeOf = ({ point, area, zone }: { point?: string | readonly string[]; area?: string; zone?: string }): BillingPlace => ({
  ...(point === undefined ? {} : { points: manyOf(point) }),
  ...(area === undefined ? {} : { area }),
  ...(zone === undefined ? {} : { zone }),
})

/** Pieces that end when nobody waits any more; what cannot be read ends the file, so that a part is never taken for the whole. */
async function* rowsOf<Item extends { readonly point: string }>(
  pieces: AsyncIterable<readonly Item[]>,
  rows: (item: Item) => readonly ExportRow[],
  signal: AbortSignal,
  ids: () => Promise<readonly string[]>,
): AsyncGenerator<RowPiece, void> {
  const all = await ids()
  let at = 0
  try {
    for await (const piece of pieces) {
      if (signal.aborted) return
      const last = piece.at(-1)?.point ?? ''
      while (at < all.length && (all[at] ?? '') <= last) at++
      yield {
        rows: piece.flatMap(rows),
        place: { mark: last === '' ? null : last, until: null, share: all.length === 0 ? null : at / all.length },
      }
    }
  } catch (error) {
    throw new RowsStopped(exportFailure('EXPORT_ROWS', error instanceof Error ? error.message : String(error)).error)
  }
}

/** Points of a place, for how far it is: they come with ids ascending. Not all of them are billed. */
const idsAt = async (place: BillingPlace, context: ResultContext): Promise<readonly string[]> => {
  const { points, area, zone } = place
  const chosen = await choosePoints(
    { ...(points ? { point: points } : {}), ...(area === undefined ? {} : { area }), ...(zone === undefined ? {} : { zone }) },
    context,
  )
  return chosen.ok ? (await idsOf(chosen.value.points())).map(({ id }) => id).sort() : []
}

/** Releases, exchanges and reads change what is billed, each in its room: nobody watches all of it. */
const basisOf = (name: string, asked: ResultQuery, place: BillingPlace, context: ResultContext): RowBasis => ({
  state: async () => printOf(name, asked, await idsAt(place, context)),
  readings: null,
  energy: null,
})

const said = (holds: readonly { readonly reason: string; readonly text: string }[]): string | null =>
  holds.length === 0 ? null : holds.map(({ reason, text }) => `${reason}: ${text}`).join('; ')

/** Registers at a billing instant, a row each; a point without any has a row of its own. */
export const billingReadingsResult = define({
  name: 'billing-readings',
  needs: 'billing:read',
  summary: 'Registers at a billing instant',
  description:
    'A row for each register of each point that is billed, with what stands against it. A point that was not read has a row without figures.',
  query: Type.Object(
    { at: When('The billing instant.'), ...AREA_AND_ZONE, state: Type.Optional(oneOf(BILLING_STATES, 'Only points in this state.')) },
    closed,
  ),
  rows: async ({ at, state, ...query }, asked, context) => {
    const { deps, scope } = context
    const instant = Date.parse(at)
    if (!(instant <= deps.now())) return err(badValue('querystring/at', at, `${INSTANT}, that has passed`))
    const place = placeOf(query)
    const refused = deps.billingReads.problem(place, scope)
    if (refused) return err(problemOf(refused.because, refused.error))
    return ok({
      name: 'billing-readings',
      columns: READING_COLUMNS,
      about: aboutOf(asked, context),
      expected: null,
      rows: (signal, from) =>
        rowsOf(
          deps.billingReads.readings(instant, place, scope, from ?? null),
          ({ point, area, customer, meter, state: whole, registers, missing, holds }): ExportRow[] => {
            if (state !== undefined && whole !== state) return []
            const head = [point, area, customer] as const
            const tail = [missing.length > 0 ? missing.join(' ') : null, said(holds)] as const
            if (registers.length === 0)
              return [[...head, whole, null, null, null, null, null, meter, null, null, null, null, null, null, null, null, ...tail]]
            return registers.map((one) => [
              ...head,
              ...[
                one.state,
                one.register,
                one.value,
                one.ratio,
                one.primary,
                one.unit,
                one.meter,
                one.source,
                qualityNames(one.quality).join(' '),
              ],
              ...[one.measuredAt, one.receivedAt, one.version, one.releasedAt, one.pending?.value ?? null, one.evidence?.sha256 ?? null],
              ...tail,
            ])
          },
          signal,
          () => idsAt(place, context),
        ),
      basis: basisOf('billing-readings', asked, place, context),
    })
  },
})

const ENERGY_COLUMNS = [
  column('point', 'text', 'point', '计量点'),
  column('area', 'text', 'area', '台区'),
  column('customer', 'text', 'customer number', '户号'),
  column('state', 'text', 'state', '状态'),
  column('register', 'text', 'register', '寄存器'),
  column('energy', 'decimal', 'energy (ratio applied)', '电量（已乘倍率）'),
  column('unit', 'text', 'unit', '单位'),
  column('start', 'decimal', 'register at the start', '起码'),
  column('end', 'decimal', 'register at the end', '止码'),
  column('released', 'boolean', 'both ends released', '两端均已发布'),
  column('estimated_ppm', 'integer', 'estimated, millionths', '估算占比（百万分之）'),
  column('reasons', 'text', 'reasons', '说明'),
  column('segments', 'text', 'meter: difference x ratio', '电能表：表码差 × 倍率'),
  column('holds', 'text', 'what stands against its ends', '暂缓原因'),
]

/** Energy between two billing instants, a row for each register. */
export const billingEnergyResult = define({
  name: 'billing-energy',
  needs: 'billing:read',
  summary: 'Energy between two billing instants',
  description:
    'A row for each register of each point that is billed: energy, both registers, stretches of meters and ratios. What is not known is empty.',
  query: Type.Object({ from: When('First billing instant.'), to: When('Second billing instant.'), ...AREA_AND_ZONE }, closed),
  rows: async ({ from, to, ...query }, asked, context) => {
    const { deps, scope } = context
    const [start, end] = [Date.parse(from), Date.parse(to)]
    if (!(end <= deps.now())) return err(badValue('querystring/to', to, `${INSTANT}, that has passed`))
    if (!(start < end)) return err(badValue('querystring/from', from, 'an instant before `to`'))
    const place = placeOf(query)
    const refused = deps.billingReads.problem(place, scope)
    if (refused) return err(problemOf(refused.because, refused.error))
    return ok({
      name: 'billing-energy',
      columns: ENERGY_COLUMNS,
      about: aboutOf(asked, context),
      expected: null,
      rows: (signal, from) =>
        rowsOf(
          deps.billingReads.energy(start, end, place, scope, from ?? null),
          ({ point, area, customer, state, registers, holds }): ExportRow[] => {
            const head = [point, area, customer] as const
            if (registers.length === 0) return [[...head, state, null, null, null, null, null, null, null, null, null, said(holds)]]
            return registers.map((one) => [
              ...head,
              ...[
                state,
                one.register,
                one.energy,
                one.unit,
                one.start?.value ?? null,
                one.end?.value ?? null,
                one.released,
                one.estimatedPpm,
              ],
              one.reasons.length > 0 ? one.reasons.join(' ') : null,
              one.segments.map(({ meter, delta, ratio }) => `${meter}: ${delta} x ${ratio}`).join('; ') || null,
              said(holds),
            ])
          },
          signal,
          () => idsAt(place, context),
        ),
      basis: basisOf('billing-energy', asked, place, context),
    })
  },
})
