/** Entry of a thread that reads the audit log. */
import { parentPort, workerData } from 'node:worker_threads'
import { readAudit, verifyAudit } from '../access/index.ts'
import { type Answers, answerQuestions } from '../core/thread.ts'
import type { AuditCalls, AuditPlace } from './audit-calls.ts'
import { unread } from './audit-errors.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, headDirectory }: AuditPlace = workerData

const answers: Answers<AuditCalls> = {
  list: ({ filter }) => readAudit(directory, filter),
  verify: ({ anchors }) => verifyAudit(directory, anchors, headDirectory),
  close: () => null,
}

answerQuestions(
  port,
  (thrown) => unread(thrown instanceof Error ? thrown.message : String(thrown)).error,
  () => answers,
)
