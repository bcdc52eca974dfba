import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { ConfigDeps, ConfigProblemView, ConfigTaken } from '../config-deps.ts'
import { ConfigReloadSchema, ConfigSchema, ConfigVersionParams, ConfigVersionSchema } from '../config-schemas.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { asPage } from '../whole-lists.ts'
import { inTime, iso } from './common.ts'

/** Longest that reading everything again may take; a ledger file of a large site is read in a thread of its own. */
const RELOAD_MS = 60_000

/** The configuration that holds, its versions, and reading it again. */
export const configRoutes: FastifyPluginAsyncTypebox<{ deps: ConfigDeps }> = async (app, { deps }) => {
  app.get(
    '/config',
    {
      config: { permission: 'config:read', everywhere: true },
      schema: {
        operationId: 'getConfig',
        tags: ['operation'],
        summary: 'The configuration that holds',
        description:
          'What the gateway runs with, what waits for a restart, and what is wrong with the files as they are now. The gateway looks at its files every second and at the ledger as well: a good change holds within seconds.',
        response: { 200: ref(ConfigSchema, 'What holds.') },
      },
    },
    async () => {
      const { loadedAt, wrong, pending, lineProblems, ...state } = deps.configState()
      return {
        ...state,
        loadedAt: iso(loadedAt),
        pending: [...pending],
        wrong: wrong && { at: iso(wrong.at), problems: [...wrong.problems] },
        lineProblems: [...lineProblems],
      }
    },
  )
  app.get(
    '/config/versions',
    {
      config: { permission: 'config:read', everywhere: true, whole: ['version'] },
      schema: {
        operationId: 'listConfigVersions',
        tags: ['operation'],
        summary: 'Versions of gateway.yaml',
        description: 'The last 20 states the gateway ran with, newest first. One can be taken up again.',
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(ConfigVersionSchema)) }, { description: 'Those that are kept.' })) },
      },
    },
    async () => ({ items: deps.configVersions().map(({ at, ...version }) => ({ ...version, at: iso(at) })) }),
  )
  app.post(
    '/config/reload',
    {
      config: { permission: 'config:write', everywhere: true, failures: [422], stream: true },
      schema: {
        operationId: 'reloadConfig',
        tags: ['operation'],
        summary: 'Read all files again',
        description:
          'gateway.yaml, the ledger file, profiles, and secrets that lie in files. Everything is checked first: wrong files change nothing. Nobody has to call this, the files are looked at every second; it spares the wait and says what happened.',
        response: { 200: ref(ConfigReloadSchema, 'What holds now, and what waits for a restart.') },
      },
    },
    async (request, reply) => {
      const done = await inTime(deps.reloadConfig(request.who?.name ?? 'API'), RELOAD_MS)
      return done === null ? refuse(reply, LATE) : taken(reply, done)
    },
  )
  app.post(
    '/config/versions/:version/restore',
    {
      config: { permission: 'config:write', everywhere: true, failures: [404, 422], stream: true },
      schema: {
        operationId: 'restoreConfigVersion',
        tags: ['operation'],
        summary: 'Take a former gateway.yaml up again',
        description:
          'Writes the state back, after checking it, and takes it up; what was there is kept as gateway.yaml.before. What needs a restart waits for it, as with every change.',
        params: ConfigVersionParams,
        response: { 200: ref(ConfigReloadSchema, 'What holds now, and what waits for a restart.') },
      },
    },
    async ({ params: { version }, who }, reply) => {
      const done = await inTime(
        deps.restoreConfig(version, who?.name ?? 'API').then((answer) => ({ answer })),
        RELOAD_MS,
      )
      if (done === null) return refuse(reply, LATE)
      if (done.answer === null) return refuse(reply, problem('API_CONFIG_VERSION', `version ${version} is not kept`))
      return taken(reply, done.answer)
    },
  )
}

const LATE = problem('API_LATE', 'reading the files took too long; it goes on')

const taken = (reply: FastifyReply, done: ConfigTaken) => {
  if (!done.ok)
    return refuse(reply, 'problems' in done.error ? wrongFiles(done.error.problems) : problemOf(done.error.because, done.error.error))
  const { changes, pending, ...rest } = done.value
  return { ...rest, changes: [...changes], pending: [...pending] }
}

const wrongFiles = (problems: readonly ConfigProblemView[]): Problem =>
  problem(
    'API_CONFIG',
    `${problems.length === 1 ? 'one place is' : `${problems.length} places are`} wrong: nothing was changed`,
    problems.map(({ file, line, column, path, message }) => ({
      place: `${file}:${line}:${column} ${path || '/'}`,
      value: null,
      allowed: message,
    })),
  )
