import { type Conversation, ok } from '../../src/core/index.ts'
import { readRegisters } from './conversation.ts'
import { exceptionError, fail } from './errors.ts'
import type { Framing, ModbusFrame } from './frame.ts'
import type { ModbusProfile } from './profile.ts'

/** Places where a SunSpec map may begin. @source SunSpec Information Model Specification, device discovery */
const BASES = [40000, 50000, 0] as const
const MARK = [0x5375, 0x6e53] as const
const LAST = 0xffff
/** Models walked over before giving up: a length of 0 would have us walk for ever. */
const MOST_MODELS = 100

/**
 * Finds the first word of a model: reads "SunS" at the usual places, then walks model id and length.
 *
 * @returns  absolute address of the model's ID word
 * @errors   MODBUS_MODEL, or why the device could not be asked
 */
export function* findModel(framing: Framing, unit: number, profile: ModbusProfile): Conversation<number, ModbusFrame> {
  const wanted = new Set([profile.modelId, ...(profile.sameLayout ?? [])])
  for (const base of BASES) {
    const mark = yield* readRegisters(framing, unit, 3, base, 2)
    if (!mark.ok) {
      if (REFUSALS.has(mark.error.code)) continue
      return mark
    }
    if (mark.value[0] !== MARK[0] || mark.value[1] !== MARK[1]) continue
    let at = base + 2
    for (let models = 0; models < MOST_MODELS && at < 0xffff; models++) {
      const head = yield* readRegisters(framing, unit, 3, at, 2)
      if (!head.ok) {
        if (REFUSALS.has(head.error.code)) break
        return head
      }
      const [id = LAST, length = 0] = head.value
      if (wanted.has(id)) return ok(at)
      if (id === LAST) break
      at += 2 + length
    }
  }
  return fail('MODBUS_MODEL', `no model ${[...wanted].join(', ')} found`, { profile: profile.id })
}

const REFUSALS: ReadonlySet<string> = new Set([1, 2, 3, 4].map((code) => exceptionError(code, {}).code))
