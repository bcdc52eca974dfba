import { statfsSync } from 'node:fs'

const LOOK_MS = 30_000
/** @source GB/T 22239 and IEC 62443-4-2 CR 2.9: a warning before the record of who did what has no more room */
export const FULL_SHARE = 0.8
const DAY_MS = 86_400_000

/** How full the disk of a directory is, 0 to 1; null: nobody can tell. */
export const usedShare = (directory: string): number | null => {
  try {
    const { blocks, bfree, bavail } = statfsSync(directory)
    const used = blocks - bfree
    // As df counts it: what only root may fill is not there.
    return used + bavail > 0 ? used / (used + bavail) : null
  } catch {
    return null
  }
}

/**
 * Watches how full the fullest of some disks is, and says so once a day when it is too full.
 *
 * @param look  share that is used, of a directory
 */
export const watchDisk = (
  directories: readonly string[],
  say: (message: string) => void,
  { now = () => Date.now(), look = usedShare }: { readonly now?: () => number; readonly look?: (directory: string) => number | null } = {},
) => {
  let share: number | null = null
  let saidAt = Number.NEGATIVE_INFINITY
  const check = (): void => {
    const shares = directories.flatMap((directory) => look(directory) ?? [])
    share = shares.length > 0 ? Math.max(...shares) : null
    if (share === null || share < FULL_SHARE || now() - saidAt < DAY_MS) return
    saidAt = now()
    say(`the disk of the audit log is ${Math.round(share * 100)} % full: changes are refused when no record of them can be written`)
  }
  check()
  const timer = setInterval(check, LOOK_MS)
  timer.unref()
  return {
    check,
    share: () => share,
    stop: () => clearInterval(timer),
  }
}
