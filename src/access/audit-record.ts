import { sha256 } from './secrets.ts'

/** What is recorded. @source IEC 62443-4-2 CR 2.8: access, request errors, control, backup, configuration, the log itself */
export const AUDIT_WHATS = [
  ...(['login', 'login-refused', 'logout', 'session-ended', 'request-refused'] as const),
  ...([
    'user-added',
    'user-changed',
    'user-disabled',
    'password-changed',
    'link-made',
    'link-used',
    'token-added',
    'token-revoked',
  ] as const),
  ...(['tokens-imported', 'config-changed', 'ledger-changed', 'rules-changed', 'case-act', 'collection-act', 'billing-act'] as const),
  ...([
    'meter-write',
    'concentrator-act',
    'control',
    'field-act',
    'act',
    'export',
    'audit-read',
    'backup',
    'restore',
    'start',
    'stop',
    'alarm',
  ] as const),
] as const
export type AuditWhat = (typeof AUDIT_WHATS)[number]

/** `command`: the command line, by the name of the system's user; `house`: the gateway itself; `nobody`: no one who was known. */
export interface AuditWho {
  readonly kind: 'user' | 'token' | 'command' | 'house' | 'nobody'
  readonly id: string | null
  readonly name: string
}

/** `asked`: it is about to be done; how it ended is a record of its own. */
export type AuditOutcome = 'asked' | 'done' | 'refused' | 'failed'

/** Something that is to be recorded. */
export interface AuditDraft {
  readonly what: AuditWhat
  readonly who: AuditWho
  /** Address of the other side; `local` for the command line and the gateway itself. */
  readonly from: string
  /** What it was done to: `user:li.na`, `meter:M-1`; null: nothing in particular. */
  readonly on: string | null
  readonly outcome: AuditOutcome
  /** State before and after, or what was asked for; secrets are masked here, not by the caller. */
  readonly before?: unknown
  readonly after?: unknown
  readonly why: string | null
  /** For a summary of a flood: how many, and since when. */
  readonly count?: number
  readonly since?: number
}

/** A line of the log as it stands in it. Instants are milliseconds since 1970 UTC. */
export interface AuditRecord {
  /** 1, 2, 3 …: no number is left out. */
  readonly seq: number
  readonly at: number
  readonly what: string
  readonly who: AuditWho
  readonly from: string
  readonly on: string | null
  readonly outcome: string
  readonly before: unknown
  readonly after: unknown
  readonly why: string | null
  readonly count: number
  readonly since: number | null
}

export const MASK = '***'
const SECRET_NAME = /password|passwd|passphrase|pwd|secret|token|credential|authorization|cookie|private.?key|api.?key|psk|口令|密码/i
// Bounded everywhere: a text from outside must not make it slow.
const SECRET_TEXT =
  /\bg[tsld]_[A-Za-z0-9_-]{43}|\$scrypt\$\S+|(?<=\bbearer {1,4})\S+|(?<=:\/\/[^\s/:@]{0,200}:)[^\s/@]+(?=@)|-----BEGIN [A-Z ]*PRIVATE KEY-----.*/gis
const MOST_TEXT = 2000
const MOST_ITEMS = 1000
const MOST_DEPTH = 16
const MOST_BYTES = 64 * 1024

const maskText = (text: string): string => {
  const masked = text.slice(0, 4 * MOST_TEXT).replace(SECRET_TEXT, MASK)
  return masked.length > MOST_TEXT || text.length > 4 * MOST_TEXT ? `${masked.slice(0, MOST_TEXT)}… (${text.length} characters)` : masked
}

/** A value as it is recorded: members in alphabetical order, secrets as `***`, nothing endless. The same value always gives the same text. */
export const plain = (value: unknown, isSecret = false, depth = 0): unknown => {
  if (value === null || value === undefined) return null
  if (isSecret && typeof value !== 'object') return MASK
  if (typeof value === 'string') return maskText(value)
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
  if (typeof value !== 'object') return typeof value === 'function' || typeof value === 'symbol' ? `(${typeof value})` : String(value)
  if (depth >= MOST_DEPTH) return '…'
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON(), isSecret, depth + 1)
  if (Array.isArray(value)) {
    const items = value.slice(0, MOST_ITEMS).map((item) => plain(item, isSecret, depth + 1))
    return value.length > MOST_ITEMS ? [...items, `… (${value.length} items)`] : items
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => [maskText(name), plain(member, isSecret || SECRET_NAME.test(name), depth + 1)] as const)
  const kept = members.slice(0, MOST_ITEMS)
  return Object.fromEntries(members.length > MOST_ITEMS ? [...kept, ['…', `${members.length} members`]] : kept)
}

const bounded = (value: unknown): unknown => {
  const text = JSON.stringify(value) ?? 'null'
  return text.length > MOST_BYTES ? { characters: text.length, sha256: sha256(text) } : value
}

// Masked before it is cut: half a secret does not look like one.
const short = (text: string): string => {
  const masked = maskText(text)
  return masked.length > 200 ? `${masked.slice(0, 200)}…` : masked
}

/** The one text of a record that its hash is taken of: JSON, members in this order. */
export const canonical = (seq: number, at: number, draft: AuditDraft): string =>
  JSON.stringify({
    ...{ seq, at, what: draft.what },
    who: { kind: draft.who.kind, id: draft.who.id === null ? null : short(draft.who.id), name: short(draft.who.name) },
    ...{ from: short(draft.from), on: draft.on === null ? null : short(draft.on), outcome: draft.outcome },
    ...{ before: bounded(plain(draft.before)), after: bounded(plain(draft.after)) },
    ...{ why: draft.why === null ? null : maskText(draft.why), count: draft.count ?? 1, since: draft.since ?? null },
  } satisfies AuditRecord)

/** What the chain starts from: no two logs share it. */
export const genesisOf = (log: string): string => sha256(`gridtally audit 1\n${log}`)

/** The hash of a record: SHA-256 over the hash before it, a line feed and the canonical text. 64 hexadecimal digits. */
export const chained = (previous: string, text: string): string => sha256(`${previous}\n${text}`)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const textOr = <T>(value: unknown, other: T): string | T => (typeof value === 'string' ? value : other)
const WHO_KINDS = ['user', 'token', 'command', 'house', 'nobody'] as const

/** Reads a canonical text; null: it is none. Members a later version adds are passed over. */
export const recordOf = (text: string): AuditRecord | null => {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(read) || typeof read.seq !== 'number' || typeof read.at !== 'number' || !isObject(read.who)) return null
  const { kind, id, name } = read.who
  return {
    ...{ seq: read.seq, at: read.at, what: textOr(read.what, '') },
    who: { kind: WHO_KINDS.find((each) => each === kind) ?? 'nobody', id: textOr(id, null), name: textOr(name, '') },
    ...{ from: textOr(read.from, ''), on: textOr(read.on, null), outcome: textOr(read.outcome, '') },
    ...{ before: read.before ?? null, after: read.after ?? null, why: textOr(read.why, null) },
    ...{ count: typeof read.count === 'number' ? read.count : 1, since: typeof read.since === 'number' ? read.since : null },
  }
}
