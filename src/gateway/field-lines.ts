import { isDeepStrictEqual } from 'node:util'
import type { LineConfig } from '../config/index.ts'
import type { AnyAdapter, Clock } from '../core/index.ts'
import type { MeterFact } from '../ledger/index.ts'
import { LiveLine, portOf } from './field-line.ts'
import type { KnownMeter } from './field-meter.ts'
import type { Profiles } from './profiles.ts'

export interface LinesDeps {
  readonly clock: Clock
  readonly profiles: Pick<Profiles, 'get'>
  /** The adapter of a profile's protocol on a line, by its framing. */
  readonly adapterOf: (protocol: string, framing: LineConfig['modbus']) => AnyAdapter | null
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** Told of whole frames on a line that answer nothing. */
  readonly onStranger?: ((line: string, protocol: string, frame: object) => void) | undefined
}

/** What a change did to the lines, by id. */
export interface LineChanges {
  readonly opened: readonly string[]
  readonly reopened: readonly string[]
  readonly closed: readonly string[]
}

/** A line that leaves gives the exchange under way this long. */
const END_WITHIN_MS = 5000

/** The lines of a running gateway: opened of the kind that their meters allow, closed so that whoever needs the port next waits for it. */
export class FieldLines {
  readonly #deps: LinesDeps
  #list: readonly LiveLine[] = []
  #byId: ReadonlyMap<string, LiveLine> = new Map()
  /** Ports that are still being let go. */
  readonly #leaving = new Map<string, Promise<void>>()
  #isStarted = false

  constructor(deps: LinesDeps) {
    this.#deps = deps
  }

  get list(): readonly LiveLine[] {
    return this.#list
  }

  of(id: string): LiveLine | null {
    return this.#byId.get(id) ?? null
  }

  start(): void {
    this.#isStarted = true
    for (const { line } of this.#list) void line.ready()
  }

  async close(): Promise<void> {
    for (const { line } of this.#list) line.close()
    await Promise.all(this.#leaving.values())
  }

  /** Makes the lines those given. One whose settings stay is left alone. @param knownOn  meters that are read on a line */
  change(lines: readonly LineConfig[], knownOn: (line: string) => readonly KnownMeter[]): LineChanges {
    const wanted = new Map(lines.map((config) => [config.id, config]))
    const kept = new Map<string, LiveLine>()
    const [opened, reopened, closed]: [string[], string[], string[]] = [[], [], []]
    for (const line of this.#list) {
      const { id } = line.config
      const config = wanted.get(id)
      if (config && isDeepStrictEqual(config, line.config)) kept.set(id, line)
      else {
        this.#end(line)
        if (config) reopened.push(id)
        else closed.push(id)
      }
    }
    for (const { id } of lines) if (!kept.has(id) && !reopened.includes(id)) opened.push(id)
    this.#set(lines.map((config) => kept.get(config.id) ?? this.#open(config, knownOn(config.id))))
    return { opened, reopened, closed }
  }

  /** Opens a line anew, of the other kind. */
  replace(line: LiveLine, isNumbered: boolean): LiveLine {
    this.#end(line)
    const other = this.#live(line.config, isNumbered)
    this.#set(this.#list.map((each) => (each === line ? other : each)))
    return other
  }

  /** The adapter of a meter's profile on a line; null when its profile is not there. */
  adapterOf({ profile }: MeterFact, { modbus }: LineConfig): AnyAdapter | null {
    const found = this.#deps.profiles.get(profile)
    return found ? this.#deps.adapterOf(found.protocol, modbus) : null
  }

  #set(lines: readonly LiveLine[]): void {
    this.#list = lines
    this.#byId = new Map(lines.map((line) => [line.config.id, line]))
  }

  /** Opens a line of the kind that its meters allow. */
  #open(config: LineConfig, known: readonly KnownMeter[]): LiveLine {
    const adapters = known.flatMap(({ fact }) => this.adapterOf(fact, config) ?? [])
    const isNumbered = adapters.length > 0 && adapters.every(({ correlates }) => correlates)
    return this.#live(config, isNumbered)
  }

  #live(config: LineConfig, isNumbered: boolean): LiveLine {
    const { clock, log, onStranger } = this.#deps
    const adapterOf = (protocol: string) => this.#deps.adapterOf(protocol, config.modbus)
    const line = new LiveLine(config, { clock, log, after: this.#leaving.get(portOf(config)) ?? null, isNumbered, adapterOf, onStranger })
    if (this.#isStarted) void line.line.ready()
    return line
  }

  /** Ends a line beside everything else; whoever opens its port next waits for that. */
  #end(line: LiveLine): void {
    const port = portOf(line.config)
    const ended = line.end(END_WITHIN_MS).finally(() => {
      if (this.#leaving.get(port) === ended) this.#leaving.delete(port)
    })
    this.#leaving.set(port, ended)
  }
}
