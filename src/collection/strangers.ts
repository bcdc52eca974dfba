import { join } from 'node:path'
import { type Database, inTransaction, openDatabase } from '../sqlite/index.ts'

/** How a meter that is not in the ledger was heard. */
export const HEARD_BY = ['broker', 'line', 'scan', 'concentrator'] as const
export type HeardBy = (typeof HEARD_BY)[number]

export const STRANGER_STATES = ['open', 'adopted', 'closed'] as const
export type StrangerState = (typeof STRANGER_STATES)[number]

/** A register as it was heard last. */
export interface HeardRegister {
  readonly obis: string
  /** Exact decimal text. */
  readonly value: string
  readonly unit: string
  readonly at: number
}

/** How far the readings of an adopted stranger have been put to its point. */
export interface Attaching {
  /** Place in the list of measurements, and the store's own cursor in it; null = from the beginning. */
  readonly step: number
  readonly cursor: string | null
  readonly attached: number
  readonly isDone: boolean
}

/** A meter that is not in the ledger (未建档电表): it answered, logged in or pushed. Times are milliseconds since 1970 UTC. */
export interface Stranger {
  readonly id: number
  /** Line, broker or concentrator it was heard at. */
  readonly channel: string
  readonly address: string
  readonly by: HeardBy
  readonly protocol: string | null
  /** Meter model or mapping, where it is known. */
  readonly profile: string | null
  readonly state: StrangerState
  readonly firstSeen: number
  /** Instant of its oldest reading, when that is before it was first seen: devices keep readings and push them later. */
  readonly oldest?: number
  readonly lastSeen: number
  /** From when its time runs: first seen, or seen again after it was closed. */
  readonly openSince: number
  readonly sightings: number
  /** Readings that were kept. */
  readonly readings: number
  readonly register: HeardRegister | null
  /** How its values relate to CT and PT, by OBIS code; those that are primary already are not named. */
  readonly ratios: Readonly<Record<string, 'ct' | 'pt' | 'ctpt'>>
  readonly closed: { readonly at: number; readonly by: string; readonly why: string; readonly forever: boolean } | null
  readonly adopted: {
    readonly at: number
    readonly by: string
    readonly meter: string
    readonly point: string
    readonly from: number
    readonly attaching: Attaching
  } | null
}

/** Something that happened to a stranger: who, when, why. */
export interface StrangerAct {
  readonly at: number
  readonly what: 'seen' | 'closed' | 'reopened' | 'adopted' | 'registered' | 'attached'
  readonly who: string
  readonly why: string
}

/** What was heard of a stranger. */
export interface Sighting {
  readonly channel: string
  readonly address: string
  readonly by: HeardBy
  readonly at: number
  readonly protocol?: string | null
  readonly profile?: string | null
  readonly register?: HeardRegister | null
  readonly ratios?: Stranger['ratios']
  readonly readings?: number
  /** Instant of its oldest reading. */
  readonly oldest?: number
}

