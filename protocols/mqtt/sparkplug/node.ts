import type { Raw } from '../../../src/core/decimal.ts'
import type { PushMessage } from '../../../src/core/push.ts'
import { Definitions } from './definitions.ts'
import type { Payload } from './payload.ts'
import { SequenceWindow } from './sequence.ts'
import type { MessageType } from './topic.ts'

/** A message that has been read and waits for its turn. */
export interface Entry {
  readonly type: Exclude<MessageType, 'STATE' | 'NCMD' | 'DCMD'>
  readonly device: string | null
  readonly payload: Payload
  readonly message: PushMessage
}

export interface DeviceState {
  /** Its DBIRTH belongs to the present session of the node. */
  born: boolean
  /** Null: not heard since we started. */
  online: boolean | null
}

/** A decoded metric in memory. */
const METRIC_BYTES = 250

/** What a host knows of one edge node (边缘节点) and the devices behind it. */
export class NodeState {
  readonly group: string
  readonly node: string
  readonly window: SequenceWindow<Entry>
  readonly definitions = new Definitions()
  readonly devices = new Map<string, DeviceState>()
  /** Payload time of the message that last had this number: the same again is a repeat. */
  readonly recent = new Map<number, Raw>()
  readonly rebirth: Backoff
  /** Its NBIRTH counts. */
  born = false
  online: boolean | null = null
  /** Number of the session, from its NBIRTH; its will carries the same. */
  bdSeq: Raw | null = null
  /** Payload time and arrival of the last NBIRTH. */
  birthTimestamp: Raw | null = null
  bornAt = Number.NEGATIVE_INFINITY
  /** A message has waited for a birth in vain: the next ones need not. */
  waitedForBirth = false
  /** When devices that did not come back after a birth are offline. */
  settleAt: number | null = null
  heardAt = 0
  /** What the host last counted. */
  countedBytes = 0

  constructor(
    group: string,
    node: string,
    timing: { readonly reorderMs: number; readonly backoffMs: number; readonly backoffMaxMs: number },
  ) {
    this.group = group
    this.node = node
    this.window = new SequenceWindow(timing.reorderMs)
    this.rebirth = new Backoff(timing.backoffMs, timing.backoffMaxMs)
  }

  /** An NBIRTH came: every device has to be born again. */
  begin(session: { readonly bdSeq: Raw | null; readonly timestamp: Raw | null; readonly seq: number | null; readonly at: number }): void {
    this.born = true
    this.bdSeq = session.bdSeq
    this.birthTimestamp = session.timestamp
    this.bornAt = session.at
    this.waitedForBirth = false
    this.recent.clear()
    this.window.begin(session.seq)
    for (const device of this.devices.values()) device.born = false
  }

  /** Its session is over; the number of the session stays known. */
  end(): void {
    this.born = false
    this.waitedForBirth = false
    this.settleAt = null
    this.window.begin(null)
  }

  /** Whether a message was sent before the last birth, which overtook it a moment ago. @param since  earliest such moment */
  isOvertaken(timestamp: Raw | null, since: number): boolean {
    return this.bornAt > since && timestamp !== null && this.birthTimestamp !== null && timestamp < this.birthTimestamp
  }

  /** Memory that waiting messages take, about, in bytes. */
  get waitingBytes(): number {
    return this.window.waiting.reduce(
      (sum, { message, payload }) => sum + message.payload.length + payload.metrics.length * METRIC_BYTES,
      0,
    )
  }

  /** What it takes of the room that all nodes share. */
  get size(): number {
    return this.definitions.size + this.devices.size
  }
}

/** Lets something happen once, and again only after a pause that doubles while the need lasts. */
export class Backoff {
  readonly #firstMs: number
  readonly #maxMs: number
  #pauseMs: number
  #doneAt: number | null = null
  #neededAt = 0

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs
    this.#maxMs = maxMs
    this.#pauseMs = firstMs
  }

  /** No pause is running. */
  free(now: number): boolean {
    return this.#doneAt === null || now - this.#doneAt >= this.#pauseMs || now < this.#doneAt
  }

  /** Says that there is a need, and answers whether now is the time. */
  need(now: number): boolean {
    const calm = now - this.#neededAt > this.#pauseMs
    this.#neededAt = now
    if (!this.free(now)) return false
    this.#pauseMs = this.#doneAt === null || calm ? this.#firstMs : Math.min(this.#pauseMs * 2, this.#maxMs)
    this.#doneAt = now
    return true
  }
}
