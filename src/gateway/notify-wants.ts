import { rankOf } from '../anomaly/index.ts'
import type { Wanted } from '../config/index.ts'
import type { StoredCase } from './case-file.ts'

/** Asked once by many. */
export const once = <T>(ask: (() => T | Promise<T>) | undefined): (() => Promise<T>) | null => {
  let asked: Promise<T> | null = null
  if (!ask) return null
  return () => {
    asked ??= Promise.resolve().then(ask)
    return asked
  }
}

/** Whether somebody wants to be told that something happened to a case. */
export const wants = ({ events, least, kinds, zones }: Wanted, what: string, { one, zone }: StoredCase): boolean =>
  events.some((event) => event === what) &&
  rankOf(one.severity) >= rankOf(least) &&
  (kinds === null || kinds.includes(one.kind)) &&
  (zones === null || (zone !== null && zones.includes(zone)))
