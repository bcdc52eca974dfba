import { ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'

/** What the guard changed in a PUBLISH before it let it pass. */
export interface GuardNote {
  /** It came with QoS 2 and looks like QoS 1. */
  readonly exactlyOnce: boolean
  /** Size of a payload of which only the first bytes are left; null when it is whole. */
  readonly bytes: number | null
}

/** How much of a payload that is too large is kept. */
export const HEAD_BYTES = 200
/** More properties than this are dropped with the payload. */
const MOST_PROPERTIES = 65_536

/**
 * Packets a server may send, by type: least remaining length, and the flags its first byte must have (null: any).
 *
 * @source MQTT 3.1.1 and MQTT 5, 2.1.2 control packet type, 2.1.3 flags
 */
const FROM_SERVER: Readonly<Record<number, { readonly least: number; readonly flags: number | null; readonly v5?: true }>> = {
  2: { least: 2, flags: 0 }, //  CONNACK
  3: { least: 2, flags: null }, // PUBLISH
  4: { least: 2, flags: 0 }, //  PUBACK
  5: { least: 2, flags: 0 }, //  PUBREC
  6: { least: 2, flags: 2 }, //  PUBREL
  7: { least: 2, flags: 0 }, //  PUBCOMP
  9: { least: 3, flags: 0 }, //  SUBACK
  11: { least: 2, flags: 0 }, // UNSUBACK
  13: { least: 0, flags: 0 }, // PINGRESP
  14: { least: 0, flags: 0, v5: true }, // DISCONNECT
  15: { least: 0, flags: 0, v5: true }, // AUTH
}
const PUBLISH = 3
const QOS_BITS = 0x06
const PLAIN: GuardNote = { exactlyOnce: false, bytes: null }

/** Front of a PUBLISH that has to be looked at. */
interface Front {
  /** Length of topic, packet id and the length of the properties. */
  readonly head: number
  /** Of those, topic and packet id. */
  readonly named: number
  readonly properties: number
  readonly payload: number
}

/** A PUBLISH of which the payload is being dropped as it comes. */
interface Large {
  readonly first: number
  readonly named: Uint8Array
  readonly payload: number
  skip: number
  left: number
  readonly head: Uint8Array[]
  headBytes: number
}

/**
 * Stands between a socket and the MQTT parser and walks the packet framing, so that nobody has to hold a payload of 256 MB.
 *
 * A PUBLISH that is too large goes on with the first {@link HEAD_BYTES} of its payload, when the rest has come and was dropped.
 * One of QoS 2 goes on as QoS 1: the parser's owner would confirm it before it is stored. A note says so, in the order of the
 * messages. Everything else passes as it came; a chunk of whole packets is passed on itself, not copied.
 *
 * @source MQTT 3.1.1 and MQTT 5, 2 control packet format, 3.3 PUBLISH
 */
export class PacketGuard {
  readonly #v5: boolean
  readonly #most: number
  readonly #notes = new Map<number, GuardNote>()
  #seen = 0
  #asked = 0
  /** Bytes of the current packet that may pass without a look. */
  #pass = 0
  #large: Large | null = null
  /** Start of a packet that says too little yet. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #need = 0

  constructor({ version, maxPayloadBytes }: { readonly version: '3.1.1' | '5'; readonly maxPayloadBytes: number }) {
    this.#v5 = version === '5'
    this.#most = maxPayloadBytes
  }

  /** What was changed in the next PUBLISH that passed; asked once for each. */
  note(): GuardNote {
    const at = this.#asked++
    if (this.#notes.size === 0) return PLAIN
    const note = this.#notes.get(at) ?? PLAIN
    this.#notes.delete(at)
    return note
  }

  /**
   * Takes what came and gives what may go on.
   *
   * @param chunk  becomes ours: it is changed and passed on
   * @errors       MQTT_PROTOCOL
   */
  take(chunk: Uint8Array): Result<readonly Uint8Array[]> {
    let bytes = chunk
    if (this.#heldBytes > 0) {
      this.#hold(chunk)
      if (this.#heldBytes < this.#need) return ok([])
      bytes = Buffer.concat(this.#held)
      this.#held = []
      this.#heldBytes = 0
    }
    const out: Uint8Array[] = []
    let from = 0
    let at = 0
    while (at < bytes.length) {
      if (this.#pass > 0) {
        const step = Math.min(this.#pass, bytes.length - at)
        this.#pass -= step
        at += step
        continue
      }
      if (this.#large) {
        at += this.#swallow(this.#large, bytes, at, out)
        from = at
        continue
      }
      const first = bytes[at]!
      const allowed = FROM_SERVER[first >> 4]
      if (!allowed || (allowed.v5 && !this.#v5) || (allowed.flags ?? first & 15) !== (first & 15)) return stranger(bytes, at)
      let length = 0
      let size = 1
      let byte = 0
      do {
        const next = bytes[at + size]
        if (next === undefined) {
          pass(out, bytes, from, at)
          return this.#wait(bytes, at, size + 1, out)
        }
        byte = next
        length += (byte & 0x7f) * 128 ** (size - 1)
        size++
      } while (byte > 127 && size < 5)
      if (byte > 127 || length < allowed.least) return stranger(bytes, at)
      if (first >> 4 !== PUBLISH) this.#pass = size + length
      else {
        const exactlyOnce = (first & QOS_BITS) === 0x04
        if ((first & QOS_BITS) === QOS_BITS) return fail('MQTT_PROTOCOL', 'a message has QoS 3')
        const index = this.#seen++
        if (length <= this.#most && !exactlyOnce) this.#pass = size + length
        else {
          const front = this.#front(bytes, at + size, length, first)
          if (front === null) return fail('MQTT_PROTOCOL', `a message of ${length} bytes is shorter than its own topic`, { length })
          if (typeof front === 'number') {
            this.#seen--
            pass(out, bytes, from, at)
            return this.#wait(bytes, at, size + front, out)
          }
          if (front.payload <= this.#most && front.properties <= MOST_PROPERTIES) {
            this.#pass = size + length
            if (exactlyOnce) {
              bytes[at] = asQos1(first)
              this.#notes.set(index, { exactlyOnce, bytes: null })
            }
          } else {
            pass(out, bytes, from, at)
            at += size
            this.#notes.set(index, { exactlyOnce, bytes: front.payload })
            this.#large = {
              first: exactlyOnce ? asQos1(first) : first,
              named: bytes.slice(at, at + front.named),
              payload: front.payload,
              skip: front.properties,
              left: front.payload,
              head: [],
              headBytes: 0,
            }
            at += front.head
            from = at
            if (front.properties + front.payload === 0) this.#swallow(this.#large, bytes, at, out)
          }
        }
      }
    }
    pass(out, bytes, from, at)
    return ok(out)
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
  }

  #wait(bytes: Uint8Array, at: number, need: number, out: readonly Uint8Array[]): Result<readonly Uint8Array[]> {
    this.#hold(bytes.subarray(at))
    this.#need = need
    return ok(out)
  }

  /** The front of a PUBLISH whose topic starts at `at`; a number = so many of its bytes are needed; null = it contradicts itself. */
  #front(bytes: Uint8Array, at: number, length: number, first: number): Front | number | null {
    if (bytes.length < at + 2) return 2
    const named = 2 + bytes[at]! * 256 + bytes[at + 1]! + ((first & QOS_BITS) === 0 ? 0 : 2)
    let head = named
    let properties = 0
    if (this.#v5) {
      let byte: number | undefined
      do {
        if (head >= length || head - named > 3) return null
        byte = bytes[at + head]
        if (byte === undefined) return head + 1
        properties += (byte & 0x7f) * 128 ** (head - named)
        head++
      } while (byte > 127)
    }
    if (head + properties > length) return null
    if (bytes.length < at + head) return head
    return { head, named, properties, payload: length - head - properties }
  }

  /** Drops what belongs to the payload; returns how many bytes that were. */
  #swallow(large: Large, bytes: Uint8Array, at: number, out: Uint8Array[]): number {
    const skipped = Math.min(large.skip, bytes.length - at)
    large.skip -= skipped
    const start = at + skipped
    const came = Math.min(large.left, bytes.length - start)
    large.left -= came
    const kept = Math.min(came, HEAD_BYTES - large.headBytes)
    if (kept > 0) {
      large.head.push(bytes.slice(start, start + kept))
      large.headBytes += kept
    }
    if (large.skip === 0 && large.left === 0) {
      this.#large = null
      const properties = Uint8Array.from(this.#v5 ? [0] : [])
      const length = large.named.length + properties.length + large.headBytes
      out.push(Buffer.concat([Uint8Array.of(large.first, ...variable(length)), large.named, properties, ...large.head]))
    }
    return skipped + came
  }
}

const stranger = (bytes: Uint8Array, at: number) =>
  fail('MQTT_PROTOCOL', `a packet that starts with ${Buffer.from(bytes.subarray(at, at + 5)).toString('hex')} is none that a broker sends`)

const asQos1 = (first: number): number => (first & ~QOS_BITS) | 0x02

const pass = (out: Uint8Array[], bytes: Uint8Array, from: number, to: number): void => {
  if (to > from) out.push(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to))
}

/** A length as MQTT writes it. @source MQTT 3.1.1, 2.2.3 remaining length */
const variable = (length: number): number[] => (length < 128 ? [length] : [(length & 0x7f) | 0x80, ...variable(length >> 7)])
