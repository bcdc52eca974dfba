import { createRequire } from 'node:module'
import { createServer, type Socket } from 'node:net'
import { type Craft, type Field, sendAnswer } from '../answering.ts'
import { openSerial } from '../pty.ts'
import { openWire, type Pace, type Wire, type Write } from '../wire.ts'
import type { ModbusMeter } from './meter.ts'
import { type Given, type Listener, type ModbusServerOptions, Refusal, vectorOf } from './tcp.ts'

export type { Listener } from './tcp.ts'

type Callback = (error: Refusal | Error | null, answer?: Buffer) => void
type Handler = (request: Buffer, vector: ReturnType<typeof vectorOf>, unit: number, done: Callback) => void

const require = createRequire(import.meta.url)
/** The request handlers both servers of `modbus-serial` share: they parse the request and build the answer. */
const handlers: {
  readonly readMultipleRegisters: Handler
  readonly readInputRegisters: Handler
} = require('modbus-serial/servers/servertcp_handler.js')
const crc16: (bytes: Buffer) => number = require('modbus-serial/utils/crc16.js')

/**
 * Cuts requests out of a byte stream and answers them: the RTU side of a bus with several meters. Requests are parsed and answers built by
 * `modbus-serial`; finding the frame is ours, because its ServerSerial ends a frame by silence and writes a correct checksum over
 * a wrong one.
 */
export const rtuBus = (
  field: Field,
  line: string,
  meters: ReadonlyMap<number, ModbusMeter>,
  wire: Wire,
): { take(bytes: Uint8Array): void } => {
  let held: Buffer = Buffer.alloc(0)
  let given: Given | null = null
  const vector = vectorOf(
    meters,
    () => field.clock.now(),
    (now) => {
      given = now
    },
  )
  const answer = (request: Buffer): void => {
    const unit = request[0]!
    const fn = request[1]!
    const meter = meters.get(unit)
    if (!meter) return
    given = null
    const done: Callback = (error, body) => {
      const frame =
        error || !body ? Buffer.from([unit, fn | 0x80, error && 'modbusErrorCode' in error ? error.modbusErrorCode : 4, 0, 0]) : body
      frame[0] = unit
      if (!error) frame[1] = fn
      const values = given && 'values' in given.answer ? given.answer.values : []
      const instant = given?.instant ?? field.clock.now()
      sendAnswer(field, wire, rtuCraft, {
        request,
        frame: sealed(frame),
        values,
        instant,
        askedAt: performance.now(),
        meter: meter.id,
        line,
      })
    }
    if (fn === 3) handlers.readMultipleRegisters(request, vector, unit, done)
    else if (fn === 4) handlers.readInputRegisters(request, vector, unit, done)
    else done(new Refusal(1))
  }
  return {
    take(bytes) {
      held = held.length === 0 ? Buffer.from(bytes) : Buffer.concat([held, bytes])
      while (held.length >= 4) {
        const size = requestSize(held)
        if (size > held.length) return
        if (size === 0 || crc16(held.subarray(0, size - 2)) !== held.readUInt16LE(size - 2)) {
          held = held.subarray(1)
          continue
        }
        const request = held.subarray(0, size)
        held = held.subarray(size)
        answer(request)
      }
    },
  }
}

/** Several units on one port, as behind a transparent serial server. */
export const serveRtuOverTcp = async (options: ModbusServerOptions): Promise<Listener> =>
  serveBytes(options.host ?? '127.0.0.1', options.port ?? 0, options.pace, (wire) =>
    rtuBus(options.field, options.line, options.meters, wire),
  )

/** Several units on a serial device. */
export const serveRtuSerial = async (
  path: string,
  options: Omit<ModbusServerOptions, 'host' | 'port'>,
): Promise<{ close(): Promise<void> }> => {
  const port = await openSerial(path)
  const wire = openWire(port.write, options.pace)
  const bus = rtuBus(options.field, options.line, options.meters, wire)
  port.onBytes((bytes) => bus.take(bytes))
  return {
    close: () => {
      wire.close()
      return port.close()
    },
  }
}

/** A listener whose connections all reach the same bus. */
export const serveBytes = async (
  host: string,
  port: number,
  pace: Pace | undefined,
  bus: (wire: Wire) => { take(bytes: Uint8Array): void },
): Promise<Listener> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    const write: Write = (bytes) => {
      if (!socket.destroyed) socket.write(bytes)
    }
    const wire = openWire(write, pace)
    const end = bus(wire)
    socket.on('data', (bytes) => end.take(bytes))
    socket.on('error', () => {})
    socket.once('close', () => {
      wire.close()
      sockets.delete(socket)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Length of the request that starts here, 0 = no request can start here. */
const requestSize = (bytes: Buffer): number => {
  const fn = bytes[1]!
  if (fn >= 1 && fn <= 6) return 8
  if (fn === 15 || fn === 16) return bytes.length < 7 ? 7 : 9 + bytes[6]!
  return fn === 43 ? 7 : 0
}

const sealed = (frame: Buffer): Buffer => {
  frame.writeUInt16LE(crc16(frame.subarray(0, -2)), frame.length - 2)
  return frame
}

const rtuCraft: Craft = {
  readdress: (frame) => {
    const copy = Buffer.from(frame)
    copy[0] = (copy[0]! % 247) + 1
    return sealed(copy)
  },
  refunction: (frame) => {
    const copy = Buffer.from(frame)
    copy[1] = copy[1]! === 3 ? 4 : 3
    return sealed(copy)
  },
  refuse: (request, code) => sealed(Buffer.from([request[0]!, request[1]! | 0x80, code === 'busy' ? 6 : (code ?? 2), 0, 0])),
}
