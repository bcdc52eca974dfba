import { createHmac } from 'node:crypto'
import { many } from '../core/index.ts'
import type { GatewayConfig } from './gateway-config.ts'
import { Secret } from './secret.ts'

/** What a change of the configuration needs. */
export type Effect =
  | 'at-once' //  within seconds, without touching anything else
  | 'reopens' //  one line or broker is closed and opened again; nothing else
  | 'restart' //  the gateway has to be started again

/** A configuration as plain data: secrets are masked, files are left out. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [name: string]: Plain }

/** One difference between two configurations (配置变更). */
export interface ConfigChange {
  /** `lines/bus-2/timeoutMs`: lists of things with an id go by id. */
  readonly path: string
  /** null = not there. */
  readonly before: Plain
  readonly after: Plain
  readonly effect: Effect
  /** One sentence: what happens. */
  readonly does: string
}

interface Rule {
  readonly effect: Effect
  /** @param id  of the thing in a list that changed; `change`: it came, it went, or something of it changed */
  does(id: string, change: 'added' | 'removed' | 'changed'): string
}

const atOnce = (does: string): Rule => ({ effect: 'at-once', does: () => does })
const restart = (does = 'holds after a restart of the gateway'): Rule => ({ effect: 'restart', does: () => does })

/**
 * What each section needs, by the name it has in the effective configuration. A section that is not named here needs a restart: to
 * make one hot, name it and see that whoever uses it asks for it again.
 */
const RULES: Readonly<Partial<Record<keyof GatewayConfig | 'http/tokens' | 'http/tls', Rule>>> = {
  lines: {
    effect: 'reopens',
    does: (id, change) =>
      change === 'added'
        ? `line ${id} is opened`
        : change === 'removed'
          ? `line ${id} ends its exchange and is closed; its meters are not read any more`
          : `line ${id} ends its exchange and is opened anew; no other line notices`,
  },
  tasks: {
    effect: 'at-once',
    does: (id, change) =>
      change === 'added'
        ? `task ${id} starts`
        : change === 'removed'
          ? `task ${id} ends; what it waits for is given up`
          : `task ${id} goes on this way`,
  },
  ledgerFile: atOnce('the file is imported'),
  profileDirectory: atOnce('meters with other profiles than before are made anew'),
  logLevel: atOnce('the log is written at this level'),
  collection: atOnce('gaps are read again and figures are kept this way; what waits is planned anew'),
  evidence: atOnce('frames are kept this way from the next read on; what is too old goes within the hour'),
  billing: atOnce(
    'cycles, releases, tiers and how long reports are kept are by this from the next question on; lists of key accounts that are made stay as they are',
  ),
  cases: atOnce('cases that come or get worse have their deadline by it; those that have one keep it'),
  notify: atOnce('people are told this way from the next message on; what waits for somebody who is gone is dropped'),
  analysis: atOnce('areas are judged this way from the next day on'),
  terminals: atOnce('concentrators are given this long from the next request on; the switch of remote control holds at once'),
  clocks: atOnce('clocks are read and set this way; what waits for its turn is asked again whether it may'),
  'http/tokens': atOnce('tokens hold or end at once'),
  'http/tls': atOnce('new connections get this certificate; those that are open go on'),
}
const OTHERWISE = restart()

/** Top-level sections that a running gateway takes up by itself; the rest stays as it was started. */
const isHot = (section: string): section is keyof GatewayConfig => section in RULES && ruleOf(section).effect !== 'restart'

const ruleOf = (section: string): Rule => Object.entries(RULES).find(([name]) => name === section)?.[1] ?? OTHERWISE

/**
 * A configuration as plain data.
 *
 * @param key  secrets of two configurations can be compared under one key, without being shown; absent: they are only masked
 */
export const plainConfig = (config: GatewayConfig, key?: string): Readonly<Record<string, Plain>> => {
  const { file: _, ...sections } = config
  return Object.fromEntries(Object.entries(sections).map(([name, value]) => [name, plainOf(value, key)]))
}

