import { dlt645Scan } from '../../../protocols/index.ts'
import { type Answering, meterOf, reasonOf, type ScanContext, type Tried } from './context.ts'
import type { Driver } from './driver.ts'
import { judgeFigures } from './judge.ts'
import type { FoundMeter } from './types.ts'

/** Points for speaking the edition at all. */
const SPEAKS = 3

/** Tries every profile of the edition on one meter. @returns null when stopped */
export const judgeDlt645 = async (
  driver: Driver,
  context: ScanContext,
  variant: '2007' | '1997',
  answering: Answering,
): Promise<{ tried: readonly Tried[]; finish(tried: readonly Tried[]): FoundMeter } | null> => {
  const memory = dlt645Scan.itemMemory(variant, answering.address)
  const tried: Tried[] = []
  for (const profile of context.profiles) {
    const fit = await driver.run(dlt645Scan.fitDlt645(memory, profile))
    if (context.signal.aborted) return null
    if (!fit) continue
    const { reasons, score } = judgeFigures(fit.figures)
    const empty = fit.figures.filter(({ value }) => value === null).length
    const came = fit.answered - empty
    const all = fit.answered + fit.refused
    const missing = all - came
    tried.push({
      profile,
      figures: fit.figures,
      judgement: {
        reasons: [
          reasonOf('edition', variant, variant, 'for', `answers items of DL/T 645-${variant}`),
          ...reasons,
          reasonOf(
            'items',
            `${came} of ${all}`,
            'all',
            missing === 0 ? 'for' : 'against',
            `${came} of the ${all} items it is recognised by have a value`,
          ),
        ],
        score: came === 0 ? 0 : SPEAKS + score + Math.min(2, came / 8) - missing,
      },
      at: performance.now(),
      reread: (again) => again.run(dlt645Scan.rereadDlt645(memory, profile)),
    })
  }
  const identity = await driver.run(dlt645Scan.identify(memory))
  if (!identity) return null
  return { tried, finish: (final) => meterOf(answering, final, { identity, proofs: memory.proofs }) }
}
