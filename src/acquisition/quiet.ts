import type { Request } from '../core/index.ts'

/** A line that never falls silent is given up on after this, milliseconds. */
export const LONGEST_BABBLE_MS = 5000
/** Waiting for silence ends here, milliseconds; longer than any quarantine. */
export const LONGEST_WAIT_MS = 4 * LONGEST_BABBLE_MS

/** What was asked of whom, monotonic milliseconds. */
export interface Asked {
  readonly device: string
  readonly request: Uint8Array
  readonly twins: string | undefined
  readonly sentAt: number
  /** Half a frame that will never become whole. */
  flush(): void
}

/** A question that was never answered, not even late. */
interface Unanswered extends Pick<Asked, 'sentAt' | 'request' | 'twins'> {
  readonly allowedMs: number
}

/**
 * When a half-duplex line may be used: silence between frames, quarantine after a time-out until the late answer has come or can no longer
 * come, and what each device still owes. All times are monotonic milliseconds.
 */
export class LineQuiet<Late extends Asked> {
  readonly #quietMs: number
  readonly #lateness = new Map<string, number>()
  #late: Late | null = null
  /** Before then nothing is sent. */
  #quietUntil = 0
  #quarantineEnd = 0
  /** Device → before then it is not asked: its late answer may still come. */
  readonly #notBefore = new Map<string, number>()
  /** Device → when it was asked something that it has not answered yet, not even late. */
  readonly #unanswered = new Map<string, Unanswered>()
  #wake: (() => void) | null = null

  /** @param quietMs  silence between two frames */
  constructor(quietMs: number) {
    this.#quietMs = quietMs
  }

  get isQuarantined() {
    return performance.now() < this.#quarantineEnd
  }

  /** Whose late answer would be taken for late now. */
  get awaited(): Late | null {
    return this.#late
  }

  /** What a device once needed for an answer, milliseconds; 0 when it was never late. */
  latenessOf(device: string): number {
    return this.#lateness.get(device) ?? 0
  }

  /** When the question was sent that an answer to `ear` may as well be the answer to. */
  firstAsked({ device, sentAt }: Asked): number {
    return Math.min(sentAt, this.#unanswered.get(device)?.sentAt ?? sentAt)
  }

  /** Bytes ended then. */
  heard(at: number): void {
    this.#quietUntil = at + this.#quietMs
  }

  keepUntil(at: number): void {
    this.#quietUntil = Math.max(this.#quietUntil, at)
  }

  /** No late answer can come any more: the connection ended. */
  forget(): void {
    this.#late = null
  }

  /** Whoever waits looks again. */
  wake(): void {
    this.#wake?.()
  }

  /**
   * Holds the line until the late answer came or cannot come: as long again as the answer was given, after which it is later than
   * any seen before. After a probe only the device itself is held back.
   */
  quarantine(ear: Late, allowedMs: number, isProbe: boolean): void {
    const end = performance.now() + allowedMs
    this.#late = ear
    this.#notBefore.set(ear.device, end)
    const first = this.#unanswered.get(ear.device)
    if (first === undefined || ear.sentAt - first.sentAt > 2 * LONGEST_BABBLE_MS)
      this.#unanswered.set(ear.device, { sentAt: ear.sentAt, request: ear.request, twins: ear.twins, allowedMs })
    this.#quarantineEnd = isProbe ? 0 : end
  }

  /** Waits until the line may be used. @returns false when it never falls silent */
  async untilQuiet(device: string, isClosed: () => boolean): Promise<boolean> {
    const began = performance.now()
    for (;;) {
      const now = performance.now()
      const until = Math.max(this.#quietUntil, this.#quarantineEnd, this.#notBefore.get(device) ?? 0)
      if (now >= until || isClosed()) break
      // Held back for a late answer is one thing, talked over without end another.
      if (now - began > LONGEST_WAIT_MS && this.#quietUntil > now) return false
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, until - now)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = null
    }
    this.#notBefore.delete(device)
    this.#late?.flush()
    this.#late = null
    this.#quarantineEnd = 0
    return true
  }

  /** Late bytes go on coming. */
  goesOn({ sentAt }: Asked, at: number): void {
    this.#quarantineEnd = Math.max(this.#quarantineEnd, Math.min(at + this.#quietMs * 4 + 20, sentAt + LONGEST_BABBLE_MS * 2))
  }

  /**
   * A device that owes an answer is not asked something whose answer looks alike until even a very late one would have come. The same
   * question may be repeated: then whichever answer comes is right.
   */
  holdForUnanswered(device: string, { bytes, twins }: Pick<Request<never>, 'bytes' | 'twins'>): void {
    const owed = this.#unanswered.get(device)
    if (!owed || twins === undefined || owed.twins !== twins || owed.request.every((byte, at) => byte === bytes[at])) return
    const until = owed.sentAt + Math.min(2 * LONGEST_BABBLE_MS, 8 * owed.allowedMs)
    this.#notBefore.set(device, Math.max(this.#notBefore.get(device) ?? 0, until))
  }

  /** The answer has come after its time-out. It may even be the one to a question before: then this one's is still on its way. */
  heardLate(late: Late, at: number): void {
    const first = this.firstAsked(late)
    this.#lateness.set(late.device, Math.min(LONGEST_BABBLE_MS, Math.max(this.latenessOf(late.device), (at - first) * 1.25)))
    this.#unanswered.delete(late.device)
    this.#quarantineEnd = 0
    if (first < late.sentAt) this.#notBefore.set(late.device, late.sentAt + 1.1 * (at - first))
    else {
      this.#late = null
      this.#notBefore.delete(late.device)
    }
    this.#wake?.()
  }

  /**
   * An answer has come. If the question before it was never answered, this may be that answer, late beyond every time-out, and the
   * one to this question still be on its way: the device is held back until it would be there too.
   */
  settle(ear: Late, now: number): void {
    const asked = this.#unanswered.get(ear.device)?.sentAt
    const lateness = this.latenessOf(ear.device)
    // What a meter once needed is forgotten slowly while it answers in time.
    if (lateness > 0) this.#lateness.set(ear.device, now - ear.sentAt < lateness / 2 ? lateness * 0.95 : lateness)
    if (asked === undefined) return
    this.#unanswered.delete(ear.device)
    const possible = now - asked
    if (possible > 2 * LONGEST_BABBLE_MS) return
    this.#late = ear
    this.#notBefore.set(ear.device, ear.sentAt + 1.1 * possible)
  }
}
