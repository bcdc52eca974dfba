import { ok, type Result } from '../../src/core/result.ts'
import { fail, type PushError } from './errors.ts'

/** A number as it was written: `12345678.90` keeps its last digit. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** From here on members are found through a table: looking at each in turn costs the square of their number. */
const MANY_NAMES = 16

/** Members in two lists: no prototype, so that a name such as `__proto__` is a name and nothing else. */
export class JsonObject {
  readonly names: string[] = []
  readonly values: Json[] = []
  #places: Map<string, number> | null = null

  get(name: string): Json | undefined {
    const at = this.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }

  /** Place of a member; -1 when there is none. */
  indexOf(name: string): number {
    const { names } = this
    if (names.length < MANY_NAMES) {
      for (let at = 0; at < names.length; at++) if (names[at] === name) return at
      return -1
    }
    this.#places ??= new Map()
    for (let at = this.#places.size; at < names.length; at++) this.#places.set(names[at]!, at)
    return this.#places.get(name) ?? -1
  }
}

export type Json = null | boolean | string | JsonNumber | JsonObject | Json[]

export interface JsonLimits {
  /** How deep lists and objects may stand in each other. */
  readonly depth: number
  /** Values of all kinds together. */
  readonly nodes: number
}

export const JSON_LIMITS: JsonLimits = { depth: 32, nodes: 20_000 }

/** Longest number: 30 digits and an exponent are more than any register has. */
const LONGEST_NUMBER = 64
/** Beyond it no meter, and no double, follows. */
const LARGEST_EXPONENT = 99

/**
 * Reads JSON without losing a digit, in one pass, without recursion: a hostile text costs at most its length.
 *
 * @errors  MQTT_JSON (place in the text), MQTT_JSON_LIMIT, MQTT_JSON_DUPLICATE
 * @source  RFC 8259
 */
export const parseJson = (text: string, limits: JsonLimits = JSON_LIMITS): Result<Json, PushError> => {
  const reader = new Reader(text, limits)
  const value = reader.read()
  return reader.error ?? ok(value)
}

type Failed = { readonly ok: false; readonly error: PushError }

class Reader {
  error: Failed | null = null
  readonly #text: string
  readonly #limits: JsonLimits
  #at = 0

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
  }

  read(): Json {
    const { depth: deepest, nodes: most } = this.#limits
    const open: (JsonObject | Json[])[] = []
    let nodes = 0
    for (;;) {
      // A value begins here.
      if (++nodes > most) return this.#limit(`more than ${most} values`)
      let value: Json
      const code = this.#skipBlank()
      if (code === OPEN_OBJECT || code === OPEN_LIST) {
        if (open.length === deepest) return this.#limit(`nested deeper than ${deepest}`)
        this.#at++
        const container = code === OPEN_OBJECT ? new JsonObject() : []
        const next = this.#skipBlank()
        if (next === (code === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST)) {
          this.#at++
          value = container
        } else {
          open.push(container)
          if (container instanceof JsonObject && !this.#name(container)) return null
          continue
        }
      } else {
        value = this.#scalar(code)
        if (this.error) return null
      }
      // The value is whole: hand it to what it stands in, and close what ends here.
      for (;;) {
        const container = open[open.length - 1]
        if (container === undefined) {
          this.#skipBlank()
          return this.#at < this.#text.length ? this.#wrong('the text goes on after the value') : value
        }
        if (container instanceof JsonObject) container.values.push(value)
        else container.push(value)
        const next = this.#skipBlank()
        if (next === COMMA) {
          this.#at++
          if (container instanceof JsonObject && !this.#name(container)) return null
          break
        }
        if (next !== (container instanceof JsonObject ? CLOSE_OBJECT : CLOSE_LIST)) return this.#wrong('a comma or the end was expected')
        this.#at++
        open.pop()
        value = container
      }
    }
  }

  /** A name and its colon. */
  #name(object: JsonObject): boolean {
    if (this.#skipBlank() !== QUOTE) {
      this.#wrong('a name in quotes was expected')
      return false
    }
    const name = this.#string()
    if (this.error) return false
    if (object.indexOf(name) >= 0) {
      this.error = fail(
        'MQTT_JSON_DUPLICATE',
        `the name ${JSON.stringify(name.slice(0, 60))} stands twice in one object, at character ${this.#at}`,
      )
      return false
    }
    object.names.push(name)
    if (this.#skipBlank() !== COLON) {
      this.#wrong('a colon was expected')
      return false
    }
    this.#at++
    return true
  }

  #scalar(code: number): Json {
    if (code === QUOTE) return this.#string()
    if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number()
    for (const [word, value] of WORDS)
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    return this.#wrong(this.#at >= this.#text.length ? 'the text ends too early' : 'no value begins here')
  }

