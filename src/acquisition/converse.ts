import type { Conversation, GatewayError, Result } from '../core/index.ts'
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
}

/** Performs a conversation on a line: one request, one reply, until it returns. */
export async function converse<T, Frame extends object>(
  talk: Conversation<T, Frame>,
  channel: Channel<Frame>,
  asking: Asking,
  conduct: Conduct,
): Promise<Result<T>> {
  let step = talk.next()
  while (!step.done) {
    const request = step.value
    if (!request.follows) {
      const urgent = conduct.giveWay?.()
      if (urgent) await urgent
    }
    let reply: Result<Frame>
    for (let attempt = 1; ; attempt++) {
      const began = conduct.exchanged ? performance.now() : 0
      reply = await channel.exchange(request, asking)
      conduct.exchanged?.(performance.now() - began, reply.ok ? null : reply.error, attempt > 1)
      if (reply.ok || attempt >= conduct.tries || conduct.signal?.aborted || !isWorthAnother(reply.error, request.writes)) break
    }
    step = talk.next(reply)
  }
  return step.value
}

/** A refused write is never repeated, and a line that is down is not asked again at once. */
const isWorthAnother = ({ recovery }: GatewayError, writes: boolean | undefined): boolean =>
  !writes && (recovery === 'retry' || recovery === 'resync')