export interface StrangerFilter {
  readonly state?: StrangerState
  readonly channel?: string
  /** Part of the address. */
  readonly text?: string
  readonly after?: number
  readonly limit: number
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS stranger (id INTEGER PRIMARY KEY, channel TEXT NOT NULL, address TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (channel, address)) STRICT;
CREATE TABLE IF NOT EXISTS act (id INTEGER PRIMARY KEY, stranger INTEGER NOT NULL REFERENCES stranger (id), at INTEGER NOT NULL,
  what TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS act_of ON act (stranger, id);
PRAGMA user_version = 1;
`

/** Sightings become rows in bites: a line with millisecond timing runs in the same process. */
const BITE = 100
const LONGEST = 200

/**
 * Meters that are not in the ledger, in `<directory>/unregistered.db`. All of them are in memory too: their number is bounded for each
 * channel, because anybody can make up addresses. Sightings reach the disk with {@link flush}; what a person does, at once.
 */
export class Strangers {
  readonly #database: Database
  readonly #mostPerChannel: number
  readonly #byKey = new Map<string, Stranger>()
  readonly #byId = new Map<number, Stranger>()
  readonly #dirty = new Set<number>()
  readonly #openPerChannel = new Map<string, number>()
  #refused = 0
  #lastId = 0

  constructor(directory: string, mostPerChannel: number) {
    this.#mostPerChannel = mostPerChannel
    this.#database = openDatabase(join(directory, 'unregistered.db'))
    this.#database.exec(SCHEMA)
    for (const row of this.#database.prepare('SELECT id, body FROM stranger ORDER BY id').all()) {
      const stranger = strangerOf(Number(row.id), String(row.body))
      if (stranger) this.#keep(stranger)
      this.#lastId = Math.max(this.#lastId, Number(row.id))
    }
  }

  /**
   * Notes that a meter was heard. One that was closed is open again, unless it is to be ignored for ever.
   *
   * @returns  null when there are too many of this channel already
   */
  note({ channel, address, by, at, ...heard }: Sighting): Stranger | null {
    if (address.length === 0 || address.length > LONGEST) return null
    const known = this.#byKey.get(keyOf(channel, address))
    if (!known && (this.#openPerChannel.get(channel) ?? 0) >= this.#mostPerChannel) {
      this.#refused++
      return null
    }
    const before = known ?? this.#new(channel, address, by, at)
    const reopens = before.state === 'closed' && before.closed?.forever === false && at > before.closed.at
    const register = heard.register && (before.register === null || heard.register.at >= before.register.at) ? heard.register : null
    const after: Stranger = {
      ...before,
      by: by === 'scan' ? before.by : by,
      protocol: heard.protocol ?? before.protocol,
      profile: heard.profile ?? before.profile,
      firstSeen: Math.min(before.firstSeen, at),
      oldest: Math.min(before.oldest ?? before.firstSeen, heard.oldest ?? at),
      lastSeen: Math.max(before.lastSeen, at),
      sightings: before.sightings + 1,
      readings: before.readings + (heard.readings ?? 0),
      register: register ?? before.register,
      ratios: heard.ratios ? { ...before.ratios, ...heard.ratios } : before.ratios,
      ...(reopens ? { state: 'open', openSince: at, closed: null } : {}),
    }
    this.#keep(after)
    this.#dirty.add(after.id)
    if (reopens) this.#write(after, { at, what: 'reopened', who: 'gateway', why: 'it was heard again' })
    return after
  }

  get(id: number): Stranger | null {
    return this.#byId.get(id) ?? null
  }

  at(channel: string, address: string): Stranger | null {
    return this.#byKey.get(keyOf(channel, address)) ?? null
  }

  /** By id, ascending. */
  list({ state, channel, text, after = 0, limit }: StrangerFilter, fits: (one: Stranger) => boolean = () => true): readonly Stranger[] {
    const part = text?.toLowerCase()
    const found: Stranger[] = []
    for (const one of this.#byId.values()) {
      if (one.id <= after || (state !== undefined && one.state !== state) || (channel !== undefined && one.channel !== channel)) continue
      if ((part === undefined || one.address.toLowerCase().includes(part)) && fits(one)) found.push(one)
      if (found.length >= limit) break
    }
    return found
  }

  /** Newest first. */
  acts(id: number): readonly StrangerAct[] {
    return this.#database
      .prepare('SELECT at, what, who, why FROM act WHERE stranger = ? ORDER BY id DESC LIMIT 200')
      .all(id)
      .map(({ at, what, who, why }) => ({
        at: Number(at),
        what: ACTS.find((one) => one === what) ?? 'seen',
        who: String(who),
        why: String(why),
      }))
  }

  /** Sightings that found no place, since the start. */
  refused(): number {
    return this.#refused
  }

  /** Changes a stranger and says who did; on the disk when it returns. */
  change(id: number, change: Partial<Omit<Stranger, 'id' | 'channel' | 'address'>>, act: StrangerAct | null): Stranger | null {
    const before = this.#byId.get(id)
    if (!before) return null
    const after = { ...before, ...change }
    this.#keep(after)
    this.#write(after, act)
    return after
  }

  /** Puts sightings on the disk, a bite at a time. @returns whether there is more */
  flush(): boolean {
    if (this.#dirty.size === 0) return false
    const bite = [...this.#dirty].slice(0, BITE)
    inTransaction(this.#database, () => {
      for (const id of bite) this.#save(id)
    })
    for (const id of bite) this.#dirty.delete(id)
    return this.#dirty.size > 0
  }

  close(): void {
    while (this.flush());
    this.#database.close()
  }

  #new(channel: string, address: string, by: HeardBy, at: number): Stranger {
    return {
      ...{ id: ++this.#lastId, channel, address, by, protocol: null, profile: null, state: 'open' },
      ...{ firstSeen: at, lastSeen: at, openSince: at, sightings: 0, readings: 0, register: null, ratios: {} },
      ...{ closed: null, adopted: null },
    }
  }

  #keep(stranger: Stranger): void {
    const before = this.#byId.get(stranger.id)
    if (before?.state !== stranger.state) {
      if (before?.state === 'open') this.#countOpen(stranger.channel, -1)
      if (stranger.state === 'open') this.#countOpen(stranger.channel, 1)
    }
    this.#byId.set(stranger.id, stranger)
    this.#byKey.set(keyOf(stranger.channel, stranger.address), stranger)
  }

  #countOpen(channel: string, by: 1 | -1): void {
    this.#openPerChannel.set(channel, (this.#openPerChannel.get(channel) ?? 0) + by)
  }

  #write({ id }: Stranger, act: StrangerAct | null): void {
    inTransaction(this.#database, () => {
      this.#save(id)
      if (act)
        this.#database
          .prepare('INSERT INTO act (stranger, at, what, who, why) VALUES (?, ?, ?, ?, ?)')
          .run(id, act.at, act.what, act.who, act.why)
    })
    this.#dirty.delete(id)
  }

  #save(id: number): void {
    const stranger = this.#byId.get(id)
    if (!stranger) return
    const { channel, address, id: _, ...body } = stranger
    this.#database
      .prepare('INSERT INTO stranger VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body')
      .run(id, channel, address, JSON.stringify({ channel, address, ...body }))
  }
}

const ACTS: readonly StrangerAct['what'][] = ['seen', 'closed', 'reopened', 'adopted', 'registered', 'attached']

const keyOf = (channel: string, address: string): string => `${channel}\u0000${address}`

/** Our own file: what is not ours in it is left out. */
const strangerOf = (id: number, body: string): Stranger | null => {
  const json: Omit<Stranger, 'id'> | null = JSON.parse(body)
  return json === null ? null : { ...json, id }
}
