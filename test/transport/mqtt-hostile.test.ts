import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import * as fc from 'fast-check'
import { generate, type Packet, parser } from 'mqtt-packet'
import { expect, it, onTestFinished } from 'vitest'
import { openEnd, ready, textOf, until } from './mqtt-listener.ts'

/** A broker made of nothing: what it does with each packet is the test's; bytes it received are kept. */
const fakeBroker = async (version: '3.1.1' | '5', onPacket: (packet: Packet, socket: Socket, send: (packet: Packet) => void) => void) => {
  const options = { protocolVersion: version === '5' ? (5 as const) : (4 as const) }
  const received: Packet[] = []
  const chunks: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    const reader = parser(options)
    reader.on('packet', (packet: Packet) => {
      received.push(packet)
      onPacket(packet, socket, (answer) => socket.write(generate(answer, options)))
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      reader.parse(chunk)
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return { url: `mqtt://127.0.0.1:${address.port}`, received, chunks, sockets, options }
}
const CONNACK: Packet = { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false }
const message = (n: number, more: { qos?: 0 | 1 | 2; payload?: string } = {}): Packet => ({
  cmd: 'publish',
  topic: 'm',
  payload: `${n}`,
  qos: 1,
  messageId: n,
  dup: false,
  retain: false,
  ...more,
})

it('acknowledges in the order the messages came, several with one write', async () => {
  const { url, received, chunks } = await fakeBroker('3.1.1', (packet, _, send) => {
    if (packet.cmd !== 'connect') return
    send(CONNACK)
    for (const n of [1, 2, 3, 4]) send(message(n, { qos: n === 3 ? 2 : 1 }))
  })
  const answers: ((isSafe: boolean) => void)[] = []
  const { end } = openEnd({ url }, () => new Promise((resolve) => void answers.push(resolve)))
  await until(() => answers.length === 4)
  const acks = () => received.filter(({ cmd }) => cmd !== 'connect').map(({ cmd, messageId }) => `${cmd} ${messageId}`)
  answers[3]?.(true)
  answers[2]?.(true)
  // An answer of ours that is due now would be on its way before this publication.
  void end.publish('x', 'y', { qos: 0 })
  await until(() => acks().length > 0)
  expect(acks()).toEqual(['publish undefined'])
  answers[0]?.(true)
  await until(() => acks().length > 1)
  void end.publish('x', 'y', { qos: 0 })
  await until(() => acks().length > 2)
  expect(acks()).toEqual(['publish undefined', 'puback 1', 'publish undefined'])
  const before = chunks.length
  answers[1]?.(true)
  await until(() => end.state().acknowledged === 4 && acks().length === 6)
  expect(acks().slice(3)).toEqual(['puback 2', 'pubrec 3', 'puback 4'])
  expect(chunks.slice(before).map((chunk) => chunk.toString('hex'))).toEqual(['400200025002000340020004'])
})

it('does not acknowledge on a new connection what came on an old one', async () => {
  const { url, received, sockets } = await fakeBroker('3.1.1', (packet, _, send) => {
    if (packet.cmd === 'connect') send(CONNACK)
  })
  const answers: ((isSafe: boolean) => void)[] = []
  const { end } = openEnd({ url }, () => new Promise((resolve) => void answers.push(resolve)))
  await ready(end)
  for (const socket of sockets) socket.write(generate(message(9)))
  await until(() => answers.length === 1)
  for (const socket of sockets) socket.destroy()
  await until(() => end.state().connections[0]?.reconnects === 1)
  answers[0]?.(true)
  await end.publish('x', 'behind it', { qos: 0 })
  await until(() => received.some(({ cmd }) => cmd === 'publish'))
  expect(received.map(({ cmd }) => cmd)).not.toContain('puback')
  expect(end.state().acknowledged).toBe(0)
})

it('takes messages that come one byte at a time', async () => {
  const { url } = await fakeBroker('5', async (packet, socket, send) => {
    if (packet.cmd !== 'connect') return
    send(CONNACK)
    const bytes = generate(message(1, { payload: 'x'.repeat(20) }), { protocolVersion: 5 })
    for (const byte of bytes) await new Promise((done) => socket.write(Uint8Array.of(byte), () => setImmediate(done)))
  })
  const { end, messages } = openEnd({ url, version: '5', maxPayloadBytes: 10, maxInFlight: 3 })
  await until(() => end.state().oversize === 1)
  expect(messages).toEqual([])
})

it('says why it was sent away, though the broker hangs up with the same bytes', async () => {
  const { url } = await fakeBroker('5', (packet, socket, send) => {
    if (packet.cmd !== 'connect') return
    send(CONNACK)
    socket.end(generate({ cmd: 'disconnect', reasonCode: 0x8e }, { protocolVersion: 5 }))
  })
  const { end } = openEnd({ url, version: '5' })
  await until(() => end.state().connections[0]?.error !== null)
  expect(end.state().connections[0]?.error).toMatchObject({
    code: 'MQTT_CLOSED',
    message: expect.stringContaining('sends gridtally-test away: session taken over'),
    hint: expect.stringContaining('two clients with one client id'),
  })
})

it.each([
  ['garbage', 'DE AD BE EF', 'MQTT_PROTOCOL'],
  ['a web server', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n').toString('hex'), 'MQTT_PROTOCOL'],
  ['a length of five bytes', '20 FF FF FF FF 01', 'MQTT_PROTOCOL'],
  ['a CONNACK with a code that does not exist', '20 02 00 63', 'MQTT_REFUSED'],
  ['half a CONNACK, and silence', '20 02 00', 'MQTT_UNREACHABLE'],
  ['a topic that is not UTF-8 length', '20 02 00 00 30 03 00 09 61', 'MQTT_PROTOCOL'],
])('ends a connection on which %s comes', async (_, hex, code) => {
  const { url } = await fakeBroker('3.1.1', (packet, socket) => {
    if (packet.cmd === 'connect') socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  })
  const { end } = openEnd({ url, connectTimeoutMs: 200 })
  await until(() => end.state().connections[0]?.error !== null)
  expect(end.state().connections[0]).toMatchObject({ state: 'down', error: { code } })
})

it('outlives any bytes', async () => {
  let bytes: Uint8Array = new Uint8Array()
  const options = { '3.1.1': 0, '5': 0 }
  const brokers = await Promise.all(
    (['3.1.1', '5'] as const).map(async (version) => {
      const broker = await fakeBroker(version, (packet, socket, send) => {
        if (packet.cmd !== 'connect') return
        if (options[version]++ % 2 === 0) send(CONNACK)
        socket.end(bytes)
      })
      return { version, url: broker.url }
    }),
  )
  const header = fc.constantFrom(0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0, 0xf0)
  const packet = fc.tuple(header, fc.uint8Array({ maxLength: 20 })).map(([first, body]) => Uint8Array.of(first, body.length, ...body))
  const stream = fc.array(packet, { minLength: 1, maxLength: 5 }).map((packets) => Uint8Array.from(packets.flatMap((one) => [...one])))
  await fc.assert(
    fc.asyncProperty(fc.oneof(stream, fc.uint8Array({ maxLength: 40 })), fc.constantFrom(...brokers), async (garbage, { url, version }) => {
      bytes = garbage
      const { end } = openEnd({ url, version })
      await until(() => end.state().connections[0]?.error !== null)
      await end.close(0)
    }),
    { numRuns: 300 },
  )
})

it('goes on with the next message after one that was cut short', async () => {
  let connects = 0
  const { url } = await fakeBroker('3.1.1', (packet, socket, send) => {
    if (packet.cmd !== 'connect') return
    send(CONNACK)
    const bytes = generate(message(1, { payload: 'x'.repeat(500) }))
    if (connects++ === 0) socket.end(bytes.subarray(0, 300))
    else socket.write(bytes)
  })
  const { end, messages, large } = openEnd({ url, maxPayloadBytes: 100 })
  await until(() => end.state().acknowledged === 1)
  expect(messages.map(textOf)).toEqual([])
  expect(large.map(({ bytes, head }) => [bytes, head.length])).toEqual([[500, 200]])
})
