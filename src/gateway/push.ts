import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Mapping } from '../../protocols/index.ts'
import type { GatewayConfig, MqttConfig, Problem } from '../config/index.ts'
import { type Clock, explain, ok, type Reading, type ReadingStore, type Result } from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { type Arrivals, type Letters, loadJson, lossOf, openArrivals, openDevices, openLetters, saveJson } from '../push/index.ts'
import { fail } from './errors.ts'
import type { Mappings } from './mappings.ts'
import { uncovered } from './push-filters.ts'
import { type FormerSession, PushSource, type SourceDeps } from './push-source.ts'
import { SparkplugHosts } from './push-sparkplug.ts'
import type { PushWorld } from './push-world.ts'
import { realAfter } from './timers.ts'

export interface PushDeps {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'mqtt'>
  readonly clock: Clock
  readonly mappings: Mappings
  readonly world: PushWorld
  readonly meters: readonly MeterFact[]
  readonly points: ReadonlyMap<string, Point>
  readonly put: SourceDeps['put']
  readonly store: Pick<ReadingStore, 'range'>
  readonly newest: (seriesKey: string) => Reading | undefined
  readonly log: SourceDeps['log']
  /** Told what messages say of meters that are not in the ledger. */
  readonly stranger?: SourceDeps['stranger']
  readonly evidence?: SourceDeps['evidence']
}

const TICK_MS = 500
const SAVE_MS = 60_000
/** A store that does not answer must not hold up messages for longer. */
const LOOK_UP_MS = 5000
const MOST_FILTERS = 1000
/** A store that was silent is left alone for so long. */
const SILENT_MS = 30_000

/** Every broker whose messages become readings, and what is remembered of them. */
export class Push {
  readonly sources: readonly PushSource[]
  readonly letters: Letters
  readonly #arrivals: Arrivals
  readonly #hosts: ReadonlyMap<string, SparkplugHosts>
  readonly #directory: string
  readonly #clock: Clock
  readonly #log: PushDeps['log']
  #timers: NodeJS.Timeout[] = []

  private constructor(
    sources: readonly PushSource[],
    letters: Letters,
    arrivals: Arrivals,
    hosts: ReadonlyMap<string, SparkplugHosts>,
    directory: string,
    { clock, log }: Pick<PushDeps, 'clock' | 'log'>,
  ) {
    this.sources = sources
    this.letters = letters
    this.#arrivals = arrivals
    this.#hosts = hosts
    this.#directory = directory
    this.#clock = clock
    this.#log = log
  }

  /** @errors PUSH_DISK */
  static async open(deps: PushDeps): Promise<Result<Push>> {
    const { config, clock, log, mappings } = deps
    const directory = join(config.dataDirectory, 'push')
    mkdirSync(directory, { recursive: true })
    const files = { letters: join(directory, 'letters.log'), arrivals: join(directory, 'arrivals.log') }
    const letters = await openLetters({ path: files.letters })
    if (!letters.ok) return letters
    const arrivals = await openArrivals({ path: files.arrivals })
    if (!arrivals.ok) {
      await letters.value.close()
      return arrivals
    }
    for (const loss of [lossOf(files.letters, letters.value.found), lossOf(files.arrivals, arrivals.value.found)])
      if (loss) log('warn', explain(loss))
    const lookUp = lookUpIn(deps.store)
    const hosts = new Map<string, SparkplugHosts>()
    const sources: PushSource[] = []
    for (const source of config.mqtt) {
      const sparkplug = new SparkplugHosts(loadJson(join(directory, `${source.id}-births.json`)), source.rebirth)
      hosts.set(source.id, sparkplug)
      const used = source.mappings.map((use) => mappings.get(use.id)?.compile(useOf(use)))
      const compiled = used.flatMap((made): Mapping[] => (made?.ok ? [made.value] : []))
      const isBroken = compiled.length < used.length
      const devices = await openDevices({
        path: join(directory, `${source.id}-devices.json`),
        maxUnregistered: source.maxUnregistered,
        after: realAfter,
        say: (error) => log('warn', explain(error)),
      })
      const sessionFile = join(directory, `${source.id}-session.json`)
      const before = sessionOf(loadJson(sessionFile))
      const filters = uncovered(compiled.flatMap(({ rules }) => rules.map(({ topic }) => topic.filter)))
      const sessions = sessionsAfter(before, source, filters)
      // Whatever we ever asked for may still stand in the sessions that the broker keeps: it is written down before it is asked for.
      const saved = await saveJson(sessionFile, sessions.remembered)
      if (!saved.ok) return saved
      sources.push(
        new PushSource({
          config: source,
          clock,
          mappings: compiled,
          environment: { ...deps.world, windows: true, explain: false },
          meters: deps.meters.filter(({ line }) => line === source.id),
          points: deps.points,
          put: deps.put,
          lookUp,
          newest: deps.newest,
          arrivals: arrivals.value,
          letters: letters.value,
          devices,
          sparkplug,
          before: sessions.before,
          isBroken,
          stranger: deps.stranger,
          evidence: deps.evidence,
          former: sessions.former,
          emptied: () => void saveJson(sessionFile, sessions.afterwards).then((done) => done.ok || log('warn', explain(done.error))),
          log,
        }),
      )
    }
    return ok(new Push(sources, letters.value, arrivals.value, hosts, directory, { clock, log }))
  }

