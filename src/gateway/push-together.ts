import type { Reading, Result } from '../core/index.ts'
import { fail } from './errors.ts'

/** Readings that go to the outbox together. */
interface Batch {
  readonly readings: Reading[]
  readonly done: Promise<Result<void>>
}

/** Readings of many messages on their way to the outbox: what came in one turn of the event loop is one entry. */
export class Together {
  readonly #put: (readings: readonly Reading[]) => Promise<Result<void>>
  #batch: Batch | null = null

  constructor(put: (readings: readonly Reading[]) => Promise<Result<void>>) {
    this.#put = put
  }

  /** Safe when the whole entry is. @errors as of the outbox, for all that went together */
  put(readings: readonly Reading[]): Promise<Result<void>> {
    const batch = this.#batch
    if (batch) {
      for (const reading of readings) batch.readings.push(reading)
      return batch.done
    }
    const begun: Batch = {
      readings: [...readings],
      done: new Promise((resolve) =>
        setImmediate(() => {
          this.#batch = null
          resolve(this.alone(begun.readings))
        }),
      ),
    }
    this.#batch = begun
    return begun.done
  }

  /** An entry of its own. @errors as of the outbox; PUSH_PUT when it threw */
  async alone(readings: readonly Reading[]): Promise<Result<void>> {
    try {
      return await this.#put(readings)
    } catch (error) {
      return fail('PUSH_PUT', `${readings.length} readings: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
