import { readFileSync, statSync } from 'node:fs'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TSchema } from 'typebox'
import { type Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { didYouMean, type Problem, shown } from './problems.ts'

/** A file that is larger is no configuration. */
const LARGEST_BYTES = 64 * 1024 * 1024

export type Loaded<T> =
  | { readonly ok: true; readonly value: T; readonly problemAt: (path: readonly (string | number)[], message: string) => Problem }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const ajv = addFormats.default(new Ajv({ allErrors: true, discriminator: true, strict: false, verbose: true, coerceTypes: false }))
const compiled = new WeakMap<TSchema, ValidateFunction>()

/**
 * Reads a YAML file and checks it against a schema. Every problem is named with file, line, column, path, the value as it is
 * written (`000000000012`, not 12), what is allowed and what may have been meant.
 */
export const loadYaml = <T extends TSchema>(file: string, schema: T, shownName = file): Loaded<Static<T>> => {
  const at = (line: number, column: number, path: string, message: string): Problem => ({ file: shownName, line, column, path, message })
  let source: string
  try {
    if (statSync(file).size > LARGEST_BYTES) return { ok: false, problems: [at(1, 1, '', `is larger than ${LARGEST_BYTES >> 20} MB`)] }
    source = readFileSync(file, 'utf8')
  } catch (error) {
    return { ok: false, problems: [at(1, 1, '', `cannot be read: ${error instanceof Error ? error.message : String(error)}`)] }
  }
  const counter = new LineCounter()
  const document = parseDocument(source, { lineCounter: counter, prettyErrors: false })
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => {
      const { line, col } = counter.linePos(pos[0])
      return at(line, col, '', message.split('\n')[0] ?? message)
    })
    return { ok: false, problems }
  }
  const place = placeIn(document, counter)
  const problemAt = (path: readonly (string | number)[], message: string): Problem => {
    const { line, column } = place(path, false)
    return at(line, column, pointer(path), message)
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return { ok: false, problems: [at(1, 1, '', error instanceof Error ? error.message : String(error))] }
  }
  const validate = compiled.get(schema) ?? ajv.compile(schema)
  compiled.set(schema, validate)
  if (isValid<Static<T>>(validate, value)) return { ok: true, value, problemAt }
  const problems = (validate.errors ?? []).filter(isWorthShowing).map((error) => {
    const path = error.instancePath.split('/').slice(1).map(unescapePointer)
    const extra = 'additionalProperty' in error.params ? String(error.params.additionalProperty) : null
    const full = extra === null ? path : [...path, extra]
    const { line, column, written } = place(full, extra !== null)
    return at(line, column, pointer(full), describe(error, written))
  })
  return { ok: false, problems: dedupe(problems) }
}

const isValid = <T>(validate: ValidateFunction, value: unknown): value is T => validate(value) === true

/** A failed branch of a choice says nothing that the discriminator has not said. */
const isWorthShowing = ({ keyword }: ErrorObject): boolean => keyword !== 'oneOf' && keyword !== 'if'

const dedupe = (problems: readonly Problem[]): Problem[] => {
  const seen = new Set<string>()
  return problems.filter(({ line, column, message }) => {
    const key = `${line}:${column}:${message}`
    return seen.has(key) ? false : seen.add(key)
  })
}

const unescapePointer = (segment: string): string => segment.replaceAll('~1', '/').replaceAll('~0', '~')
const pointer = (path: readonly (string | number)[]): string =>
  path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

const placeIn = (document: Document, counter: LineCounter) => (path: readonly (string | number)[], wantsKey: boolean) => {
  const { parent, pair, node } = descend(document, path)
  const target = wantsKey || !isNode(node) ? (pair?.key ?? parent) : node
  const offset = isNode(target) ? (target.range?.[0] ?? 0) : 0
  const { line, col } = counter.linePos(offset)
  const written = isScalar(node) ? (node.source ?? null) : null
  return { line, column: col, written }
}

/** The node a path leads to, what it stands in, and the last that was found where it leads nowhere. Aliases lead to their anchors. */
const descend = (document: Document, path: readonly (string | number)[]) => {
  const resolved = (node: unknown): Node | null => (isAlias(node) ? (node.resolve(document) ?? null) : isNode(node) ? node : null)
  let parent: Node | null = null
  let pair: { readonly key: unknown; readonly value: unknown } | undefined
  let node = resolved(document.contents)
  for (const step of path) {
    if (node === null) break
    parent = node
    pair = isMap(node)
      ? node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step))
      : undefined
    node = resolved(isSeq(node) ? node.items[Number(step)] : pair?.value)
  }
  return { parent, pair, node }
}

const describe = (error: ErrorObject, written: string | null): string => {
  const { keyword, params, data, parentSchema } = error
  const value =
    written === null
      ? shown(data)
      : shown(typeof data === 'string' ? data : written).replace(/^"(.*)"$/, typeof data === 'string' ? '"$1"' : '$1')
  const note = typeof parentSchema?.description === 'string' && parentSchema.description !== '' ? ` (${parentSchema.description})` : ''
  if (keyword === 'additionalProperties') {
    const names = Object.keys((parentSchema?.properties as object | undefined) ?? {})
    const near = didYouMean(String(params.additionalProperty), names)
    return `unknown; allowed: ${names.join(', ')}${near ? `; did you mean "${near}"?` : ''}`
  }
  if (keyword === 'required') return `"${params.missingProperty}" is missing`
  if (keyword === 'enum') {
    const allowed = (params.allowedValues as readonly unknown[]).map(String)
    const near = didYouMean(String(data), allowed)
    return `is ${value}; allowed: ${allowed.join(', ')}${near ? `; did you mean "${near}"?` : ''}`
  }
  if (keyword === 'const') return `is ${value}; allowed: ${shown(params.allowedValue)}`
  if (keyword === 'discriminator') {
    const branches = (parentSchema?.oneOf as { properties: { kind: { const: string } } }[] | undefined) ?? []
    const allowed = branches.map(({ properties }) => properties.kind.const)
    const near = didYouMean(String(params.tagValue), allowed)
    return `kind is ${shown(params.tagValue)}; allowed: ${allowed.join(', ')}${near ? `; did you mean "${near}"?` : ''}`
  }
  if (keyword === 'type' && error.instancePath === '' && data === null) return 'is empty'
  if (keyword === 'type')
    return `is ${value}; must be ${params.type}${params.type === 'string' && typeof data === 'number' ? ', put it in quotes' : ''}${note}`
  if (keyword === 'pattern' || keyword === 'format')
    return `is ${value}; must be ${String(parentSchema?.description ?? params.format ?? params.pattern)}`
  if (keyword === 'minimum' || keyword === 'maximum' || keyword === 'exclusiveMinimum')
    return `is ${value}; must be ${params.comparison} ${params.limit}${note}`
  return `is ${value}; ${error.message ?? keyword}${note}`
}
