import { bytesOf } from '../../src/core/hex.ts'
import type { PushedFrame, PushOutcome, SkippedField } from '../../src/core/push.ts'
import type { Frame, Rule, Template } from './compiled.ts'
import { errorOf } from './errors.ts'
import type { Scope } from './scope.ts'
import { LONGEST_TOPIC } from './topic.ts'

// What a message brings beside values: who is there, how well it is heard, what has to be answered, bytes of a frame.

/** Longest name of a device or meter, and longest text of an event. */
export const NAME_LIMIT = 200
/** Control characters, line separators, and halves of a character: none of them survives a store unchanged. */
const UNFIT = /[\p{Cc}\p{Cs}\u2028\u2029]/u

export const isName = (text: string): boolean => text !== '' && text.length <= NAME_LIMIT && !UNFIT.test(text)

/** No dBm, percent, rssi, snr or linkquality comes near: what is larger is no signal. */
const LARGEST_SIGNAL = 1e6

type Skip = (path: string, error: SkippedField['error']) => void

export const presenceOf = ({ presence }: Rule, device: string | null, scope: Scope, skip: Skip): PushOutcome['presence'] => {
  if (!presence || device === null) return []
  const text = presence.of.read(scope)
  if (text === null) return []
  const online = presence.online.has(text)
  if (online || presence.offline.has(text)) return [{ device, online }]
  skip(presence.of.text, errorOf('MQTT_NOT_NUMBER', `is ${JSON.stringify(text.slice(0, 40))}, neither online nor offline`))
  return []
}

export const signalsOf = ({ signal }: Rule, device: string | null, scope: Scope): PushOutcome['signals'] => {
  if (device === null || signal.length === 0) return []
  const figures: Record<string, number> = {}
  for (const [name, operand] of signal) {
    const text = operand.read(scope)
    const value = text === null || text.trim() === '' ? Number.NaN : Number(text)
    if (Math.abs(value) <= LARGEST_SIGNAL) figures[name] = value
  }
  return Object.keys(figures).length === 0 ? [] : [{ device, figures }]
}

/** @param retained  what a broker kept is no question: whoever asked has long gone on */
export const answersOf = ({ answer }: Rule, retained: boolean, scope: Scope, skip: Skip): PushOutcome['answers'] => {
  if (!answer || retained) return []
  const topic = answer.topic.read(scope)
  if (topic === null || topic === '' || topic.length > LONGEST_TOPIC || /[+#\p{Cc}]/u.test(topic)) {
    skip(answer.topic.text, errorOf('MQTT_ABSENT', 'no answer is sent: its topic cannot be made'))
    return []
  }
  return [{ topic, payload: new TextEncoder().encode(written(answer.json, scope)) }]
}

const written = (template: Template, scope: Scope): string => {
  if (template.kind === 'fixed') return template.json
  if (template.kind === 'text') return JSON.stringify(template.operand.read(scope))
  if (template.kind === 'list') return `[${template.items.map((item) => written(item, scope)).join(',')}]`
  return `{${template.members.map(([name, value]) => `${JSON.stringify(name)}:${written(value, scope)}`).join(',')}}`
}

/** Bytes of an embedded frame as the message writes them, null where there are none. */
export const frameBytes = (
  { path, encoding }: Frame,
  payload: Uint8Array,
  scope: Scope,
): { readonly bytes: Uint8Array; readonly encoding: PushedFrame['encoding'] } | SkippedField['error'] => {
  if (encoding === 'raw') return { bytes: payload, encoding }
  const text = path.read(scope)
  if (text === null) return errorOf('MQTT_ABSENT', 'is not in the message')
  if (encoding === 'hex') {
    const bytes = bytesOf(text)
    if (bytes && bytes.length > 0) return { bytes, encoding: /\s/.test(text.trim()) ? 'hex with blanks' : 'hex' }
  } else if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return { bytes: new Uint8Array(Buffer.from(text, 'base64')), encoding }
  return errorOf('MQTT_FRAME', `is ${JSON.stringify(text.slice(0, 40))}, which is no ${encoding}`)
}
