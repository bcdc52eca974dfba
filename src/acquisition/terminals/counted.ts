import { many } from '../../core/index.ts'
import type { RefusedFor } from '../../transport/index.ts'
import type { EndedBy } from './session-types.ts'
import type { ListenerSettings } from './types.ts'

/** What became of the connections of one listener since the start. */
export interface ListenerFigures {
  readonly id: string
  readonly open: number
  readonly accepted: number
  readonly refused: Readonly<Record<RefusedFor, number>>
  /** By why they ended. */
  readonly ended: Readonly<Partial<Record<EndedBy, number>>>
}

/** The same as it is counted. */
export interface Counted {
  accepted: number
  readonly refused: Record<RefusedFor, number>
  readonly ended: Partial<Record<EndedBy, number>>
}

export const newCounted = (): Counted => ({ accepted: 0, refused: { total: 0, peer: 0, files: 0 }, ended: {} })

export const countIn = ({ ended }: Counted, by: EndedBy): void => {
  ended[by] = (ended[by] ?? 0) + 1
}

/** What is said of those who were refused. */
export const REFUSED: Readonly<Record<RefusedFor, (limits: Pick<ListenerSettings, 'maxSessions' | 'maxPerPeer'>) => string>> = {
  total: ({ maxSessions }) => `${many(maxSessions, 'connection')} are open; raise maxSessions if these are terminals`,
  peer: ({ maxPerPeer }) => `it has ${many(maxPerPeer, 'connection')} already; raise maxPerPeer if many terminals come through one address`,
  files: () => 'the process may open no more files',
}
