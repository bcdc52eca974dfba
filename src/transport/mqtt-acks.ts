/** A message that waits for its acknowledgement. */
export interface Owed {
  readonly packetId: number
  readonly exactlyOnce: boolean
  outcome: boolean | null
}

/** First byte of PUBACK and PUBREC. @source MQTT 3.1.1, 3.4 PUBACK, 3.5 PUBREC */
const PUBACK = 0x40
const PUBREC = 0x50

/**
 * The acknowledgements one connection owes its broker, sent in the order the messages came, however their answers come.
 * Several that are due together are one write.
 *
 * @source MQTT 3.1.1, 4.6 message ordering, [MQTT-4.6.0-2] and [MQTT-4.6.0-3]
 */
export class Acks {
  readonly #owed: Owed[] = []
  readonly #write: (packets: Uint8Array, count: number) => void
  #isDue = false

  constructor(write: (packets: Uint8Array, count: number) => void) {
    this.#write = write
  }

  add(packetId: number, exactlyOnce: boolean): Owed {
    const owed: Owed = { packetId, exactlyOnce, outcome: null }
    this.#owed.push(owed)
    return owed
  }

  /** False: this message is not acknowledged, and those behind it no longer wait for it. */
  settle(owed: Owed, outcome: boolean): void {
    owed.outcome = outcome
    if (this.#isDue || this.#owed[0] !== owed) return
    this.#isDue = true
    // After every promise that one commit resolves.
    process.nextTick(() => this.flush())
  }

  flush(): void {
    this.#isDue = false
    let settled = 0
    while (this.#owed[settled] && this.#owed[settled]?.outcome !== null) settled++
    const safe = this.#owed.splice(0, settled).filter(({ outcome }) => outcome)
    if (safe.length === 0) return
    const packets = Buffer.allocUnsafe(safe.length * 4)
    for (const [n, { packetId, exactlyOnce }] of safe.entries()) {
      packets.writeUInt16BE(((exactlyOnce ? PUBREC : PUBACK) << 8) | 2, n * 4)
      packets.writeUInt16BE(packetId, n * 4 + 2)
    }
    this.#write(packets, safe.length)
  }
}
