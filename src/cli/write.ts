import { type Act, dlt645SetTime, modbusWrite } from '../../protocols/index.ts'
import { Calendar, converse, openLine, traceFrames } from '../acquisition/index.ts'
import { transportOf } from '../gateway/field.ts'
import { parseLineAddress } from './line-address.ts'
import { CommandFailed, complain, EXIT, failure, print } from './output.ts'
import { frameText } from './read.ts'

interface WriteCommon {
  readonly line: string
  readonly allowWrites?: boolean
  readonly trace?: boolean
}

/** Carries out something that changes a meter, and only when that was said in so many words. */
const carryOut = async (act: Act, what: string, args: WriteCommon, parity: 'none' | 'even'): Promise<void> => {
  const transport = transportOf({ transport: parseLineAddress(args.line, parity) })
  const line = openLine(transport, { id: args.line, allowWrites: args.allowWrites ?? false }, act.correlates)
  if (args.trace) traceFrames(line, (frame) => print(frameText(frame)))
  try {
    const done = await act.bind((adapter, talk) => converse(talk, line.attach(adapter), { device: what, reactionMs: 1500 }, { tries: 1 }))
    if (!done.ok && done.error.code === 'LINE_READ_ONLY')
      complain('nothing was sent; add --allow-writes if the meter is really to be changed')
    if (!done.ok) throw failure(done.error)
  } finally {
    line.close()
  }
  print(`${what}: done`)
}

export interface ModbusWriteArguments extends WriteCommon {
  readonly protocol: string
  readonly unit: string
  readonly start: number
  readonly coil?: boolean
}

/** `gridtally modbus-write`: functions 5, 6, 15 and 16. */
export const writeModbus = async (values: readonly string[], args: ModbusWriteArguments): Promise<void> => {
  const framing =
    args.protocol === 'modbus-tcp' ? 'tcp' : args.protocol === 'modbus-rtu' ? 'rtu' : args.protocol === 'modbus-ascii' ? 'ascii' : null
  if (!framing) throw new CommandFailed(`--protocol ${args.protocol}: allowed: modbus-tcp, modbus-rtu, modbus-ascii`, EXIT.usage)
  const unit = Number(args.unit)
  if (!Number.isInteger(unit) || unit < 1 || unit > 247) throw new CommandFailed(`--unit ${args.unit}: allowed are 1 to 247`, EXIT.usage)
  const numbers = values.map((text) => {
    const value = Number(text)
    const most = args.coil ? 1 : 65_535
    if (!Number.isInteger(value) || value < 0 || value > most)
      throw new CommandFailed(`${text}: a ${args.coil ? 'coil is 0 or 1' : 'register holds 0 to 65535'}`, EXIT.usage)
    return value
  })
  const act = modbusWrite(framing, unit, args.start, args.coil ? numbers.map((value) => value === 1) : numbers)
  await carryOut(act, `unit ${unit}, ${numbers.length} ${args.coil ? 'coils' : 'registers'} from ${args.start}`, args, 'none')
}

/** `gridtally set-time`: the clock of every DL/T 645 meter on a line. */
export const setTimeNow = async (args: WriteCommon & { readonly timezone: string }): Promise<void> => {
  let time: ReturnType<Calendar['meterTime']>
  try {
    time = new Calendar(args.timezone).meterTime(Date.now())
  } catch {
    throw new CommandFailed(`--timezone ${args.timezone} is no IANA time zone; for example Asia/Shanghai`, EXIT.usage)
  }
  const text = `${time.year}-${String(time.month).padStart(2, '0')}-${String(time.day).padStart(2, '0')} ${String(time.hour).padStart(2, '0')}:${String(time.minute).padStart(2, '0')}`
  await carryOut(dlt645SetTime(time), `time ${text} to all meters on ${args.line}`, args, 'even')
}