  source(id: string): PushSource | null {
    return this.sources.find(({ config }) => config.id === id) ?? null
  }

  /**
   * What the ledger says of meters now; null: no longer there. Connections and sessions stay as they are.
   *
   * @returns  how many differ
   */
  update(meters: Iterable<readonly [id: string, known: { readonly fact: MeterFact; readonly point: Point } | null]>): number {
    let differ = 0
    for (const [id, known] of meters)
      for (const source of this.sources) if (source.update(id, known?.fact.line === source.config.id ? known : null)) differ++
    return differ
  }

  start(): void {
    for (const source of this.sources) source.start()
    if (this.sources.length === 0) return
    this.#timers = [
      setInterval(() => {
        for (const source of this.sources)
          source.tick().catch((error: unknown) => this.#log('error', `${source.config.id}: ${String(error)}`))
      }, TICK_MS),
      setInterval(() => void this.#save(), SAVE_MS),
    ]
  }

  /** Takes nothing new, ends what is under way; the sessions stay at the brokers. */
  async stop(withinMs: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.sources.map((source) => source.stop(withinMs)))
    await this.#save()
  }

  async close(): Promise<void> {
    await this.letters.close()
    await this.#arrivals.close()
  }

  /** Puts refused messages through again. Those that can be used now are gone from the list. @returns how many could be used */
  async replay(ids: readonly number[]): Promise<Result<{ readonly replayed: number; readonly left: number }>> {
    const taken = this.letters.take(ids)
    const used: number[] = []
    try {
      for (const { id, source, topic, payload, at, retained } of taken.letters)
        if (await this.source(source)?.replay(topic, payload, at, retained)) used.push(id)
    } finally {
      // Whatever happens, what was used is gone and the others can be taken again.
      await taken.done(used)
    }
    return ok({ replayed: used.length, left: ids.length - used.length })
  }

