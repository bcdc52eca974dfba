/** A request whose echo is still looked for. */
export interface Echoing {
  readonly device: string
  readonly request: Uint8Array
  /** Echo bytes heard; -1 when the answer has begun. */
  echoed: number
}

/**
 * Two-wire adapters that return our own bytes (回波): recognises the echo of a request in front of what is heard, and drops it. Whether an
 * adapter does so is unknown until it was seen.
 */
export class EchoFilter {
  #isSeen = false
  readonly #onEcho: (ear: Echoing) => void

  constructor(onEcho: (ear: Echoing) => void) {
    this.#onEcho = onEcho
  }

  /** How `echoed` begins. Of a request that its answer mirrors, an echo is only dropped where echo is known. */
  expected(mirrors: boolean | undefined): number {
    return mirrors && !this.#isSeen ? -1 : 0
  }

  /** Drops our own bytes from the front of what came; keeps as much as may still turn out to be echo. */
  strip(ear: Echoing, bytes: Uint8Array): Uint8Array {
    if (ear.echoed < 0) return bytes
    const { request } = ear
    let at = 0
    while (at < bytes.length && ear.echoed + at < request.length && bytes[at] === request[ear.echoed + at]) at++
    if (ear.echoed + at === request.length) {
      this.#isSeen = true
      this.#onEcho(ear)
      ear.echoed = -1
      return bytes.subarray(at)
    }
    if (at === bytes.length) {
      ear.echoed += at
      return bytes.subarray(at)
    }
    // No echo after all: what was held back is part of the answer.
    const held = request.subarray(0, ear.echoed)
    ear.echoed = -1
    if (held.length === 0) return bytes
    const joined = new Uint8Array(held.length + bytes.length)
    joined.set(held)
    joined.set(bytes, held.length)
    return joined
  }

  /** Gives back what was held: half an echo that never became whole may have been a short answer. Null when nothing was. */
  release(ear: Echoing): Uint8Array | null {
    if (ear.echoed <= 0) return null
    const held = ear.request.subarray(0, ear.echoed)
    ear.echoed = -1
    return held
  }
}
