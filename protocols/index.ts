import {
  type AnyAdapter,
  type AnyTerminalAdapter,
  anyAdapter,
  anyTerminalAdapter,
  type Conversation,
  type EmbeddedFrame,
  type FrameDecoder,
  failWith,
  type MeterTime,
  type Profile,
  type ProtocolAdapter,
  type Result,
} from '../src/core/index.ts'
import { dlt6451997, dlt6452007 } from './dlt645/adapter.ts'
import { setTime } from './dlt645/commands.ts'
import { embeddedFrame as dlt645Frame } from './dlt645/embedded.ts'
import { explainBytes } from './dlt645/explain.ts'
import { addressText, encodeFrame as encodeDlt645 } from './dlt645/frame.ts'
import { loadProfile as loadDlt645Profile } from './dlt645/profile.ts'
import * as dlt645Vectors from './dlt645/vectors.ts'
import { verifyProfile as verifyDlt645Profile } from './dlt645/verify.ts'
import { dlt698 } from './dlt698/adapter.ts'
import { secretFrom as dlt698SecretFrom, explainBytes as explainDlt698 } from './dlt698/explain.ts'
import { loadProfile as loadDlt698Profile } from './dlt698/profile.ts'
import * as dlt698Vectors from './dlt698/vectors.ts'
import { verifyProfile as verifyDlt698Profile } from './dlt698/verify.ts'
import { gw3761 } from './gw3761/adapter.ts'
import { explainBytes as explainGw3761 } from './gw3761/explain.ts'
import { loadProfile as loadGw3761Profile } from './gw3761/profile.ts'
import { secretFrom as gw3761SecretFrom } from './gw3761/traced.ts'
import * as gw3761Vectors from './gw3761/vectors.ts'
import { verifyProfile as verifyGw3761Profile } from './gw3761/verify.ts'
import { modbusAscii, modbusRtu, modbusTcp } from './modbus/adapter.ts'
import { writeCoil, writeCoils, writeRegister, writeRegisters } from './modbus/conversation.ts'
import { embeddedFrame as modbusFrame } from './modbus/embedded.ts'
import { explainFrame as explainModbus } from './modbus/explain.ts'
import { encodeFrame as encodeModbus, decodeFrame as openModbus } from './modbus/frame.ts'
import { loadProfile as loadModbusProfile } from './modbus/profile.ts'
import * as modbusVectors from './modbus/vectors.ts'
import { verifyProfile as verifyModbusProfile } from './modbus/verify.ts'
import type { Inflate } from './mqtt/sparkplug/compressed.ts'
import { judgeInvalidSparkplug, judgeSparkplug } from './mqtt/sparkplug/vectors.ts'
import { innerDlt645, type NamedField } from './traced.ts'

/** The registry: one line a protocol. Nothing outside this file knows which protocols there are. */
const ADAPTERS: Readonly<Record<string, AnyAdapter>> = {
  'modbus-tcp': anyAdapter(modbusTcp),
  'modbus-rtu': anyAdapter(modbusRtu),
  'modbus-ascii': anyAdapter(modbusAscii),
  'dlt645-2007': anyAdapter(dlt6452007),
  'dlt645-1997': anyAdapter(dlt6451997),
}

export const PROTOCOLS: readonly string[] = Object.keys(ADAPTERS)

/** The adapter of a profile's protocol; Modbus is framed as the line says. */
export const adapterOf = (protocol: string, framing: 'tcp' | 'rtu' | 'ascii'): AnyAdapter | null =>
  ADAPTERS[protocol === 'modbus' ? `modbus-${framing}` : protocol] ?? null

/**
 * Protocols of terminals (终端) that dial in. `masterAddress` = the number under which the master is known to them (主站地址 MSA,
 * client address CA).
 */
const TERMINALS: Readonly<Record<string, (masterAddress: number) => AnyTerminalAdapter>> = {
  dlt698: (masterAddress) => anyTerminalAdapter(dlt698(masterAddress)),
  gw3761: (masterAddress) => anyTerminalAdapter(gw3761(masterAddress)),
}

export const TERMINAL_PROTOCOLS: readonly string[] = ['gw3761', 'dlt698']

