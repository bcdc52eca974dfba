import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { type Inflate, SparkplugHost, type SparkplugRule, type Taker } from '../../protocols/index.ts'
import type { PushMessage, PushOutcome } from '../core/index.ts'

/** Outcomes of messages that had to wait for their turn. */
export interface Held {
  readonly message: PushMessage
  readonly outcomes: readonly PushOutcome[]
}

/** The Sparkplug hosts of one broker: one for each rule with that payload. */
export class SparkplugHosts {
  readonly #hosts = new Map<string, SparkplugHost>()
  readonly #saved: Readonly<Record<string, unknown>>
  readonly #requestRebirth: boolean
  #savedBirths = 0

  /** @param saved  what {@link snapshot} gave before the restart */
  constructor(saved: unknown, requestRebirth: boolean) {
    this.#saved = typeof saved === 'object' && saved !== null ? Object.fromEntries(Object.entries(saved)) : {}
    this.#requestRebirth = requestRebirth
  }

  take({ mapping, rule }: Taker, message: PushMessage, now: number): readonly PushOutcome[] {
    return this.#host(rule.name, rule.sparkplug)
      .take(message, now)
      .map((outcome) => named(outcome, `${mapping.id}/${rule.id}`))
  }

  /** What has waited long enough for those before it. */
  tick(now: number): readonly Held[] {
    return [...this.#hosts].flatMap(([name, host]) => {
      const outcomes = host.tick(now).map((outcome) => named(outcome, name))
      const message = { topic: 'spBv1.0', payload: new Uint8Array(), retained: false, duplicate: false, arrivedAt: now }
      return outcomes.length === 0 ? [] : [{ message, outcomes }]
    })
  }

  /** Births as JSON, or null when nothing has changed since the last one. */
  snapshot(): unknown {
    const births = [...this.#hosts.values()].reduce((sum, host) => sum + host.births, 0)
    if (births === this.#savedBirths) return null
    this.#savedBirths = births
    return Object.fromEntries([...this.#hosts].map(([name, host]) => [name, host.snapshot()]))
  }

  #host(name: string, rule: SparkplugRule | null): SparkplugHost {
    const known = this.#hosts.get(name)
    if (known) return known
    const table = new Map(
      [...(rule?.entries ?? [])].map(([metric, { obis, unit, ratio }]) => [
        metric,
        { obis: obis ?? '', unit: unit && 'fixed' in unit ? unit.fixed : null, ratio },
      ]),
    )
    const host = new SparkplugHost({
      table,
      signals: rule?.signals ?? new Map(),
      meterOf: rule?.meter ?? 'node/device',
      requestRebirth: this.#requestRebirth,
      inflate,
    })
    const saved = this.#saved[name]
    // A node that was born anew while we were away may use an old alias for another metric: better to ask it for its birth again.
    if (saved !== undefined && !this.#requestRebirth) host.restore(saved)
    this.#hosts.set(name, host)
    return host
  }
}

const named = (outcome: PushOutcome, rule: string): PushOutcome => ({ ...outcome, rule })

/** @returns  null when the bytes are none of the algorithm, or more than `most` come out of them */
export const inflate: Inflate = (bytes, algorithm, most) => {
  const options = { maxOutputLength: most }
  const ways = /^gzip$/i.test(algorithm) ? [gunzipSync] : [inflateSync, inflateRawSync]
  for (const way of ways)
    try {
      return way(bytes, options)
    } catch {
      // The next way, or none.
    }
  return null
}
