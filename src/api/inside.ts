import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions } from 'fastify'
import type { Principal } from '../access/principals.ts'
import type { AccessDeps } from './access-deps.ts'

export interface InsideAnswer {
  readonly status: number
  readonly body: string
  readonly left: number
}

/**
 * Questions the house asks its own routes for somebody: what a file of a list holds is what the list shows him, by the same permission,
 * scope and masks. A question is let in by a text that is random, holds for this one question, and never leaves the process.
 */
export const insideCalls = () => {
  const waiting = new Map<string, Principal>()
  return {
    /** Lets the questions of {@link ask} in beside what the gateway knows. */
    authenticate:
      (outside: AccessDeps['authenticate']): AccessDeps['authenticate'] =>
      (shown, isUse) =>
        (shown.kind === 'bearer' ? waiting.get(shown.text) : undefined) ?? outside(shown, isUse),
    /**
     * @param address  of whoever it is asked for: it counts against what may be asked from there
     * @returns        the answer: its status, its body as it came, and how much of what may be asked is left, 0 to 1
     */
    ask: async (app: FastifyInstance, url: string, who: Principal, address: string): Promise<InsideAnswer> => {
      const text = `inside_${randomBytes(32).toString('base64url')}`
      waiting.set(text, who)
      try {
        const question: InjectOptions = {
          ...{ method: 'GET', url, headers: { authorization: `Bearer ${text}`, accept: 'application/json' } },
          ...(address === '' ? {} : { remoteAddress: address }),
        }
        const { statusCode, body, headers } = await app.inject(question)
        const [most, rest] = [Number(headers['x-ratelimit-limit']), Number(headers['x-ratelimit-remaining'])]
        return { status: statusCode, body, left: most > 0 && rest >= 0 ? rest / most : 1 }
      } finally {
        waiting.delete(text)
      }
    },
  }
}
export type InsideCalls = ReturnType<typeof insideCalls>
