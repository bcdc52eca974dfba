import type { Conversation, DeviceMemory, PlannedValue } from '../../src/core/adapter.ts'
import type { GatewayError } from '../../src/core/result.ts'
import { ok } from '../../src/core/result.ts'
import { type Manner, readData } from './conversation.ts'
import { whyNot } from './data.ts'
import { errorOf } from './errors.ts'
import type { Frame, Variant } from './frame.ts'
import { itemOf } from './items.ts'
import { type Field, readValue } from './profile.ts'

/** One exchange of a plan and the values it brings. */
export interface Step {
  readonly di: string
  readonly fields: readonly Field[]
  /** Place of each field in the sample. */
  readonly columns: readonly number[]
  /** What to ask instead when the meter refuses this block. */
  readonly singles: readonly Step[] | null
  readonly replyData: number
}

export const plannedValue = ({ line, ratio }: Field): PlannedValue => ({ obis: line.obis, unit: line.unit, scaler: line.scaler, ratio })

/** Tariffs a block of registers is given time for, whatever the profile wants of them. */
const USUAL_VALUES = 9

const stepOf = (di: string, fields: readonly Field[], columns: readonly number[], singles: readonly Step[] | null): Step => {
  const most = fields.reduce(
    (size, { fixed, offset, bytes, stride }) => Math.max(size, fixed ?? Math.max(offset + bytes, stride * USUAL_VALUES) + 1),
    0,
  )
  return { di, fields, columns, singles, replyData: most }
}

/** The block an item is part of, and its place there; null when there is none. */
export const blockOf = (variant: Variant, di: string): { di: string; index: number } | null => {
  const item = itemOf(variant, di)
  if (!item.known || item.repeat || item.layout !== 'parts') return null
  const place = Number.parseInt(variant === '2007' ? di.slice(4, 6) : di.slice(3), 16)
  const block = itemOf(variant, variant === '2007' ? `${di.slice(0, 4)}FF${di.slice(6)}` : `${di.slice(0, 3)}F`)
  if (!block.known || !block.repeat || (item.tariff === null && item.phase === null)) return null
  const index =
    item.obis === null ? place : [0, 1].map((shift) => place - shift).find((at) => at >= 0 && block.repeat?.obis(at) === item.obis)
  return index === undefined || index >= block.repeat.max ? null : { di: block.di, index }
}

/**
 * Puts fields together into exchanges: fields of one identifier share it, and neighbours share a block where the model has blocks.
 *
 * @param name  turns the identifier of a line into the one on the wire (n-th last)
 */
export const stepsOf = (variant: Variant, fields: readonly Field[], blocks: boolean, name: (di: string) => string = (di) => di): Step[] => {
  const byDi = new Map<string, number[]>()
  for (const [column, { line }] of fields.entries()) byDi.set(name(line.di), [...(byDi.get(name(line.di)) ?? []), column])
  const single = (di: string): Step =>
    stepOf(
      di,
      (byDi.get(di) ?? []).map((column) => fields[column]!),
      byDi.get(di) ?? [],
      null,
    )
  const byBlock = new Map<string, { di: string; index: number }[]>()
  for (const di of byDi.keys()) {
    const block = blocks ? blockOf(variant, di) : null
    if (block) byBlock.set(block.di, [...(byBlock.get(block.di) ?? []), { di, index: block.index }])
  }
  const steps: Step[] = []
  const done = new Set<string>()
  for (const di of byDi.keys()) {
    if (done.has(di)) continue
    const block = blocks ? blockOf(variant, di) : null
    const members = block ? (byBlock.get(block.di) ?? []) : []
    if (!block || members.length < 2) {
      steps.push(single(di))
      continue
    }
    const moved = members.flatMap((member) => {
      done.add(member.di)
      return single(member.di).fields.map((field, at) => ({
        field: inBlock(variant, field, block.di, member.index),
        column: single(member.di).columns[at]!,
      }))
    })
    steps.push(
      stepOf(
        block.di,
        moved.map(({ field }) => field),
        moved.map(({ column }) => column),
        members.map((member) => single(member.di)),
      ),
    )
  }
  return steps
}

const inBlock = (variant: Variant, field: Field, di: string, index: number): Field => ({
  ...field,
  offset: index * field.stride + field.offset,
  fixed: null,
  end: itemOf(variant, di).repeat?.end ?? null,
})

/** Values of one sample under way. */
export interface Tally {
  readonly raws: (number | null)[]
  absent: Map<number, GatewayError> | null
}
export const newTally = (size: number): Tally => ({ raws: new Array<number | null>(size).fill(null), absent: null })

const miss = (tally: Tally, columns: readonly number[], error: GatewayError): void => {
  tally.absent ??= new Map()
  for (const column of columns) tally.absent.set(column, error)
}

/** Takes the values of one answer; false when its length is not that of the item. */
const take = (step: Step, data: Uint8Array, tally: Tally): boolean => {
  const first = step.fields[0]
  if (!first) return true
  const rest = first.fixed === null ? data.length % first.stride : 0
  const fits =
    first.fixed === null
      ? data.length >= first.stride && (rest === 0 || (rest === 1 && data.at(-1) === first.end))
      : data.length === first.fixed
  if (!fits) return false
  const body = rest === 1 && first.stride > 1 ? data.subarray(0, -1) : data
  for (let at = 0; at < step.fields.length; at++) {
    const field = step.fields[at]!
    const column = step.columns[at]!
    const raw = readValue(field, body)
    if (Number.isNaN(raw)) miss(tally, [column], whyNot(body, field.offset, field.bytes, `item ${step.di}, ${field.line.obis}`))
    else {
      tally.raws[column] = raw
      tally.absent?.delete(column)
    }
  }
  return true
}