/** Number of the master that nobody else uses. @source Q/GDW 1376.1-2013, 4.3.3.5 (MSA 1 to 127) */
export const MASTER_ADDRESS = 1

const madeTerminals = new Map<string, AnyTerminalAdapter>()

/** The adapter of a protocol of terminals; always the same one for the same master address. */
export const terminalAdapterOf = (id: string, masterAddress: number = MASTER_ADDRESS): AnyTerminalAdapter | null => {
  const key = `${id} ${masterAddress}`
  const made = madeTerminals.get(key) ?? (Object.hasOwn(TERMINALS, id) ? TERMINALS[id]?.(masterAddress) : undefined) ?? null
  if (made) madeTerminals.set(key, made)
  return made
}

const fail = failWith({
  PROFILE_PROTOCOL: { recovery: 'skip', hint: 'member "protocol": modbus, dlt645-2007, dlt645-1997, gw3761 or dlt698' },
  VECTORS_PROTOCOL: {
    recovery: 'stop',
    hint: 'member "protocol" of the file: modbus, DL/T 645, Q/GDW 376.1, DL/T 698.45, mqtt-payloads or sparkplug-b',
  },
})

/** One thing that differs from what was expected. */
export interface Difference {
  readonly path: string
  readonly expected: unknown
  readonly got: unknown
}

export interface VectorResult {
  readonly name: string
  readonly differences: readonly Difference[]
}

/** Checks a profile file of any protocol. */
export const loadAnyProfile = (json: unknown): Result<Profile> => {
  const protocol = memberOf(json, 'protocol')
  if (protocol === 'modbus') return loadModbusProfile(json)
  if (typeof protocol === 'string' && protocol.startsWith('dlt645')) return loadDlt645Profile(json)
  if (protocol === 'dlt698') return loadDlt698Profile(json)
  if (protocol === 'gw3761') return loadGw3761Profile(json)
  return fail('PROFILE_PROTOCOL', `protocol is ${JSON.stringify(protocol)}`, {})
}

/**
 * Decodes every register line's own sample.
 *
 * @returns  what differs, in words: wrong in the profile or in the codec; empty = proved
 */
export const verifyAnyProfile = (json: unknown): Result<readonly string[]> => {
  const loaded = loadAnyProfile(json)
  if (!loaded.ok) return loaded
  const { protocol } = loaded.value
  const differences =
    protocol === 'modbus'
      ? verifyIf(loadModbusProfile(json), verifyModbusProfile)
      : protocol === 'dlt698'
        ? verifyIf(loadDlt698Profile(json), verifyDlt698Profile)
        : protocol === 'gw3761'
          ? verifyIf(loadGw3761Profile(json), verifyGw3761Profile)
          : verifyIf(loadDlt645Profile(json), verifyDlt645Profile)
  return {
    ok: true,
    value: differences.map(({ register, expected, got }) => `${register}: sample reads ${got}, the profile says ${expected}`),
  }
}

const verifyIf = <P, D>(loaded: Result<P>, verify: (profile: P) => readonly D[]): readonly D[] => (loaded.ok ? verify(loaded.value) : [])

/** Protocols `gridtally decode` knows. */
export const DECODERS: readonly string[] = ['dlt645', 'dlt698', 'modbus-rtu', 'modbus-tcp', 'modbus-ascii', 'gw3761']

interface Explained {
  readonly ok: boolean
  readonly json: object
  readonly text: string
}

/** A frame explained field by field. */
export const explainFrame = (protocol: string, bytes: Uint8Array, direction?: 'request' | 'response'): Explained => {
  if (protocol === 'dlt645') {
    const { fields, error, ...facts } = explainBytes(bytes, { passwords: true })
    const wrong = error ? [`error ${error.code} at byte ${error.offset}: ${error.message}; ${error.hint}`] : []
    return { ok: !error, json: { ...facts, fields, ...(error ? { error } : {}) }, text: textOf(fields, facts, wrong) }
  }
  if (protocol === 'dlt698') {
    const { fields, error, ...facts } = explainDlt698(bytes, { passwords: true })
    const wrong = error ? [`error ${error.code} at byte ${error.offset}: ${error.message}; ${error.hint}`] : []
    return { ok: !error, json: { ...facts, fields, ...(error ? { error } : {}) }, text: textOf(fields, facts, wrong) }
  }
  if (protocol === 'gw3761') {
    const { fields, error, ...facts } = explainGw3761(bytes, { passwords: true, inner: innerDlt645 })
    const wrong = error ? [`error ${error.code} at byte ${error.offset}: ${error.message}; ${error.hint}`] : []
    return { ok: !error, json: { ...facts, fields, ...(error ? { error } : {}) }, text: textOf(fields, facts, wrong) }
  }
  const explained = explainModbus(bytes, protocol === 'modbus-tcp' ? 'tcp' : protocol === 'modbus-ascii' ? 'ascii' : 'rtu', direction)
  const { fields, errors, ...facts } = explained
  const wrong = errors.map(({ code, offset, message, cure }) => `error ${code} at byte ${offset}: ${message}; ${cure}`)
  return { ok: explained.ok, json: explained, text: textOf(fields, facts, wrong) }
}

