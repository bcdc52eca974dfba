import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { hexOf } from '../../core/index.ts'
import type { RefusedMessageView } from '../broker-deps.ts'
import { RefusedMessagePage, RefusedMessagesQuery } from '../broker-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ReplayBody } from '../queries.ts'
import { ref } from '../schemas.ts'
import { inTime, iso } from './common.ts'

/** Messages that could not be used, and what a person does with them. */
export const refusedMessageRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  app.get(
    '/refused-messages',
    {
      config: { permission: 'lines:read', everywhere: true },
      schema: {
        operationId: 'listRefusedMessages',
        tags: ['push'],
        summary: 'Messages that could not be used',
        description: 'Oldest first, each with the reason and the beginning of its payload. The newest ten thousand are kept.',
        querystring: RefusedMessagesQuery,
        response: { 200: ref(RefusedMessagePage, 'One page.') },
      },
    },
    async ({ query: { broker = null, after = 0, limit = 100, cursor } }, reply) => {
      const from = cursor === undefined ? [after] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = await deps.refusedMessages(broker, Number(from[0]), limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(messageJson), next: found.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.post(
    '/refused-messages/replay',
    {
      config: { permission: 'lines:act', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'replayRefusedMessages',
        tags: ['push'],
        summary: 'Try refused messages again',
        description: 'After a mapping or the ledger was corrected. What can be used now leaves the list; the rest stays.',
        body: ReplayBody,
        response: {
          200: Type.Object(
            {
              replayed: Type.Integer({ minimum: 0, description: 'How many could be used.' }),
              left: Type.Integer({ minimum: 0, description: 'How many could not, or are not there.' }),
            },
            { description: 'Done.' },
          ),
        },
      },
    },
    async ({ body: { ids } }, reply) => {
      const answer = await inTime(deps.replayRefused(ids ?? 'all'), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the replay takes long and goes on; the list says what is left'))
      return answer.ok ? answer.value : refuse(reply, problemOf(answer.error.because, answer.error.error))
    },
  )
  app.post(
    '/refused-messages/discard',
    {
      config: { permission: 'lines:act', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'discardRefusedMessages',
        tags: ['push'],
        summary: 'Forget refused messages',
        description: 'For good: what they held is lost. Replay them first when a meter sent them.',
        body: ReplayBody,
        response: {
          200: Type.Object({ discarded: Type.Integer({ minimum: 0, description: 'How many are gone.' }) }, { description: 'Done.' }),
        },
      },
    },
    async ({ body: { ids } }, reply) => {
      const answer = await inTime(deps.discardRefused(ids ?? 'all'), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the disk did not answer in time'))
      return answer.ok ? { discarded: answer.value } : refuse(reply, problemOf(answer.error.because, answer.error.error))
    },
  )
}

const messageJson = ({ payload, at, error, ...message }: RefusedMessageView) => ({
  ...message,
  head: headJson(payload, message.bytes),
  at: iso(at),
  error: { code: error.code, message: error.message, hint: error.hint },
})

const HEAD_BYTES = 200
/** Would do something where they are shown: control characters but tab and line ends, and what turns the direction of writing. */
const UNCLEAN = /[^\P{Cc}\t\r\n]|\p{Bidi_Control}|[\u2028\u2029]/u
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The beginning of a payload for a person. @param bytes  length of the whole payload */
export const headJson = (payload: Uint8Array, bytes: number): { readonly text: string | null; readonly hex: string | null } => {
  const head = payload.subarray(0, HEAD_BYTES)
  // A character may have been cut: what is left of it says nothing about the rest.
  const whole = bytes > head.length ? head.subarray(0, head.length - tailOf(head)) : head
  try {
    const text = utf8.decode(whole)
    if (!UNCLEAN.test(text)) return { text, hex: null }
  } catch {
    // No UTF-8.
  }
  return { text: null, hex: hexOf(head) }
}

/** Bytes at the end that begin a character of UTF-8 and do not end it. @source RFC 3629, 3 */
const tailOf = (bytes: Uint8Array): number => {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0
    if (byte < 0x80) return 0
  }
  return 0
}
