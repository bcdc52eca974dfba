import type { TerminalSettings } from '../acquisition/index.ts'
import type { TerminalRules } from '../config/index.ts'
import type { AnyTerminalAdapter, TerminalAdapter } from '../core/index.ts'
import type { Entity, Ledger } from '../ledger/index.ts'

export interface TerminalBookDeps {
  readonly ledger: Pick<Ledger, 'get' | 'list'>
  readonly adapterOf: (protocol: string) => AnyTerminalAdapter | null
  readonly rules: TerminalRules
}

/** What the ledger says of a concentrator beside how it is spoken with. */
export interface KnownTerminal {
  readonly settings: TerminalSettings
  readonly area: string
}

const PAGE = 5000
/** Bytes every terminal takes, where nobody wrote down more. @source Q/GDW 1376.1-2013, 4.3.2 (frames over a network) */
const FRAME_LIMIT = 1024
const MINUTE_MS = 60_000

const isProtocol = (text: unknown): text is TerminalAdapter['id'] => text === 'gw3761' || text === 'dlt698'
const whole = (value: unknown): number | null => (typeof value === 'number' ? value : null)

/** Concentrators (集中器) of the ledger that can be spoken with: address and protocol are known. */
export class TerminalBook {
  readonly #deps: TerminalBookDeps
  #rules: TerminalRules
  readonly #known = new Map<string, KnownTerminal>()
  readonly #byAddress = new Map<string, string>()

  constructor(deps: TerminalBookDeps) {
    this.#deps = deps
    this.#rules = deps.rules
    for (let after = ''; ; ) {
      const page = deps.ledger.list({ kind: 'concentrator', limit: PAGE, after })
      for (const entity of page) this.#put(entity)
      after = page.at(-1)?.id ?? after
      if (page.length < PAGE) break
    }
  }

  get rules(): TerminalRules {
    return this.#rules
  }

  get size(): number {
    return this.#known.size
  }

  get(id: string): TerminalSettings | null {
    return this.#known.get(id)?.settings ?? null
  }

  areaOf(id: string): string {
    return this.#known.get(id)?.area ?? ''
  }

  find(protocol: string, address: string): TerminalSettings | null {
    return this.get(this.#byAddress.get(`${protocol} ${address}`) ?? '')
  }

  all(): IterableIterator<KnownTerminal> {
    return this.#known.values()
  }

  /** Takes up what the ledger says of some now. @returns  those that are others than before */
  refresh(ids: Iterable<string>): ReadonlySet<string> {
    const changed = new Set<string>()
    for (const id of ids) {
      const before = this.#known.get(id)
      this.#drop(id)
      const entity = this.#deps.ledger.get('concentrator', id, null)
      if (entity) this.#put(entity)
      if (JSON.stringify(before) !== JSON.stringify(this.#known.get(id))) changed.add(id)
    }
    return changed
  }

  /** Other rules, from the next request on. */
  use(rules: TerminalRules): void {
    this.#rules = rules
    for (const [id, known] of this.#known)
      this.#known.set(id, { ...known, settings: { ...known.settings, answerMs: rules.answerMs, fieldAnswerMs: rules.fieldAnswerMs } })
  }

  #drop(id: string): void {
    const known = this.#known.get(id)
    if (!known) return
    this.#known.delete(id)
    const key = `${known.settings.protocol} ${known.settings.address}`
    if (this.#byAddress.get(key) === id) this.#byAddress.delete(key)
  }

  #put({ id, attributes }: Entity): void {
    const { protocol, address, allowWrites, heartbeatMinutes, frameLimit, window, area } = attributes
    if (!isProtocol(protocol) || typeof address !== 'string') return
    const form = this.#deps.adapterOf(protocol)?.bind((adapter) => adapter.address(address))
    if (!form?.ok) return
    const heartbeat = whole(heartbeatMinutes)
    const settings: TerminalSettings = {
      ...{ id, address: form.value, protocol, allowWrites: allowWrites === true },
      ...{ frameLimit: whole(frameLimit) ?? FRAME_LIMIT, window: whole(window) ?? 1 },
      heartbeatMs: heartbeat === null ? null : heartbeat * MINUTE_MS,
      answerMs: this.#rules.answerMs,
      fieldAnswerMs: this.#rules.fieldAnswerMs,
    }
    this.#known.set(id, { settings, area: typeof area === 'string' ? area : '' })
    this.#byAddress.set(`${protocol} ${settings.address}`, id)
  }
}
