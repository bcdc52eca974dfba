import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One line of a register map, as far as a simulator needs it. */
export interface MapRegister {
  readonly address: number
  readonly function: number
  readonly type: 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f32' | 'f64' | 'string'
  readonly length: number
  readonly wordOrder?: 'big' | 'little'
  readonly scale?: number
  /** SunSpec: address of the exponent. */
  readonly scaleFactor?: number
  readonly unit: string
  readonly obis: string | null
  readonly description: string
  readonly kind: string
  readonly ratio?: 'none' | 'ct' | 'pt' | 'ctpt'
}

/** A meter model of `config/profiles/modbus`. */
export interface MapProfile {
  readonly id: string
  readonly functions?: readonly number[]
  readonly maxRegistersPerRequest?: number
  readonly mergeGap?: number
  readonly wordOrder?: 'big' | 'little'
  readonly modelId?: number
  readonly modelLength?: number
  readonly registers: readonly MapRegister[]
}

/** Folder of the profiles that belong to this installation. */
export const profileFolder = (protocol: string): string => {
  for (const up of ['../../', '../../../']) {
    const folder = fileURLToPath(new URL(`${up}config/profiles/${protocol}`, import.meta.url))
    if (existsSync(folder)) return folder
  }
  throw new Error(`no config/profiles/${protocol} beside the program`)
}

/**
 * Reads a Modbus profile by its id, `eastron-sdm630`.
 *
 * @throws  when there is none: a simulator without its map is a mistake in the call
 */
export const loadMapProfile = (id: string, folder = profileFolder('modbus')): MapProfile => {
  const path = join(folder, `${id.replace(/^modbus\//, '')}.json`)
  if (!existsSync(path)) throw new Error(`no Modbus profile ${id}; there are: ${mapProfiles(folder).join(', ')}`)
  const profile: MapProfile = JSON.parse(readFileSync(path, 'utf8'))
  return profile
}

/** Ids of all Modbus profiles. */
export const mapProfiles = (folder = profileFolder('modbus')): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -5))
    .sort()
