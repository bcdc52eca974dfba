import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type ConfigChange,
  ConfigHistory,
  type ConfigVersion,
  changesOf,
  changesText,
  changeText,
  type GatewayConfig,
  hotConfig,
  loadGatewayConfig,
  type Plain,
  type Problem,
  plainConfig,
  problemText,
  type Restored,
  removeRunning,
  restoreConfig,
  writeRunning,
} from '../config/index.ts'
import { many } from '../core/index.ts'
import type { Applied, Ledger } from '../ledger/index.ts'
import type { Field } from './field.ts'
import { FileWatch } from './hot-files.ts'
import { knownMeters, metersAt, touchedSince } from './hot-ledger.ts'
import { ledgerLines, MOST_CHANNELS } from './hot-lines.ts'
import type { LiveProfiles } from './hot-profiles.ts'
import { syncInThread } from './hot-sync.ts'
import type { PointIndex } from './point-index.ts'
import type { Push } from './push.ts'
import type { ScopeIndex } from './scope-index.ts'
import { concentratorsIn } from './start-ledger.ts'

export interface HotDeps {
  /** What the gateway was started with. */
  readonly config: GatewayConfig
  readonly environment: NodeJS.ProcessEnv
  readonly field: Pick<Field, 'update' | 'sayIdle'>
  readonly push: Pick<Push, 'update'>
  readonly ledger: Pick<Ledger, 'seq' | 'touchedPages' | 'metersOf' | 'metersBehind' | 'history' | 'get' | 'list'>
  /** The change of the ledger up to which field and push know everything. */
  readonly seq: number
  readonly profiles: LiveProfiles
  /** Time for what the ledger file does not date. */
  readonly now: () => number
  /** What is wrong with brokers and publishers that are wanted; they are checked, though only a restart brings them. */
  readonly brokerProblems: (wanted: GatewayConfig) => readonly Problem[]
  /** The configuration that holds from now on: log level, tokens, and whatever else is declared hot. */
  readonly use: (config: GatewayConfig) => void
  /** Concentrators of the ledger. */
  readonly terminals?: { refresh(ids: Iterable<string>): ReadonlySet<string> }
  /** What the API shows of the ledger. */
  readonly points: Pick<PointIndex, 'refresh' | 'refreshAreas' | 'pointsOf'>
  readonly scopes?: Pick<ScopeIndex, 'refresh'>
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** What became of reading the configuration again. */
export type Reloaded =
  | {
      readonly ok: true
      readonly version: ConfigVersion
      readonly changes: readonly ConfigChange[]
      readonly pending: readonly ConfigChange[]
      /** What the ledger file brought; null = nothing new. */
      readonly ledger: Applied | null
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export interface ConfigState {
  readonly version: ConfigVersion
  readonly loadedAt: number
  readonly file: string
  /** What holds, secrets masked. */
  readonly config: Readonly<Record<string, Plain>>
  /** What gateway.yaml says that only a restart will bring. */
  readonly pending: readonly ConfigChange[]
  /** Why the files as they are now are not used; null = they are. */
  readonly wrong: { readonly at: number; readonly problems: readonly Problem[] } | null
  /** Lines of the ledger that are not opened, and why. */
  readonly lineProblems: readonly string[]
}

const LOOK_MS = 1000
/** Meters taken from the ledger at once; the rest of the gateway goes on in between. */
const CHUNK = 40
const MOST_SAID = 10

/**
 * Keeps a running gateway what its files and its ledger say. It looks every second: changes of the ledger, whoever made them, reach only
 * the meters they touch; files are read when they have been left alone for a moment, checked completely, and used only when nothing is
 * wrong with them. What only a restart can bring is said and waits.
 */
export class Hot {
  readonly #deps: HotDeps
  readonly #history: ConfigHistory
  readonly #watch: FileWatch
  /** Secrets are compared under this key and never shown. */
  readonly #key = randomBytes(16).toString('hex')
  #running: GatewayConfig
  #pending: readonly ConfigChange[] = []
  #wrong: ConfigState['wrong'] = null
  #version: ConfigVersion
  #loadedAt = Date.now()
  #lines: readonly GatewayConfig['lines'][number][] = []
  #lineProblems: readonly string[] = []
  #seq: number
  #timer: NodeJS.Timeout | null = null
  #work: Promise<unknown> = Promise.resolve()
  #isBusy = false
  #saidFault = ''

  constructor(deps: HotDeps) {
    this.#deps = deps
    const { config } = deps
    this.#running = config
    this.#seq = deps.seq
    this.#history = new ConfigHistory(config.dataDirectory)
    this.#watch = new FileWatch(() => [
      this.#running.file,
      ...[this.#running.ledgerFile, this.#running.profileDirectory].flatMap((path) => path ?? []),
    ])
    this.#version = this.#keep('start', [])
    this.#mergeLines()
  }

  start(): void {
    this.#writeRunning()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await this.#work
    removeRunning(this.#running.dataDirectory)
  }

  /** Reads everything again now. */
  reload(because: string): Promise<Reloaded> {
    return this.#queue(async () => {
      this.#watch.take()
      return this.#load(because)
    })
  }

