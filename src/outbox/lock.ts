import { ok, type Result } from '../core/index.ts'
import { type Lock, lockDirectory } from '../sqlite/lock.ts'
import { fail, type OutboxError } from './errors.ts'

export type { Lock } from '../sqlite/lock.ts'

/** Makes a directory this process's own. @errors OUTBOX_LOCKED, with the holder's process number */
export const acquireLock = (directory: string): Result<Lock, OutboxError> => {
  const locked = lockDirectory(directory, 'outbox')
  if (locked.ok) return ok(locked.lock)
  return fail('OUTBOX_LOCKED', `${directory} is in use by process ${locked.pid ?? 'unknown'}`, { directory, pid: locked.pid })
}
