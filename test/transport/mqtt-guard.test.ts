import * as fc from 'fast-check'
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import { expect, it } from 'vitest'
import { type GuardNote, HEAD_BYTES, PacketGuard } from '../../src/transport/mqtt-guard.ts'

const MOST = 300

/** A message as the house would see it behind the guard. */
interface Seen {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
  readonly dup: boolean
  readonly messageId: number | undefined
  readonly note: GuardNote
}

/** Sends bytes through a guard and foreign parsers; everything but messages as `cmd`. */
const through = (chunks: readonly Uint8Array[], version: '3.1.1' | '5'): (Seen | string)[] => {
  const guard = new PacketGuard({ version, maxPayloadBytes: MOST })
  const seen: (Seen | string)[] = []
  const behind = parser({ protocolVersion: version === '5' ? 5 : 4 })
  behind.on('error', (error: Error) => seen.push(error.message))
  behind.on('packet', (packet: Packet) => {
    if (packet.cmd !== 'publish') seen.push(packet.cmd)
    else {
      const { topic, payload, qos, retain, dup, messageId } = packet
      seen.push({ topic, payload: payload.toString('hex'), qos, retain, dup, messageId, note: guard.note() })
    }
  })
  for (const chunk of chunks) {
    const taken = guard.take(Uint8Array.from(chunk))
    if (!taken.ok) return [...seen, taken.error.code]
    for (const bytes of taken.value) behind.parse(Buffer.from(bytes))
  }
  return seen
}

const cut = (bytes: Uint8Array, at: readonly number[]): Uint8Array[] => {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((place, n) => bytes.subarray(places[n], place))
}

const message = fc.record({
  cmd: fc.constant('publish' as const),
  topic: fc.string({ minLength: 1, maxLength: 40 }).map((text) => `台区/${text}`),
  payload: fc
    .oneof({ weight: 4, arbitrary: fc.uint8Array({ maxLength: 60 }) }, fc.uint8Array({ minLength: 280, maxLength: 900 }))
    .map(Buffer.from),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  dup: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
})
const answer = fc.constantFrom<Exclude<Packet, IPublishPacket>>(
  { cmd: 'pingresp' },
  { cmd: 'puback', messageId: 7 },
  { cmd: 'pubrel', messageId: 8 },
  { cmd: 'suback', messageId: 9, granted: [1, 128] },
  { cmd: 'unsuback', messageId: 10, granted: [0] },
)
const traffic = fc.array(fc.oneof({ weight: 3, arbitrary: message }, answer), { minLength: 1, maxLength: 8 })

it.each(['3.1.1', '5'] as const)('gives the same packets however the bytes are cut, MQTT %s', (version) => {
  const options = { protocolVersion: version === '5' ? (5 as const) : (4 as const) }
  fc.assert(
    fc.property(traffic, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (packets, places, isByByte) => {
      const sent = packets.map((packet) =>
        packet.cmd === 'publish' && version === '5'
          ? { ...packet, properties: { userProperties: { maker: 'x'.repeat(packet.payload.length % 200) }, contentType: 'json' } }
          : packet,
      )
      const bytes = Buffer.concat(sent.map((packet) => generate(packet, options)))
      const chunks = isByByte ? [...bytes].map((byte) => Uint8Array.of(byte)) : cut(bytes, places)
      expect(through(chunks, version)).toEqual(
        packets.map((packet) => {
          if (packet.cmd !== 'publish') return packet.cmd
          const { topic, payload, qos, retain, dup, messageId } = packet
          const isLarge = payload.length > MOST
          return {
            topic,
            payload: payload.subarray(0, isLarge ? HEAD_BYTES : MOST).toString('hex'),
            qos: Math.min(qos, 1),
            retain,
            dup,
            messageId: qos > 0 ? messageId : undefined,
            note: { exactlyOnce: qos === 2, bytes: isLarge ? payload.length : null },
          }
        }),
      )
    }),
    { numRuns: 400 },
  )
})

it('passes on the very chunk when it holds whole packets', () => {
  const guard = new PacketGuard({ version: '3.1.1', maxPayloadBytes: MOST })
  const chunk = Buffer.concat(
    [1, 2, 3].map((n) => generate({ cmd: 'publish', topic: 'a/b', payload: `${n}`, qos: 1, messageId: n, dup: false, retain: false })),
  )
  const taken = guard.take(chunk)
  expect(taken.ok && taken.value[0]).toBe(chunk)
})

it('keeps 200 bytes of 256 MB', () => {
  const guard = new PacketGuard({ version: '3.1.1', maxPayloadBytes: 262_144 })
  const payload = 268_435_455 - 4
  const start = Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, 0, 2, 0x61, 0x62)
  expect(guard.take(start)).toEqual({ ok: true, value: [] })
  const piece = new Uint8Array(1 << 20).fill(0x20)
  const before = process.memoryUsage()
  const passed: Uint8Array[] = []
  for (let left = payload; left > 0; left -= piece.length) {
    const taken = guard.take(piece.subarray(0, left))
    if (taken.ok) passed.push(...taken.value)
  }
  const after = process.memoryUsage()
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(5_000_000)
  expect(guard.note()).toEqual({ exactlyOnce: false, bytes: payload })
  expect(Buffer.concat(passed).length).toBe(3 + 4 + HEAD_BYTES)
})

it('drops 200 kB of properties with the payload', () => {
  const packet = { cmd: 'publish', topic: 'a', payload: 'small', qos: 1, messageId: 5, dup: false, retain: false } as const
  const notes = Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`k${n}`, 'x'.repeat(40_000)]))
  const bytes = generate({ ...packet, properties: { userProperties: notes } }, { protocolVersion: 5 })
  expect(through(cut(bytes, [3, 70, 1000]), '5')).toMatchObject([
    { topic: 'a', messageId: 5, payload: Buffer.from('small').toString('hex'), note: { bytes: 5 } },
  ])
})

it.each<[string, string, '3.1.1' | '5']>([
  ['a length of five bytes', '30 FF FF FF FF 01', '3.1.1'],
  ['a packet type that does not exist', '00 00', '3.1.1'],
  ['a packet that only a client sends', '82 05 00 01 00 00 01', '3.1.1'],
  ['DISCONNECT, which no 3.1.1 broker sends', 'E0 00', '3.1.1'],
  ['a CONNACK without a code', '20 01 00', '3.1.1'],
  ['flags where there are none', '21 02 00 00', '3.1.1'],
  ['QoS 3', '36 06 00 01 61 00 01 31', '3.1.1'],
  ['a QoS 2 message shorter than its topic', '34 04 00 09 61 62', '3.1.1'],
  ['properties longer than the message', '34 08 00 01 61 00 01 FF 7F 00', '5'],
  ['an answer of another protocol', Buffer.from('HTTP/1.1 400 Bad Request').toString('hex'), '3.1.1'],
])('refuses %s', (_, hex, version) => {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  expect(through([bytes], version)).toEqual(['MQTT_PROTOCOL'])
  expect(
    through(
      [...bytes].map((byte) => Uint8Array.of(byte)),
      version,
    ),
  ).toEqual(['MQTT_PROTOCOL'])
})

it('never throws, whatever comes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }),
      fc.constantFrom('3.1.1' as const, '5' as const),
      (chunks, version) => {
        const guard = new PacketGuard({ version, maxPayloadBytes: 8 })
        for (const chunk of chunks) if (!guard.take(chunk).ok) return
      },
    ),
    { numRuns: 2000 },
  )
})
