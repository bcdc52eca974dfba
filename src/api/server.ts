import { Server as TlsServer } from 'node:tls'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { auditHook } from './audit-hook.ts'
import { caseStreams } from './case-streams.ts'
import { cursorHook } from './cursor-hook.ts'
import type { ApiDeps, ApiOptions } from './deps.ts'
import { browserRules, docsRoutes } from './docs.ts'
import { filterHook } from './filters.ts'
import { guard } from './guard.ts'
import { HealthWatch } from './health-streams.ts'
import { insideCalls } from './inside.ts'
import { problemFromError } from './invalid.ts'
import { ANSWER_MS, limitedFastify, shedLoad } from './limits.ts'
import { apiMetrics } from './metrics.ts'
import { noQueryHook } from './no-query.ts'
import { describeApi } from './openapi.ts'
import { problem, refuse } from './problems.ts'
import { repeatHook } from './repeat-hook.ts'
import { OWN_RESULTS } from './results/index.ts'
import { listResults } from './results/lists.ts'
import { accountListRoutes } from './routes/account-list.ts'
import { auditRoutes } from './routes/audit.ts'
import { billingChangeRoutes } from './routes/billing-changes.ts'
import { billingCorrectionRoutes } from './routes/billing-corrections.ts'
import { billingCycleRoutes } from './routes/billing-cycles.ts'
import { billingHoldRoutes } from './routes/billing-holds.ts'
import { billingReadRoutes } from './routes/billing-reads.ts'
import { billingReleaseRoutes } from './routes/billing-releases.ts'
import { brokerRoutes } from './routes/brokers.ts'
import { caseFigureRoutes } from './routes/case-figures.ts'
import { caseRoutes, caseStreamRoute } from './routes/cases.ts'
import { clockRoutes } from './routes/clocks.ts'
import { codecRoutes } from './routes/codecs.ts'
import { concentratorActRoutes } from './routes/concentrator-acts.ts'
import { concentratorControlRoutes } from './routes/concentrator-control.ts'
import { concentratorRoutes } from './routes/concentrators.ts'
import { configRoutes } from './routes/config.ts'
import { energyRoutes } from './routes/energy.ts'
import { evidenceRoutes } from './routes/evidence.ts'
import { exchangeRoutes } from './routes/exchanges.ts'
import { exportFileRoutes } from './routes/export-files.ts'
import { exportRoutes } from './routes/exports.ts'
import { gapRoutes } from './routes/gaps.ts'
import { healthRoutes } from './routes/health.ts'
import { importRoutes } from './routes/imports.ts'
import { interchangeRoutes } from './routes/interchange.ts'
import { kpiRoutes } from './routes/kpis.ts'
import { ledgerRoutes } from './routes/ledger.ts'
import { ledgerPointRoutes } from './routes/ledger-points.ts'
import { lineRoutes } from './routes/lines.ts'
import { logInRoutes } from './routes/log-in.ts'
import { lossRoutes } from './routes/loss.ts'
import { machineTokenRoutes } from './routes/machine-tokens.ts'
import { outageRoutes } from './routes/outages.ts'
import { outboxRoutes } from './routes/outbox.ts'
import { pointRoutes } from './routes/points.ts'
import { readNowRoute } from './routes/read-now.ts'
import { readingRoutes } from './routes/readings.ts'
import { refusedMessageRoutes } from './routes/refused-messages.ts'
import { reportRoutes } from './routes/reports.ts'
import { resultRoutes } from './routes/results.ts'
import { rulesRoutes } from './routes/rules.ts'
import { scanRoutes } from './routes/scan.ts'
import { seriesRoutes } from './routes/series.ts'
import { signalRoutes } from './routes/signal.ts'
import { streamRoutes } from './routes/streams.ts'
import { tierRoutes } from './routes/tiers.ts'
import { traceRoute } from './routes/trace.ts'
import { unregisteredRoutes } from './routes/unregistered.ts'
import { userRoutes } from './routes/users.ts'
import { NAMED } from './schemas.ts'
import { scopeHook } from './scoped.ts'
import { liveStreams } from './sse.ts'
import { traceStreams } from './trace-streams.ts'
import { turnsHook } from './turns-hook.ts'
import { unchangedHook } from './unchanged-hook.ts'
import { wholeListPages, wholeListQueries } from './whole-lists.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers for longer than a moment: the route keeps its own time. */
    stream?: boolean
  }
}

/**
 * Builds the HTTP API: every route, limit and error. It listens nowhere yet.
 *
 * @param deps     what the other rooms can answer
 * @param options  where it will listen, and its limits
 * @param extra    more routes, under the same rules
 * @throws         when a route declares no permission
 */
