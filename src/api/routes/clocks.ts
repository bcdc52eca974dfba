import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { Result } from '../../core/index.ts'
import type { ClockActView, ClockDetail, ClockPointView, ClockView } from '../clock-deps.ts'
import {
  ClockActSchema,
  ClockDetailSchema,
  ClockLineParams,
  ClockPage,
  ClockParams,
  ClockSetBody,
  ClocksQuery,
  ClockWhyBody,
} from '../clock-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPage } from '../scoped.ts'
import { anotherPerson } from '../second.ts'
import { inTime, iso, isoOrNull } from './common.ts'
import { failureJson } from './lines.ts'

/** Clocks of meters: how far they are off, and what a person does about it. */
export const clockRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  /** Work that goes on when nobody waits any more: half of a setting is worse than none. */
  const acted = async (reply: FastifyReply, act: Promise<Result<ClockActView, Refusal>>) => {
    const answer = await inTime(act, answerMs)
    if (answer === null)
      return refuse(reply, problem('API_LATE', 'the work on the clock takes long and goes on; the clock shows what came of it'))
    return answer.ok ? actJson(answer.value) : refuse(reply, problemOf(answer.error.because, answer.error.error))
  }
  app.get(
    '/clocks',
    {
      config: { permission: 'lines:read' },
      schema: {
        operationId: 'listClocks',
        tags: ['clocks'],
        summary: 'Clocks of meters',
        description: 'Every meter that is read over a line, by id: how far its clock is off, how sure that is, and when it was seen.',
        querystring: ClocksQuery,
        response: { 200: ref(ClockPage, 'One page.') },
      },
    },
    async ({ query: { state, line, area, limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [null] : readCursor(cursor, ['string'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const filter = { ...(state ? { state } : {}), ...(line === undefined ? {} : { line }), ...(area === undefined ? {} : { area }) }
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage<ClockView, string | null>({
        ...{ scope, after: typeof from[0] === 'string' ? from[0] : null, limit },
        ask: (after, most) => deps.clocks(filter, after, most),
        sees: ({ meter }) => scope.sees('meter', meter),
        at: ({ meter }) => meter,
      })
      return { items: items.map(clockJson), next: hasMore && last ? cursorOf([last.meter]) : null }
    },
  )
  app.get(
    '/clocks/:meter',
    {
      config: { permission: 'lines:read', sees: ['meter', 'meter'], failures: [404, 414] },
      schema: {
        operationId: 'getClock',
        tags: ['clocks'],
        summary: 'One clock, its history and what was done to it',
        description: 'Readings and acts, newest first. An act holds who, why, what the meter showed before and after, and the result.',
        params: ClockParams,
        response: { 200: ref(ClockDetailSchema, 'The clock.') },
      },
    },
    async ({ params: { meter } }, reply) => {
      const found = deps.clock(meter)
      return found ? detailJson(found) : refuse(reply, unknownMeter(meter))
    },
  )
  app.post(
    '/clocks/:meter/read',
    {
      config: { permission: 'read-now', sees: ['meter', 'meter'], failures: [404, 409, 413, 414, 415, 422, 504] },
      schema: {
        operationId: 'readClock',
        tags: ['clocks'],
        summary: 'Read a clock at once',
        description: 'Changes nothing in the meter. The drift is kept like one of the daily sweep.',
        params: ClockParams,
        response: { 200: ref(ClockDetailSchema, 'The clock as it is now.') },
      },
    },
    async ({ params: { meter } }, reply) => {
      if (!deps.clock(meter)) return refuse(reply, unknownMeter(meter))
      const late = AbortSignal.timeout(answerMs)
      const answer = await inTime(deps.readClock(meter, late), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the clock was not read in time: the line is busy'))
      return answer.ok ? detailJson(answer.value) : refuse(reply, problemOf(answer.error.because, answer.error.error))
    },
  )
  app.post(
    '/clocks/:meter/set',
    {
      config: { permission: 'writes:meters', sees: ['meter', 'meter'], failures: [404, 409, 413, 414, 415, 422, 504] },
      schema: {
        operationId: 'setClock',
        tags: ['clocks'],
        summary: 'Set the clock of one meter by its password',
        description:
          'Only when `clocks.set` is on and the line allows writes; never near a full hour or midnight, ours or the meter’s; never twice after a refused password. ' +
          'The clock is read before and after. A refusal names the next time at which it is allowed.',
        params: ClockParams,
        body: ClockSetBody,
        response: { 200: ref(ClockActSchema, 'What was done.') },
      },
    },
    async ({ params: { meter }, body: { why, secondToken, acceptCrossing = false }, who }, reply) => {
      if (!deps.clock(meter)) return refuse(reply, unknownMeter(meter))
      const second = secondToken === undefined ? null : anotherPerson(deps, who, secondToken, 'writes:meters')
      if (secondToken !== undefined && (second === null || !deps.scopeOf(second).sees('meter', meter)))
        return refuse(reply, badValue('body/secondToken', '***', 'a valid token of another person who may do the same'))
      return acted(reply, deps.setClock(meter, { who: who?.name ?? '', second: second?.name ?? null, why, acceptCrossing }))
    },
  )
  app.post(
    '/clocks/:meter/clear',
    {
      config: { permission: 'writes:meters', sees: ['meter', 'meter'], failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'clearClock',
        tags: ['clocks'],
        summary: 'Let a meter be written to again',
        description:
          'After it refused a password, or the end of a setting was not known. Find out why first: meters lock after a few wrong passwords.',
        params: ClockParams,
        body: ClockWhyBody,
        response: { 200: ref(ClockActSchema, 'What was done.') },
      },
    },
    async ({ params: { meter }, body: { why }, who }, reply) => {
      if (!deps.clock(meter)) return refuse(reply, unknownMeter(meter))
      return acted(reply, Promise.resolve(deps.clearClock(meter, { who: who?.name ?? '', second: null, why })))
    },
  )
  app.post(
    '/lines/:id/clock-sync',
    {
      config: { permission: 'writes:meters', sees: ['whole-line', 'id'], failures: [404, 409, 413, 414, 415, 422, 504] },
      schema: {
        operationId: 'syncClocks',
        tags: ['clocks'],
        summary: 'Tell every meter on a line the time',
        description:
          'A broadcast: meters correct at most five minutes by it and confirm nothing, so they are read before and after. Once a day and line, ' +
          'and only under the conditions of setting one clock.',
        params: ClockLineParams,
        body: ClockWhyBody,
        response: { 200: ref(ClockActSchema, 'What was done.') },
      },
    },
    async ({ params: { id }, body: { why }, who }, reply) => acted(reply, deps.syncClocks(id, { who: who?.name ?? '', second: null, why })),
  )
}

const unknownMeter = (meter: string) => problem('API_CLOCK', `no meter "${meter}" is read over a line`)

const pointJson = ({ at, driftMs, uncertaintyMs }: ClockPointView) => ({ at: iso(at), driftMs, uncertaintyMs })
const pointOrNull = (point: ClockPointView | null) => point && pointJson(point)

const clockJson = ({ newest, rate, triedAt, error, ...clock }: ClockView) => ({
  ...clock,
  newest: pointOrNull(newest),
  rate: rate && { ...rate },
  triedAt: isoOrNull(triedAt),
  error: failureJson(error),
})

const actJson = ({ at, meters, ...act }: ClockActView) => ({
  ...act,
  at: iso(at),
  meters: meters.map(({ meter, before, after }) => ({ meter, before: pointOrNull(before), after: pointOrNull(after) })),
})

export const detailJson = ({ history, acts, ...clock }: ClockDetail) => ({
  ...clockJson(clock),
  history: history.map(({ why, ...point }) => ({ ...pointJson(point), why })),
  acts: acts.map(actJson),
})