/** Whose frame it is that came by itself, as the ledger writes addresses; null for a request of another master. */
export const senderOf = (protocol: string, frame: object): string | null => {
  if (protocol.startsWith('dlt645'))
    return 'address' in frame && 'control' in frame && typeof frame.control === 'number' && (frame.control & 0x80) !== 0
      ? String(frame.address)
      : null
  return 'unit' in frame ? String(frame.unit) : null
}

/** Requests of DL/T 645 that carry no password, by control code: broadcast time, reads, freeze, speed. */
const OPEN_REQUESTS: ReadonlySet<number> = new Set([0x01, 0x02, 0x08, 0x11, 0x12, 0x13, 0x16, 0x17])

/**
 * Where a secret may lie in bytes that are no whole frame: behind the head of a command that carries one.
 *
 * @returns  the first byte nobody may see; the length when there is none
 */
export const secretFrom = (protocol: string, bytes: Uint8Array): number => {
  if (protocol === 'gw3761') return gw3761SecretFrom(bytes)
  if (protocol === 'dlt698') return dlt698SecretFrom(bytes)
  if (!protocol.startsWith('dlt645')) return bytes.length
  for (let at = 0; at + 8 < bytes.length; at++)
    if (bytes[at] === 0x68 && bytes[at + 7] === 0x68 && bytes[at + 8]! < 0x80 && !OPEN_REQUESTS.has(bytes[at + 8]! & 0x1f)) return at + 10
  return bytes.length
}

