import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import * as jsmodbus from 'jsmodbus'
import modbusSerial, { ServerTCP } from 'modbus-serial'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modbusRtu, modbusTcp } from '../../../protocols/modbus/adapter.ts'
import * as ours from '../../../protocols/modbus/conversation.ts'
import { crc16 as ourCrc, lrc8 as ourLrc } from '../../../protocols/modbus/crc.ts'
import { modbusDeframer } from '../../../protocols/modbus/deframer.ts'
import { encodeFrame, type Framing, type ModbusFrame, stampTransaction } from '../../../protocols/modbus/frame.ts'
import { checkRequest, decodeRequest, encodeResponse, type ModbusResponse } from '../../../protocols/modbus/pdu.ts'
import { loadProfile } from '../../../protocols/modbus/profile.ts'
import { freePort } from '../../../simulators/free-port.ts'
import { type Conversation, decimalText, isDiscarded, ok, type Result } from '../../../src/core/index.ts'
import { unwrap } from './help.ts'

/** Parts of modbus-serial that have no types. */
const load = createRequire(import.meta.url)
const checkOf = (name: string): ((bytes: Buffer) => number) => {
  const check: unknown = load(`modbus-serial/utils/${name}.js`)
  if (typeof check !== 'function') throw new Error(`modbus-serial has no ${name}`)
  return (bytes) => Number(check(bytes))
}
const crc16 = checkOf('crc16')
const lrc = checkOf('lrc')

