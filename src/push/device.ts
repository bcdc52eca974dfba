import { type Static, Type } from 'typebox'
import { cut, keptText } from './errors.ts'

const Code = Type.Object({ code: Type.String(), count: Type.Number() })
const Item = Type.Object({ item: Type.String(), code: Type.String(), count: Type.Number() })
const Unmapped = Type.Object({ path: Type.String(), text: Type.String() })
const Finding = Type.Object({ code: Type.String(), message: Type.String(), at: Type.Number() })

/** What the snapshot holds of a device: a public file, so it has a schema. */
export const DeviceSchema = Type.Object({
  name: Type.String(),
  isRegistered: Type.Boolean(),
  firstSeen: Type.Number(),
  lastSeen: Type.Union([Type.Number(), Type.Null()]),
  lastTopic: Type.String(),
  rule: Type.Union([Type.String(), Type.Null()]),
  presence: Type.Enum(['online', 'offline', 'unknown']),
  presenceSince: Type.Union([Type.Number(), Type.Null()]),
  signal: Type.Union([Type.Null(), Type.Object({ at: Type.Number(), figures: Type.Record(Type.String(), Type.Number()) })]),
  messages: Type.Number(),
  values: Type.Number(),
  duplicates: Type.Number(),
  conflicts: Type.Number(),
  late: Type.Number(),
  skipped: Type.Array(Code),
  failures: Type.Array(Item),
  unmapped: Type.Array(Unmapped),
  finding: Type.Union([Type.Null(), Finding]),
})

/** What is known of one device (设备) that pushes. Times are milliseconds since 1970 UTC. */
export interface PushDevice {
  readonly name: string
  /** The ledger knows a meter behind it. */
  readonly isRegistered: boolean
  readonly firstSeen: number
  /** Last sign of life; null: only stored messages and wills so far. */
  readonly lastSeen: number | null
  readonly lastTopic: string
  readonly rule: string | null
  readonly presence: 'online' | 'offline' | 'unknown'
  readonly presenceSince: number | null
  readonly signal: { readonly at: number; readonly figures: Readonly<Record<string, number>> } | null
  readonly messages: number
  readonly values: number
  readonly duplicates: number
  readonly conflicts: number
  readonly late: number
  /** Fields that became no value, by error code. */
  readonly skipped: readonly Readonly<Static<typeof Code>>[]
  /** Items the source could not read, with the last reason. */
  readonly failures: readonly Readonly<Static<typeof Item>>[]
  /** Values nobody said the meaning of, as they were written last. */
  readonly unmapped: readonly Readonly<Static<typeof Unmapped>>[]
  readonly finding: Readonly<Static<typeof Finding>> | null
}

/** What one message told of a device. */
export interface Heard {
  readonly at: number
  readonly topic: string
  readonly rule: string | null
  readonly retained: boolean
  readonly isRegistered: boolean
  readonly values?: number
  readonly duplicates?: number
  readonly conflicts?: number
  readonly late?: number
  /** Error codes, one for each skipped field. */
  readonly skipped?: readonly string[]
  readonly failures?: readonly { readonly item: string; readonly code: string }[]
  readonly unmapped?: readonly { readonly path: string; readonly text: string }[]
  readonly online?: boolean
  readonly figures?: Readonly<Record<string, number>>
  readonly finding?: { readonly code: string; readonly message: string }
}

const TEXT = 200
const ENTRIES = 50
const FIGURES = 20

const short = (text: string): string => cut(text, TEXT)
/** For what stays with a device. */
const kept = (text: string): string => keptText(text, TEXT)
export const nameOf = short

/** A device nobody has heard of. */
export const newDevice = (name: string, { at, topic, isRegistered }: Heard): PushDevice => ({
  name: kept(name),
  isRegistered,
  firstSeen: at,
  lastSeen: null,
  lastTopic: kept(topic),
  rule: null,
  presence: 'unknown',
  presenceSince: null,
  signal: null,
  messages: 0,
  values: 0,
  duplicates: 0,
  conflicts: 0,
  late: 0,
  skipped: [],
  failures: [],
  unmapped: [],
  finding: null,
})

/** Whether a message only counts: it changes nothing else that is known of the device. */
export const onlyCounts = (device: PushDevice, heard: Heard): boolean =>
  heard.online === undefined &&
  heard.figures === undefined &&
  heard.finding === undefined &&
  heard.skipped === undefined &&
  heard.failures === undefined &&
  heard.unmapped === undefined &&
  heard.topic === device.lastTopic &&
  heard.rule === device.rule &&
  heard.isRegistered === device.isRegistered

