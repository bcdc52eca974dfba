import type { Peer } from '../../transport/index.ts'
import type { SessionHost, SessionPort } from './session-types.ts'
import type { SpeechPort } from './speech.ts'
import type { ListenerSettings } from './types.ts'

/** Bytes looked at for a protocol; none needs more to be told. */
const MOST_HEAD = 256
/** Bytes in front of anything known after which it is not a terminal. */
const MOST_NOISE = 1024

/** A connection as it comes in: which protocol it speaks is told by its first bytes. */
export class Dialled {
  readonly peer: Peer
  readonly listener: ListenerSettings
  readonly openedAt: number
  session: SessionPort | null = null
  readonly #speeches: readonly SpeechPort[]
  readonly #host: SessionHost
  #head: Uint8Array | null = null
  #noise = 0

  constructor(peer: Peer, listener: ListenerSettings, speeches: readonly SpeechPort[], openedAt: number, host: SessionHost) {
    this.peer = peer
    this.listener = listener
    this.#speeches = speeches
    this.openedAt = openedAt
    this.#host = host
  }

  /** @returns why it is not a terminal; null = go on */
  feed(bytes: Uint8Array): string | null {
    if (this.session) {
      this.session.feed(bytes)
      return null
    }
    let head = this.#head ? joined(this.#head, bytes) : bytes
    while (head.length > 0) {
      const speech = this.#told(head)
      if (speech === 'more') break
      if (speech !== 'none') {
        this.#head = null
        this.session = speech.open(this.peer, this.listener, this.openedAt, this.#host)
        this.session.feed(head)
        return null
      }
      // Not the beginning of anything: perhaps the next byte is.
      head = head.subarray(1)
      if (++this.#noise > MOST_NOISE) return `${MOST_NOISE} bytes of no protocol that is spoken here`
    }
    this.#head = head.length > 0 ? head.slice() : null
    return null
  }

  #told(head: Uint8Array): SpeechPort | 'more' | 'none' {
    const [only, second] = this.#speeches
    if (only && !second) return only
    let isOpen = false
    for (const speech of this.#speeches) {
      const claims = speech.claims(head)
      if (claims === 'yes') return speech
      if (claims === 'more') isOpen = true
    }
    return isOpen && head.length < MOST_HEAD ? 'more' : 'none'
  }
}

const joined = (one: Uint8Array, other: Uint8Array): Uint8Array => {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}
