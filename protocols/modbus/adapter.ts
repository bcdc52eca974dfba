import { type Conversation, type Correlation, ok, type Profile, type ProtocolAdapter, type Result } from '../../src/core/index.ts'
import { readRegisters } from './conversation.ts'
import { modbusDeframer } from './deframer.ts'
import { fail } from './errors.ts'
import { summary } from './explain.ts'
import { encodeFrame, type Framing, LONGEST, type ModbusFrame, stampTransaction } from './frame.ts'
import { ModbusPlan } from './plan.ts'
import { loadProfile, type ModbusProfile } from './profile.ts'
import { selectItems } from './select.ts'

/** Transaction ids of Modbus TCP. @source MODBUS Messaging on TCP/IP V1.0b, 3.1.3 */
const transactions: Correlation<ModbusFrame> = {
  stamp: stampTransaction,
  idOf: (frame) => frame.transactionId,
  maxId: 0xffff,
}

/**
 * A unit address as the ledger writes it: 1 to 247, over TCP also 255 (the device itself). 0 is a broadcast that nobody answers.
 *
 * @errors MODBUS_ADDRESS
 */
const unitAddress = (framing: Framing, text: string): Result<string> => {
  const trimmed = text.trim()
  const unit = /^0*\d{1,3}$/.test(trimmed) ? Number(trimmed) : Number.NaN
  if ((unit >= 1 && unit <= 247) || (framing === 'tcp' && unit === 255)) return ok(String(unit))
  const allowed = framing === 'tcp' ? '1 to 247, or 255 for the device itself' : '1 to 247'
  return fail('MODBUS_ADDRESS', `unit ${JSON.stringify(text)} is not allowed; allowed ${allowed}`, { address: text })
}

/** The register whose answer is the shortest: any answer, a refusal included, proves the device alive. */
const probeRegister = (profile: ModbusProfile) => {
  const items = selectItems(profile, { kind: 'current' })
  const [first = { function: 3, start: 0, end: 1 }, ...others] = items.ok ? items.value : []
  return others.reduce((best, item) => (item.end - item.start < best.end - best.start ? item : best), first)
}

function* probe(framing: Framing, profile: ModbusProfile, unit: number): Conversation<void, ModbusFrame> {
  const { function: code, start, end } = probeRegister(profile)
  const sunSpec = profile.modelId !== undefined
  const answer = yield* readRegisters(framing, unit, code === 4 ? 4 : 3, sunSpec ? 40000 : start, sunSpec ? 2 : end - start)
  if (answer.ok || ALIVE.has(answer.error.code)) return ok(undefined)
  return answer
}

/** Errors that only a living device sends. */
const ALIVE: ReadonlySet<string> = new Set([
  'MODBUS_ILLEGAL_FUNCTION',
  'MODBUS_ILLEGAL_ADDRESS',
  'MODBUS_ILLEGAL_VALUE',
  'MODBUS_DEVICE_FAILURE',
  'MODBUS_BUSY',
  'MODBUS_MEMORY_PARITY',
  'MODBUS_EXCEPTION',
])

/** Plans kept of one model. */
const MOST_PLANS = 100

const modbusAdapter = (framing: Framing): ProtocolAdapter<ModbusFrame> => {
  /** Meters of one model share their plans: five hundred copies of the same tables would not fit into the processor's cache. */
  const plans = new WeakMap<Profile, Map<string, ModbusPlan>>()
  return {
    id: `modbus-${framing}`,
    longestFrame: LONGEST[framing],
    deframer: () => modbusDeframer(framing),
    bytesOf: ({ unit, pdu, transactionId, text }) => text ?? encodeFrame(framing, unit, pdu, transactionId),
    ...(framing === 'tcp' ? { correlation: transactions } : {}),
    address: (text) => unitAddress(framing, text),
    plan: (profile, selection) => {
      const key = `${selection.kind} ${selection.obis?.join(' ') ?? ''}`
      const known = plans.get(profile)?.get(key)
      if (known) return ok(known)
      const loaded = loadProfile(profile)
      if (!loaded.ok) return loaded
      const items = selectItems(loaded.value, selection)
      if (!items.ok) return items
      const plan = new ModbusPlan(framing, loaded.value, items.value)
      const others = plans.get(profile) ?? new Map<string, ModbusPlan>()
      // Somebody who asks for ever new selections must not fill the memory.
      if (others.size >= MOST_PLANS) others.clear()
      plans.set(profile, others.set(key, plan))
      return ok(plan)
    },
    *probe(profile, address) {
      const loaded = loadProfile(profile)
      return loaded.ok ? yield* probe(framing, loaded.value, Number(address)) : loaded
    },
    describe: (bytes, direction) => summary(framing, bytes, direction === 'tx' ? 'request' : 'response'),
  }
}

/** Modbus TCP: true Ethernet devices and gateways; requests may be under way side by side. */
export const modbusTcp = modbusAdapter('tcp')
/** Modbus RTU on RS-485, and RTU over TCP through transparent serial servers. */
export const modbusRtu = modbusAdapter('rtu')
/** Modbus ASCII on RS-485. */
export const modbusAscii = modbusAdapter('ascii')
