import { isDeepStrictEqual } from 'node:util'
import { Value } from 'typebox/value'
import { type GatewayError, ok, type Result, type TerminalParameter } from '../core/index.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile } from './concentrator-file.ts'
import type { JobProgress } from './concentrator-jobs.ts'
import { adapterFacts, askNow, type ConcentratorWorld, settled } from './concentrator-world.ts'

/** One parameter of a concentrator or of one of its measuring points. */
export interface ParameterName {
  readonly id: string
  /** null = the concentrator's own. */
  readonly pn: number | null
  /** What of a list parameter is wanted, as its protocol has it. */
  readonly ask?: unknown
}

export interface ParameterValue extends ParameterName {
  readonly value: unknown
}

/** What came of reading or setting one. */
export interface ParameterOutcome {
  readonly id: string
  readonly pn: number | null
  readonly outcome: 'read' | 'same' | 'differs' | 'set' | 'unproved' | 'failed' | 'not-sent'
  /** What it is now; null = not known. */
  readonly value: unknown
  readonly wanted: unknown
  /** Members in which the two differ, as paths. */
  readonly differing: readonly string[]
  readonly code: string | null
  readonly message: string | null
  readonly hint: string | null
}

/** Parameters (参数) of concentrators: read, compared with what is wanted, set and read back. */
export class ParameterActs {
  readonly #world: ConcentratorWorld
  readonly #file: ConcentratorFile

  constructor(world: ConcentratorWorld, file: ConcentratorFile) {
    this.#world = world
    this.#file = file
  }

