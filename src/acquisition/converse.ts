import type { Conversation, FramePart, GatewayError, Request, Result, Selection } from '../core/index.ts'
import type { Asking, Channel } from './line.ts'

/** How a conversation is carried out, and who hears of it. */
export interface Conduct {
  /** How often one request is sent before its failure is final. */
  readonly tries: number
  readonly signal?: AbortSignal | undefined
  /** Before every exchange that may be interrupted; null when nothing is more urgent. */
  giveWay?(): Promise<void> | null
  /** After every exchange: milliseconds it held the line, and its failure if there was one. */
  exchanged?(ms: number, error: GatewayError | null, isRetry: boolean): void
  /** Where the frames are put that somebody may ask for later; null or absent: nobody will. */
  readonly keeps?: FrameKeeper | null
}

/** Frames of one read. The device that is read fills it in. */
export interface FrameKeeper {
  protocol: string
  selection: Selection | null
  readonly parts: FramePart[]
  /** Wall clock, milliseconds since 1970 UTC. */
  readonly now: () => number
}

/** Sees every request with what answered it, null when nothing did, and how long that took. Of repeats only the last one counts. */
export type Witness<Frame> = (request: Request<Frame>, reply: Frame | null, ms: number) => void

/** Performs a conversation on a line: one request, one reply, until it returns. */
export async function converse<T, Frame extends object>(
  talk: Conversation<T, Frame>,
  channel: Channel<Frame>,
  asking: Asking,
  conduct: Conduct,
  witness?: Witness<Frame>,
): Promise<Result<T>> {
  let step = talk.next()
  while (!step.done) {
    const request = step.value
    if (!request.follows) {
      const urgent = conduct.giveWay?.()
      if (urgent) await urgent
    }
    let reply: Result<Frame>
    let began = 0
    for (let attempt = 1; ; attempt++) {
      began = conduct.exchanged || witness ? performance.now() : 0
      reply = await channel.exchange(request, asking)
      conduct.exchanged?.(performance.now() - began, reply.ok ? null : reply.error, attempt > 1)
      if (reply.ok || attempt >= conduct.tries || conduct.signal?.aborted || !isWorthAnother(reply.error, request.writes)) break
    }
    witness?.(request, reply.ok ? reply.value : null, performance.now() - began)
    step = talk.next(reply)
  }
  return step.value
}

/** A refused write is never repeated, and a line that is down is not asked again at once. */
const isWorthAnother = ({ recovery }: GatewayError, writes: boolean | undefined): boolean =>
  !writes && (recovery === 'retry' || recovery === 'resync')
