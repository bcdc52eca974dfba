import { Worker } from 'node:worker_threads'
import { type AuditHead, type AuditLog, accessFailure, anchorOf, anchorText } from '../access/index.ts'
import type { AuditHeadView, AuditReads, AuditVerdictView } from '../api/index.ts'
import { ok, type Result } from '../core/index.ts'
import { AnsweringThread } from '../core/thread.ts'
import { workerUrl } from '../core/worker.ts'
import type { AuditCalls, AuditPlace } from './audit-calls.ts'
import { unread } from './audit-errors.ts'

/** A thread that nobody asks any more is given back after this. */
const IDLE_MS = 30_000
/** A log of years is gone through at about 50 MB/s. */
const DEADLINE_MS = 600_000

/** A thread that answers one question after the other; started when somebody asks, ended when nobody does. */
const threadOf = (place: AuditPlace): AnsweringThread<AuditCalls> =>
  new AnsweringThread<AuditCalls>({
    name: 'the reader of the audit log',
    start: () => new Worker(workerUrl(import.meta.url, 'audit-worker'), { workerData: place }),
    failures: { slow: unread, ended: unread },
    ...{ deadlineMs: DEADLINE_MS, idleMs: IDLE_MS },
  })

const headView = (head: AuditHead): AuditHeadView => ({ ...head, anchor: anchorText(head) })

/** Reads the audit log for the API. What may take long, a search or verifying, is done in threads; verifying holds no search up. */
export const openAuditReads = (place: AuditPlace, log: Pick<AuditLog, 'head'>): AuditReads & { close(): Promise<void> } => {
  const lists = threadOf(place)
  const verifying = threadOf(place)
  /** Under way, by what it was asked: whoever asks the same gets the same answer. */
  const underWay = new Map<string, Promise<Result<AuditVerdictView>>>()
  const verify = async (anchors: readonly AuditHead[]): Promise<Result<AuditVerdictView>> => {
    const answer = await verifying.ask('verify', { anchors })
    if (!answer.ok) return answer
    const { head, ...verdict } = answer.value
    return ok({ ...verdict, head: head === null ? null : headView(head) })
  }
  return {
    list: async (filter) => {
      const answer = await lists.ask('list', { filter })
      return answer.ok ? answer.value : answer
    },
    head: async () => {
      const head = log.head()
      return head.ok ? ok(headView(head.value)) : head
    },
    verify: async (texts) => {
      const anchors: AuditHead[] = []
      for (const text of texts) {
        const anchor = anchorOf(text)
        if (anchor === null) return accessFailure('ACCESS_ANCHOR', `"${text.slice(0, 80)}" is no anchor`)
        anchors.push(anchor)
      }
      const key = JSON.stringify(anchors)
      const known = underWay.get(key) ?? verify(anchors).finally(() => underWay.delete(key))
      underWay.set(key, known)
      return known
    },
    close: async () => {
      await Promise.all([lists.stop(), verifying.stop()])
    },
  }
}
