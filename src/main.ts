import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import { adapterOf, terminalAdapterOf } from '../protocols/index.ts'
import { EventRing } from './api/index.ts'
import type { GatewayConfig } from './config/index.ts'
import { explain, ok, type Reading, scaledClock, systemClock } from './core/index.ts'
import { openAudit } from './gateway/audit.ts'
import { billingReadViews } from './gateway/billing-read-views.ts'
import { startChores } from './gateway/chores.ts'
import { codecViews } from './gateway/codec-views.ts'
import { Collection } from './gateway/collection.ts'
import { evidenceViews } from './gateway/evidence-views.ts'
import { filterLooks } from './gateway/filter-looks.ts'
import { Hot } from './gateway/hot.ts'
import { openImports } from './gateway/import-jobs.ts'
import { interchangeViews } from './gateway/interchange.ts'
import { openLedgerPort } from './gateway/ledger-port.ts'
import { ledgerWorld, liveWorld, worldData } from './gateway/ledger-world.ts'
import { PointIndex } from './gateway/point-index.ts'
import { Publisher } from './gateway/publish.ts'
import { openRepeats } from './gateway/repeats.ts'
import { type Gateway, refused, type StartFailure, version } from './gateway/running.ts'
import { openScans } from './gateway/scan-open.ts'
import { ScopeIndex } from './gateway/scope-index.ts'
import { openSeries } from './gateway/series.ts'
import { openAccess } from './gateway/start-access.ts'
import { openAccounts } from './gateway/start-accounts.ts'
import { brokerProblems, cannotListen, untilCaughtUp } from './gateway/start-checks.ts'
import { openClocks } from './gateway/start-clocks.ts'
import { openConcentrators } from './gateway/start-concentrators.ts'
import { openEstimates } from './gateway/start-estimates.ts'
import { openEvidence } from './gateway/start-evidence.ts'
import { watchedSink } from './gateway/start-exports.ts'
import { openFigures } from './gateway/start-figures.ts'
import { openHouse } from './gateway/start-house.ts'
import { checkedInputs } from './gateway/start-inputs.ts'
import { openField, openPush } from './gateway/start-intake.ts'
import { syncLedgerFile } from './gateway/start-ledger.ts'
import { openCertificate, startListening } from './gateway/start-listening.ts'
import { openGatewayOutbox } from './gateway/start-outbox.ts'
import { openReports } from './gateway/start-reports.ts'
import { openSignal } from './gateway/start-signal.ts'
import { openStorage } from './gateway/start-storage.ts'
import { openTerminals } from './gateway/start-terminals.ts'
import { openTiers } from './gateway/start-tiers.ts'
import { openUnregistered } from './gateway/start-unregistered.ts'
import { summaryOf } from './gateway/summary.ts'
import { terminalViews } from './gateway/terminal-views.ts'
import { apiDeps } from './gateway/views.ts'
import { Ledger } from './ledger/index.ts'

export { type Gateway, type StartFailure, version } from './gateway/running.ts'
export type { Summary } from './gateway/summary.ts'

const STOP_WITHIN_MS = 5000
/** Readings that a client that comes back can be told. */
const LIVE_READINGS = 10_000
const PUBLISH_WITHIN_MS = 2000

/**
 * The composition root: the one place that knows every room. Checks everything before anything is opened; a gateway that fails to
 * start has left nothing behind.
 *
 * @param beforeField  done when everything is open and no meter is asked yet: what takes long would make their answers late
 */
export const startGateway = async (
  config: GatewayConfig,
  log: Logger,
  environment: NodeJS.ProcessEnv = process.env,
  beforeField: () => Promise<void> = async () => {},
): Promise<{ readonly ok: true; readonly value: Gateway } | StartFailure> => {
  // Nearly all a gateway makes is gone a moment later, however long it lived in a busy hour. V8 learns from that hour to make such objects
  // where only a full collection finds them: an answer of 20,000 points left 150 MB behind that way.
  setFlagsFromString('--no-allocation-site-pretenuring')
  const closers: Closer[] = []
  try {
    return await open(config, log, environment, closers, beforeField)
  } catch (error) {
    // Whatever was opened is closed, so that the process can end and the next one find everything free.
    for (const close of closers.reverse()) await close()
    const message = error instanceof Error ? error.message : String(error)
    log.debug({ err: error }, 'start failed')
    return { ok: false, problems: [], message: `the gateway cannot start: ${message}` }
  }
}

