import type { Json } from './json.ts'
import { follow, type Path, parsePath, placeOf, textOf } from './path.ts'
import type { TimePattern } from './time.ts'

/** What an operand can look at while a message is worked through. */
export class Scope {
  readonly message: Json
  captures: Readonly<Record<string, string>>
  /** From the message in; the last one is the record. */
  readonly records: Json[]
  readonly places: string[]
  index = 0
  /** Address of an embedded frame. */
  frame: string | null = null
  /** The local time of now, for answers. */
  readonly now: (pattern: TimePattern) => string

  constructor(message: Json, captures: Readonly<Record<string, string>>, now: (pattern: TimePattern) => string) {
    this.message = message
    this.captures = captures
    this.records = [message]
    this.places = ['$']
    this.now = now
  }

  /** Where a path begins. */
  from(path: Path): Json {
    return path.up === null ? this.message : (this.records[Math.max(0, this.records.length - 1 - path.up)] ?? this.message)
  }

  find(path: Path): Json | undefined {
    return follow(path, this.from(path))
  }

  placeOf(path: Path): string {
    if (path.whole !== null) return path.whole
    const base = path.up === null ? '$' : (this.places[Math.max(0, this.places.length - 1 - path.up)] ?? '$')
    return placeOf(path, base, this.from(path))
  }
}

/** A path, or a text with places to fill in. */
export interface Operand {
  readonly text: string
  /** Set when the operand is a path and nothing else. */
  readonly path: Path | null
  /** The value as text; null when a part of it is missing or no scalar. */
  read(scope: Scope): string | null
}

type Piece = (scope: Scope) => string | null

/**
 * Reads an operand.
 *
 * @param captures  names that may be used
 * @param extra     more placeholders, by their whole text
 * @returns         what is wrong, in words, or the operand
 */
export const parseOperand = (
  text: string,
  captures: readonly string[],
  extra: (name: string) => Piece | null = () => null,
): Operand | string => {
  if (/^[$@^]/.test(text)) {
    const path = parsePath(text)
    return typeof path === 'string' ? path : { text, path, read: (scope) => textOf(scope.find(path)) }
  }
  const pieces: (string | Piece)[] = []
  let at = 0
  while (at < text.length) {
    const open = text.indexOf('{', at)
    if (open < 0) {
      pieces.push(text.slice(at))
      break
    }
    if (open > at) pieces.push(text.slice(at, open))
    const close = closingOf(text, open)
    if (close < 0) return `is "${text}"; a { has no }`
    const name = text.slice(open + 1, close)
    const piece = pieceOf(name, captures, extra)
    if (typeof piece === 'string') return piece
    pieces.push(piece)
    at = close + 1
  }
  const only = pieces.length === 1 ? pieces[0] : undefined
  if (typeof only === 'function') return { text, path: null, read: only }
  return { text, path: null, read: (scope) => filled(pieces, scope) }
}

/** A path inside braces may hold quoted braces. */
const closingOf = (text: string, open: number): number => {
  let quote = ''
  for (let at = open + 1; at < text.length; at++) {
    const letter = text[at]!
    if (quote) quote = letter === quote ? '' : quote
    else if (letter === "'" || letter === '"') quote = letter
    else if (letter === '}') return at
  }
  return -1
}

const pieceOf = (name: string, captures: readonly string[], extra: (name: string) => Piece | null): Piece | string => {
  if (/^[$@^]/.test(name)) {
    const path = parsePath(name)
    return typeof path === 'string' ? path : (scope) => textOf(scope.find(path))
  }
  if (name === 'index') return (scope) => String(scope.index)
  if (name === 'frame') return (scope) => scope.frame
  const more = extra(name)
  if (more) return more
  if (!captures.includes(name))
    return `has {${name}}, which nothing captures; there are: ${[...captures.map((one) => `{${one}}`), '{index}', '{frame}', '{$.path}', '{@.path}'].join(' ')}`
  return (scope) => scope.captures[name] ?? null
}

const filled = (pieces: readonly (string | Piece)[], scope: Scope): string | null => {
  let text = ''
  for (const piece of pieces) {
    const part = typeof piece === 'string' ? piece : piece(scope)
    if (part === null) return null
    text += part
  }
  return text
}
