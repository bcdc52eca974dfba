import type { FastifyInstance } from 'fastify'
import { problem, refuse } from './problems.ts'

/**
 * Refuses what stands behind the `?` of a route that takes nothing there: a filter that is passed over gives an answer to another question.
 * After the hooks that let routes be asked for pages.
 */
export const noQueryHook = (app: FastifyInstance): void => {
  app.addHook('onRoute', (route) => {
    if (route.schema?.querystring !== undefined || route.config?.permission === 'public') return
    route.preValidation = [
      ...[route.preValidation ?? []].flat(),
      async ({ query }, reply) => {
        const [first] = Object.keys(query ?? {})
        if (first === undefined) return
        const found = { place: 'querystring', value: first.slice(0, 100), allowed: 'nothing' }
        return refuse(reply, problem('API_VALUE', `querystring ${found.value}: allowed is nothing`, [found]))
      },
    ]
  })
}
