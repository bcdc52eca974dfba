import { bytesOf, compare, decimalText, parseDecimal } from '../../src/core/index.ts'
import { compileBlock, decodeBlock } from './compiled.ts'
import { decodeText } from './data.ts'
import type { ModbusProfile, ModbusRegister } from './profile.ts'
import { orderOf } from './profile.ts'
import { itemOf } from './select.ts'

/** A register line whose sample does not decode to what it says. */
export interface VerifyDifference {
  readonly register: string
  readonly expected: string | null
  readonly got: string | null
}

/**
 * Decodes the sample of every register line the way the poll path does.
 *
 * @returns  the lines that differ; none = the profile holds
 */
export const verifyProfile = (profile: ModbusProfile): readonly VerifyDifference[] =>
  profile.registers.flatMap((register) => {
    const { value: expected } = register.sample
    const got = decodeSample(profile, register)
    return same(register, expected, got) ? [] : [{ register: `${register.addressHex} ${register.description}`, expected, got }]
  })

const same = (register: ModbusRegister, expected: string | null, got: string | null): boolean => {
  if (expected === null || got === null || register.type === 'string') return expected === got
  const [a, b] = [parseDecimal(expected), parseDecimal(got)]
  return a !== null && b !== null && compare(a, b) === 0
}

/** The sample's value as decimal text, null when absent, a reason in parentheses when it cannot be decoded at all. */
const decodeSample = (profile: ModbusProfile, register: ModbusRegister): string | null => {
  const { sample } = register
  const words = bytesOf(sample.words)
  if (words === null || words.length !== register.length * 2)
    return `(sample has ${words?.length ?? 0} bytes, the register ${register.length * 2})`
  if (register.type === 'string') return decodeText(words, 0, register.length, orderOf(register))
  const { item, pdu } = stage(profile, register, words)
  if (item === null || pdu === null) return '(scaleFactor and its sample do not fit)'
  const raws = [null as number | bigint | null]
  const scalers = [0]
  decodeBlock(compileBlock({ function: register.function, start: item.start, end: item.end, items: [item] }), pdu, raws, scalers)
  const raw = raws[0] ?? null
  return raw === null ? null : decimalText(raw, item.scaler ?? scalers[0]!)
}

/** The answer a meter would have given: value and scale factor at their places. */
const stage = (profile: ModbusProfile, register: ModbusRegister, words: Uint8Array) => {
  const item = itemOf(profile, register, 0)
  const pdu = new Uint8Array(2 + 2 * (item.end - item.start))
  pdu.set(words, 2 + 2 * (register.address - item.start))
  const factor = register.sample.scaleFactor
  if ((factor === undefined) !== (register.scaleFactor === undefined)) return { item: null, pdu: null }
  if (factor !== undefined && register.scaleFactor !== undefined) {
    const bytes = bytesOf(factor)
    if (bytes === null || bytes.length !== 2) return { item: null, pdu: null }
    pdu.set(bytes, 2 + 2 * (register.scaleFactor - item.start))
  }
  return { item, pdu }
}
