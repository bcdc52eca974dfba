import { ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import {
  bytesOfHexText,
  CAPTURED,
  type Capture,
  type Captured,
  type CapturedFrame,
  type CaptureHead,
  hexText,
  type WritableFrame,
} from './format.ts'
import { readHead } from './json-lines.ts'

/** Begins the first line of a capture for people. */
export const TEXT_HEAD = '# gridtally capture '

/** One field of a frame, for people. */
export interface TextField {
  readonly offset: number
  readonly hex: string
  readonly name: string
  readonly meaning: string
}

export const textHead = (head: CaptureHead): string => `${TEXT_HEAD}${JSON.stringify(head)}\n`

/**
 * A frame as one line: `2026-08-15T12:00:00.123Z rx dlt645-2007 M-7 [68 …] +85 ms  what it says`. Fields, where they are wanted, follow
 * indented.
 */
export const textLine = (frame: WritableFrame, fields: readonly TextField[] = [], wrong: string | null = null): string => {
  const { at, what, protocol, device, tookMs, text, topic, retained } = frame
  const about = topic === undefined || topic === null ? '' : ` topic ${JSON.stringify(topic)}${retained ? ' retained' : ''}`
  const took = tookMs === null ? '' : ` +${tookMs} ms`
  const said = text === '' ? '' : `  ${text.replace(/[\r\n]+/g, ' ')}`
  const rows = fields.map(({ offset, hex, name, meaning }) => `    ${String(offset).padStart(4)}  ${hex.padEnd(24)}  ${name}: ${meaning}\n`)
  return [
    `${new Date(at).toISOString()} ${what.padEnd(9)} ${protocol ?? '-'} ${device === null ? '-' : wordOf(device)} [${hexText(frame)}]${took}${about}${said}\n`,
    ...rows,
    ...(wrong === null ? [] : [`    error ${wrong}\n`]),
  ].join('')
}

/** A name as one word: in quotes when it has blanks in it, or could be taken for something else. */
const wordOf = (name: string): string => (/^[\p{L}\p{N}._:/+-]+$/u.test(name) && name !== '-' ? name : JSON.stringify(name))

const LINE =
  /^(\S+) +(\S+) +(\S+) +("(?:[^"\\]|\\.)*"|\S+) \[([0-9A-Fa-f* ]*)\](?: \+(\d+) ms)?(?: topic ("(?:[^"\\]|\\.)*")( retained)?)?(?: {2}(.*))?$/

/** Reads a capture for people. Blank, indented and commented lines are for people only. @errors as those of JSON Lines */
export const readText = (text: string): Result<Capture> => {
  const lines = text.split('\n')
  const head = readHead((lines[0] ?? '').slice(TEXT_HEAD.length))
  if (!head.ok) return head
  const frames: CapturedFrame[] = []
  for (let at = 1; at < lines.length; at++) {
    const line = (lines[at] ?? '').replace(/\r$/, '')
    if (line === '' || line.startsWith(' ') || line.startsWith('#')) continue
    const frame = frameOf(line)
    if (frame) frames.push(frame)
    else if (at === lines.length - 1) return ok({ head: head.value, frames, isCut: true })
    else return fail('CAPTURE_LINE', `line ${at + 1} is no frame: ${line.slice(0, 100)}`, { line: at + 1 })
  }
  return ok({ head: head.value, frames, isCut: false })
}

const frameOf = (line: string): CapturedFrame | null => {
  const found = LINE.exec(line)
  if (!found) return null
  const [, at = '', what = '', protocol = '-', device = '-', hex = '', took, topic, retained, text = ''] = found
  const bytes = bytesOfHexText(hex)
  const instant = Date.parse(at)
  if (bytes === null || Number.isNaN(instant) || !isCaptured(what)) return null
  return {
    ...{ at: instant, what, ...bytes, text },
    protocol: protocol === '-' ? null : protocol,
    device: device === '-' ? null : nameOf(device),
    tookMs: took === undefined ? null : Number(took),
    topic: topic === undefined ? null : nameOf(topic),
    retained: retained !== undefined,
  }
}

const nameOf = (word: string): string => {
  if (!word.startsWith('"')) return word
  const name: unknown = JSON.parse(word)
  return String(name)
}

const isCaptured = (word: string): word is Captured => (CAPTURED as readonly string[]).includes(word)
