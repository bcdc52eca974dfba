import type { ConcentratorFile, UnknownTerminal } from './concentrator-file.ts'

/** Written down once in a while: a thousand strangers may log in within a second, again and again. */
const FLUSH_MS = 2000
/** Strangers remembered between two flushes; what is more makes no difference to anybody. */
const MOST_FRESH = 2000

/** Terminals that dial in and are in no ledger: who, from where, since when and how often. */
export class Callers {
  readonly #file: ConcentratorFile
  readonly #fresh = new Map<string, UnknownTerminal>()
  readonly #timer: NodeJS.Timeout

  constructor(file: ConcentratorFile) {
    this.#file = file
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS)
    this.#timer.unref()
  }

  note({ protocol, address, peer }: Pick<UnknownTerminal, 'protocol' | 'address' | 'peer'>, at: number): void {
    const key = `${protocol} ${address}`
    const before = this.#fresh.get(key)
    if (!before && this.#fresh.size >= MOST_FRESH) return
    const { firstSeen = at, count = 0 } = before ?? {}
    this.#fresh.set(key, { protocol, address, peer, firstSeen, lastSeen: at, count: count + 1 })
  }

  /** Who called last comes first. */
  list(): readonly UnknownTerminal[] {
    this.#flush()
    return this.#file.unknown()
  }

  /** It is in the ledger now. */
  forget(protocol: UnknownTerminal['protocol'], address: string): void {
    this.#flush()
    this.#file.forgetUnknown(protocol, address)
  }

  /** Before the file is closed. */
  close(): void {
    clearInterval(this.#timer)
    this.#flush()
  }

  #flush(): void {
    if (this.#fresh.size === 0) return
    this.#file.noteUnknown([...this.#fresh.values()])
    this.#fresh.clear()
  }
}
