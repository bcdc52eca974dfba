import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  CAPTURED,
  type CaptureHead,
  frameLine,
  headLine,
  internetSum,
  pcapWriter,
  readCapture,
  textHead,
  textLine,
  type WritableFrame,
} from '../../src/capture/index.ts'

const AT = Date.parse('2026-08-15T12:00:00.123Z')
const head = (line: Partial<CaptureHead['line']> = {}, profile = 'eastron-sdm630'): CaptureHead => ({
  ...{ capture: 'gridtally', version: 1, startedAt: new Date(AT).toISOString(), timezone: 'Asia/Shanghai' },
  line: {
    ...{ id: 'l1', kind: 'tcp', address: 'tcp://10.0.0.7:1502', host: '10.0.0.7', port: 1502, baud: null, format: null, framing: 'tcp' },
    ...line,
  },
  meters: [{ meter: 'M 1', point: 'P-1', area: 'A1', address: '1', profile, ct: '400/5', pt: '1' }],
})
const SERIAL = {
  kind: 'serial',
  address: '/dev/ttyUSB0 2400 8E1',
  host: null,
  port: null,
  baud: 2400,
  format: '8E1',
  framing: 'rtu',
} as const

const hidden = fc.constantFrom([], [{ at: 0, size: 1 }])
const frame: fc.Arbitrary<WritableFrame> = fc
  .record({
    at: fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }),
    what: fc.constantFrom(...CAPTURED),
    protocol: fc.constantFrom(null, 'dlt645-2007', 'modbus-tcp'),
    device: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    hidden,
    text: fc.stringMatching(/^[a-z0-9 :;→]{0,40}$/).map((text) => text.trim()),
    tookMs: fc.option(fc.nat(60_000)),
    topic: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })),
    retained: fc.boolean(),
  })
  .map((made) => ({ ...made, retained: made.topic === null ? false : made.retained }))

const clean = ({ bytes, ...rest }: WritableFrame) => {
  const zeroed = bytes.slice()
  for (const { at, size } of rest.hidden) zeroed.fill(0, at, at + size)
  return { ...rest, bytes: zeroed }
}
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))

describe('a capture', () => {
  it('comes back from JSON Lines and from text as it was', () =>
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), (frames) => {
        const json = readCapture(bytesOf(headLine(head()) + frames.map(frameLine).join('')))
        const text = readCapture(bytesOf(textHead(head()) + frames.map((one) => textLine(one)).join('')))
        const wanted = { ok: true, value: { head: head(), frames: frames.map(clean), isCut: false } }
        expect(json).toEqual(wanted)
        expect(text).toEqual(wanted)
      }),
    ))

  it('is read to its last whole frame when it was cut off', () => {
    const one: WritableFrame = {
      ...{ at: AT, what: 'tx', protocol: 'modbus-tcp', device: 'M1', bytes: new Uint8Array([1, 2]), hidden: [], text: 't', tookMs: null },
    }
    for (const whole of [headLine(head()) + frameLine(one).repeat(2), textHead(head()) + textLine(one).repeat(2)])
      expect(readCapture(bytesOf(whole.slice(0, -12)))).toMatchObject({ ok: true, value: { isCut: true, frames: [{ at: AT }] } })
    const packets = Buffer.concat([pcapWriter(head(SERIAL)).head(), pcapWriter(head(SERIAL)).frame(one)])
    expect(readCapture(packets.subarray(0, -1))).toMatchObject({ ok: true, value: { isCut: true, frames: [] } })
  })

  it.each([
    ['nothing', '', 'CAPTURE_FORMAT'],
    ['something else', 'hello', 'CAPTURE_FORMAT'],
    ['another head', '{"capture":"other"}\n', 'CAPTURE_FORMAT'],
    ['a later version', headLine({ ...head(), version: 2 }), 'CAPTURE_VERSION'],
    ['a line that is no frame', `${headLine(head())}{"at":1}\n\n`, 'CAPTURE_LINE'],
    ['a byte that is none', `${textHead(head())}2026-08-15T12:00:00.123Z tx - - [GG]\n\n`, 'CAPTURE_LINE'],
  ])('refuses %s', (_, text, code) => expect(readCapture(bytesOf(text))).toMatchObject({ ok: false, error: { code } }))

  it('refuses a pcap file of another link type and a packet longer than any', () => {
    const ours = Buffer.from(pcapWriter(head(SERIAL)).head())
    ours.writeUInt32LE(105, 20)
    expect(readCapture(ours)).toMatchObject({ error: { code: 'CAPTURE_LINKTYPE' } })
    const long = Buffer.concat([pcapWriter(head(SERIAL)).head(), Buffer.alloc(8), Buffer.from('ffffff7fffffff7f', 'hex')])
    expect(readCapture(long)).toMatchObject({ error: { code: 'CAPTURE_FORMAT' } })
  })

  it('survives any bytes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('', 'd4c3b2a1', 'a1b2c3d4', '7b'), (bytes, magic) => {
        readCapture(Buffer.concat([Buffer.from(magic, 'hex'), bytes]))
      }),
    ))
})

/** Modbus TCP: request and answer, byte for byte as on the wire. */
const REQUEST = Uint8Array.from([0, 7, 0, 0, 0, 6, 1, 4, 0, 0, 0, 2])
const ANSWER = Uint8Array.from([0, 7, 0, 0, 0, 7, 1, 4, 4, 0x43, 0x66, 0x33, 0x33])
const exchange = (request: Uint8Array, answer: Uint8Array): WritableFrame[] => [
  { at: AT, what: 'tx', protocol: null, device: null, bytes: request, hidden: [], text: '', tookMs: null },
  { at: AT + 85, what: 'rx', protocol: null, device: null, bytes: answer, hidden: [], text: '', tookMs: 85 },
]
const fileOf = (of: CaptureHead, frames: readonly WritableFrame[]): Buffer => {
  const writer = pcapWriter(of)
  return Buffer.concat([writer.head(), ...frames.map((one) => writer.frame(one))])
}