const wrongLength = (step: Step, data: Uint8Array): GatewayError => {
  const { fixed, stride } = step.fields[0]!
  return errorOf(
    'DLT645_LENGTH',
    `item ${step.di}: ${data.length} bytes, the item has ${fixed === null ? `${stride} for each value` : fixed}`,
    { got: data.length },
  )
}

/** What a device refused, and after how many reads it is asked again. */
interface Refused {
  readonly error: GatewayError
  left: number
}
export const REFUSED_KEY = 'dlt645.refused'
const SILENT_KEY = 'dlt645.silent'
const START_KEY = 'dlt645.start'
/** A day of reads every quarter of an hour: a meter that was given new firmware is found out by then. */
export const FORGET_AFTER = 96
/** Times an item stayed silent, while others were answered, until it counts as lacking. */
const SILENT_TIMES = 3
/** Unanswered requests in a row after which the rest of a read is given up. */
const PATIENCE = 2

const mapOf = <T>(memory: DeviceMemory, key: string): Map<string, T> => {
  const known = memory.get(key)
  if (known instanceof Map) return known
  const made = new Map<string, T>()
  memory.set(key, made)
  return made
}

/** The reason an item is not worth asking now; each look brings the next try nearer. */
const refusedBefore = (memory: DeviceMemory, di: string): GatewayError | null => {
  if (!memory.has(REFUSED_KEY)) return null
  const refused = mapOf<Refused>(memory, REFUSED_KEY)
  const entry = refused.get(di)
  if (!entry) return null
  if (--entry.left <= 0) refused.delete(di)
  return entry.error
}
const remember = (memory: DeviceMemory, di: string, error: GatewayError): void => {
  mapOf<Refused>(memory, REFUSED_KEY).set(di, { error, left: FORGET_AFTER })
}

/** Refusals come from the meter; everything else that fails is the line. */
export const isRefusal = ({ code }: GatewayError): boolean =>
  code === 'DLT645_NO_DATA' || code === 'DLT645_REFUSED' || code === 'DLT645_UNAUTHORISED'

/**
 * Carries out the steps of a plan. A refused block is asked for item by item from then on, a refused item is left alone for
 * {@link FORGET_AFTER} reads, a meter that does not answer its first request is given up, and so is the rest after two silences in a row.
 *
 * @param learns  false for items that may exist tomorrow (freezes)
 * @returns       false when not one exchange was needed or answered
 * @errors        the line's own error, when the meter said nothing at all
 */
export function* readSteps(
  address: string,
  steps: readonly Step[],
  manner: Manner,
  memory: DeviceMemory,
  tally: Tally,
  learns: boolean,
): Conversation<boolean, Frame> {
  const start = memory.get(START_KEY)
  const first = typeof start === 'number' ? start % Math.max(steps.length, 1) : 0
  const queue = first === 0 ? [...steps] : [...steps.slice(first), ...steps.slice(0, first)]
  const silent: Step[] = []
  let answered = false
  let quiet = 0
  for (let at = 0; at < queue.length; at++) {
    const step = queue[at]!
    const known = learns ? refusedBefore(memory, step.di) : null
    if (known) {
      if (step.singles) queue.splice(at + 1, 0, ...step.singles)
      else miss(tally, step.columns, known)
      continue
    }
    const reply = yield* readData(address, step.di, manner, undefined, step.replyData)
    const error = reply.ok ? null : reply.error
    if (error !== null && !isRefusal(error)) {
      if (!answered) {
        memory.set(START_KEY, (first + 1) % steps.length)
        return { ok: false, error }
      }
      miss(tally, step.columns, error)
      silent.push(step)
      if (error.recovery === 'stop' || ++quiet >= PATIENCE) {
        for (const left of queue.slice(at + 1)) miss(tally, left.columns, error)
        break
      }
      continue
    }
    answered = true
    quiet = 0
    if (reply.ok && take(step, reply.value, tally)) continue
    const reason = error ?? wrongLength(step, reply.ok ? reply.value : NO_BYTES)
    if (step.singles) queue.splice(at + 1, 0, ...step.singles)
    else miss(tally, step.columns, reason)
    if (learns && (error !== null || step.singles)) remember(memory, step.di, reason)
  }
  if (learns && (silent.length > 0 || memory.has(SILENT_KEY))) noteSilence(memory, steps, silent, tally)
  return ok(answered)
}

const NO_BYTES = new Uint8Array(0)

/** Some meters say nothing where others say "no such data". */
const noteSilence = (memory: DeviceMemory, steps: readonly Step[], silent: readonly Step[], tally: Tally): void => {
  const counts = mapOf<number>(memory, SILENT_KEY)
  for (const { di } of steps) if (!silent.some((step) => step.di === di)) counts.delete(di)
  for (const { di, columns } of silent) {
    const times = (counts.get(di) ?? 0) + 1
    counts.set(di, times)
    const error = tally.absent?.get(columns[0] ?? -1)
    if (times >= SILENT_TIMES && error) {
      counts.delete(di)
      remember(memory, di, error)
    }
  }
  if (counts.size === 0) memory.delete(SILENT_KEY)
}
