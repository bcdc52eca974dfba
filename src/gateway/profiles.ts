import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { loadAnyProfile } from '../../protocols/index.ts'
import { packageRoot } from '../config/index.ts'
import { explain, type GatewayError, type Profile, type Result } from '../core/index.ts'
import { fail } from './errors.ts'

export const builtInProfiles = (): string => join(packageRoot(), 'config', 'profiles')

/** The profile files below a directory, in order. */
export const profileFiles = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

/** Reads one profile file and checks it against its protocol's schema. */
export const readProfile = (file: string): Result<Profile> => {
  try {
    return loadAnyProfile(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    return fail('PROFILE_UNREADABLE', `${file}: ${error instanceof Error ? error.message : String(error)}`, { file })
  }
}

/** Profiles by id. A file is parsed when its profile is first asked for: a site uses two or three of them. */
export interface Profiles {
  readonly ids: readonly string[]
  get(id: string): Profile | undefined
  /** Files that could not be used so far; the others go on. */
  readonly broken: readonly BrokenProfile[]
}

export interface BrokenProfile {
  readonly file: string
  readonly error: GatewayError
}

/** The profiles of this installation and a site's own, which win. */
export const openProfiles = (own: string | null): Profiles => {
  const files = new Map<string, string>()
  const broken: BrokenProfile[] = []
  for (const directory of own === null ? [builtInProfiles()] : [builtInProfiles(), own])
    for (const file of profileFiles(directory)) {
      const id = idOf(file)
      if (id === null)
        broken.push({ file: relative(process.cwd(), file), error: fail('PROFILE_UNREADABLE', 'it has no member "id"', { file }).error })
      else files.set(id, file)
    }
  const loaded = new Map<string, Profile | undefined>()
  const load = (id: string): Profile | undefined => {
    const file = files.get(id)
    if (file === undefined) return undefined
    const profile = readProfile(file)
    if (profile.ok) return profile.value
    broken.push({ file: relative(process.cwd(), file), error: profile.error })
    return undefined
  }
  return {
    ids: [...files.keys()],
    broken,
    get: (id) => {
      if (!loaded.has(id)) loaded.set(id, load(id))
      return loaded.get(id)
    },
  }
}

/** The id a profile file gives itself, found without parsing it. */
const idOf = (file: string): string | null => /"id"\s*:\s*"([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1] ?? null

export const brokenText = ({ file, error }: BrokenProfile): string => `${file}: ${explain(error)}`
