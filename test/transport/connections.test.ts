import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { expect, it, onTestFinished } from 'vitest'
import { modbusRtu } from '../../protocols/modbus/adapter.ts'
import { readRegisters } from '../../protocols/modbus/conversation.ts'
import { converse, HalfDuplexLine } from '../../src/acquisition/index.ts'
import { characterTime, serialTransport, tcpTransport } from '../../src/transport/index.ts'
import { answerTo } from '../support/address-meter.ts'
import { scratch } from '../support/processes.ts'

const listen = async (onSocket: (socket: Socket) => void): Promise<number> => {
  const server = createServer(onSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

it('notices at once that the other side has hung up', async () => {
  const port = await listen((socket) => socket.once('data', () => socket.end()))
  const closed = deferred<string>()
  const opened = await tcpTransport({ host: '127.0.0.1', port }).open({ bytes: () => {}, closed: ({ code }) => closed.resolve(code) })
  if (!opened.ok) throw new Error(opened.error.message)
  opened.value.write(Uint8Array.of(1))
  expect(await closed.promise).toBe('TRANSPORT_CLOSED')
})

it('says who refused, and what to check', async () => {
  expect(await tcpTransport({ host: '127.0.0.1', port: 1 }).open({ bytes: () => {}, closed: () => {} })).toMatchObject({
    ok: false,
    error: {
      code: 'TRANSPORT_REFUSED',
      message: 'tcp://127.0.0.1:1 refused the connection',
      hint: expect.stringContaining('serial server'),
    },
  })
})

it('says that a serial port does not exist', async () => {
  const settings = { path: '/dev/ttyNOPE', baud: 9600, dataBits: 8, parity: 'even', stopBits: 1 } as const
  expect(await serialTransport(settings).open({ bytes: () => {}, closed: () => {} })).toMatchObject({
    ok: false,
    error: { code: 'TRANSPORT_MISSING' },
  })
  expect(characterTime(settings)).toBeCloseTo(1.1458, 3)
})

/** Two joined pseudo terminals with names that stay the same when they are made anew. */
const cable = async (folder: string) => {
  const [meterEnd, gatewayEnd] = [join(folder, 'meter'), join(folder, 'gateway')]
  const child = spawn('socat', ['-d', '-d', `pty,raw,echo=0,link=${meterEnd}`, `pty,raw,echo=0,link=${gatewayEnd}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.stderr.on('data', (text: Buffer) => /starting data transfer/.test(String(text)) && existsSync(gatewayEnd) && resolve())
  })
  const meter = new SerialPort({ path: meterEnd, baudRate: 9600, autoOpen: false })
  await new Promise<void>((resolve, reject) => meter.open((error) => (error ? reject(error) : resolve())))
  meter.on('data', (request: Buffer) => meter.write(Buffer.from(answerTo(request))))
  meter.on('error', () => {})
  const pull = async () => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    if (meter.isOpen) meter.close(() => {})
  }
  return { gatewayEnd, pull }
}

it('opens a serial port again after the adapter was pulled out and put back, and reads on', async () => {
  const folder = scratch()
  const first = await cable(folder)
  const states: string[] = []
  const line = new HalfDuplexLine(serialTransport({ path: first.gatewayEnd, baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 }), {
    id: 'rs485',
    onState: (state) => states.push(state),
  })
  onTestFinished(() => line.close())
  const channel = line.attach(modbusRtu)
  const read = () => converse(readRegisters('rtu', 1, 3, 7, 2), channel, { device: 'M1', reactionMs: 300 }, { tries: 1 })
  expect(await read()).toEqual({ ok: true, value: [7, 8] })
  await first.pull()
  await expect.poll(async () => (await read()).ok, { timeout: 60_000 }).toBe(false)
  const second = await cable(folder)
  onTestFinished(() => second.pull())
  await expect.poll(async () => (await read()).ok, { timeout: 60_000, interval: 100 }).toBe(true)
  expect(states).toEqual(['up', 'down', 'up'])
})

const deferred = <T>() => {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