export const buildApi = async (deps: ApiDeps, options: ApiOptions, extra?: (app: FastifyInstance) => void): Promise<FastifyInstance> => {
  const app = limitedFastify(options)
  const streams = traceStreams(options.trace)
  const caseChanges = caseStreams(deps, options.trace)
  const readings = liveStreams(options.trace)
  const health = liveStreams(options.trace)
  const watch = new HealthWatch(() => deps.health(), deps.startedAt, options.healthLookMs)
  const metrics = apiMetrics(app, deps)
  const answerMs = options.answerTimeoutMs ?? ANSWER_MS
  let closing = false

  app.addHook('onRequest', async (_request, reply) => {
    if (closing) return refuse(reply.header('connection', 'close'), problem('API_CLOSING', 'the gateway is stopping'))
  })
  app.addHook('preClose', async () => {
    closing = true
    await Promise.all([streams, caseChanges, readings, health].map((each) => each.endAll('the gateway is stopping')))
  })
  app.addHook('onRoute', (route) => {
    if (route.config?.stream !== true) route.handlerTimeout ??= answerMs
  })
  const unknown = unknownRoutes(app)
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const found = problemFromError(error)
    // What is wrong with a body matters to nobody where there is nothing to send it to.
    if (request.is404 && UNREAD.has(found.status)) return unknown(request, reply)
    if (found.status === 500) options.log?.error({ err: error, requestId: request.id, route: request.routeOptions.url }, 'request failed')
    return refuse(reply, found)
  })

  await browserRules(app, options.tls !== undefined && options.tls !== null)
  await shedLoad(app, options)
  const inside = insideCalls()
  guard(app, { ...deps, authenticate: inside.authenticate(deps.authenticate) })
  scopeHook(app, deps)
  filterHook(app, deps)
  auditHook(app, deps)
  repeatHook(app, deps)
  turnsHook(app)
  wholeListQueries(app)
  noQueryHook(app)
  cursorHook(app)
  wholeListPages(app)
  unchangedHook(app)
  app.setNotFoundHandler(app.hasDecorator('rateLimit') ? { preHandler: app.rateLimit() } : {}, unknown)
  await describeApi(app, deps.version)
  for (const schema of NAMED) app.addSchema(schema)

  const lists = listResults(app, inside, new Map(NAMED.map((schema) => [schema.$id, { ...schema }])))
  app.addHook('onRoute', lists.take)

  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  await typed.register(docsRoutes)
  await typed.register(healthRoutes, { deps, metrics, publicMetrics: options.publicMetrics ?? false })
  await typed.register(
    async (v1) => {
      for (const routes of [
        pointRoutes,
        readingRoutes,
        readNowRoute,
        lineRoutes,
        brokerRoutes,
        refusedMessageRoutes,
        outboxRoutes,
        clockRoutes,
        concentratorRoutes,
        concentratorActRoutes,
        concentratorControlRoutes,
        scanRoutes,
        unregisteredRoutes,
        gapRoutes,
        kpiRoutes,
        outageRoutes,
        codecRoutes,
        configRoutes,
        energyRoutes,
        billingReadRoutes,
        billingReleaseRoutes,
        billingCorrectionRoutes,
        billingHoldRoutes,
        billingChangeRoutes,
        billingCycleRoutes,
        tierRoutes,
        reportRoutes,
        accountListRoutes,
        evidenceRoutes,
        signalRoutes,
        caseRoutes,
        caseFigureRoutes,
        lossRoutes,
        rulesRoutes,
        ledgerRoutes,
        importRoutes,
        exchangeRoutes,
        interchangeRoutes,
        ledgerPointRoutes,
        logInRoutes,
        userRoutes,
        machineTokenRoutes,
        auditRoutes,
      ])
        await v1.register(routes, { deps, answerMs })
      await v1.register(traceRoute, { deps, streams })
      await v1.register(caseStreamRoute, { deps, streams: caseChanges })
      await v1.register(streamRoutes, { deps, streams: readings, health, watch })
      await v1.register(seriesRoutes, { deps })
      await v1.register(resultRoutes, { deps, own: OWN_RESULTS, lists: lists.kinds })
      await v1.register(exportRoutes, { deps, own: OWN_RESULTS, lists: lists.kinds })
      await v1.register(exportFileRoutes, { deps })
    },
    { prefix: '/api/v1' },
  )
  extra?.(app)
  await app.ready()
  return app
}

/** Starts to listen. @returns the address, such as `http://127.0.0.1:8080` */
export const listenApi = async (app: FastifyInstance, { host, port }: Pick<ApiOptions, 'host' | 'port'>): Promise<string> => {
  const address = await app.listen({ host, port })
  return app.server instanceof TlsServer ? address.replace(/^http:/, 'https:') : address
}

/** A body that was not read. */
const UNREAD: ReadonlySet<number> = new Set([400, 413, 415])

/** Answers 404 for what is not there, 405 with the header `allow` for what is there with another method; to be made before the routes. */
const unknownRoutes = (app: FastifyInstance): ((request: FastifyRequest, reply: FastifyReply) => FastifyReply) => {
  const routes: { readonly methods: readonly string[]; readonly form: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    const form = new RegExp(
      `^${url
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replace(/:\w+/g, '[^/]+')
        .replace('*', '.*')}$`,
    )
    routes.push({ methods: [method].flat(), form })
  })
  return (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = new Set(routes.filter(({ form }) => form.test(path)).flatMap(({ methods }) => methods))
    if (allowed.size === 0 || allowed.has(request.method)) return refuse(reply, problem('API_ROUTE', 'there is no such route'))
    return refuse(
      reply.header('allow', [...allowed].join(', ')),
      problem('API_METHOD', `the method ${request.method} is not for this route`),
    )
  }
}
