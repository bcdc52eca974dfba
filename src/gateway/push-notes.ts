import type { PushMessage, PushOutcome } from '../core/index.ts'
import type { Heard } from '../push/index.ts'
import type { KnownMeter } from './push-meters.ts'

/** What a message tells of one device, while it is gathered. */
export type Note = { -readonly [Name in keyof Heard]: Heard[Name] } & {
  values: number
  duplicates: number
  conflicts: number
  late: number
  skipped?: string[]
  failures?: { item: string; code: string }[]
  unmapped?: { path: string; text: string }[]
}

export const newNote = ({ arrivedAt, topic, retained }: PushMessage, { rule }: PushOutcome, isRegistered: boolean): Note => ({
  at: arrivedAt,
  topic,
  rule,
  retained,
  isRegistered,
  values: 0,
  duplicates: 0,
  conflicts: 0,
  late: 0,
})

/** What one message tells of all devices in it. */
export class Notes {
  readonly #message: PushMessage
  readonly #outcome: PushOutcome
  readonly #notes = new Map<string, Note>()

  constructor(message: PushMessage, outcome: PushOutcome) {
    this.#message = message
    this.#outcome = outcome
  }

  of({ address, isRegistered }: Pick<KnownMeter, 'address' | 'isRegistered'>): Note {
    let note = this.#notes.get(address)
    if (!note) {
      note = newNote(this.#message, this.#outcome, isRegistered)
      this.#notes.set(address, note)
    }
    return note
  }

  get(address: string): Note | undefined {
    return this.#notes.get(address)
  }

  get size(): number {
    return this.#notes.size
  }

  *[Symbol.iterator](): Generator<readonly [address: string, note: Note]> {
    yield* this.#notes
  }
}
