import { decodeMessage, type Mapping, type PushEnvironment } from '../../protocols/index.ts'
import type { Capture } from '../capture/index.ts'
import { explain, type Reading } from '../core/index.ts'
import type { MeterFacts } from '../normalise/index.ts'
import type { NotUsed, Replayed } from './capture-replay.ts'
import { PushNormaliser } from './push-readings.ts'

export interface MessageWorld {
  readonly mappings: readonly Mapping[]
  readonly environment: PushEnvironment
  /** The ledger's meter under a name at the broker; null for strangers. */
  readonly meterOf: (name: string) => MeterFacts | null
  /** Name of the broker, for strangers. */
  readonly broker: string
}

const ONE = { raw: 1, scaler: 0 }

/** Puts captured messages of a broker through its mappings. Messages that need those before them (Sparkplug) become nothing. */
export const replayMessages = ({ frames }: Pick<Capture, 'frames'>, { mappings, environment, meterOf, broker }: MessageWorld): Replayed => {
  const readings: Reading[] = []
  const notUsed: NotUsed[] = []
  const normalisers = new Map<string, PushNormaliser>()
  let exchanges = 0
  for (const { at, what, topic, bytes, retained, device } of frames) {
    if (what !== 'message' || topic === null) continue
    exchanges++
    const outcome = decodeMessage(mappings, { topic, payload: bytes, retained, duplicate: false, arrivedAt: at }, environment)
    const skip = (why: string, isFailure: boolean) => notUsed.push({ at, device, bytes, why: `${topic}: ${why}`, isFailure })
    if (outcome.refused) skip(explain(outcome.refused), true)
    else if (outcome.discard !== null) skip(`put aside: ${outcome.discard}`, false)
    for (const record of outcome.records) {
      let normaliser = normalisers.get(record.meter)
      if (!normaliser) {
        const known = meterOf(record.meter)
        const facts = known ?? { meter: `${broker}/${record.meter}`, point: '-', area: '-', ct: ONE, pt: ONE }
        normaliser = new PushNormaliser({ facts, isRegistered: known !== null })
        normalisers.set(record.meter, normaliser)
      }
      readings.push(...normaliser.readings(record, record.measuredAt ?? at, at))
    }
  }
  return { readings, notUsed, exchanges }
}