/** Carries a conversation out over a socket. No time-outs: both ends are ours to test. */
const converse = async <T>(socket: Socket, framing: Framing, talk: Conversation<T, ModbusFrame>): Promise<Result<T>> => {
  const deframer = modbusDeframer(framing)
  let step = talk.next()
  for (let id = 1; !step.done; id++) {
    const request = step.value
    if (framing === 'tcp') stampTransaction(request.bytes, id)
    const answer = new Promise<ModbusFrame>((resolve) => {
      const hear = (lump: Buffer) => {
        for (const item of deframer.push(lump)) {
          if (isDiscarded(item) || request.judge(item) !== 'answer' || (framing === 'tcp' && item.transactionId !== id)) continue
          socket.off('data', hear)
          resolve(item)
        }
      }
      socket.on('data', hear)
    })
    socket.write(request.bytes)
    step = talk.next(ok(await answer))
  }
  return step.value
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port
const dial = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
type Vector = ConstructorParameters<typeof ServerTCP>[0]
/** A server of modbus-serial, and a socket to it. */
const serve = async (vector: Vector, unitID: number) => {
  // modbus-serial takes port 0 for 502.
  const port = await freePort()
  const server = new ServerTCP(vector, { host: '127.0.0.1', port, unitID })
  await once(server, 'initialized')
  const socket = await dial(port)
  return {
    socket,
    close: () => {
      socket.destroy()
      server.close(() => {})
    },
  }
}
/** A register's value is a function of its address, so that an off-by-one names itself. */
const holding = (address: number): number => (address * 257 + 3) & 0xffff
const input = (address: number): number => (address * 131 + 5) & 0xffff
const bit = (address: number): boolean => address % 3 === 0

describe('our client against the server of modbus-serial', () => {
  const written = new Map<string, unknown>()
  let socket: Socket
  let close = () => {}
  beforeAll(async () => {
    const vector = {
      getHoldingRegister: (address: number) => holding(address),
      getInputRegister: (address: number) => input(address),
      getCoil: (address: number) => bit(address),
      getDiscreteInput: (address: number) => !bit(address),
      setCoil: (address: number, value: boolean) => void written.set(`coil ${address}`, value),
      setRegister: (address: number, value: number) => void written.set(`register ${address}`, value),
      readDeviceIdentification: () => ({ 0: 'Acme', 1: 'Z12', 2: 'V2.1', 3: 'http://acme.example', 151: 'own object' }),
    }
    const meter = await serve(vector, 7)
    socket = meter.socket
    close = meter.close
  })
  afterAll(() => close())

  it('reads registers and bits of any place and length', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(60000), fc.integer({ min: 1, max: 125 }), fc.integer({ min: 1, max: 2000 }), async (address, words, bits) => {
        const expected = <T>(count: number, at: (address: number) => T) => Array.from({ length: count }, (_, index) => at(address + index))
        expect(await converse(socket, 'tcp', ours.readRegisters('tcp', 7, 3, address, words))).toEqual(ok(expected(words, holding)))
        expect(await converse(socket, 'tcp', ours.readRegisters('tcp', 7, 4, address, words))).toEqual(ok(expected(words, input)))
        expect(await converse(socket, 'tcp', ours.readBits('tcp', 7, 1, address, bits))).toEqual(ok(expected(bits, bit)))
        expect(await converse(socket, 'tcp', ours.readBits('tcp', 7, 2, address, bits))).toEqual(ok(expected(bits, (at) => !bit(at))))
      }),
      { numRuns: 30 },
    ))
  it('writes', async () => {
    const done = ok(undefined)
    expect(await converse(socket, 'tcp', ours.writeCoil('tcp', 7, 5, true))).toEqual(done)
    expect(await converse(socket, 'tcp', ours.writeRegister('tcp', 7, 6, 0x1234))).toEqual(done)
    expect(
      await converse(socket, 'tcp', ours.writeCoils('tcp', 7, 100, [true, false, true, true, false, false, false, true, true])),
    ).toEqual(done)
    expect(await converse(socket, 'tcp', ours.writeRegisters('tcp', 7, 200, [1, 65535, 3]))).toEqual(done)
    expect(
      ['coil 5', 'register 6', 'coil 100', 'coil 101', 'coil 108', 'register 200', 'register 201', 'register 202'].map((key) =>
        written.get(key),
      ),
    ).toEqual([true, 0x1234, true, false, true, 1, 65535, 3])
  })
  it('reads the identification', async () => {
    const objects = unwrap(await converse(socket, 'tcp', ours.readIdentification('tcp', 7)))
    expect(objects.slice(0, 3)).toEqual([
      { id: 0, text: 'Acme' },
      { id: 1, text: 'Z12' },
      { id: 2, text: 'V2.1' },
    ])
  })
  it('reads a whole profile, as its samples say', async () => {
    const profile = unwrap(
      loadProfile(JSON.parse(readFileSync(new URL('../../../config/profiles/modbus/carlo-gavazzi-em340.json', import.meta.url), 'utf8'))),
    )
    const cells = new Map(
      profile.registers.flatMap(({ address, sample }) =>
        sample.words.split(' ').map((word, at) => [address + at, Number.parseInt(word, 16)] as const),
      ),
    )
    const meter = await serve({ getInputRegister: (address: number) => cells.get(address) ?? 0 }, 1)
    const plan = unwrap(modbusTcp.plan(profile, { kind: 'current' }))
    const [sample] = unwrap(await converse(meter.socket, 'tcp', plan.talk('1', new Map())))
    meter.close()
    for (const [at, { obis, scaler }] of plan.values.entries()) {
      const register = profile.registers.find((each) => each.obis === obis && each.alternative === undefined)!
      expect([obis, Number(decimalText(sample!.raws[at]!, scaler ?? 0))]).toEqual([obis, Number(register.sample.value)])
    }
    expect(plan.values.length).toBeGreaterThan(20)
  })
})