describe('a pcap file', () => {
  it('has Ethernet, IPv4 and TCP as RFC 791 and RFC 9293 write them: checksums, sequence numbers, the real port', () => {
    const file = fileOf(head(), [...exchange(REQUEST, ANSWER), ...exchange(REQUEST, ANSWER)])
    expect([file.readUInt32LE(0), file.readUInt16LE(4), file.readUInt16LE(6), file.readUInt32LE(20)]).toEqual([0xa1b2c3d4, 2, 4, 1])
    const packets: Buffer[] = []
    for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) {
      expect(file.readUInt32LE(at + 8)).toBe(file.readUInt32LE(at + 12))
      packets.push(file.subarray(at + 16, at + 16 + file.readUInt32LE(at + 8)))
    }
    expect(packets).toHaveLength(3 + 4)
    const next = new Map<string, number>()
    for (const packet of packets) {
      expect(packet.readUInt16BE(12)).toBe(0x0800)
      const ip = packet.subarray(14, 34)
      expect([ip[0], ip.readUInt16BE(2), ip[9]]).toEqual([0x45, packet.length - 14, 6])
      expect(internetSum([ip])).toBe(0)
      const tcp = packet.subarray(34)
      const pseudo = Buffer.concat([ip.subarray(12, 20), Buffer.from([0, 6, 0, tcp.length])])
      expect(internetSum([pseudo, tcp])).toBe(0)
      const [from, to] = [tcp.readUInt16BE(0), tcp.readUInt16BE(2)]
      expect([from, to].sort((a, b) => a - b)).toEqual([1502, 50_000])
      const sequence = tcp.readUInt32BE(4)
      if (next.has(`${from}`)) expect(sequence).toBe(next.get(`${from}`))
      const isSyn = ((tcp[13] ?? 0) & 0x02) !== 0
      if ((tcp[13] ?? 0) & 0x10) expect(tcp.readUInt32BE(8)).toBe(next.get(`${to}`))
      next.set(`${from}`, sequence + tcp.length - 20 + (isSyn ? 1 : 0))
    }
    expect(packets[3]?.subarray(54)).toEqual(Buffer.from(REQUEST))
    expect(packets[3]?.subarray(30, 34).join('.')).toBe('10.0.0.7')
  })

  it('has serial frames under RTAC serial, as tcpdump.org writes it', () => {
    const file = fileOf(head(SERIAL, 'dlt645-2007/x'), exchange(new Uint8Array([0x68, 0x16]), new Uint8Array([0x68, 0x01, 0x16])))
    expect(file.readUInt32LE(20)).toBe(250)
    const first = file.subarray(24)
    expect([first.readUInt32LE(0), first.readUInt32LE(4), first.readUInt32LE(8)]).toEqual([Math.floor(AT / 1000), 123_000, 14])
    expect([first.readUInt32BE(16), first.readUInt32BE(20), first[24], first[25], first.readUInt16BE(26)]).toEqual([
      ...[Math.floor(AT / 1000), 123_000, 0x01, 0, 0],
    ])
    expect(first.subarray(28, 30)).toEqual(Buffer.from([0x68, 0x16]))
    expect(file[file.length - 16 + 12 - 3]).toBeDefined()
  })

  it.each([
    ['Modbus TCP', head(), REQUEST, ANSWER, 'modbus-tcp'],
    ['a serial line', head(SERIAL), new Uint8Array([1, 3, 0, 0]), new Uint8Array([1, 3, 2]), null],
    ['RTU behind a serial server', head({ framing: 'rtu' }), new Uint8Array([1, 3, 0, 0]), new Uint8Array([1, 3, 2]), null],
  ])('of %s is read back', (_, of, request, answer, protocol) => {
    const read = readCapture(fileOf(of, exchange(request, answer)))
    expect(read).toMatchObject({
      ok: true,
      value: {
        head: null,
        frames: [
          { at: AT, what: 'tx', bytes: request, protocol },
          { at: AT + 85, what: 'rx', bytes: answer, protocol },
        ],
      },
    })
  })

  const hasTshark = spawnSync('tshark', ['--version']).status === 0
  it.runIf(hasTshark)('opens in Wireshark: Modbus is recognised, no checksum and no sequence is wrong', () => {
    const directory = mkdtempSync(join(tmpdir(), 'capture-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const tshark = (file: Buffer, ...options: string[]) => {
      const path = join(directory, 'a.pcap')
      writeFileSync(path, file)
      return execFileSync('tshark', ['-r', path, ...options], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    }
    const checks = ['-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE', '-V']
    const tcp = tshark(fileOf(head({ port: 502 }), exchange(REQUEST, ANSWER)), ...checks)
    expect(tcp).toContain('Modbus/TCP')
    expect(tcp).toMatch(/Function Code: Read Input Registers/)
    expect(tcp).toMatch(/Checksum Status: Good/)
    expect(tcp).not.toMatch(/Checksum Status: Bad|Malformed|out-of-order|not captured|Retransmission/i)
    const serial = tshark(fileOf(head(SERIAL), exchange(Uint8Array.from([1, 4, 0, 0, 0, 2, 0x71, 0xcb]), Uint8Array.from([1]))), '-V')
    expect(serial).toMatch(/RTAC Serial/)
    expect(serial).not.toContain('Malformed')
  })
})
