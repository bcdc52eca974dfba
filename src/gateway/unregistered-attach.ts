import type { Attaching, Stranger } from '../collection/index.ts'
import {
  type GatewayError,
  type Measurement,
  type MeterTime,
  QUALITY,
  type Reading,
  type ReadingStore,
  type Result,
  type Shape,
  type Source,
  seriesOf,
} from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import { type Normaliser, normaliserOf, parseRatio } from '../normalise/index.ts'

/** What a stranger's readings are put under. */
export interface AttachTarget {
  readonly meter: string
  readonly point: string
  readonly area: string
  /** Every fact of the meter at the point: a ratio holds as of each reading. */
  readonly facts: readonly Pick<MeterFact, 'ct' | 'pt' | 'from' | 'to'>[]
}

export interface AttachDeps {
  readonly store: Pick<ReadingStore, 'range'>
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  readonly save: (attaching: Attaching) => void
  /** Lets everything else go on between two pages. @returns false: stop here, the rest comes another time */
  readonly pause: () => Promise<boolean>
}

const STEPS: readonly Measurement[] = ['register', 'instant', 'event']
const PAGE = 500
const ONE = { raw: 1, scaler: 0 }

/**
 * Puts a stranger's kept readings to the point of the meter it turned out to be: the same instants and values, its ratio as of the
 * ledger, no longer marked unregistered. The readings as they came stay as evidence. Where it stands is kept after every page; a page
 * that is put twice is the same readings once.
 *
 * @returns  how many were put, in all
 */
export const attachReadings = async (
  { channel, address, ratios, adopted }: Stranger,
  target: AttachTarget,
  until: number,
  { store, put, save, pause }: AttachDeps,
): Promise<Result<number>> => {
  if (!adopted) return { ok: true, value: 0 }
  let { step, cursor, attached } = adopted.attaching
  const asTarget = retagging(target, ratios)
  for (; step < STEPS.length; step++, cursor = null) {
    const measurement = STEPS[step]
    if (measurement === undefined) break
    for (;;) {
      const page = await store.range({
        ...{ measurement, tags: { meter: `${channel}/${address}` }, from: adopted.from, to: until, limit: PAGE },
        ...(cursor === null ? {} : { cursor }),
      })
      if (!page.ok && cursor !== null && page.error.code.endsWith('_CURSOR')) {
        // The store forgot the place: this measurement once more.
        cursor = null
        continue
      }
      if (!page.ok) return page
      const each = page.value.readings.map(asTarget)
      const readings = each.flat()
      if (readings.length > 0) {
        const safe = await put(readings)
        if (!safe.ok) return safe
      }
      // Those of a time when the meter hung at no point stay where they are.
      attached += each.filter((rows) => rows.length > 0).length
      cursor = page.value.next
      if (cursor === null) break
      save({ step, cursor, attached, isDone: false })
      if (!(await pause())) return { ok: true, value: attached }
    }
    save({ step: step + 1, cursor: null, attached, isDone: step + 1 === STEPS.length })
  }
  return { ok: true, value: attached }
}

const noTime = (_time: MeterTime): number | null => null

/** A reading of the stranger as readings of the meter: columns of different ratio become rows of their own, as they do live. */
const retagging = ({ meter, point, area, facts }: AttachTarget, ratios: Stranger['ratios']): ((reading: Reading) => readonly Reading[]) => {
  const known = new Map<string, Normaliser>()
  const normaliserAt = (fact: AttachTarget['facts'][number], shape: Shape, source: Source): Normaliser => {
    const key = `${fact.ct} ${fact.pt} ${source} ${shape.key}`
    const before = known.get(key)
    if (before) return before
    const values = shape.columns.map(({ obis, unit, scaler }) => ({
      ...{ obis: obis ?? '', unit, scaler },
      ratio: ratios[obis ?? ''] ?? ('none' as const),
    }))
    const own = { meter, point, area, ct: parseRatio(fact.ct) ?? ONE, pt: parseRatio(fact.pt) ?? ONE }
    const made = normaliserOf(own, { source, values }, noTime)
    known.set(key, made)
    return made
  }
  return (reading) => {
    const { series, shape, raws, scalers, absent, measuredAt, receivedAt } = reading
    const quality = reading.quality & ~QUALITY.unregistered
    if (series.measurement === 'event' || shape.columns.some(({ obis }) => obis === null))
      return [{ ...reading, series: seriesOf(series.measurement, { ...series.tags, meter, point, area }), quality }]
    const fact = facts.find(({ from, to }) => from <= measuredAt && (to === null || to > measuredAt))
    if (!fact) return []
    const sample = {
      ...{ at: null, raws: [...raws], scalers: scalers === null ? null : [...scalers] },
      absent: absent === null ? null : new Map([...absent].map(([index, code]) => [index, absence(code)])),
    }
    return normaliserAt(fact, shape, 'push')(sample, receivedAt, quality, measuredAt)
  }
}

/** Only its code is kept with a reading. */
const absence = (code: string): GatewayError => ({ code, message: code, recovery: 'skip', hint: '', context: {} })
