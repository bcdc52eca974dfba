import { failWith } from '../core/index.ts'

/** Every way the keeping of evidence fails. None of them loses a reading. */
export const fail = failWith({
  EVIDENCE_DAMAGED: {
    recovery: 'skip',
    hint: 'the bytes are not those that were kept: look at the disk and at GET /health/ready; a copy of evidence.db may have them',
  },
  EVIDENCE_FILE: { recovery: 'wait', hint: 'look at the disk, the owner and the rights of evidence.db; readings go on without it' },
  EVIDENCE_WORKER: { recovery: 'retry', hint: 'the thread that keeps evidence.db ended and is started again: report it if it repeats' },
  EVIDENCE_SLOW: { recovery: 'wait', hint: 'the disk is overloaded; ask again later' },
})

/** Whether SQLite says that its file is damaged. */
export const isDamage = (error: unknown): boolean =>
  error instanceof Error && /malformed|not a database|disk image|corrupt/i.test(error.message)

/** Kept bytes that do not fit their hash, or cannot be unpacked. */
export class DamagedPage extends Error {}