  /** What its protocol has. */
  list(id: string): Result<readonly TerminalParameter[]> {
    const found = settled(this.#world, id)
    return found.ok ? ok(adapterFacts(found.value.adapter).parameters) : found
  }

  /** Checks names, and values where there are some. @errors PARAMETER_UNKNOWN, PARAMETER_POINT, PARAMETER_FIXED, CONCENTRATOR_VALUE */
  check(id: string, items: readonly (ParameterName & { readonly value?: unknown })[], isSetting: boolean): Result<null> {
    const known = this.list(id)
    if (!known.ok) return known
    for (const { id: name, pn, value } of items) {
      const found = known.value.find((one) => one.id === name)
      if (!found) return fail('PARAMETER_UNKNOWN', `concentrator ${id} has no parameter ${JSON.stringify(name)}`, { parameter: name })
      if (found.perPoint !== (pn !== null))
        return fail('PARAMETER_POINT', `parameter ${name} ${found.perPoint ? 'needs' : 'takes no'} measuring point`, { parameter: name })
      if (!isSetting) continue
      if (!found.isSettable) return fail('PARAMETER_FIXED', `parameter ${name} can only be read`, { parameter: name })
      // Members that are not named stay as they are: what is missing is known only when it was read.
      const [wrong] = errorsOf(found.schema, value, true)
      if (wrong !== undefined) return fail('CONCENTRATOR_VALUE', `the value of ${name} is wrong: ${wrong}`, { parameter: name })
    }
    return ok(null)
  }

  async read(id: string, items: readonly ParameterName[], progress: JobProgress): Promise<Result<readonly ParameterOutcome[]>> {
    progress.expect(items.length)
    const found: ParameterOutcome[] = []
    for (const item of items) {
      const value = await this.#get(id, item, progress)
      found.push(value.ok ? { ...bare(item), outcome: 'read', value: value.value } : failed(item, null, value.error))
    }
    return wholly(found)
  }

  /** Compares what a concentrator has with what is wanted; changes nothing. */
  async compare(id: string, wanted: readonly ParameterValue[], progress: JobProgress): Promise<Result<readonly ParameterOutcome[]>> {
    progress.expect(wanted.length)
    const found: ParameterOutcome[] = []
    for (const item of wanted) {
      const value = await this.#get(id, item, progress)
      const wrong = value.ok ? this.#strangeOf(id, item, value.value) : value.error
      if (wrong) found.push(failed(item, null, wrong))
      else if (value.ok) found.push(compared(item, value.value))
    }
    return wholly(found)
  }

  /** What another concentrator has, as something wanted. */
  async wantedOf(other: string, items: readonly ParameterName[], progress: JobProgress): Promise<Result<readonly ParameterValue[]>> {
    const values: ParameterValue[] = []
    for (const item of items) {
      const value = await this.#get(other, item, { ...progress, advance: () => undefined })
      if (!value.ok) return value
      values.push({ ...item, value: value.value })
    }
    return ok(values)
  }

  /** Sets what differs and reads it back; each is sent once. */
  async set(id: string, wanted: readonly ParameterValue[], progress: JobProgress): Promise<Result<readonly ParameterOutcome[]>> {
    progress.expect(wanted.length)
    const found: ParameterOutcome[] = []
    for (const item of wanted) found.push(await this.#setOne(id, item, progress))
    return wholly(found)
  }

  async #setOne(id: string, item: ParameterValue, progress: JobProgress): Promise<ParameterOutcome> {
    const before = await this.#get(id, item, { ...progress, advance: () => undefined })
    progress.advance(1)
    // Some can only be given, never asked for; a concentrator that does not answer is given nothing.
    if (!before.ok && isGone(before.error)) return { ...failed(item, null, before.error), outcome: 'not-sent' }
    const strange = before.ok ? this.#strangeOf(id, item, before.value) : null
    if (strange) return { ...failed(item, null, strange), outcome: 'not-sent' }
    const settings = this.#world.find(id)?.settings ?? null
    if (before.ok && compared(item, before.value).outcome === 'same') return compared(item, before.value)
    const value = before.ok ? filledUp(item.value, before.value) : item.value
    const schema = this.#schemaOf(id, item.id)
    const [wrong] = schema ? errorsOf(schema, value, false) : []
    if (wrong !== undefined) {
      const { error } = fail('CONCENTRATOR_VALUE', `the value of ${item.id} is wrong: ${wrong}`)
      return { ...failed(item, null, error), outcome: 'not-sent' }
    }
    if (progress.signal.aborted || !settings?.allowWrites) {
      const { error } = progress.signal.aborted
        ? fail('CONCENTRATOR_CANCELLED', `${item.id} was not set`)
        : fail('CONCENTRATOR_READ_ONLY', `writing to concentrator ${id} was switched off`)
      return { ...failed(item, null, error), outcome: 'not-sent' }
    }
    progress.say(`sets ${item.id}${item.pn === null ? '' : ` of point ${item.pn}`}`)
    const set = await askNow(this.#world, id, (adapter) => adapter.setParameter(settings.address, item.id, item.pn, value), progress.signal)
    if (!before.ok && !set.ok) return failed(item, null, set.error)
    // What it shows now is the truth, whatever was said about it.
    const after = await this.#get(id, item, { ...progress, signal: new AbortController().signal, advance: () => undefined })
    if (after.ok) {
      const now = compared(item, after.value)
      // What is never shown (passwords) cannot be compared.
      if (now.outcome === 'same' || (set.ok && now.differing.every((path) => (at(after.value, path) ?? null) === null)))
        return { ...now, outcome: 'set' }
      const { error } = set.ok ? fail('PARAMETER_NOT_KEPT', `${item.id} was confirmed and reads differently`) : set
      return { ...now, outcome: 'failed', ...said(error) }
    }
    return set.ok ? { ...bare(item), outcome: 'unproved' } : failed(item, null, set.error)
  }

  /** A member that neither the form of the parameter nor the concentrator has: nothing would come of it, and nobody would notice. */
  #strangeOf(id: string, { id: name, value }: ParameterValue, found: unknown): GatewayError | null {
    const schema = this.#schemaOf(id, name)
    if (!isRecord(value) || !isRecord(found) || !isRecord(schema) || !isRecord(schema.properties)) return null
    const members = [...new Set([...Object.keys(schema.properties), ...Object.keys(found)])]
    const [strange] = Object.keys(value).filter((member) => !members.includes(member))
    return strange === undefined
      ? null
      : fail(
          'CONCENTRATOR_VALUE',
          `the value of ${name} is wrong: it has no member ${JSON.stringify(strange)}, only ${members.join(', ')}`,
          {
            parameter: name,
          },
        ).error
  }

  #schemaOf(id: string, name: string): object | null {
    const known = this.list(id)
    return (known.ok ? known.value.find((one) => one.id === name)?.schema : null) ?? null
  }