  /** Writes a former state of gateway.yaml back and takes it up. */
  restore(version: number, because: string): Promise<Reloaded | Exclude<Restored, { readonly ok: true }>> {
    return this.#queue(async () => {
      const lines = () => this.#linesInLedger()
      const restored = restoreConfig(this.#running.file, this.#history, version, this.#deps.environment, lines, (wanted) =>
        this.#otherDoor(wanted),
      )
      if (!restored.ok) return restored
      this.#watch.take()
      return this.#load(because)
    })
  }

  /** A former state may hold a token that has been taken away since: who comes in is not changed from within. */
  #otherDoor(wanted: GatewayConfig): string | null {
    const [now, then] = [this.#running, wanted].map((config) => plainConfig(config, this.#key))
    const doors = changesOf(now ?? {}, then ?? {}).filter(({ path }) => /^(http|access)\//.test(path))
    return doors.length === 0 ? null : `it says something else about who may come in: ${doors.map(({ path }) => path).join(', ')}`
  }

  /** Resolves when the ledger as it is now has reached field and push. */
  followed(): Promise<void> {
    return this.#queue(() => this.#follow())
  }

  state(): ConfigState {
    return {
      ...{ version: this.#version, loadedAt: this.#loadedAt, file: this.#running.file },
      config: plainConfig({ ...this.#running, lines: this.#lines }),
      ...{ pending: this.#pending, wrong: this.#wrong, lineProblems: this.#lineProblems },
    }
  }

  versions(): readonly ConfigVersion[] {
    return this.#history.list()
  }

  /** Anybody may see it: no paths, no values. */
  health(): { readonly part: string; readonly state: 'ok' | 'degraded'; readonly sentence: string; readonly cure: string | null } {
    const part = 'configuration'
    const { version } = this.#version
    if (this.#wrong)
      return {
        ...{ part, state: 'degraded' },
        sentence: `the files were changed and are wrong in ${many(this.#wrong.problems.length, 'place')}: version ${version} goes on`,
        cure: 'GET /api/v1/config names the places; correct the file, it is read again by itself',
      }
    if (this.#lineProblems.length > 0)
      return {
        ...{ part, state: 'degraded' },
        sentence: `${many(this.#lineProblems.length, 'line')} of the ledger cannot be opened`,
        cure: 'GET /api/v1/config says why',
      }
    if (this.#pending.length > 0)
      return {
        ...{ part, state: 'ok' },
        sentence: `version ${version}; ${many(this.#pending.length, 'change')} will hold after a restart`,
        cure: 'restart the gateway when it suits; GET /api/v1/config names them',
      }
    return { part, state: 'ok', sentence: `version ${version}`, cure: null }
  }

  #look(): void {
    if (this.#isBusy) return
    const isFileNew = this.#watch.hasChanged()
    if (!isFileNew && this.#seqNow() === this.#seq) return
    void this.#queue(async () => {
      if (isFileNew) await this.#load('file changed')
      await this.#follow()
    })
  }

  /** One piece of work at a time; a fault is said once and does not end the looking. */
  #queue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(async () => {
      this.#isBusy = true
      try {
        return await work()
      } finally {
        this.#isBusy = false
      }
    })
    this.#work = done.then(
      () => {
        this.#saidFault = ''
      },
      (error: unknown) => this.#sayFault(error),
    )
    return done
  }

  #sayFault(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    if (text !== this.#saidFault) this.#deps.log('error', `changes cannot be taken up: ${text}; this is tried again every second`)
    this.#saidFault = text
  }

  #seqNow(): number {
    try {
      return this.#deps.ledger.seq
    } catch (error) {
      this.#sayFault(error)
      return this.#seq
    }
  }

  async #load(because: string): Promise<Reloaded> {
    const { environment, profiles, brokerProblems, now, field, use } = this.#deps
    const loaded = loadGatewayConfig(this.#running.file, environment, () => this.#linesInLedger())
    if (!loaded.ok) return this.#refuse(loaded.problems)
    const wanted = loaded.value
    const next = hotConfig(this.#running, wanted)
    const [before, after, full] = [this.#running, next, wanted].map((config) => plainConfig(config, this.#key))
    const pending = changesOf(after ?? {}, full ?? {})
    // Whom to tell through a broker changes at once, and may be told on a topic that is taken in.
    const broken = pending.length > 0 || wanted.notify.mqtt.length > 0 ? brokerProblems(wanted) : []
    if (broken.length > 0) return this.#refuse(broken)
    const reread = profiles.reread(next.profileDirectory)
    if (!reread.ok) return this.#refuse(reread.problems)
    const synced = await syncInThread({ ...next, lines: [...next.lines, ...this.#ledgerLines(next).lines] }, now())
    if (!synced.ok) return this.#refuse(synced.problems)
    this.#wrong = null
    const changes = changesOf(before ?? {}, after ?? {})
    this.#running = next
    this.#mergeLines()
    await field.update({ config: { ...next, lines: this.#lines }, meters: new Map(), profiles: reread.use() })
    use(next)
    await this.#follow()
    field.sayIdle()
    const version = this.#keep(because, [...changes, ...pending])
    if (changes.length > 0)
      this.#deps.log(
        'info',
        `configuration version ${version.version} (${because}): ${changes.map(changeText).slice(0, MOST_SAID).join('; ')}`,
      )
    this.#sayPending(pending)
    this.#version = version
    this.#loadedAt = Date.now()
    this.#writeRunning()
    return { ok: true, version, changes, pending, ledger: synced.changes }
  }

  #refuse(problems: readonly Problem[]): Reloaded {
    this.#wrong = { at: Date.now(), problems }
    const more = problems.length - MOST_SAID
    const texts = problems.slice(0, MOST_SAID).map(problemText)
    this.#deps.log(
      'warn',
      `the configuration was changed and is wrong; version ${this.#version.version} goes on: ${texts.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    )
    return { ok: false, problems }
  }

  #sayPending(pending: readonly ConfigChange[]): void {
    const isSaid = JSON.stringify(pending) === JSON.stringify(this.#pending)
    this.#pending = pending
    if (!isSaid && pending.length > 0)
      this.#deps.log('warn', `this needs a restart of the gateway: ${pending.map(changeText).slice(0, MOST_SAID).join('; ')}`)
  }

  /** Takes over what changed in the ledger, whoever changed it. */
  async #follow(): Promise<void> {
    const { ledger, field, push, points: index } = this.#deps
    const now = ledger.seq
    if (now === this.#seq) return
    // A ledger that was put back from a copy has fewer changes than we have seen.
    const touched = await touchedSince(ledger, now < this.#seq ? -1 : this.#seq, breath, (page) => this.#deps.scopes?.refresh(page))
    const terminals = this.#deps.terminals?.refresh(touched.concentrators) ?? new Set<string>()
    if (terminals.size > 0) await field.update({ config: { ...this.#running, lines: this.#lines }, meters: new Map(), terminals })
    if (touched.channels.size > 0) {
      this.#mergeLines()
      await field.update({ config: { ...this.#running, lines: this.#lines }, meters: new Map() })
    }
    const meters = new Set(touched.meters)
    // Whether its meters are read through it is a matter of the concentrator, too.
    for (const id of terminals) for (const meter of ledger.metersBehind(id)) meters.add(meter)
    await inChunks([...touched.points], (some) => {
      for (const meter of metersAt(ledger, some)) meters.add(meter)
    })
    // Where it hung before is touched as well.
    const points = new Set([...touched.points, ...index.pointsOf(touched.meters)])
    await inChunks([...meters], async (some) => {
      const known = knownMeters(ledger, some)
      for (const one of known.values()) if (one) points.add(one.point.id)
      await field.update({ config: { ...this.#running, lines: this.#lines }, meters: known })
      push.update(known)
    })
    if (touched.names) index.refreshAreas()
    await inChunks([...points], (some) => index.refresh(some))
    field.sayIdle()
    // Whatever was written meanwhile is looked at next time, if it was not seen already.
    this.#seq = now
  }

  #ledgerLines(config: GatewayConfig) {
    return ledgerLines(config, this.#deps.ledger.list({ kind: 'channel', limit: MOST_CHANNELS }))
  }

  #linesInLedger(): readonly string[] {
    const lines = this.#ledgerLines({ ...this.#running, lines: [], mqtt: [] }).lines.map(({ id }) => id)
    return [...lines, ...concentratorsIn(this.#deps.ledger.list({ kind: 'concentrator', limit: MOST_CHANNELS }))]
  }

  #mergeLines(): void {
    const { lines, problems } = this.#ledgerLines(this.#running)
    this.#lines = [...this.#running.lines, ...lines]
    for (const problem of problems) if (!this.#lineProblems.includes(problem)) this.#deps.log('warn', problem)
    this.#lineProblems = problems
  }

  #keep(because: string, changes: readonly ConfigChange[]): ConfigVersion {
    const text = readFileSync(this.#running.file, 'utf8')
    try {
      return this.#history.add(text, { at: Date.now(), because, changes: because === 'start' ? 'as started' : changesText(changes) })
    } catch (error) {
      // A full disk must not keep a good configuration out.
      this.#deps.log('warn', `the configuration cannot be kept in the history: ${error instanceof Error ? error.message : String(error)}`)
      return { version: 0, at: Date.now(), sha256: '', bytes: text.length, because, changes: changesText(changes) }
    }
  }

  #writeRunning(): void {
    const { dataDirectory, file } = this.#running
    try {
      writeRunning(dataDirectory, {
        ...{ pid: process.pid, file, version: this.#version.version, loadedAt: this.#loadedAt, key: this.#key },
        ...{ config: plainConfig(this.#running, this.#key), pending: this.#pending },
      })
    } catch (error) {
      this.#deps.log('warn', `running.json cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** Some at a time; everything else has its turn in between. */
const inChunks = async <T>(all: readonly T[], work: (some: readonly T[]) => void | Promise<void>): Promise<void> => {
  for (let at = 0; at < all.length; at += CHUNK) {
    await work(all.slice(at, at + CHUNK))
    await breath()
  }
}

const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
