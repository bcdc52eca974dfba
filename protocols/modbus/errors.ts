import { failWith, type GatewayError } from '../../src/core/index.ts'

/** Every way a Modbus exchange fails, and what happens next. */
const TABLE = {
  MODBUS_NOISE: {
    recovery: 'resync',
    hint: 'bytes that start no frame: check bias resistors, termination and the adapter’s direction switching',
  },
  MODBUS_CRC: {
    recovery: 'resync',
    hint: 'check A/B polarity, speed and parity, 120-ohm termination; a manual that prints the CRC high byte first is wrong',
  },
  MODBUS_LRC: { recovery: 'resync', hint: 'check speed and parity (ASCII is usually 7E1), then the cable' },
  MODBUS_MBAP: { recovery: 'resync', hint: 'no Modbus TCP header: does the port speak RTU over TCP? try modbus-rtu' },
  MODBUS_TRUNCATED: {
    recovery: 'retry',
    hint: 'the answer stopped early: lengthen the time-out, then check the serial server’s packing time',
  },
  MODBUS_PDU: { recovery: 'retry', hint: 'a whole frame with impossible contents: note make and firmware of the device' },
  MODBUS_REQUEST: {
    recovery: 'stop',
    hint: 'the request breaks a limit of the protocol: 2000 bits or 125 registers to read, 1968 or 123 to write',
  },
  MODBUS_ADDRESS: { recovery: 'stop', hint: 'correct the address in the ledger' },
  MODBUS_ILLEGAL_FUNCTION: {
    recovery: 'skip',
    hint: 'the device lacks this function: holding (3) and input (4) registers may be exchanged in the profile',
  },
  MODBUS_ILLEGAL_ADDRESS: {
    recovery: 'split',
    hint: 'the register does not exist on this device: compare model and firmware with the profile, and the address offset (wire = printed or printed - 1)',
  },
  MODBUS_ILLEGAL_VALUE: {
    recovery: 'split',
    hint: 'too many registers at once, or a value cut in two: lower maxRegistersPerRequest in the profile',
  },
  MODBUS_DEVICE_FAILURE: { recovery: 'retry', hint: 'the device reports a fault of its own: switch it off and on, then replace it' },
  MODBUS_BUSY: { recovery: 'wait', hint: 'the device is busy or still working on the last command: ask less often' },
  MODBUS_MEMORY_PARITY: { recovery: 'retry', hint: 'the device’s memory is damaged: its registers cannot be trusted, replace it' },
  MODBUS_GATEWAY_PATH: { recovery: 'stop', hint: 'the gateway has no route to this unit: check its port and unit table' },
  MODBUS_TARGET_SILENT: {
    recovery: 'retry',
    hint: 'the gateway lives, the meter behind it does not answer: supply, unit address, speed and parity of the meter',
  },
  MODBUS_EXCEPTION: { recovery: 'skip', hint: 'look the exception code up in the device’s manual' },
  MODBUS_REFUSED: {
    recovery: 'skip',
    hint: 'the device has refused this register before and is not asked again for a while: remove it from the profile, or choose the profile of this model',
  },
  MODBUS_NOT_AVAILABLE: {
    recovery: 'skip',
    hint: 'the device says that it has no such quantity (pattern in the profile): wiring or model without it',
  },
  MODBUS_NOT_FINITE: { recovery: 'skip', hint: 'the device sends NaN or infinity: not measured, or wrong word order in the profile' },
  MODBUS_BCD: { recovery: 'skip', hint: 'a digit above 9: the register is no BCD, correct its type in the profile' },
  MODBUS_SCALE_FACTOR: { recovery: 'skip', hint: 'the scale factor register holds no exponent from -10 to 10' },
  MODBUS_PROFILE: { recovery: 'stop', hint: 'correct the profile at the place named; gridtally profile verify checks it' },
  MODBUS_PLAN: {
    recovery: 'stop',
    hint: 'Modbus registers show the present only: read kind current, and compute curves and freezes from it',
  },
  MODBUS_MODEL: { recovery: 'stop', hint: 'no SunSpec model of this kind at 40000, 50000 or 0: choose another profile' },
} as const satisfies Record<string, { recovery: GatewayError['recovery']; hint: string }>

export type ModbusErrorCode = keyof typeof TABLE
export type ModbusError = GatewayError<ModbusErrorCode>
export const fail = failWith(TABLE)

/** The bare error, for places that keep errors in a map. */
export const errorOf = (code: ModbusErrorCode, message: string, context: GatewayError['context'] = {}): ModbusError =>
  fail(code, message, context).error

/**
 * Exception codes of a refused request, their names and our error.
 *
 * @source Modbus Application Protocol V1.1b3, 7 exception responses
 */
export const EXCEPTIONS: Readonly<Record<number, { readonly name: string; readonly error: ModbusErrorCode }>> = {
  1: { name: 'illegal function', error: 'MODBUS_ILLEGAL_FUNCTION' },
  2: { name: 'illegal data address', error: 'MODBUS_ILLEGAL_ADDRESS' },
  3: { name: 'illegal data value', error: 'MODBUS_ILLEGAL_VALUE' },
  4: { name: 'server device failure', error: 'MODBUS_DEVICE_FAILURE' },
  5: { name: 'acknowledge', error: 'MODBUS_BUSY' },
  6: { name: 'server device busy', error: 'MODBUS_BUSY' },
  7: { name: 'negative acknowledge', error: 'MODBUS_EXCEPTION' },
  8: { name: 'memory parity error', error: 'MODBUS_MEMORY_PARITY' },
  10: { name: 'gateway path unavailable', error: 'MODBUS_GATEWAY_PATH' },
  11: { name: 'gateway target device failed to respond', error: 'MODBUS_TARGET_SILENT' },
}

/** The error an exception code stands for, with who was asked what. */
export const exceptionError = (exceptionCode: number, asked: GatewayError['context']): ModbusError => {
  const { name, error } = EXCEPTIONS[exceptionCode] ?? { name: 'unknown exception', error: 'MODBUS_EXCEPTION' as const }
  const where = asked.address === undefined ? '' : ` to registers ${asked.address}+${asked.quantity ?? 1}`
  return errorOf(error, `exception ${exceptionCode} (${name})${where}`, { ...asked, exceptionCode })
}