  async #get(id: string, { id: name, pn, ask }: ParameterName, progress: JobProgress): Promise<Result<unknown>> {
    if (progress.signal.aborted) return fail('CONCENTRATOR_CANCELLED', `${name} was not read`)
    progress.say(`reads ${name}${pn === null ? '' : ` of point ${pn}`}`)
    const settings = this.#world.find(id)?.settings ?? null
    if (!settings) return fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is no longer in the ledger`)
    const value = await askNow<unknown>(
      this.#world,
      id,
      (adapter) => adapter.getParameter(settings.address, name, pn, ask),
      progress.signal,
    )
    progress.advance(1)
    if (value.ok) this.#file.keepParameter(id, name, pn, this.#world.clock.now(), JSON.stringify(value.value ?? null))
    return value
  }
}

const isGone = ({ code }: GatewayError): boolean => /^(TERMINAL|LINE|READ|CONCENTRATOR)_/.test(code)

const bare = ({ id, pn }: ParameterName): ParameterOutcome => ({
  ...{ id, pn, outcome: 'read', value: null, wanted: null, differing: [], code: null, message: null, hint: null },
})

const said = ({ code, message, hint }: GatewayError) => ({ code, message, hint })

const failed = (item: ParameterName, wanted: unknown, error: GatewayError): ParameterOutcome => ({
  ...bare(item),
  ...{ outcome: 'failed', wanted: wanted ?? null, ...said(error) },
})

const compared = (item: ParameterValue, value: unknown): ParameterOutcome => {
  const differs = differences(plain(item.value), plain(value), '')
  return { ...bare(item), outcome: differs.length === 0 ? 'same' : 'differs', value, wanted: hidden(item.value, value), differing: differs }
}

/** Of a single one that brought nothing, why is all there is to say. */
const wholly = (found: readonly ParameterOutcome[]): Result<readonly ParameterOutcome[]> => {
  const [first] = found
  const isNothing = found.length === 1 && first?.code && first.value === null
  return isNothing
    ? { ok: false, error: { code: first.code ?? '', message: first.message ?? '', recovery: 'stop', hint: first.hint ?? '', context: {} } }
    : ok(found)
}

/** As JSON has it: bytes of a typed array or a missing member must not tell two equal values apart. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Paths at which a value is not as wanted. What the wanted one does not name does not count. */
const differences = (wanted: unknown, found: unknown, path: string): readonly string[] => {
  const isList = Array.isArray(wanted) && Array.isArray(found) && wanted.length === found.length
  if ((isRecord(wanted) && isRecord(found)) || isList)
    return Object.keys(wanted).flatMap((name) =>
      differences(memberOf(wanted, name), memberOf(found, name), path === '' ? name : `${path}.${name}`),
    )
  // A time may be given as its text alone; it is read with its weekday.
  if (typeof wanted === 'string' && isRecord(found) && found.time === wanted) return []
  const isBytes = path.endsWith('_hex') && typeof wanted === 'string' && typeof found === 'string'
  const isSame = isBytes ? bytesAs(wanted) === bytesAs(found) : isDeepStrictEqual(wanted, found)
  return isSame ? [] : [path === '' ? 'value' : path]
}

/** Bytes are the same however they are spaced. */
const bytesAs = (hex: string): string => hex.replaceAll(/\s/g, '').toUpperCase()

/** Of a record, or the one of a list that has this number. */
const memberOf = (value: unknown, name: string): unknown =>
  Array.isArray(value) ? value[Number(name)] : isRecord(value) ? value[name] : undefined

/** What a path of {@link differences} leads to. */
const at = (value: unknown, path: string): unknown => (path === 'value' ? value : path.split('.').reduce<unknown>(memberOf, value))

/** Members that were not named, as they are. */
const filledUp = (wanted: unknown, found: unknown): unknown => (isRecord(wanted) && isRecord(found) ? { ...found, ...wanted } : wanted)

/** What a concentrator never shows is not shown by us either. */
const hidden = (wanted: unknown, found: unknown): unknown => {
  if (isRecord(wanted) && isRecord(found))
    return Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, hidden(value, found[name])]))
  return found === null && wanted !== null ? '***' : wanted
}

/** @param isPart  members may be missing at the top */
const errorsOf = (schema: object, value: unknown, isPart: boolean): readonly string[] => {
  if (value === undefined) return ['it is missing']
  if (Value.Check(schema, value)) return []
  const errors = Value.Errors(schema, value).filter(
    ({ keyword, instancePath }) => !(isPart && keyword === 'required' && instancePath === ''),
  )
  return errors.map(({ instancePath, message }) => `${instancePath === '' ? '' : `${instancePath} `}${message}`)
}
