import { readFileSync } from 'node:fs'
import { modbusAscii, modbusRtu, modbusTcp } from '../../../protocols/modbus/adapter.ts'
import { decodeFrame, encodeFrame, type Framing, type ModbusFrame } from '../../../protocols/modbus/frame.ts'
import { decodeRequest, encodeResponse } from '../../../protocols/modbus/pdu.ts'
import { loadProfile, type ModbusProfile } from '../../../protocols/modbus/profile.ts'
import {
  type DeviceMemory,
  decimalText,
  err,
  isDiscarded,
  ok,
  type Request,
  type Result,
  type Sample,
  type Selection,
} from '../../../src/core/index.ts'
import { converse, unwrap } from './help.ts'

export const profile = (id: string): ModbusProfile =>
  unwrap(loadProfile(JSON.parse(readFileSync(new URL(`../../../config/profiles/modbus/${id}.json`, import.meta.url), 'utf8'))))
export const current: Selection = { kind: 'current' }

/** A meter in memory: registers it has, and how it misbehaves. */
interface Meter {
  readonly unit?: number
  readonly registers: ReadonlyMap<number, number>
  readonly limit?: number
  readonly fault?: (address: number, quantity: number, count: number) => number | 'silent' | null
}

export const timeout = err({ code: 'LINE_TIMEOUT', message: 'no answer', recovery: 'retry' as const, hint: '', context: {} })

/** Serves requests through real frames; counts them. */
export const serve = (framing: Framing, meter: Meter) => {
  const asked: string[] = []
  const answer = (request: Request<ModbusFrame>): Result<ModbusFrame> => {
    const frame = unwrap(decodeFrame(framing, request.bytes))
    const pdu = unwrap(decodeRequest(frame.pdu))
    if (!('quantity' in pdu)) throw new Error('reads only')
    const { address, quantity } = pdu
    asked.push(`${pdu.function}:${address}+${quantity}`)
    const fault = meter.fault?.(address, quantity, asked.length)
    if (fault === 'silent' || frame.unit !== (meter.unit ?? 1)) return timeout
    const words = Array.from({ length: quantity }, (_, at) => meter.registers.get(address + at))
    const illegal = quantity > (meter.limit ?? 125) ? 3 : words.includes(undefined) ? 2 : null
    const exceptionCode = fault ?? illegal
    const response =
      exceptionCode !== null
        ? { function: pdu.function, exceptionCode }
        : { function: 3 as const, registers: words.map((word) => word ?? 0) }
    const bytes = encodeResponse(response)
    bytes[0] = exceptionCode !== null ? pdu.function | 0x80 : pdu.function
    const heard = encodeFrame(framing, frame.unit, bytes, frame.transactionId)
    const items = { rtu: modbusRtu, tcp: modbusTcp, ascii: modbusAscii }[framing].deframer().push(heard)
    const [item] = items
    if (items.length !== 1 || item === undefined || isDiscarded(item)) throw new Error('the deframer lost a frame')
    return request.judge(item) === 'answer' ? ok(item) : timeout
  }
  return { asked, answer }
}

/** Every register of a profile as its sample has it; holes stay holes. */
export const registersOf = ({ registers }: ModbusProfile, base = 0): Map<number, number> => {
  const map = new Map<number, number>()
  for (const { address, sample, scaleFactor } of registers) {
    for (const [at, word] of sample.words.split(' ').entries()) map.set(base + address + at, Number.parseInt(word, 16))
    if (sample.scaleFactor !== undefined && scaleFactor !== undefined) map.set(base + scaleFactor, Number.parseInt(sample.scaleFactor, 16))
  }
  return map
}
/** Holes a meter answers all the same. */
export const filled = (map: ReadonlyMap<number, number>): Map<number, number> => {
  const all = new Map<number, number>()
  for (let address = 0; address < 65536; address++) all.set(address, map.get(address) ?? 0)
  return all
}

export const read = (id: string, meter: Meter, memory: DeviceMemory = new Map(), selection = current, framing: Framing = 'rtu') => {
  const adapter = { rtu: modbusRtu, tcp: modbusTcp, ascii: modbusAscii }[framing]
  const plan = unwrap(adapter.plan(profile(id), selection))
  const { asked, answer } = serve(framing, meter)
  const result = converse(plan.talk('1', memory), answer)
  return { plan, asked, result, values: result.ok ? valuesOf(plan.values, result.value[0]!) : {} }
}
const valuesOf = (values: readonly { obis: string; scaler: number | null }[], { raws, scalers, absent }: Sample) =>
  Object.fromEntries(
    values.map(({ obis, scaler }, at) => {
      const raw = raws[at] ?? null
      return [obis.slice(4), raw === null ? (absent?.get(at)?.code ?? 'no reason') : decimalText(raw, scaler ?? scalers![at]!)]
    }),
  )
