import { parentPort } from 'node:worker_threads'
import { readAudit, verifyAudit } from '../access/index.ts'
import type { AuditAnswer, AuditQuestion } from './audit-calls.ts'

const answerTo = (question: AuditQuestion): AuditAnswer => {
  try {
    return question.kind === 'list'
      ? { kind: 'list', records: readAudit(question.directory, question.filter) }
      : { kind: 'verify', verdict: verifyAudit(question.directory, question.anchors, question.headDirectory) }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

// One question at a time; the answer to each leaves before the next is looked at.
parentPort?.on('message', (question: AuditQuestion) => parentPort?.postMessage(answerTo(question)))