const textOf = (fields: readonly NamedField[], facts: object, wrong: readonly string[]): string => {
  const rows = fields.map(({ offset, hex, name, meaning }) => `${String(offset).padStart(4)}  ${hex.padEnd(24)}  ${name}: ${meaning}`)
  const named = Object.entries(facts).map(
    ([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  )
  return [...rows, '', ...named, ...wrong].join('\n')
}

/** Decodes frames that come inside messages. @param profileOf  a meter profile by its id */
export const frameDecoder =
  (profileOf: (id: string) => Profile | undefined): FrameDecoder =>
  (protocol, bytes, context): EmbeddedFrame => {
    if (protocol === 'dlt645') return dlt645Frame(bytes, context.obis)
    const profile = context.profile === null ? undefined : profileOf(context.profile)
    const loaded = profile === undefined ? null : loadModbusProfile(profile)
    return modbusFrame(bytes, loaded?.ok ? loaded.value : null, context)
  }

/** Runs a vector file: every leaf under `expect` is compared, every entry of `invalid` must be refused. */
export const judgeVectors = (content: unknown, inflate: Inflate | null = null): Result<readonly VectorResult[]> => {
  const protocol = String(memberOf(content, 'protocol') ?? '')
  if (/sparkplug/i.test(protocol))
    return {
      ok: true,
      value: [
        ...judgeSparkplug(listOf(memberOf(content, 'vectors')), inflate),
        ...listOf(memberOf(content, 'invalid')).map((entry) => judgeInvalidSparkplug(entry, inflate)),
      ],
    }
  const judge = VECTORS.find(({ name }) => name.test(protocol))?.judge ?? null
  if (!judge) return fail('VECTORS_PROTOCOL', `protocol is "${protocol}", which has no codec here`, { protocol })
  const valid = listOf(memberOf(content, 'vectors')).map((vector) => judge.evaluateVector(vector))
  const invalid = listOf(memberOf(content, 'invalid')).map((entry) => judge.evaluateInvalid(entry))
  return { ok: true, value: [...valid, ...invalid] }
}

/** Codecs by what a vector file calls their protocol. */
const VECTORS: readonly { readonly name: RegExp; readonly judge: Judge }[] = [
  {
    name: /376\.1|gw3761/i,
    judge: { ...gw3761Vectors, evaluateVector: (vector) => gw3761Vectors.evaluateVector(vector, innerDlt645) },
  },
  { name: /dl\/?t\s*-?645/i, judge: dlt645Vectors },
  { name: /698/, judge: dlt698Vectors },
  { name: /modbus/i, judge: modbusVectors },
]

/** What each room's `vectors.ts` offers. */
interface Judge {
  readonly evaluateVector: (vector: unknown) => VectorResult
  readonly evaluateInvalid: (entry: unknown) => VectorResult
}

const memberOf = (json: unknown, member: string): unknown =>
  typeof json === 'object' && json !== null && Object.hasOwn(json, member)
    ? Object.entries(json).find(([name]) => name === member)?.[1]
    : undefined
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/**
 * What a meter answers that has not what is asked for, byte for byte; null for other protocols. Whoever holds a talk again out of kept
 * frames needs it: a meter that is known to refuse something is not asked for it, and its record does not show that.
 */
export const refusalOf = (protocol: string, request: Uint8Array): Uint8Array | null => {
  if (protocol.startsWith('dlt645')) {
    const at = request.indexOf(0x68)
    return at < 0 || request.length < at + 9 ? null : refuseDlt645(request.subarray(at))
  }
  const framing = FRAMINGS[protocol]
  const frame = framing === undefined ? null : openModbus(framing, request)
  if (framing === undefined || !frame?.ok) return null
  const { unit, function: code, transactionId } = frame.value
  return encodeModbus(framing, unit, Uint8Array.of(code | 0x80, 2), transactionId)
}
const FRAMINGS: Readonly<Record<string, 'tcp' | 'rtu' | 'ascii'>> = { 'modbus-tcp': 'tcp', 'modbus-rtu': 'rtu', 'modbus-ascii': 'ascii' }
/** Error word 02H: no such data. @source DL/T 645-2007, 7.1 and appendix D; 1997 has the same bit */
const refuseDlt645 = (request: Uint8Array): Uint8Array =>
  encodeDlt645({ address: addressText(request, 1), control: (request[8]! & 0x1f) | 0xc0, data: Uint8Array.of(2) }, 0)

/** One act that changes meters, its kind of frame its own business. A line refuses it unless writing is switched on there. */
export interface Act {
  readonly correlates: boolean
  bind<R>(use: <Frame extends object>(adapter: ProtocolAdapter<Frame>, talk: Conversation<unknown, Frame>) => R): R
}

/** Writes registers (function 6 for one, 16 for several) or coils (5, 15) of a Modbus meter. */
export const modbusWrite = (
  framing: 'tcp' | 'rtu' | 'ascii',
  unit: number,
  address: number,
  values: readonly number[] | readonly boolean[],
): Act => {
  const adapter = { tcp: modbusTcp, rtu: modbusRtu, ascii: modbusAscii }[framing]
  const [first] = values
  const talk = () => {
    if (values.length === 1)
      return typeof first === 'boolean' ? writeCoil(framing, unit, address, first) : writeRegister(framing, unit, address, first ?? 0)
    return isBits(values) ? writeCoils(framing, unit, address, values) : writeRegisters(framing, unit, address, values)
  }
  return { correlates: adapter.correlation !== undefined, bind: (use) => use(adapter, talk()) }
}

/** Sets the clock of every DL/T 645 meter on a line (广播校时); nobody answers. */
export const dlt645SetTime = (time: MeterTime): Act => ({ correlates: false, bind: (use) => use(dlt6452007, setTime(time)) })

const isBits = (values: readonly number[] | readonly boolean[]): values is readonly boolean[] => typeof values[0] === 'boolean'

export * as dlt645Scan from './dlt645/scan-index.ts'
export * as modbusScan from './modbus/scan-index.ts'
export * from './mqtt/index.ts'
export { explainTraced, type TracedBytes } from './traced.ts'
