import { Value } from 'typebox/value'
import { ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import {
  bytesOfHexText,
  CAPTURE_VERSION,
  type Capture,
  type CapturedFrame,
  type CaptureHead,
  CaptureHeadSchema,
  type CaptureLine,
  CaptureLineSchema,
  hexText,
  type WritableFrame,
} from './format.ts'

export const headLine = (head: CaptureHead): string => `${JSON.stringify(head)}\n`

export const frameLine = (frame: WritableFrame): string => `${JSON.stringify(lineOf(frame))}\n`

const lineOf = (frame: WritableFrame): CaptureLine => {
  const { at, what, protocol, device, text, tookMs, topic, retained } = frame
  return {
    at: new Date(at).toISOString(),
    ...{ what, protocol, device, hex: hexText(frame), text },
    ...(tookMs === null ? {} : { tookMs }),
    ...(topic === undefined || topic === null ? {} : { topic, retained: retained ?? false }),
  }
}

/** Reads a head. @errors CAPTURE_FORMAT, CAPTURE_VERSION */
export const readHead = (text: string): Result<CaptureHead> => {
  const json = parsed(text)
  if (!Value.Check(CaptureHeadSchema, json)) return fail('CAPTURE_FORMAT', 'its first line is not the head of a capture')
  return json.version > CAPTURE_VERSION
    ? fail('CAPTURE_VERSION', `it has version ${json.version}; ${CAPTURE_VERSION} is known here`, { version: json.version })
    : ok(json)
}

/** Reads a capture of JSON Lines. A last line that was cut off is left out. @errors CAPTURE_FORMAT, CAPTURE_VERSION, CAPTURE_LINE */
export const readJsonLines = (text: string): Result<Capture> => {
  const lines = text.split('\n')
  const head = readHead(lines[0] ?? '')
  if (!head.ok) return head
  const frames: CapturedFrame[] = []
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (line.trim() === '') continue
    const frame = frameOf(parsed(line))
    if (frame) frames.push(frame)
    else if (at === lines.length - 1) return ok({ head: head.value, frames, isCut: true })
    else return fail('CAPTURE_LINE', `line ${at + 1} is no frame: ${line.slice(0, 100)}`, { line: at + 1 })
  }
  return ok({ head: head.value, frames, isCut: false })
}

const frameOf = (json: unknown): CapturedFrame | null => {
  if (!Value.Check(CaptureLineSchema, json)) return null
  const { at, what, protocol, device, hex, text, tookMs = null, topic = null, retained = false } = json
  const bytes = bytesOfHexText(hex)
  const instant = Date.parse(at)
  return bytes === null || Number.isNaN(instant) ? null : { at: instant, what, protocol, device, ...bytes, text, tookMs, topic, retained }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
