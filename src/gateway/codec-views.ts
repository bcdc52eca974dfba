import { DECODERS, explainFrame } from '../../protocols/index.ts'
import type { CodecDeps, ProfileView } from '../api/index.ts'
import { err, ok } from '../core/index.ts'
import type { LiveProfiles } from './hot-profiles.ts'
import { outcomeJson, topicsOf, tryMessage } from './mapping-try.ts'
import { openMappings } from './mappings.ts'
import type { PushWorld } from './push-world.ts'

export interface CodecViewDeps {
  readonly profiles: Pick<LiveProfiles, 'ids' | 'peek'>
  /** Of a site's own; null = only the built-in ones. */
  readonly mappingDirectory: string | null
  readonly brokers: readonly { readonly id: string; readonly mappings: readonly { readonly id: string }[] }[]
  readonly world: PushWorld
}

/** Meter models, mappings and frames for the API. */
export const codecViews = ({ profiles, mappingDirectory, brokers, world }: CodecViewDeps): CodecDeps => ({
  profiles: (after, limit) =>
    profiles.ids
      .filter((id) => after === null || id > after)
      .sort((a, b) => (a < b ? -1 : 1))
      .slice(0, limit)
      .flatMap((id): ProfileView[] => {
        const found = profiles.peek(id)
        if (!found) return []
        const { protocol, manufacturer = null, models = [], registers } = found
        return [{ id, protocol, manufacturer, models, registers: Array.isArray(registers) ? registers.length : 0 }]
      }),
  profile: (id) => profiles.peek(id) ?? null,
  mappings: () => {
    const all = openMappings(mappingDirectory, world)
    return [...all.ids].sort().flatMap((id) => {
      const found = all.get(id)
      const using = brokers.filter(({ mappings }) => mappings.some((use) => use.id === id)).map((broker) => broker.id)
      return found ? [{ id, title: found.content.title, topics: topicsOf(found), brokers: using }] : []
    })
  },
  tryMapping: (id, message) => {
    const mapping = openMappings(mappingDirectory, world, new Set([id])).get(id)
    if (!mapping) return null
    const tried = tryMessage(mapping, { ...message, duplicate: false }, world)
    return tried.ok ? ok(outcomeJson(tried.value.outcome)) : err({ because: 'not-possible', error: tried.error })
  },
  protocols: DECODERS,
  explainFrame: (protocol, bytes, direction) => {
    const { ok: isWhole, text, json } = explainFrame(protocol, bytes, direction)
    return { ok: isWhole, text, explanation: { ...json } }
  },
})