describe('our client against the servers of jsmodbus', () => {
  const buffer = (at: (address: number) => number) => {
    const bytes = Buffer.alloc(2048)
    for (let address = 0; address < 1024; address++) bytes.writeUInt16BE(at(address), 2 * address)
    return bytes
  }
  const options = () => ({
    holding: buffer(holding),
    input: buffer(input),
    coils: Buffer.from('CD6B05FF', 'hex'),
    discrete: Buffer.from('ACDB35', 'hex'),
  })

  it.each(['tcp', 'rtu'] as const)('reads and writes over %s', async (framing) => {
    const server = createServer()
    if (framing === 'tcp') new jsmodbus.server.TCP(server, options())
    // The RTU server wants a serial port; a socket is as good a stream, and makes it RTU over TCP.
    else
      server.on(
        'connection',
        (peer) => void new jsmodbus.server.RTU(peer as unknown as ConstructorParameters<typeof jsmodbus.server.RTU>[0], options()),
      )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = await dial(portOf(server))
    const ask = <T>(talk: Conversation<T, ModbusFrame>) => converse(socket, framing, talk)
    try {
      expect(await ask(ours.readRegisters(framing, 9, 3, 17, 120))).toEqual(ok(Array.from({ length: 120 }, (_, at) => holding(17 + at))))
      expect(await ask(ours.readRegisters(framing, 9, 4, 100, 3))).toEqual(ok([100, 101, 102].map(input)))
      expect(
        unwrap(await ask(ours.readBits(framing, 9, 1, 0, 19)))
          .map(Number)
          .join(''),
      ).toBe('1011001111010110101')
      expect(await ask(ours.writeRegister(framing, 9, 30, 4711))).toEqual(ok(undefined))
      expect(await ask(ours.writeRegisters(framing, 9, 31, [1, 2, 65535]))).toEqual(ok(undefined))
      expect(await ask(ours.readRegisters(framing, 9, 3, 30, 4))).toEqual(ok([4711, 1, 2, 65535]))
      expect(await ask(ours.writeCoil(framing, 9, 1, true))).toEqual(ok(undefined))
      expect(
        unwrap(await ask(ours.readBits(framing, 9, 1, 0, 4)))
          .map(Number)
          .join(''),
      ).toBe('1111')
    } finally {
      socket.destroy()
      server.close()
    }
  })
})

describe('the client of modbus-serial against our codec', () => {
  const respond = (pdu: Uint8Array): ModbusResponse => {
    const code = pdu[0] ?? 0
    const exceptionCode = checkRequest(pdu)
    if (exceptionCode !== null) return { function: code, exceptionCode }
    const request = unwrap(decodeRequest(pdu))
    if (request.function === 43) return { function: 43, exceptionCode: 1 }
    if (request.function === 5 || request.function === 6) return request
    if (request.function === 15) return { function: 15, address: request.address, quantity: request.bits.length }
    if (request.function === 16) return { function: 16, address: request.address, quantity: request.registers.length }
    const { function: kind, address, quantity } = request
    if (kind === 3 || kind === 4)
      return { function: kind, registers: Array.from({ length: quantity }, (_, at) => (kind === 3 ? holding : input)(address + at)) }
    return { function: kind, bits: Array.from({ length: quantity }, (_, at) => bit(address + at)) }
  }

  it.each(['tcp', 'rtu'] as const)('over %s', async (framing) => {
    const server = createServer((peer) => {
      const deframer = modbusDeframer(framing, 'request')
      peer.on('data', (lump) => {
        for (const item of deframer.push(lump))
          if (!isDiscarded(item)) peer.write(encodeFrame(framing, item.unit, encodeResponse(respond(item.pdu)), item.transactionId))
      })
      peer.on('error', () => {})
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = new modbusSerial.default()
    await (framing === 'tcp'
      ? client.connectTCP('127.0.0.1', { port: portOf(server) })
      : client.connectTelnet('127.0.0.1', { port: portOf(server) }))
    client.setID(7)
    try {
      expect((await client.readHoldingRegisters(40, 100)).data).toEqual(Array.from({ length: 100 }, (_, at) => holding(40 + at)))
      expect((await client.readInputRegisters(7, 2)).data).toEqual([7, 8].map(input))
      expect((await client.readCoils(3, 19)).data.slice(0, 19)).toEqual(Array.from({ length: 19 }, (_, at) => bit(3 + at)))
      expect(await client.writeRegister(9, 77)).toMatchObject({ address: 9, value: 77 })
      expect(await client.writeRegisters(9, [1, 2, 3])).toMatchObject({ address: 9, length: 3 })
      expect(await client.writeCoils(9, [true, false, true])).toMatchObject({ address: 9, length: 3 })
      await expect(client.readHoldingRegisters(65535, 2)).rejects.toMatchObject({ modbusCode: 2 })
    } finally {
      client.close(() => {})
      server.close()
    }
  })

  it('agrees on every check sum', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(ourCrc(noise, 0, noise.length)).toBe(crc16(Buffer.from(noise)))
        expect(ourLrc(noise, 0, noise.length)).toBe(lrc(Buffer.from(noise)))
      }),
    ))
})

it('an adapter names itself', () => expect([modbusTcp.id, modbusRtu.id, modbusRtu.longestFrame]).toEqual(['modbus-tcp', 'modbus-rtu', 256]))
