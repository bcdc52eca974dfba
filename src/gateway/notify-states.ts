import { createHash } from 'node:crypto'
import type { HealthView } from '../api/index.ts'

/** What there is to say of something that is told as it stands: only the newest counts, and a row of changes is one message. */
export interface News {
  /** Part of the delivery: the same for the same news only. */
  readonly key: string
  readonly type: 'billing.changed' | 'health.changed'
  /** What the message holds besides what every message holds. */
  readonly members: Readonly<Record<string, unknown>>
  /** To be kept when it was taken: what the next look goes by. */
  readonly told: string
  /** Told in quiet hours too. */
  readonly isUrgent: boolean
}

/**
 * That figures of billing changed (结算数据变更): the newest number of a change and nothing else. Whoever is told asks for what is new to
 * them, so that a message that is lost or comes twice does no harm.
 *
 * @param newest  0: there is none yet
 * @param told    the number they were told; null: none
 */
export const billingNews = (newest: number, told: string | null): News | null =>
  newest === 0 || String(newest) === told
    ? null
    : {
        ...{ key: `billing-${newest}`, type: 'billing.changed', told: String(newest), isUrgent: true },
        members: { seq: newest, url: '/api/v1/billing/changes' },
      }

interface ToldHealth {
  /** Messages that were taken. */
  readonly count: number
  readonly isReady: boolean
  /** Parts that are not well. */
  readonly parts: Readonly<Record<string, string>>
}

const isTold = (value: unknown): value is ToldHealth =>
  typeof value === 'object' && value !== null && 'count' in value && 'isReady' in value && 'parts' in value

const toldOf = (text: string | null): ToldHealth => {
  const found: unknown = text === null ? null : JSON.parse(text)
  return isTold(found) ? found : { count: 0, isReady: true, parts: {} }
}

/**
 * What is otherwise with the health (健康状态变化) than somebody was told: parts that fail, do worse, or are well again. Who was told nothing
 * yet takes everything for well. Sentences grow all the time and tell nothing by themselves.
 */
export const healthNews = ({ ready, parts }: HealthView, told: string | null): News | null => {
  const before = toldOf(told)
  const changed = parts.flatMap(({ part, state, sentence, cure }) => {
    const was = before.parts[part] ?? 'ok'
    return was === state ? [] : [{ part, before: was, state, sentence, cure }]
  })
  const there = new Set(parts.map(({ part }) => part))
  const gone = Object.entries(before.parts).flatMap(([part, was]) =>
    there.has(part) ? [] : [{ part, before: was, state: 'gone', sentence: 'is no more', cure: null }],
  )
  const all = [...changed, ...gone]
  if (all.length === 0 && ready === before.isReady) return null
  const unwell = parts.filter(({ state }) => state !== 'ok')
  const members = { ready, notOk: unwell.length, parts: all, url: '/api/v1/health' }
  const now: ToldHealth = {
    count: before.count + 1,
    isReady: ready,
    parts: Object.fromEntries(unwell.map(({ part, state }) => [part, state])),
  }
  const print = createHash('sha256').update(JSON.stringify(members)).digest('hex').slice(0, 8)
  return {
    // The same part may fail in the same words again: the count tells one time from the other.
    ...{ key: `health-${now.count}-${print}`, type: 'health.changed', members, told: JSON.stringify(now) },
    isUrgent: (!ready && before.isReady) || all.some(({ state }) => state === 'failed'),
  }
}