type Closer = () => Promise<unknown> | unknown

const open = async (
  config: GatewayConfig,
  log: Logger,
  environment: NodeJS.ProcessEnv,
  closers: Closer[],
  beforeField: () => Promise<void>,
): Promise<{ readonly ok: true; readonly value: Gateway } | StartFailure> => {
  const inputs = await checkedInputs(config, log)
  if (!inputs.ok) return inputs
  const { profiles, mappings, world } = inputs.value

  const clock = config.clock ? scaledClock(config.clock.start, config.clock.realStart, config.clock.speed) : systemClock
  const unwind = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  const give = async (message: string) => {
    await unwind()
    return refused(message)
  }
  const storage = await openStorage(config, log, closers)
  if (!storage.ok) {
    await unwind()
    return storage
  }
  const { latest, store } = storage.value
  const say = (level: 'debug' | 'info' | 'warn' | 'error', message: string) => log[level](message)
  let known = ledgerWorld(worldData(config), profiles, adapterOf)
  const ledger = new Ledger(
    config.dataDirectory,
    liveWorld(() => known),
  )
  closers.push(() => ledger.close())
  const publishers: Publisher[] = []
  for (const target of config.publish) {
    const publisher = Publisher.of(target, { gateway: config.id, version: version(), clock, log: say })
    if (!publisher.ok) return give(`publish ${target.id}: ${explain(publisher.error)}`)
    publishers.push(publisher.value)
  }
  const figures = openFigures(
    {
      ...{ config, clock, ledger, profiles, store, publishers, log: say },
      evidence: () => evidence.book,
      collection: () => collection.ask,
      health: () => deps.health(),
    },
    closers,
  )
  const { outages, energy, loss, cases, analysis, billing, files, days, thresholds } = figures
  const liveReadings = new EventRing<Reading>(LIVE_READINGS, clock.now())
  const opened = await openGatewayOutbox({
    ...{ config, clock, latest, store, liveReadings, log },
    watched: (sink) => watchedSink(sink, files.heard),
    sinks: [...figures.sinks, ...publishers.flatMap(({ sink }) => sink ?? [])],
  })
  if (!opened.ok) return give(explain(opened.error))
  const outbox = opened.value
  closers.push(() => outbox.close({ drainMs: 2000 }))
  closers.push(...figures.stops)

  const synced = syncLedgerFile(ledger, config, profiles, adapterOf, clock.now())
  if (!synced.ok) {
    await unwind()
    return refused('the ledger file is wrong', synced.problems)
  }
  if (synced.changes) log.info({ ...synced.changes }, 'ledger brought up to date')

  const evidence = openEvidence({
    ...{ directory: config.dataDirectory, zone: config.timezone, settings: config.evidence, clock, log: say },
  })
  closers.push(() => evidence.close())
  const collection = new Collection({
    ...{ directory: config.dataDirectory, zone: config.timezone, settings: config.collection, clock, store, log: say },
    brokers: config.mqtt.map(({ id }) => id),
    put: (readings) => outbox.put(readings),
    isOff: (point, heardAt) => outages.isOff(point, heardAt),
    evidence: evidence.intake,
  })
  closers.push(() => collection.close())
  const estimates = openEstimates({ collection, energy, ledger, put: (readings) => outbox.put(readings), clock, log: say })
  closers.push(() => estimates.stop())
  const unregistered = openUnregistered({ config, clock, ledger, store, outbox, log: say })
  closers.push(() => unregistered.close())
  const terminals = openTerminals({
    ...{ config, clock, ledger, terminalAdapterOf, strangers: unregistered.list, log: say },
    put: collection.watched(unregistered.put),
    evidence: evidence.intake,
  })
  closers.push(() => terminals.close())
  closers.push(() => terminals.stop())
  const seq = ledger.seq
  const intake = { config, clock, ledger, latest, collection, unregistered, evidence: evidence.intake, log: say }
  const field = openField({ ...intake, profiles, outbox, terminals })
  const push = await openPush({ ...intake, mappings, world, store })
  if (!push.ok) return give(explain(push.error))
  closers.push(() => push.value.close())
  const clocks = openClocks({
    directory: config.dataDirectory,
    field,
    config: config.clocks,
    clock,
    put: (readings) => outbox.put(readings),
    log: say,
  })
  closers.push(() => clocks.close())
  const ledgerApi = openLedgerPort({ config, ledger, field, latest, store, clock, clocks: clocks.views })
  closers.push(() => ledgerApi.close())
  closers.push(() => files.stop())
  const imports = openImports({ directory: config.dataDirectory, zone: config.timezone, world: worldData(config), clock })
  closers.push(() => imports.close())
  const concentrators = openConcentrators({
    ...{ directory: config.dataDirectory, clock, ledger, strangers: unregistered.list, log: say },
    profiles,
    ...{
      keeper: clocks.keeper,
      apply: (patches, act) => ledgerApi.thread.call('apply', { patches, act }),
      mayControl: () => terminals.book.rules.control,
    },
    ...{ terminals: terminals.terminals, settingsOf: (id) => terminals.book.get(id), adapterOf: terminals.adapterOf },
    takeEvents: (id, events) => terminals.takeEvents(id, events),
    events: (concentrator, query) => terminals.file.events(concentrator, query),
  })
  terminals.attach({ field, archives: concentrators })
  closers.push(() => concentrators.close())
  const scans = openScans({ field, profiles, adapterOf, clock, thread: ledgerApi.thread, list: unregistered.list, log: say })
  closers.push(() => scans.close())
  const tiers = openTiers({ config, clock, ledger, energy, strangers: unregistered.list })
  const keyAccounts = openAccounts({
    ...{ directory: config.dataDirectory, config, clock, ledger, tiers: tiers.parts, book: energy.book, latest, log: say },
    store,
  })
  closers.push(() => keyAccounts.close())
  closers.push(() => keyAccounts.stop())
  const house = openHouse({
    ...{ clock, ledger, field, clocks: clocks.views, strangers: unregistered.list, days, log: say },
    loss: { balance: loss.views.busBalance, thresholds },
    unread: () => keyAccounts.unread(),
    take: (verdict, day, now) => cases.book.take(verdict, day, now),
  })
  const audit = openAudit(config.dataDirectory, () => systemClock.now(), say, config.access.auditHead ?? undefined)
  closers.push(() => audit.close())
  const repeats = openRepeats(config.dataDirectory, () => systemClock.now(), say, config.http.repeatsMaxBytes)
  closers.push(() => repeats.close())
  const scopes = new ScopeIndex(ledger)
  const points = new PointIndex(ledger, (id, name) => scopes.namesPerson(id, name))
  const access = openAccess({ config, environment, audit, scopeOf: (who) => scopes.scopeOf(who), say })
  closers.push(() => access.close())
  const tls = openCertificate(config.http, audit, say)
  if (tls && !tls.ok) return give(`http.tls cannot be used: ${explain(tls.error)}`)
  closers.push(() => tls?.value.stop())
  let level = config.logLevel
  const hot = new Hot({
    ...{ config, environment, field, push: push.value, ledger, seq, profiles, points, scopes, terminals, log: say },
    now: () => clock.now(),
    brokerProblems: (wanted) => brokerProblems(wanted, profiles),
    use: (next) => {
      if (next.logLevel !== level) log.level = next.logLevel
      level = next.logLevel
      access.tokens.use(next.http)
      if (next.http.tls) tls?.value.use(next.http.tls)
      known = ledgerWorld(worldData(next), profiles, adapterOf)
      ledgerApi.thread.useWorld(worldData(next))
      imports.useWorld(worldData(next))
      clocks.use(next.clocks)
      terminals.use(next.terminals)
      void collection.use(next.collection)
      evidence.use(next.evidence)
      cases.use(next)
      tiers.use(next)
      keyAccounts.use(next)
      analysis.use(next.analysis)
      billing.use(next.billing)
      reports.use(next.billing.reports)
    },
  })
  const billingRead = billingReadViews({ store, ledger, models: energy.models, reads: billing.reads, book: billing.book })
  const reports = openReports({
    ...{ directory: config.dataDirectory, ledger, clock, days, billing: billingRead.billingReads, energy: energy.views },
    ...{ tiers: tiers.views, accountOf: keyAccounts.ofCustomer, cases: cases.views, keepYears: config.billing.reports.keepYears },
  })
  closers.push(() => reports.close())
  const deps = apiDeps({
    version: version(),
    startedAt: clock.now(),
    clock,
    field,
    push: push.value,
    publishers,
    outbox,
    latest,
    store,
    clocks: clocks.views,
    scans,
    unregistered: unregistered.views,
    gaps: collection.viewDeps(ledger),
    points,
    scopes,
    isEntry: filterLooks({
      ledger,
      lines: () => field.lines.map((line) => line.config.id),
      brokers: () => config.mqtt.map(({ id }) => id),
      hangsOn: (line) => scopes.hangsOn(line),
      heardAt: (channel) => unregistered.views.unregistered({ channel }, 0, 1).length > 0,
    }),
    hot,
    codecs: codecViews({ profiles, mappingDirectory: config.mappingDirectory, brokers: config.mqtt, world }),
    energy: energy.views,
    billing: { ...billing.views, ...billingRead },
    tiers: tiers.views,
    reports: reports.port,
    keyAccounts: { ...keyAccounts.views, health: keyAccounts.health },
    liveReadings,
    evidence: {
      ...evidenceViews({
        ...{ gateway: config.id, version: version(), zone: config.timezone, evidence, store, ledger, profiles },
        mappingOf: (broker, rule) => {
          const id = rule.split('/')[0] ?? ''
          const content = mappings.get(id)?.content
          const use = config.mqtt.find((one) => one.id === broker)?.mappings.find((one) => one.id === id)
          return content ? { content, zone: use?.zone ?? null, prefix: use?.prefix ?? null } : null
        },
      }),
      health: evidence.health,
    },
    loss: loss.views,
    signal: openSignal({
      ...{ clock, ledger, store, days, book: analysis.book },
      brokers: config.mqtt.map(({ id }) => id),
    }),
    rules: analysis.views,
    outages: outages.views,
    cases: cases.views,
    estimates: estimates.views,
    ledgerPort: ledgerApi.port,
    imports: imports.port,
    exports: files.port,
    series: openSeries({ days, store, energy: energy.views, loss: loss.views, now: () => clock.now() }),
    interchange: interchangeViews({
      ...{ points, store, energy: energy.views, days, clock },
      areas: () => ledger.areas(),
      isZone: (id) => ledger.get('zone', id, null) !== null,
    }),
    concentrators: concentrators.port,
    terminals,
    access,
    tls: tls?.value ?? null,
    audit,
    repeats: repeats.port,
    maxOutboxBytes: config.outbox.maxBytes,
  })
  closers.push(() => deps.close())
  let address: string
  try {
    const listening = await startListening(deps, config.http, tls?.value ?? null, log)
    closers.push(() => listening.close())
    address = listening.address
    access.started(version())
  } catch (error) {
    return give(cannotListen(config.http, error))
  }

  // Whoever dials in is answered when everything that takes what it says is there.
  const dialled = await terminals.listen()
  if (!dialled.ok) return give(explain(dialled.error))

  await collection.start(field)
  await beforeField()
  field.start()
  unregistered.start({ field, push: push.value, thread: ledgerApi.thread })
  clocks.start()
  figures.start(outbox)
  for (const publisher of publishers) publisher.start()
  cases.start()
  house.start()
  keyAccounts.start()
  // What the outbox still holds of the time before must be where it is looked for, so that a repeat is known for one.
  if (config.mqtt.length > 0) await untilCaughtUp(outbox, [latest.id, store.id], log)
  push.value.start()
  hot.start()
  const sayHealth = async () => {
    const health = await deps.health()
    for (const publisher of publishers) publisher.sayHealth(health)
  }
  const stopChores = startChores({
    clock,
    field,
    push: push.value,
    terminals: terminals.counted,
    outbox,
    store,
    tokens: access.tokens,
    log,
    sayHealth,
  })
  let closing: Promise<void> | null = null
  const close = async () => {
    stopChores()
    await hot.stop()
    await Promise.all([field.stop(STOP_WITHIN_MS), clocks.stop(STOP_WITHIN_MS), collection.stop(), push.value.stop(STOP_WITHIN_MS)])
    house.stop()
    await concentrators.stop(STOP_WITHIN_MS)
    await terminals.stop()
    await cases.stop()
    if (publishers.length > 0) await outbox.drained(PUBLISH_WITHIN_MS)
    await Promise.all(publishers.map((publisher) => publisher.stop(PUBLISH_WITHIN_MS)))
    await unwind()
  }
  return ok({
    address,
    listening: terminals.terminals.listening,
    field,
    push: push.value,
    outbox,
    store,
    latest,
    tokens: access.tokens,
    isNobodyKnown: () => access.isEmpty(),
    cases: cases.views,
    clock,
    reload: (because) => hot.reload(because),
    summary: () => summaryOf(field, push.value, outbox, deps.busy, terminalViews(field, terminals).lines()),
    close: () => {
      closing ??= close()
      return closing
    },
  })
}
