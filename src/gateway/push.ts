import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mapping } from '../../protocols/index.ts'
import type { GatewayConfig, MqttConfig, Problem } from '../config/index.ts'
import { type Clock, explain, ok, type Reading, type ReadingStore, type Result, type Series } from '../core/index.ts'
import type { MeterFact, Point } from '../ledger/index.ts'
import { type Arrivals, type Letters, lossOf, openArrivals, openDevices, openLetters } from '../push/index.ts'
import type { Mappings } from './mappings.ts'
import { PushSource, type SourceDeps, uncovered } from './push-source.ts'
import { SparkplugHosts } from './push-sparkplug.ts'
import type { PushWorld } from './push-world.ts'

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
}

const TICK_MS = 500
const SAVE_MS = 60_000
/** A store that does not answer must not hold up messages for longer. */
const LOOK_UP_MS = 5000
const MOST_FILTERS = 1000

/** Every broker whose messages become readings, and what is remembered of them. */
export class Push {
  readonly sources: readonly PushSource[]
  readonly letters: Letters
  readonly #arrivals: Arrivals
  readonly #hosts: ReadonlyMap<string, SparkplugHosts>
  readonly #directory: string
  readonly #clock: Clock
  #timers: NodeJS.Timeout[] = []

  private constructor(
    sources: readonly PushSource[],
    letters: Letters,
    arrivals: Arrivals,
    hosts: ReadonlyMap<string, SparkplugHosts>,
    directory: string,
    clock: Clock,
  ) {
    this.sources = sources
    this.letters = letters
    this.#arrivals = arrivals
    this.#hosts = hosts
    this.#directory = directory
    this.#clock = clock
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
    const hosts = new Map<string, SparkplugHosts>()
    const sources: PushSource[] = []
    for (const source of config.mqtt) {
      const sparkplug = new SparkplugHosts(readJson(join(directory, `${source.id}-births.json`)), source.rebirth)
      hosts.set(source.id, sparkplug)
      const compiled = source.mappings.flatMap(({ id, zone, prefix }): Mapping[] => {
        const made = mappings.get(id)?.compile({ ...(zone === null ? {} : { zone }), ...(prefix === null ? {} : { prefix }) })
        return made?.ok ? [made.value] : []
      })
      const devices = await openDevices({
        path: join(directory, `${source.id}-devices.json`),
        maxUnregistered: source.maxUnregistered,
        after: realAfter,
        say: (error) => log('warn', explain(error)),
      })
      const sessionFile = join(directory, `${source.id}-session.json`)
      const session = sessionOf(readJson(sessionFile))
      const before = [...session.filters]
      const filters = uncovered(compiled.flatMap(({ rules }) => rules.map(({ topic }) => topic.filter)))
      const known = session.clientId === source.clientId && session.url === source.url
      const connections = Math.max(source.connections, known ? session.connections : 0)
      const { clientId, url, share } = source
      if (known && session.share !== '' && session.share !== share)
        before.push(...[...filters, ...before].map((filter) => `$share/${session.share}/${filter}`))
      // Whatever we ever asked for may still stand in the sessions that the broker keeps.
      const remembered = { clientId, url, share, filters: [...new Set([...filters, ...before])].slice(0, MOST_FILTERS) }
      writeJson(sessionFile, { ...remembered, connections })
      sources.push(
        new PushSource({
          config: source,
          clock,
          mappings: compiled,
          environment: { ...deps.world, windows: true, explain: false },
          meters: deps.meters.filter(({ line }) => line === source.id),
          points: deps.points,
          put: deps.put,
          lookUp: (series, measuredAt) => lookUp(deps.store, series, measuredAt),
          newest: deps.newest,
          arrivals: arrivals.value,
          letters: letters.value,
          devices,
          sparkplug,
          before: before.filter((filter) => !filters.includes(filter)),
          retired: Array.from({ length: connections - source.connections }, (_, n) => source.connections + n),
          drained: () => writeJson(sessionFile, { ...remembered, connections: source.connections }),
          log,
        }),
      )
    }
    return ok(new Push(sources, letters.value, arrivals.value, hosts, directory, clock))
  }

  source(id: string): PushSource | null {
    return this.sources.find(({ config }) => config.id === id) ?? null
  }

  start(): void {
    for (const source of this.sources) source.start()
    if (this.sources.length === 0) return
    this.#timers = [
      setInterval(() => {
        for (const source of this.sources) void source.tick()
      }, TICK_MS),
      setInterval(() => this.#save(), SAVE_MS),
    ]
  }

  /** Takes nothing new, ends what is under way; the sessions stay at the brokers. */
  async stop(withinMs: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.sources.map((source) => source.stop(withinMs)))
    this.#save()
  }

  async close(): Promise<void> {
    await this.letters.close()
    await this.#arrivals.close()
  }

  /** Puts refused messages through again. Those that can be used now are gone from the list. @returns how many could be used */
  async replay(ids: readonly number[]): Promise<Result<{ readonly replayed: number; readonly left: number }>> {
    const taken = this.letters.take(ids)
    const used: number[] = []
    for (const { id, source, topic, payload, at, retained } of taken.letters)
      if (await this.source(source)?.replay(topic, payload, at, retained)) used.push(id)
    const done = await taken.done(used)
    return done.ok ? ok({ replayed: used.length, left: ids.length - used.length }) : done
  }

  /** Known births, so that a restart need not ask every node. */
  #save(): void {
    for (const [id, hosts] of this.#hosts) {
      const births = hosts.snapshot()
      if (births !== null) writeJson(join(this.#directory, `${id}-births.json`), births)
    }
    for (const { devices } of this.sources) devices.forget(this.#clock.now() - FORGET_MS)
  }
}

/** Unknown devices that were not heard of for so long are forgotten. */
const FORGET_MS = 90 * 86_400_000

const lookUp = async (store: Pick<ReadingStore, 'range'>, series: Series, measuredAt: number): Promise<Result<Reading | null>> => {
  const { source: _, ...tags } = series.tags
  const { measurement } = series
  const asked = store.range({ measurement, tags, source: 'push', from: measuredAt, to: measuredAt + 1, limit: 1 })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Result<Reading | null>>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, error: TOO_LATE }), LOOK_UP_MS)
  })
  const found = await Promise.race([
    asked.then((page): Result<Reading | null> => (page.ok ? ok(page.value.readings[0] ?? null) : page)),
    late,
  ])
  clearTimeout(timer)
  return found
}

const TOO_LATE = {
  code: 'STORE_SLOW',
  message: `the store did not answer within ${LOOK_UP_MS} ms`,
  recovery: 'retry',
  hint: 'look at the load of the store',
  context: {},
} as const

const realAfter = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    // Not there yet, or left half: it is made again.
    return null
  }
}

const writeJson = (path: string, json: unknown): void => {
  writeFileSync(`${path}.new`, JSON.stringify(json))
  renameSync(`${path}.new`, path)
}

/** What we once asked of a broker. */
interface Session {
  readonly clientId: string
  readonly url: string
  readonly share: string
  readonly filters: readonly string[]
  readonly connections: number
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
  const made = mappings.get(use.id)?.compile({
    ...(use.zone === null ? {} : { zone: use.zone }),
    ...(use.prefix === null ? {} : { prefix: use.prefix }),
  })
  return made && !made.ok ? made.problems.map(({ path, message }) => at(`"${use.id}": /${path.join('/')} ${message}`)) : []
}