  /** Known births: used after a restart only where nodes must not be asked for them again. */
  async #save(): Promise<void> {
    for (const [id, hosts] of this.#hosts) {
      const births = hosts.snapshot()
      const saved = births === null ? null : await saveJson(join(this.#directory, `${id}-births.json`), births)
      if (saved && !saved.ok) this.#log('warn', explain(saved.error))
    }
    for (const { devices } of this.sources) devices.forget(this.#clock.now() - FORGET_MS)
  }
}

/** Unknown devices that were not heard of for so long are forgotten. */
const FORGET_MS = 90 * 86_400_000

/** Asks a store for one row. One that was silent is not asked again for a while: a message must not wait for it again and again. */
const lookUpIn = (store: Pick<ReadingStore, 'range'>): SourceDeps['lookUp'] => {
  let silentUntil = Number.NEGATIVE_INFINITY
  const silent = (): Result<Reading | null> => fail('STORE_SLOW', `the store did not answer within ${LOOK_UP_MS} ms`)
  return async (series, measuredAt) => {
    if (performance.now() < silentUntil) return silent()
    const { source: _, ...tags } = series.tags
    const { measurement } = series
    const source = measurement === 'event' ? {} : ({ source: 'push' } as const)
    const asked = store.range({ measurement, tags, ...source, from: measuredAt, to: measuredAt + 1, limit: 1 })
    let cancel = () => {}
    const late = new Promise<Result<Reading | null>>((resolve) => {
      cancel = realAfter(LOOK_UP_MS, () => resolve(silent()))
    })
    const found = await Promise.race([
      asked.then((page): Result<Reading | null> => (page.ok ? ok(page.value.readings[0] ?? null) : page)),
      late,
    ])
    cancel()
    if (!found.ok) silentUntil = performance.now() + SILENT_MS
    return found
  }
}

const useOf = ({ zone, prefix }: MqttConfig['mappings'][number]) => ({
  ...(zone === null ? {} : { zone }),
  ...(prefix === null ? {} : { prefix }),
})

/** What we once asked of a broker. */
interface Session {
  readonly clientId: string
  readonly url: string
  readonly share: string
  readonly filters: readonly string[]
  readonly connections: number
}

/** What has to be taken back of former configurations, and what to remember of this one. */
const sessionsAfter = (before: Session, { clientId, url, share, connections }: MqttConfig, filters: readonly string[]) => {
  const isSame = before.clientId === clientId && before.url === url
  const shared = before.share !== '' && before.share !== share ? before.filters.map((filter) => `$share/${before.share}/${filter}`) : []
  const remembered = [...new Set([...filters, ...before.filters])].slice(0, MOST_FILTERS)
  const of = (name: string, number: number): FormerSession => ({ clientId: number === 0 ? name : `${name}-${number}` })
  const numbers = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n)
  const former = isSame
    ? numbers(connections, before.connections).map((number) => of(clientId, number))
    : before.url === url
      ? numbers(0, before.connections).map((number) => of(before.clientId, number))
      : []
  const now: Session = { clientId, url, share, filters: remembered, connections }
  return {
    before: [...before.filters.filter((filter) => !filters.includes(filter)), ...shared],
    former,
    // While a former session is not empty, the next start has to look after it as well.
    remembered: former.length === 0 ? now : { ...before, share, filters: remembered },
    afterwards: now,
  }
}

const sessionOf = (json: unknown): Session => {
  const { clientId, url, share, filters, connections }: Partial<Record<keyof Session, unknown>> =
    typeof json === 'object' && json !== null ? json : {}
  return {
    clientId: typeof clientId === 'string' ? clientId : '',
    url: typeof url === 'string' ? url : '',
    share: typeof share === 'string' ? share : '',
    filters: textsOf(filters),
    connections: typeof connections === 'number' && connections <= 64 ? connections : 0,
  }
}

const textsOf = (json: unknown): string[] => (Array.isArray(json) ? json.filter((one): one is string => typeof one === 'string') : [])

/** What is wrong with the mappings a configuration names. A broken mapping stops only itself; one that does not exist is a mistake. */
export const mappingProblems = (config: GatewayConfig, mappings: Mappings): readonly Problem[] =>
  config.mqtt.flatMap((source) => source.mappings.flatMap((use) => useProblems(config, source, use, mappings)))

const useProblems = (config: GatewayConfig, source: MqttConfig, use: MqttConfig['mappings'][number], mappings: Mappings): Problem[] => {
  const at = (message: string): Problem => ({ file: config.file, line: 1, column: 1, path: `/mqtt/${source.id}/mappings`, message })
  if (!mappings.ids.includes(use.id)) return [at(`has "${use.id}", which is no mapping; there are: ${mappings.ids.join(', ')}`)]
  const made = mappings.get(use.id)?.compile(useOf(use))
  return made && !made.ok ? made.problems.map(({ path, message }) => at(`"${use.id}": /${path.join('/')} ${message}`)) : []
}
