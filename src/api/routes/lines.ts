import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { GatewayError, Scope } from '../../core/index.ts'
import type { ApiDeps, DeviceView, LineDetail, LineView, TaskView } from '../deps.ts'
import { problem, refuse } from '../problems.ts'
import { LineParams } from '../queries.ts'
import { LineDetailSchema, LineSchema, ref, TaskSchema } from '../schemas.ts'
import { asPage } from '../whole-lists.ts'
import { iso, isoOrNull, reasonsJson } from './common.ts'

/** Lines, their devices, and the tasks that keep them busy. */
export const lineRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  const healthOf = (scope: Scope, { health }: LineDetail) => (scope.all ? health : health.filter(({ meter }) => scope.sees('meter', meter)))
  /** The state of a line is that of all its meters; how many there are is said of those somebody sees. */
  const seenOf = (scope: Scope, line: LineView): LineView => {
    const detail = scope.all ? null : deps.line(line.id)
    return detail ? { ...line, devices: healthOf(scope, detail).length } : line
  }
  app.get(
    '/lines',
    {
      config: { permission: 'lines:read', whole: ['id'] },
      schema: {
        operationId: 'listLines',
        tags: ['lines'],
        summary: 'Lines',
        description: 'Every bus and connection with its state and how reading goes there.',
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(LineSchema)) }, { description: 'Lines.' })) },
      },
    },
    async ({ who }) => {
      const scope = deps.scopeOf(who)
      const lines = deps.lines().filter(({ id }) => scope.all || scope.sees('line', id))
      return { items: lines.map((line) => lineJson(seenOf(scope, line), deps)) }
    },
  )
  app.get(
    '/lines/:id',
    {
      config: { permission: 'lines:read', sees: ['line', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'getLine',
        tags: ['lines'],
        summary: 'One line and the health of its devices',
        description: 'For each device: last answer, failures since, back-off, and the reasons with what to do.',
        params: LineParams,
        response: { 200: ref(LineDetailSchema, 'The line.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const line = deps.line(id)
      if (line === null) return refuse(reply, unknownLine(id))
      const scope = deps.scopeOf(who)
      return { ...lineJson(seenOf(scope, line), deps), health: healthOf(scope, line).map((device) => deviceJson(device, deps)) }
    },
  )
  app.get(
    '/tasks',
    {
      config: { permission: 'system:read', everywhere: true, whole: ['id'] },
      schema: {
        operationId: 'listTasks',
        tags: ['operation'],
        summary: 'Collection tasks',
        description: 'What is read how often, how it went since the start, and when it runs next.',
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(TaskSchema)) }, { description: 'Tasks.' })) },
      },
    },
    async () => ({ items: deps.tasks().map((task) => taskJson(task, deps)) }),
  )
}

const unknownLine = (id: string) => problem('API_LINE', `there is no line "${id}"`)

export const failureJson = (error: GatewayError | null) => error && { code: error.code, message: error.message, hint: error.hint }

const lineJson = ({ since, reasons, error, ...line }: LineView, deps: ApiDeps) => ({
  ...line,
  since: iso(since),
  reasons: reasonsJson(reasons, deps),
  error: failureJson(error),
})

const deviceJson = ({ lastAnswerAt, reasons, ...device }: DeviceView, deps: ApiDeps) => ({
  ...device,
  lastAnswerAt: isoOrNull(lastAnswerAt),
  reasons: reasonsJson(reasons, deps),
})

const taskJson = ({ lastRunAt, nextRunAt, reasons, ...task }: TaskView, deps: ApiDeps) => ({
  ...task,
  lastRunAt: isoOrNull(lastRunAt),
  nextRunAt: isoOrNull(nextRunAt),
  reasons: reasonsJson(reasons, deps),
})
