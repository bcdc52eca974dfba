import type { Conversation, GatewayError, Request, Result } from '../core/index.ts'
import type { Asking, Channel } from './line.ts'

export interface ConverseOptions {
  readonly asking: Asking
  /** How often one request is sent before its failure is final. */
  readonly tries: number
  readonly signal?: AbortSignal
  /** Before every exchange that may be interrupted. */
  readonly giveWay?: () => Promise<void>
  /** After every exchange: time it held the line, and its failure if there was one. */
  readonly onExchange?: (ms: number, error: GatewayError | null, request: Request<never>, isRetry: boolean) => void
}

/** Performs a conversation on a line: one request, one reply, until it returns. */
export async function converse<T, Frame extends object>(
  talk: Conversation<T, Frame>,
  channel: Channel<Frame>,
  options: ConverseOptions,
): Promise<Result<T>> {
  let step = talk.next()
  while (!step.done) {
    if (options.giveWay && !step.value.follows) await options.giveWay()
    step = talk.next(await ask(step.value, channel, options))
  }
  return step.value
}

async function ask<Frame extends object>(
  request: Request<Frame>,
  channel: Channel<Frame>,
  options: ConverseOptions,
): Promise<Result<Frame>> {
  for (let attempt = 1; ; attempt++) {
    const began = options.onExchange ? performance.now() : 0
    const reply = await channel.exchange(request, options.asking)
    options.onExchange?.(performance.now() - began, reply.ok ? null : reply.error, request, attempt > 1)
    if (reply.ok || attempt >= options.tries || options.signal?.aborted) return reply
    const { recovery } = reply.error
    // A refused write is never repeated, and a line that is down is not asked again at once.
    if (request.writes || (recovery !== 'retry' && recovery !== 'resync')) return reply
  }
}
