import { frameDecoder, type PushEnvironment } from '../../protocols/index.ts'
import type { Profile } from '../core/index.ts'
import { localInstants, wallClock } from './local-time.ts'

/** What mappings need of the house. */
export type PushWorld = Pick<PushEnvironment, 'zone' | 'local' | 'wallClock' | 'frames'>

export const pushWorld = (zone: string, profiles: { get(id: string): Profile | undefined }): PushWorld => ({
  zone,
  local: localInstants,
  wallClock,
  frames: frameDecoder((id) => profiles.get(id)),
})
