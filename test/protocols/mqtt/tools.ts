import { compileMapping, decodeMessage, type Mapping, type MappingFile } from '../../../protocols/index.ts'
import { decimalText, type PushMessage, type PushOutcome } from '../../../src/core/index.ts'
import { openProfiles } from '../../../src/gateway/profiles.ts'
import { pushWorld } from '../../../src/gateway/push-world.ts'

export const world = pushWorld('UTC', openProfiles(null))
export const ARRIVED = Date.UTC(2024, 10, 21, 9)

type RuleFile = MappingFile['rules'][number]

/** A mapping of these rules; its ids and topics may be left out. */
export const mappingOf = (rules: readonly Partial<RuleFile>[], more: Partial<MappingFile> = {}): Mapping => {
  const compiled = compileMapping({
    id: 'own',
    title: 'own',
    source: 'this test',
    rules: rules.map((rule, at) => ({ id: `rule-${at}`, topic: 'site/{meter}', ...rule })),
    examples: [{ name: 'none', topic: '', expect: {} }],
    ...more,
  })
  if (!compiled.ok) throw new Error(compiled.problems.map(({ path, message }) => `/${path.join('/')} ${message}`).join('\n'))
  return compiled.value
}

type Payload = Uint8Array | string | object | number
export const bytesOfPayload = (payload: Payload): Uint8Array =>
  payload instanceof Uint8Array ? payload : new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload))

/** What a message becomes. Texts are payloads as they are, everything else is written as JSON. */
export const decoded = (
  mappings: Mapping | readonly Mapping[],
  payload: Payload,
  { topic = 'site/m1', explain = false, windows = true, ...more }: Partial<PushMessage> & { explain?: boolean; windows?: boolean } = {},
): PushOutcome => {
  const message = { topic, payload: bytesOfPayload(payload), retained: false, duplicate: false, arrivedAt: ARRIVED, ...more }
  return decodeMessage('rules' in mappings ? [mappings] : mappings, message, { ...world, windows, explain })
}

/** Records as `meter @ instant: obis = value unit`, short enough to compare. */
export const shown = ({ records }: PushOutcome): string[] =>
  records.map(({ meter, measuredAt, values }) => {
    const at = measuredAt === null ? 'arrival' : new Date(measuredAt).toISOString()
    const all = values.map(({ obis, value, unit }) =>
      `${obis ?? '-'} = ${decimalText(value.raw, value.scaler)}${unit === null ? '' : ` ${unit}`}`.trim(),
    )
    return `${meter} @ ${at}: ${all.join(', ')}`
  })

export const codes = ({ skipped }: PushOutcome): string[] => skipped.map(({ path, error }) => `${path} ${error.code}`)

/** A rule that takes one value: what most tests need. */
export const KWH = { meter: '{meter}', values: [{ path: '$.kwh', obis: '1.8.0', unit: 'kWh' }] }