  #number(): Json {
    const text = this.#text
    const start = this.#at
    let at = start
    if (text.charCodeAt(at) === MINUS) at++
    const first = text.charCodeAt(at)
    const whole = at
    while (isDigit(text.charCodeAt(at))) at++
    if (at === whole || (first === ZERO && at > whole + 1)) return this.#wrong('no number is written so')
    if (text.charCodeAt(at) === POINT) {
      const fraction = ++at
      while (isDigit(text.charCodeAt(at))) at++
      if (at === fraction) return this.#wrong('digits are missing after the point')
    }
    const mark = text.charCodeAt(at)
    if (mark === LOWER_E || mark === UPPER_E) {
      at++
      const sign = text.charCodeAt(at)
      if (sign === MINUS || sign === PLUS) at++
      const exponent = at
      while (isDigit(text.charCodeAt(at))) at++
      if (at === exponent) return this.#wrong('digits are missing in the exponent')
      if (at - exponent > 4 || Number(text.slice(exponent, at)) > LARGEST_EXPONENT)
        return this.#limit(`the number ${text.slice(start, start + 24)}`)
    }
    if (at - start > LONGEST_NUMBER) return this.#limit(`a number of ${at - start} characters`)
    this.#at = at
    return new JsonNumber(text.slice(start, at))
  }

  #string(): string {
    const text = this.#text
    const start = ++this.#at
    let at = start
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) break
      if (code === BACKSLASH) return this.#escaped(start, at)
      if (!(code >= 0x20)) {
        this.#at = at
        this.#wrong(at >= text.length ? 'a text has no end' : 'a control character stands in a text')
        return ''
      }
      at++
    }
    this.#at = at + 1
    return text.slice(start, at)
  }

  #escaped(start: number, first: number): string {
    const text = this.#text
    const pieces = [text.slice(start, first)]
    let at = first
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) break
      if (!(code >= 0x20)) {
        this.#at = at
        this.#wrong('a text has no end')
        return ''
      }
      if (code !== BACKSLASH) {
        let end = at + 1
        while (end < text.length && text.charCodeAt(end) !== QUOTE && text.charCodeAt(end) !== BACKSLASH && text.charCodeAt(end) >= 0x20)
          end++
        pieces.push(text.slice(at, end))
        at = end
        continue
      }
      const letter = text[at + 1] ?? ''
      const plain = ESCAPES.get(letter)
      if (plain !== undefined) {
        pieces.push(plain)
        at += 2
      } else {
        const digits = text.slice(at + 2, at + 6)
        if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(digits)) {
          this.#at = at
          this.#wrong('no escape is written so')
          return ''
        }
        pieces.push(String.fromCharCode(Number.parseInt(digits, 16)))
        at += 6
      }
    }
    this.#at = at + 1
    return pieces.join('')
  }

  /** Code of the next character that is no blank; NaN at the end. */
  #skipBlank(): number {
    const text = this.#text
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      this.#at++
    }
  }

  #wrong(what: string): null {
    const near = this.#text.slice(Math.max(0, this.#at - 10), this.#at + 10)
    this.error ??= fail('MQTT_JSON', `${what} at character ${this.#at}, near ${JSON.stringify(near)}`, { at: this.#at })
    return null
  }

  #limit(what: string): null {
    this.error ??= fail('MQTT_JSON_LIMIT', `${what} at character ${this.#at}`, { at: this.#at })
    return null
  }
}

const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const UPPER_E = 0x45
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const LOWER_E = 0x65
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const WORDS: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])
const isDigit = (code: number): boolean => code >= ZERO && code <= NINE
