import { randomBytes } from 'node:crypto'
import type { FastifyInstance, InjectOptions } from 'fastify'
import type { Principal } from '../access/principals.ts'
import type { AccessDeps } from './access-deps.ts'

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
    /** @returns the answer: its status, and its body as it came */
    ask: async (app: FastifyInstance, url: string, who: Principal): Promise<{ readonly status: number; readonly body: string }> => {
      const text = `inside_${randomBytes(32).toString('base64url')}`
      waiting.set(text, who)
      try {
        const question: InjectOptions = { method: 'GET', url, headers: { authorization: `Bearer ${text}`, accept: 'application/json' } }
        const { statusCode, body } = await app.inject(question)
        return { status: statusCode, body }
      } finally {
        waiting.delete(text)
      }
    },
  }
}
export type InsideCalls = ReturnType<typeof insideCalls>
