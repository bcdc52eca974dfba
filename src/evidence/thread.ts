import type { Worker } from 'node:worker_threads'
import { AnsweringThread, type AnswerPort, type Answers, type Ask, answerQuestions } from '../core/thread.ts'
import { DamagedPage, fail } from './errors.ts'
import type { EvidenceFile } from './file.ts'
import type { EvidenceDraft, EvidenceItem, EvidenceKey, EvidenceRef, EvidenceSettings, EvidenceState } from './types.ts'

/** What can be asked of the thread that keeps `evidence.db`: request and answer of each kind. */
export interface EvidenceCalls {
  add: { request: readonly EvidenceDraft[]; answer: null }
  refs: { request: readonly EvidenceKey[]; answer: ReadonlyMap<string, EvidenceRef> }
  of: { request: EvidenceKey; answer: readonly EvidenceRef[] }
  item: { request: { readonly id: string; readonly key?: EvidenceKey }; answer: EvidenceItem | null }
  keysOf: { request: { readonly id: string; readonly limit: number }; answer: readonly EvidenceKey[] }
  tidy: { request: number; answer: number }
  state: { request: null; answer: EvidenceState }
  use: { request: EvidenceSettings; answer: null }
  close: { request: null; answer: null }
}
/** Asks for evidence, wherever it is kept. */
export type AskEvidence = Ask<EvidenceCalls>

/** The calls as a file answers them. @param clean  puts secrets out of what is to be kept */
export const evidenceHandlers = (file: EvidenceFile, clean: (draft: EvidenceDraft) => EvidenceDraft): Answers<EvidenceCalls> => ({
  add: (drafts) => {
    file.add(drafts.map(clean))
    return null
  },
  refs: (keys) => file.refs(keys),
  of: (key) => file.of(key),
  item: ({ id, key }) => file.item(id, key),
  keysOf: ({ id, limit }) => file.keysOf(id, limit),
  tidy: (now) => file.tidy(now),
  state: () => file.state(),
  use: (settings) => {
    file.use(settings)
    return null
  },
  close: () => {
    file.close()
    return null
  },
})

const failed = (thrown: unknown) => {
  const message = `evidence.db: ${thrown instanceof Error ? thrown.message : String(thrown)}`
  return fail(thrown instanceof DamagedPage ? 'EVIDENCE_DAMAGED' : 'EVIDENCE_FILE', message).error
}

/** Answers {@link evidenceThread}. */
export const serveEvidence = (port: AnswerPort, start: () => Answers<EvidenceCalls>): void => answerQuestions(port, failed, start)

export type EvidenceThread = AnsweringThread<EvidenceCalls>

/**
 * The thread with the evidence.
 *
 * @errors EVIDENCE_WORKER, EVIDENCE_SLOW, EVIDENCE_FILE, EVIDENCE_DAMAGED
 */
export const evidenceThread = (start: () => Worker): EvidenceThread =>
  new AnsweringThread<EvidenceCalls>({
    name: 'the evidence',
    start,
    deadlineMs: 30_000,
    failures: { slow: (message) => fail('EVIDENCE_SLOW', message), ended: (message) => fail('EVIDENCE_WORKER', message) },
  })
