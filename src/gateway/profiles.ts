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

export interface Profiles {
  readonly byId: ReadonlyMap<string, Profile>
  /** Files that could not be used; the others go on. */
  readonly broken: readonly { readonly file: string; readonly error: GatewayError }[]
}

/** All profiles: the built-in ones, then a site's own, which win. */
export const loadProfiles = (own: string | null): Profiles => {
  const byId = new Map<string, Profile>()
  const broken: { file: string; error: GatewayError }[] = []
  for (const directory of own === null ? [builtInProfiles()] : [builtInProfiles(), own])
    for (const file of profileFiles(directory)) {
      const loaded = readProfile(file)
      if (loaded.ok) byId.set(loaded.value.id, loaded.value)
      else broken.push({ file: relative(process.cwd(), file), error: loaded.error })
    }
  return { byId, broken }
}

export const brokenText = ({ file, error }: Profiles['broken'][number]): string => `${file}: ${explain(error)}`
