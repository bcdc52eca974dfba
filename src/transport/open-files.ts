import { readdirSync, readFileSync } from 'node:fs'

/** Files this process has open, and how many it may. */
export interface OpenFiles {
  readonly open: number
  readonly limit: number
}

/** Looks at the process itself; null where the system does not say (anything but Linux). */
export const openFiles = (): OpenFiles | null => {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? null : { open: readdirSync('/proc/self/fd').length, limit: Number(limit) }
  } catch {
    return null
  }
}

/** Files kept free for everything else: the store, the outbox, HTTP. */
export const reserveOf = (limit: number): number => Math.min(512, Math.max(16, limit >> 3))
