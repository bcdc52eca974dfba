import { type Json, JsonNumber, JsonObject } from './json.ts'

type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'find'; readonly member: string; readonly value: string }

/** Where a path begins: `$` the message, `@` the record, `^` the record it stands in, `^^` the one around that. */
export interface Path {
  readonly text: string
  /** 0 = the record, 1 = the one around it …; null = the message. */
  readonly up: number | null
  readonly steps: readonly Step[]
  /** Written place when it holds no search, so that it need not be made anew for each value. */
  readonly fixed: string | null
  /** The same from the message on. */
  readonly whole: string | null
}

/** A value and the place where it stood. */
export interface Found {
  readonly value: Json
  readonly place: () => string
}

const PLAIN = /^[\p{L}_][\p{L}\p{N}_]*$/u

/** `.name` or `['na me']`. */
export const memberText = (name: string): string =>
  PLAIN.test(name) ? `.${name}` : `['${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}']`

/**
 * Reads a path: a part of JSONPath that always leads to one place. `$.a.b`, `@['switch:0'].apower`, `$.Datas[0][2]`,
 * `@.tags[?(@.name=='kWh')].value` or shorter `@.tags[?name=='kWh'].value`.
 *
 * @returns  what is wrong, in words, or the path
 * @source   RFC 9535; only these selectors
 */
export const parsePath = (text: string): Path | string => {
  const root = /^(\$|@|\^+)/.exec(text)?.[0]
  if (root === undefined) return 'must begin with $ (message), @ (record) or ^ (the record around it)'
  const up = root === '$' ? null : root === '@' ? 0 : root.length
  const steps: Step[] = []
  let at = root.length
  while (at < text.length) {
    const rest = text.slice(at)
    const member = /^\.([\p{L}_][\p{L}\p{N}_]*)/u.exec(rest) ?? null
    const quoted = member ? null : /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/.exec(rest)
    const index = member || quoted ? null : /^\[(\d{1,6})\]/.exec(rest)
    const find =
      member || quoted || index ? null : /^\[\?\(?(?:@\.)?([\p{L}_][\p{L}\p{N}_]*)\s*==\s*(?:'([^']*)'|"([^"]*)")\)?\]/u.exec(rest)
    const found = member ?? quoted ?? index ?? find
    if (!found) return `is "${text}", which goes wrong at "${rest.slice(0, 20)}"; allowed: .name ['name'] [0] [?name=='text']`
    if (member) steps.push({ kind: 'member', name: member[1] ?? '' })
    else if (quoted) steps.push({ kind: 'member', name: (quoted[1] ?? quoted[2] ?? '').replace(/\\(.)/g, '$1') })
    else if (index) steps.push({ kind: 'index', index: Number(index[1]) })
    else steps.push({ kind: 'find', member: find?.[1] ?? '', value: find?.[2] ?? find?.[3] ?? '' })
    at += found[0].length
  }
  const hasFind = steps.some(({ kind }) => kind === 'find')
  const fixed = hasFind ? null : writtenSteps(steps)
  return { text, up, steps, fixed, whole: fixed !== null && up === null ? `$${fixed}` : null }
}

const writtenSteps = (steps: readonly Step[]): string =>
  steps.map((step) => (step.kind === 'member' ? memberText(step.name) : step.kind === 'index' ? `[${step.index}]` : '')).join('')

/** Follows the steps of a path from a value; undefined where it leads nowhere. Own members only. */
export const follow = (path: Path, from: Json): Json | undefined => {
  let value: Json | undefined = from
  for (const step of path.steps) {
    if (step.kind === 'member') value = value instanceof JsonObject ? value.get(step.name) : undefined
    else if (!Array.isArray(value)) return undefined
    else value = step.kind === 'index' ? value[step.index] : value[indexOf(value, step)]
    if (value === undefined) return undefined
  }
  return value
}

/** The place a path leads to, `base` being where it begins. */
export const placeOf = (path: Path, base: string, from: Json): string => {
  if (path.fixed !== null) return base + path.fixed
  let value: Json | undefined = from
  let place = base
  for (const step of path.steps) {
    if (step.kind === 'member') {
      place += memberText(step.name)
      value = value instanceof JsonObject ? value.get(step.name) : undefined
    } else {
      const index = step.kind === 'index' ? step.index : Array.isArray(value) ? indexOf(value, step) : -1
      place += `[${index}]`
      value = Array.isArray(value) ? value[index] : undefined
    }
  }
  return place
}

const indexOf = (list: readonly Json[], { member, value }: { readonly member: string; readonly value: string }): number =>
  list.findIndex((item) => item instanceof JsonObject && textOf(item.get(member)) === value)

/** A scalar as text: numbers as they were written. Null for everything that is none. */
export const textOf = (value: Json | undefined): string | null =>
  typeof value === 'string' ? value : value instanceof JsonNumber ? value.text : typeof value === 'boolean' ? String(value) : null
