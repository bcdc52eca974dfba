import { Socket } from 'node:net'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { ApiDeps } from '../deps.ts'
import { IDLE_MS } from '../limits.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { PointParams, ReadNowBody } from '../queries.ts'
import { readingJson } from '../reading-json.ts'
import { ReadNowSchema, ref } from '../schemas.ts'
import { frameJson } from '../trace-json.ts'
import { everything, fullCodes, inTime } from './common.ts'
import { unknownPoint } from './points.ts'

/** What a reading may take beyond the time it was given, before it counts as lost. */
const GRACE_MS = 5_000

/** Reading a meter while somebody waits. */
export const readNowRoute: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.post(
    '/points/:id/read-now',
    {
      // It costs time on the wire that scheduled reads want too.
      config: {
        permission: 'read-now',
        sees: ['point', 'id'],
        failures: [404, 409, 413, 414, 415, 422, 504],
        stream: true,
        rateLimit: { max: 120, timeWindow: 60_000 },
      },
      preValidation: async (request) => {
        request.body ??= {}
      },
      schema: {
        operationId: 'readNow',
        tags: ['readings'],
        summary: 'Read a meter at once',
        description: 'Overtakes scheduled reads. What was read is stored like any other reading. The body may be left out.',
        params: PointParams,
        body: ReadNowBody,
        response: { 200: ref(ReadNowSchema, 'What the meter said.') },
        'x-body-optional': true,
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { registers, timeoutMs = 10_000, trace = false } = request.body
      const wanted = registers === undefined ? null : fullCodes(registers, 'body/registers')
      if (wanted && 'problem' in wanted) return refuse(reply, wanted.problem)
      if ((await deps.point(id)) === null) return refuse(reply, unknownPoint(id))
      const asked = { ...(wanted ? { registers: [...wanted.codes] } : {}), timeoutMs, trace, by: request.who?.name ?? 'the API' }
      // Longer than an idle connection may otherwise live; the next request on it starts with the ordinary limit again.
      if (request.raw.socket instanceof Socket) request.raw.socket.setTimeout(timeoutMs + IDLE_MS)
      // Not `request.signal`: that one aborts as soon as the body is read.
      const nobodyWaits = new AbortController()
      reply.raw.once('close', () => nobodyWaits.abort())
      const answer = await inTime(deps.readNow(id, asked, nobodyWaits.signal), timeoutMs + GRACE_MS)
      if (answer === null) {
        nobodyWaits.abort()
        return refuse(reply, problem('API_LATE', 'the reading neither came nor failed'))
      }
      if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
      const { readings, frames, tookMs } = answer.value
      return {
        point: id,
        tookMs,
        readings: readings.map((reading) => readingJson(reading, everything(deps))),
        ...(trace ? { frames: frames.map((frame) => frameJson(frame, true)) } : {}),
      }
    },
  )
}