/** Counts a message in the device itself, without making a new one: most messages are of this kind. */
export const countIn = (device: { -readonly [Name in keyof PushDevice]: PushDevice[Name] }, heard: Heard): void => {
  const { at, retained, values = 0, duplicates = 0, conflicts = 0, late = 0 } = heard
  if (!retained) device.lastSeen = Math.max(device.lastSeen ?? at, at)
  device.messages++
  device.values += values
  device.duplicates += duplicates
  device.conflicts += conflicts
  device.late += late
}

/**
 * The device after a message. A stored message is no sign of life, and neither is a will: the broker sends both.
 *
 * @param room  entries that may be added to its lists
 */
export const deviceAfter = (device: PushDevice, heard: Heard, room: number): PushDevice => {
  const { at, topic, rule, retained, online, figures, finding } = heard
  const isAlive = !retained && online !== false
  const presence = online === undefined ? device.presence : online ? 'online' : 'offline'
  return {
    ...device,
    isRegistered: heard.isRegistered,
    lastSeen: isAlive ? Math.max(device.lastSeen ?? at, at) : device.lastSeen,
    lastTopic: topic === device.lastTopic ? device.lastTopic : kept(topic),
    rule: rule === null || rule === device.rule ? device.rule : kept(rule),
    presence,
    presenceSince: presence === device.presence ? device.presenceSince : at,
    signal: figures ? signalOf(device.signal, figures, at) : device.signal,
    messages: device.messages + 1,
    values: device.values + (heard.values ?? 0),
    duplicates: device.duplicates + (heard.duplicates ?? 0),
    conflicts: device.conflicts + (heard.conflicts ?? 0),
    late: device.late + (heard.late ?? 0),
    skipped: noted(device.skipped, heard.skipped, room, SKIPPED),
    failures: noted(device.failures, heard.failures, room, FAILURES),
    unmapped: noted(device.unmapped, heard.unmapped, room, UNMAPPED),
    finding: finding ? { code: kept(finding.code), message: kept(finding.message), at } : device.finding,
  }
}

/** Entries in the lists of a device. */
export const entriesOf = ({ skipped, failures, unmapped }: PushDevice): number => skipped.length + failures.length + unmapped.length

const signalOf = (before: PushDevice['signal'], figures: Readonly<Record<string, number>>, at: number): PushDevice['signal'] => {
  const all = new Map(Object.entries(before?.figures ?? {}))
  for (const [name, value] of Object.entries(figures))
    if (Number.isFinite(value) && (all.has(short(name)) || all.size < FIGURES)) all.set(kept(name), value)
  return { at, figures: Object.fromEntries(all) }
}

/** How what is new finds its entry, and what becomes of it. */
interface Noting<Entry, New> {
  readonly entryKey: (entry: Entry) => string
  readonly newKey: (one: New) => string
  readonly next: (one: New, before: Entry | undefined) => Entry
}

const SKIPPED: Noting<PushDevice['skipped'][number], string> = {
  entryKey: ({ code }) => code,
  newKey: (code) => short(code),
  next: (code, before) => ({ code: before?.code ?? kept(code), count: (before?.count ?? 0) + 1 }),
}
const FAILURES: Noting<PushDevice['failures'][number], { readonly item: string; readonly code: string }> = {
  entryKey: ({ item }) => item,
  newKey: ({ item }) => short(item),
  next: ({ item, code }, before) => ({ item: before?.item ?? kept(item), code: kept(code), count: (before?.count ?? 0) + 1 }),
}
const UNMAPPED: Noting<PushDevice['unmapped'][number], { readonly path: string; readonly text: string }> = {
  entryKey: ({ path }) => path,
  newKey: ({ path }) => short(path),
  next: ({ path, text }, before) => ({ path: before?.path ?? kept(path), text: kept(text) }),
}

/** A bounded list with what came noted in it: known entries are brought up to date, new ones go to the end while there is room. */
const noted = <Entry, New>(
  list: readonly Entry[],
  news: readonly New[] | undefined,
  room: number,
  { entryKey, newKey, next }: Noting<Entry, New>,
): readonly Entry[] => {
  if (news === undefined || news.length === 0) return list
  const result = new Map(list.map((entry) => [entryKey(entry), entry]))
  for (const one of news) {
    const key = newKey(one)
    const before = result.get(key)
    if (before !== undefined || (result.size < ENTRIES && result.size - list.length < room)) result.set(key, next(one, before))
  }
  return [...result.values()]
}
