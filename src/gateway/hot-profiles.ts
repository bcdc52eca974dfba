import { isDeepStrictEqual } from 'node:util'
import type { Problem } from '../config/index.ts'
import { explain, type Profile } from '../core/index.ts'
import { type BrokenProfile, openProfiles, type Profiles } from './profiles.ts'

/** Profiles that a running gateway can read again. A profile that says the same stays the same object: its meters notice nothing. */
export class LiveProfiles implements Profiles {
  #now: Profiles
  /** Profiles that were asked for. */
  #used = new Map<string, Profile | undefined>()

  constructor(directory: string | null) {
    this.#now = openProfiles(directory)
  }

  get ids(): readonly string[] {
    return this.#now.ids
  }

  get broken(): readonly BrokenProfile[] {
    return this.#now.broken
  }

  /** A profile for somebody who only looks: it does not count as used. */
  peek(id: string): Profile | undefined {
    return this.#used.get(id) ?? this.#now.get(id)
  }

  get(id: string): Profile | undefined {
    if (!this.#used.has(id)) this.#used.set(id, this.#now.get(id))
    return this.#used.get(id)
  }

  /**
   * Reads the files again, without taking them up yet.
   *
   * @returns  what they would be: `use` takes them up and names those that say something else than before; or what is wrong with one
   *           that is in use
   */
  reread(
    directory: string | null,
  ):
    | { readonly ok: true; readonly profiles: Profiles; readonly use: () => ReadonlySet<string> }
    | { readonly ok: false; readonly problems: readonly Problem[] } {
    let next: Profiles
    try {
      next = openProfiles(directory)
    } catch (error) {
      return { ok: false, problems: [problemOf(directory ?? '', error instanceof Error ? error.message : String(error))] }
    }
    const used = new Map([...this.#used.keys()].map((id) => [id, next.get(id)]))
    if (next.broken.length > 0) return { ok: false, problems: next.broken.map(({ file, error }) => problemOf(file, explain(error))) }
    const changed = new Set<string>()
    for (const [id, before] of this.#used)
      if (isDeepStrictEqual(before, used.get(id))) used.set(id, before)
      else changed.add(id)
    const profiles: Profiles = { ids: next.ids, broken: next.broken, get: (id) => (used.has(id) ? used.get(id) : next.get(id)) }
    const use = () => {
      this.#now = next
      this.#used = used
      return changed
    }
    return { ok: true, profiles, use }
  }
}

const problemOf = (file: string, message: string): Problem => ({ file, line: 1, column: 1, path: '', message })
