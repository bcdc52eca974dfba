import { createHash } from 'node:crypto'
import { qualityNames } from '../core/index.ts'
import type {
  BillingEndView,
  BillingEnergyPointView,
  BillingFigureView,
  BillingPointView,
  BillingRegisterView,
} from './billing-read-deps.ts'
import { iso, isoOrNull } from './routes/common.ts'

/** Instants and qualities that come again and again, register after register: each is written out once. */
const remembered = <Given extends number | string, T>(write: (given: Given) => T): ((given: Given) => T) => {
  const known = new Map<Given, T>()
  return (given) => {
    let found = known.get(given)
    if (found === undefined) {
      if (known.size > 1000) known.clear()
      found = write(given)
      known.set(given, found)
    }
    return found
  }
}
const instant = remembered(iso)
const qualities = remembered(qualityNames)

const figureJson = (figure: BillingFigureView) => {
  const { register, unit, value, ratio, storedRatio, primary, meter, source, quality, measuredAt, receivedAt, evidence } = figure
  return {
    ...{ register, unit, value, ratio, ...(storedRatio === undefined ? {} : { storedRatio }), primary, meter, source },
    ...{ quality: qualities(quality), measuredAt: instant(measuredAt), receivedAt: instant(receivedAt) },
    evidence: evidence && { id: evidence.id, kind: evidence.kind, sha256: evidence.sha256 },
  }
}

export const billingPointJson = ({ point, area, customer, meter, state, registers, missing, holds }: BillingPointView, at: number) => ({
  ...{ point, at: iso(at), area, customer, meter, state },
  registers: registers.map((register) => ({
    ...figureJson(register),
    ...{ state: register.state, version: register.version, releasedAt: isoOrNull(register.releasedAt) },
    pending: register.pending && figureJson(register.pending),
  })),
  missing: [...missing],
  holds: holds.map(({ reason, text }) => ({ reason, text })),
})

/** Text of which every character stands for itself. */
const PLAIN = /^[ !#-[\]-~]*$/
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text))
const orNull = (text: string | null): string => (text === null ? 'null' : quoted(text))
const instantText = remembered((at: number) => `"${iso(at)}"`)
const qualityText = remembered((quality: number) => JSON.stringify(qualityNames(quality)))

/** Who read it, how, when and on what it rests: alike for all registers of one reading. */
const restText = ({ meter, source, quality, measuredAt, receivedAt, evidence }: BillingFigureView): string => {
  const given = evidence && `{"id":${quoted(evidence.id)},"kind":"${evidence.kind}","sha256":${quoted(evidence.sha256)}}`
  const times = `"measuredAt":${instantText(measuredAt)},"receivedAt":${instantText(receivedAt)}`
  return `"meter":${quoted(meter)},"source":"${source}","quality":${qualityText(quality)},${times},"evidence":${given}`
}

const figureText = ({ register, unit, value, ratio, storedRatio, primary }: BillingFigureView, rest: string): string => {
  const stored = storedRatio === undefined ? '' : `"storedRatio":${quoted(storedRatio)},`
  return `"register":${quoted(register)},"unit":${quoted(unit)},"value":${quoted(value)},"ratio":${quoted(ratio)},${stored}"primary":${quoted(primary)},${rest}`
}

/** The text of {@link billingPointJson}, several times quicker: of twenty thousand points it is most of the work. */
export const billingPointText = (
  { point, area, customer, meter, state, registers, missing, holds }: BillingPointView,
  at: number,
): string => {
  let text = `{"point":${quoted(point)},"at":${instantText(at)},"area":${orNull(area)},"customer":${orNull(customer)},"meter":${orNull(meter)},"state":"${state}","registers":[`
  let before: BillingFigureView | null = null
  let rest = ''
  for (const register of registers) {
    if (before === null || !isOneReading(before, register)) rest = restText(register)
    text += `${before === null ? '{' : ',{'}${figureText(register, rest)},${stateText(register)}}`
    before = register
  }
  return `${text}],"missing":${JSON.stringify(missing)},"holds":${holds.length === 0 ? '[]' : JSON.stringify(holds.map(({ reason, text: why }) => ({ reason, text: why })))}}`
}

const stateText = ({ state, version, releasedAt, pending }: BillingRegisterView): string => {
  const other = pending === null ? 'null' : `{${figureText(pending, restText(pending))}}`
  return `"state":"${state}","version":${version},"releasedAt":${releasedAt === null ? 'null' : instantText(releasedAt)},"pending":${other}`
}

const isOneReading = (a: BillingFigureView, b: BillingFigureView): boolean =>
  a.measuredAt === b.measuredAt &&
  a.receivedAt === b.receivedAt &&
  a.quality === b.quality &&
  a.source === b.source &&
  a.meter === b.meter &&
  a.evidence === b.evidence

const endJson = (end: BillingEndView | null) => end && { ...end, measuredAt: iso(end.measuredAt) }

export const billingEnergyJson = ({ registers, holds, ...point }: BillingEnergyPointView) => ({
  ...point,
  registers: registers.map(({ start, end, segments, reasons, ...register }) => ({
    ...register,
    ...{ start: endJson(start), end: endJson(end), reasons: [...reasons] },
    segments: segments.map((segment) => ({ ...segment, from: iso(segment.from), to: iso(segment.to) })),
  })),
  holds: holds.map((hold) => ({ ...hold, at: iso(hold.at) })),
})

interface Line {
  readonly point: string
  readonly state: string
  readonly holds: readonly { readonly reason: string }[]
}

/** Lines are handed on so many bytes at a time. */
const CHUNK = 131_072
/** Bytes of a UTF-16 unit in UTF-8, at most. */
const MOST_BYTES = 3

/**
 * One line a point, and a last one with the counts, the digest of all lines before it and `"complete": true`.
 *
 * @param asked  points asked for by name
 */
export async function* withSummary<Item extends Line>(
  pieces: AsyncIterable<readonly Item[]>,
  line: (item: Item) => string,
  question: Readonly<Record<string, string>>,
  asked: readonly string[],
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256')
  const states: Record<string, number> = { released: 0, provisional: 0, held: 0, withdrawn: 0 }
  const reasons: Record<string, number> = {}
  const left = new Set(asked)
  let points = 0
  let bytes = Buffer.allocUnsafeSlow(CHUNK)
  let size = 0
  const filled = (): Uint8Array => {
    const done = bytes.subarray(0, size)
    size = 0
    hash.update(done)
    return done
  }
  for await (const piece of pieces) {
    for (const item of piece) {
      points++
      left.delete(item.point)
      states[item.state] = (states[item.state] ?? 0) + 1
      if (item.state !== 'released')
        for (const reason of new Set(item.holds.map((hold) => hold.reason))) reasons[reason] = (reasons[reason] ?? 0) + 1
      const text = `${line(item)}\n`
      if (size + text.length * MOST_BYTES > bytes.length) {
        if (size > 0) yield filled()
        bytes = Buffer.allocUnsafeSlow(Math.max(CHUNK, text.length * MOST_BYTES))
      }
      size += bytes.write(text, size)
    }
  }
  if (size > 0) yield filled()
  const summary = { ...question, points, states, reasons, notBilled: [...left], sha256: hash.digest('hex'), complete: true }
  yield Buffer.from(`${JSON.stringify({ summary })}\n`)
}
