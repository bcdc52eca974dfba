import { Server, type Socket } from 'node:net'
import modbusSerial from 'modbus-serial'
import type { Craft, Field } from '../answering.ts'
import { sendAnswer } from '../answering.ts'
import { openWire, type Pace, type Wire } from '../wire.ts'
import type { ModbusMeter, WordsAnswer } from './meter.ts'

/** A simulated listener. */
export interface Listener {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

export interface ModbusServerOptions {
  readonly field: Field
  /** Line id for faults and logs. */
  readonly line: string
  readonly meters: ReadonlyMap<number, ModbusMeter>
  readonly host?: string
  /** 0 = the system picks one. */
  readonly port?: number
  readonly pace?: Pace
}

/** Registers asked for and given, left by the service vector for the bytes that follow in the same turn. */
export interface Given {
  readonly meter: ModbusMeter
  readonly fn: number
  readonly address: number
  readonly count: number
  readonly instant: number
  readonly answer: WordsAnswer
}

/** The service vector of `modbus-serial` over our meters; `given` is called before the answer is framed. */
export const vectorOf = (meters: ReadonlyMap<number, ModbusMeter>, now: () => number, given: (given: Given) => void) => {
  const read = (fn: number, address: number, count: number, unit: number): number[] => {
    const meter = meters.get(unit) ?? (meters.size === 1 && unit === 255 ? [...meters.values()][0] : undefined)
    if (!meter) throw new Refusal(11)
    const instant = now()
    const answer = meter.read(fn, address, count, instant)
    given({ meter, fn, address, count, instant, answer })
    if ('exception' in answer) throw new Refusal(answer.exception)
    return [...answer.words]
  }
  return {
    getMultipleInputRegisters: (address: number, count: number, unit: number) => read(4, address, count, unit),
    getMultipleHoldingRegisters: (address: number, count: number, unit: number) => read(3, address, count, unit),
    getInputRegister: (address: number, unit: number) => read(4, address, 1, unit)[0]!,
    getHoldingRegister: (address: number, unit: number) => read(3, address, 1, unit)[0]!,
  }
}

/** How `modbus-serial` wants to be told an exception code. */
export class Refusal extends Error {
  readonly modbusErrorCode: number
  constructor(code: number) {
    super(`Modbus exception ${code}`)
    this.modbusErrorCode = code
  }
}

/**
 * Modbus TCP meters behind one port, served by `modbus-serial`'s ServerTCP: parsing and framing are foreign. Only the bytes it
 * writes pass through our hands, so that faults and the truth log can have them.
 */
export const serveModbusTcp = async (options: ModbusServerOptions): Promise<Listener> => {
  const { field, line, meters } = options
  const host = options.host ?? '127.0.0.1'
  let given: Given | null = null
  const vector = vectorOf(
    meters,
    () => field.clock.now(),
    (now) => {
      given = now
    },
  )
  const server = new modbusSerial.ServerTCP(vector, portOptions(host, options.port ?? 0))
  // Its own net.Server: a listener put before its own may dress the socket.
  const inner: unknown = Reflect.get(server, '_server')
  if (!(inner instanceof Server)) throw new Error('modbus-serial: ServerTCP has no net.Server any more')
  const wires = new Set<Wire>()
  inner.prependListener('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    const plainWrite = socket.write.bind(socket)
    const wire = openWire((bytes) => {
      if (!socket.destroyed) plainWrite(bytes)
    }, options.pace)
    wires.add(wire)
    socket.once('close', () => {
      wire.close()
      wires.delete(wire)
    })
    Object.defineProperty(socket, 'write', {
      configurable: true,
      writable: true,
      value: (frame: Uint8Array) => {
        const said = given
        given = null
        if (!said) plainWrite(frame)
        else {
          const values = 'values' in said.answer ? said.answer.values : []
          sendAnswer(field, wire, tcpCraft, {
            request: requestOf(frame, said),
            frame,
            values,
            instant: said.instant,
            askedAt: performance.now(),
            meter: said.meter.id,
            line,
          })
        }
        return true
      },
    })
  })
  server.on('socketError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.on('initialized', () => resolve())
    server.on('serverError', (error) => reject(error ?? new Error('cannot listen')))
  })
  const address = inner.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        for (const wire of wires) wire.close()
        server.close(() => resolve())
      }),
  }
}

/** ServerTCP takes port 0 for "not given" and listens on 502; as text it reaches the system untouched. */
const portOptions = (host: string, port: number): { host: string; port: number } =>
  port === 0 ? JSON.parse(JSON.stringify({ host, port: '0' })) : { host, port }

/** The request an answer belongs to, as it came (transaction id and unit stand in the answer). */
const requestOf = (frame: Uint8Array, { fn, address, count }: Given): Uint8Array =>
  Uint8Array.of(frame[0]!, frame[1]!, 0, 0, 0, 6, frame[6]!, fn, address >> 8, address & 0xff, count >> 8, count & 0xff)

const tcpCraft: Craft = {
  readdress: (frame) => changed(frame, 6, (frame[6]! % 247) + 1),
  refunction: (frame) => changed(frame, 7, frame[7]! === 3 ? 4 : 3),
  refuse: (request, code) =>
    Uint8Array.of(request[0]!, request[1]!, 0, 0, 0, 3, request[6]!, request[7]! | 0x80, code === 'busy' ? 6 : (code ?? 2)),
}

const changed = (frame: Uint8Array, at: number, byte: number): Uint8Array => {
  const copy = Uint8Array.from(frame)
  copy[at] = byte
  return copy
}
