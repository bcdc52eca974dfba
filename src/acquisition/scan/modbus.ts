import { modbusScan } from '../../../protocols/index.ts'
import { many, type Profile } from '../../core/index.ts'
import { type Answering, FITS, meterOf, reasonOf, type ScanContext, type Tried } from './context.ts'
import type { Driver } from './driver.ts'
import { judgeFigures } from './judge.ts'
import type { FoundMeter } from './types.ts'

export type Framing = 'tcp' | 'rtu' | 'ascii'

/** Profiles whose whole map is compared when several look alike. */
const MOST_COMPARED = 6

export interface ModbusJudged {
  readonly tried: readonly Tried[]
  /** The meter with the second look at its energy put in. */
  finish(tried: readonly Tried[]): FoundMeter
}

/** Tries every profile on one unit. @returns null when stopped */
export const judgeModbus = async (
  driver: Driver,
  context: ScanContext,
  framing: Framing,
  numbering: modbusScan.Numbering,
  answering: Answering,
): Promise<ModbusJudged | null> => {
  const memory = modbusScan.registerMemory(framing, Number(answering.address), numbering)
  const looked: {
    profile: Profile
    model: modbusScan.ModbusProfile
    fit: modbusScan.ModbusFit
    score: number
    judgement: ReturnType<typeof judgeFigures>
    at: number
  }[] = []
  const ordered = [...context.profiles].sort((a, b) => Number(context.chosen.has(b.id)) - Number(context.chosen.has(a.id)))
  for (const profile of ordered) {
    const loaded = modbusScan.loadProfile(profile)
    if (!loaded.ok) continue
    const fit = await driver.run(modbusScan.fitModbus(memory, loaded.value))
    if (context.signal.aborted) return null
    if (!fit) continue
    const judgement = judgeFigures(fit.figures, fit.orders)
    const score = judgement.score - fit.refused
    if (judgement.reasons.length > 0 && score > 0)
      looked.push({ profile, model: loaded.value, fit, score, judgement, at: performance.now() })
    // In a hurry, a neighbour's profile that fits in everything is believed.
    if (context.mode === 'quick' && context.chosen.has(profile.id) && score >= 2 * FITS && fit.refused === 0) break
  }
  looked.sort((a, b) => b.score - a.score)
  const tried: Tried[] = []
  for (const { profile, model, fit, judgement, at, score } of looked.slice(0, MOST_COMPARED)) {
    const base = fit.base ?? 0
    const covered = await driver.run(modbusScan.coverage(memory, model, base))
    if (!covered) return null
    const { answered, asked } = covered
    const isWhole = answered === asked
    const reasons = [
      ...judgement.reasons,
      reasonOf(
        'register map',
        `${answered} of ${asked}`,
        'all',
        isWhole ? 'for' : 'against',
        `the device answers ${answered} of the ${asked} registers of the profile`,
      ),
      ...(fit.base === null
        ? []
        : [
            reasonOf(
              'SunSpec',
              `model ${model.modelId ?? ''}`,
              'SunS',
              'for',
              `"SunS" and model ${model.modelId ?? ''} at register ${fit.base}`,
            ),
          ]),
    ]
    const weighed =
      score + Math.min(4, answered / 17) - (isWhole ? 0 : 0.5 + 8 * (1 - answered / Math.max(1, asked))) + (fit.base === null ? 0 : 6)
    tried.push({
      profile,
      figures: fit.figures,
      judgement: { reasons, score: weighed },
      at,
      reread: (again) => again.run(modbusScan.rereadModbus(memory, model, base)),
    })
  }
  const isUnknown = !tried.some(({ judgement }) => judgement.score >= FITS)
  const notes = isUnknown ? await unknownNotes(driver, context, memory) : []
  if (notes === null) return null
  return { tried, finish: (final) => meterOf(answering, final, { notes, proofs: memory.proofs.filter(proves) }) }
}

/** Frames with values; the single words of a comparison prove little. */
const proves = ({ rx }: { readonly rx: Uint8Array }): boolean => rx.length > 8

const unknownNotes = async (driver: Driver, { mode }: ScanContext, memory: modbusScan.RegisterMemory): Promise<string[] | null> => {
  const unknown = await driver.run(modbusScan.exploreUnknown(memory, mode === 'quick' ? 6 : 24))
  if (!unknown) return null
  const answers = unknown.answers.map(({ function: fn, places, exceptions }) => {
    const refusals = exceptions.length > 0 ? `exception ${exceptions.join(', ')} elsewhere` : 'silence elsewhere'
    return places.length === 0 ? `function ${fn}: nowhere, ${refusals}` : `function ${fn}: answers at ${places.join(', ')}; ${refusals}`
  })
  const guesses = unknown.guesses.map(
    ({ function: fn, address, type, order, scale, text, looksLike }) =>
      `${fn}:${address} as ${type} ${order} × ${scale} reads ${text}: looks like a ${looksLike}`,
  )
  return [`no profile fits; ${many(memory.words.size, 'register')} read`, ...answers, ...guesses]
}
