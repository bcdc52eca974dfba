import type { Part, Step } from './compiled.ts'
import { allHold } from './condition.ts'
import { errorOf, type PushError } from './errors.ts'
import { type Json, JsonObject } from './json.ts'
import { memberText } from './path.ts'
import type { Scope } from './scope.ts'

/** A message with more records is none of a meter. */
const MOST_RECORDS = 5000

/**
 * Goes to every record of a message that a part of a rule is about: lists within lists, members by name. The scope stands at the record
 * while it is visited.
 *
 * @errors MQTT_JSON_LIMIT, in {@link Walk.refused}: nothing more is visited then
 */
export class Walk {
  refused: PushError | null = null
  #visited = 0
  readonly #scope: Scope
  readonly #visit: (part: Part) => void

  constructor(scope: Scope, visit: (part: Part) => void) {
    this.#scope = scope
    this.#visit = visit
  }

  all(part: Part): void {
    this.#step(part, 0)
  }

  #step(part: Part, depth: number): void {
    const step = part.each[depth]
    if (!step) {
      if (++this.#visited > MOST_RECORDS) {
        this.refused ??= errorOf('MQTT_JSON_LIMIT', `the message has more than ${MOST_RECORDS} records`)
        return
      }
      if (allHold(part.when, this.#scope)) this.#visit(part)
      return
    }
    const path = step.from.path
    const list = path ? this.#scope.find(path) : undefined
    if (path === null || list === undefined) return
    const base = this.#scope.placeOf(path)
    if (step.members) this.#members(part, depth, step, list, base)
    else if (Array.isArray(list))
      for (let index = 0; index < list.length && !this.refused; index++)
        this.#enter(part, depth, step, list[index]!, `${base}[${index}]`, index)
  }

  #members(part: Part, depth: number, step: Step, object: Json, base: string): void {
    if (!(object instanceof JsonObject) || !step.members) return
    const { capture, match } = step.members
    const before = this.#scope.captures
    for (let index = 0; index < object.names.length && !this.refused; index++) {
      const name = object.names[index]!
      const captured = match(name)
      if (captured === null) continue
      if (capture !== null) this.#scope.captures = Object.assign(Object.create(null), before, { [capture]: captured })
      this.#enter(part, depth, step, object.values[index]!, base + memberText(name), index)
      this.#scope.captures = before
    }
  }

  #enter(part: Part, depth: number, step: Step, record: Json, place: string, index: number): void {
    const scope = this.#scope
    scope.records.push(record)
    scope.places.push(place)
    const before = scope.index
    scope.index = index
    const captures = scope.captures
    if (step.split) scope.captures = withParts(captures, step.split, scope)
    if (allHold(step.when, scope)) this.#step(part, depth + 1)
    scope.captures = captures
    scope.index = before
    scope.records.pop()
    scope.places.pop()
  }
}

const withParts = (
  captures: Readonly<Record<string, string>>,
  { of, at, into: [before, behind] }: NonNullable<Step['split']>,
  scope: Scope,
): Readonly<Record<string, string>> => {
  const text = of.read(scope)
  if (text === null) return captures
  const place = text.lastIndexOf(at)
  const parts = place < 0 ? { [behind]: text } : { [before]: text.slice(0, place), [behind]: text.slice(place + at.length) }
  return Object.assign(Object.create(null), captures, parts)
}
