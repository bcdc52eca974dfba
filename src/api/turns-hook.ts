import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { personOf } from '../access/principals.ts'
import { problem, refuse } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Looks at everything for one answer, or does where a request asks for that: only so many at once, for one person and for all. */
    heavy?: true | ((request: FastifyRequest) => boolean)
  }
}

export interface TurnLimits {
  readonly perPerson: number
  readonly total: number
}
export const TURNS: TurnLimits = { perPerson: 6, total: 18 }

/**
 * Holds back questions that look at everything while others of the same person, or of all together, are answered: whoever asks for a hundred
 * at once waits for himself, and not the readers of meters and the others for him.
 *
 * To be called after the guard: who asks has to be known.
 */
export const turnsHook = (app: FastifyInstance, { perPerson, total }: TurnLimits = TURNS): void => {
  const underWay = new Map<FastifyRequest, { readonly person: string; isAnswered: boolean }>()
  app.addHook('onRoute', (route: RouteOptions) => {
    const heavy = route.config?.heavy
    if (heavy === undefined) return
    const before: NonNullable<RouteOptions['preHandler']> = async (request, reply) => {
      if (request.who === null || (heavy !== true && !heavy(request))) return
      const person = personOf(request.who)
      let own = 0
      for (const other of underWay.values()) if (other.person === person) own++
      if (own >= perPerson || underWay.size >= total) {
        const whose = own >= perPerson ? `${own} questions of yours` : 'many questions'
        return refuse(reply.header('retry-after', 1), problem('API_TURN', `${whose} like this one are being answered`))
      }
      const turn = { person, isAnswered: false }
      underWay.set(request, turn)
      reply.raw.once('close', () => {
        if (turn.isAnswered) underWay.delete(request)
      })
    }
    route.preHandler = [before, ...[route.preHandler ?? []].flat()]
  })
  // What was begun for somebody who is gone is worked on until there is an answer, and counts as long.
  app.addHook('onSend', async (request, { raw }) => {
    const turn = underWay.get(request)
    if (!turn) return
    turn.isAnswered = true
    if (raw.destroyed) underWay.delete(request)
  })
  app.addHook('onResponse', async (request) => void underWay.delete(request))
}
