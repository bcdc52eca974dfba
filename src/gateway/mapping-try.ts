import { decodeMessage, type PushEnvironment } from '../../protocols/index.ts'
import { decimalText, nothingPushed, type PushOutcome, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import type { LoadedMapping } from './mappings.ts'
import { SparkplugHosts } from './push-sparkplug.ts'
import type { PushWorld } from './push-world.ts'

type Message = Parameters<typeof decodeMessage>[1]

/**
 * What one message becomes by a mapping, and why a field was skipped; nothing is taken in.
 *
 * @errors MAPPING_USE
 */
export const tryMessage = (
  mapping: LoadedMapping,
  message: Message,
  world: PushWorld,
): Result<{ outcome: PushOutcome; topics: readonly string[] }> => {
  const compiled = mapping.compile({})
  if (!compiled.ok)
    return fail('MAPPING_USE', compiled.problems.map(({ path, message: text }) => `/${path.join('/')} ${text}`).join('; '), {
      mapping: mapping.content.id,
    })
  const environment: PushEnvironment = { ...world, windows: true, explain: true }
  // Births of a Sparkplug node stand alone; its DATA needs them, and one message is all there is here.
  const sparkplug = new SparkplugHosts(null, true)
  const outcome = decodeMessage([compiled.value], message, environment, (taker, one) => {
    const { arrivedAt } = message
    const [first] = [...sparkplug.take(taker, one, arrivedAt), ...sparkplug.tick(arrivedAt + 60_000).flatMap(({ outcomes }) => outcomes)]
    return first ?? nothingPushed
  })
  return { ok: true, value: { outcome, topics: compiled.value.rules.map(({ topic }) => topic.text) } }
}

/** The outcome as JSON: decimals as text, instants in ISO 8601, bytes in hexadecimal. */
export const outcomeJson = (outcome: PushOutcome) => ({
  ...outcome,
  records: outcome.records.map((record) => ({
    ...record,
    measuredAt: record.measuredAt === null ? null : new Date(record.measuredAt).toISOString(),
    values: record.values.map(({ value, ...rest }) => ({ ...rest, value: decimalText(value.raw, value.scaler) })),
  })),
  frames: outcome.frames.map((frame) => ({ ...frame, bytes: Buffer.from(frame.bytes).toString('hex') })),
  answers: outcome.answers.map(({ topic, payload }) => ({ topic, payload: Buffer.from(payload).toString('utf8') })),
})

/** Filters of the topics a mapping takes. */
export const topicsOf = ({ content }: LoadedMapping): readonly string[] => [
  ...new Set(content.rules.flatMap(({ topic, ignore }) => (ignore === undefined ? [topic] : []))),
]