const plainOf = (value: unknown, key: string | undefined): Plain => {
  if (value instanceof Secret)
    return key === undefined ? `${value}` : `${value}${createHmac('sha256', key).update(value.reveal()).digest('hex').slice(0, 8)}`
  if (Array.isArray(value)) return value.map((each) => plainOf(each, key))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).flatMap(([name, each]) => (each === undefined ? [] : [[name, plainOf(each, key)]])))
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return null
}

const MASKED = /\*\*\*[0-9a-f]{8}$/
/** A masked secret with what tells it from another one taken off. */
const shownPlain = (value: Plain): Plain => {
  if (typeof value === 'string') return value.replace(MASKED, '***')
  if (Array.isArray(value)) return value.map(shownPlain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shownPlain(each)]))
  return value
}

/** Every difference between two configurations, and what each one needs. */
export const changesOf = (before: Readonly<Record<string, Plain>>, after: Readonly<Record<string, Plain>>): readonly ConfigChange[] =>
  differences(before, after, []).map(({ path, before: old, after: now }) => {
    const [section = '', id = '', ...rest] = path
    const rule = ruleOf(section === 'http' ? hotPartOfHttp(id, rest) : section)
    const change = rest.length > 0 ? 'changed' : old === undefined ? 'added' : now === undefined ? 'removed' : 'changed'
    return {
      path: path.join('/'),
      before: shownPlain(old ?? null),
      after: shownPlain(now ?? null),
      // A line that comes or goes disturbs nobody.
      effect: rule.effect === 'reopens' && change !== 'changed' ? 'at-once' : rule.effect,
      does: rule.does(id, change),
    }
  })

/** Other files of a certificate can be taken up; whether there is TLS at all, and whom it asks for a certificate, cannot. */
const hotPartOfHttp = (id: string, [member]: readonly string[]): string =>
  id === 'tokens' || (id === 'tls' && member !== undefined && member !== 'clientAuth') ? `http/${id}` : 'http'

interface Difference {
  readonly path: readonly string[]
  readonly before: Plain | undefined
  readonly after: Plain | undefined
}

const differences = (before: Plain | undefined, after: Plain | undefined, path: readonly string[]): readonly Difference[] => {
  const [old, now] = [membersOf(before), membersOf(after)]
  if (!old || !now || path.length > DEEPEST) return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }]
  const names = new Set([...old.keys(), ...now.keys()])
  return [...names].flatMap((name) => differences(old.get(name), now.get(name), [...path, name]))
}

const DEEPEST = 6

/** Members by name; of a list, by id where each has one of its own. Null: nothing to look into. */
const membersOf = (value: Plain | undefined): ReadonlyMap<string, Plain> | null => {
  if (Array.isArray(value)) {
    const named = new Map<string, Plain>()
    for (const each of value) {
      const id = idOf(each)
      if (id === null || named.has(id)) return null
      named.set(id, each)
    }
    return named
  }
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null
}

const idOf = (value: Plain): string | null =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' ? value.id : null

/** What a running gateway can be of what is wanted: hot sections as wanted, everything else as it was started. */
export const hotConfig = (running: GatewayConfig, wanted: GatewayConfig): GatewayConfig => ({
  ...running,
  ...Object.fromEntries(Object.entries(wanted).filter(([section]) => isHot(section))),
  http: { ...running.http, tokens: wanted.http.tokens, tls: hotTls(running.http.tls, wanted.http.tls) },
})

const hotTls = (running: GatewayConfig['http']['tls'], wanted: GatewayConfig['http']['tls']): GatewayConfig['http']['tls'] =>
  running && wanted ? { ...wanted, clientAuth: running.clientAuth } : running

/** One line for a person. */
export const changeText = ({ path, before, after, effect, does }: ConfigChange): string =>
  `${path}: ${textOf(before)} → ${textOf(after)} (${effect === 'restart' ? 'NEEDS A RESTART' : does})`

const LONGEST = 60
const textOf = (value: Plain): string => {
  if (value === null) return 'nothing'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
}

/** A few words about many changes. */
export const changesText = (changes: readonly ConfigChange[]): string => {
  const shown = changes.slice(0, 3).map(({ path }) => path)
  return changes.length === 0
    ? 'nothing differs'
    : `${many(changes.length, 'change')}: ${shown.join(', ')}${changes.length > 3 ? ', …' : ''}`
}
