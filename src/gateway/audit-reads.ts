import { Worker } from 'node:worker_threads'
import { type AuditHead, type AuditLog, accessFailure, anchorOf, anchorText } from '../access/index.ts'
import type { AuditHeadView, AuditReads, AuditVerdictView } from '../api/index.ts'
import { ok, type Result } from '../core/index.ts'
import { workerUrl } from '../core/worker.ts'
import type { AuditAnswer, AuditPlace, AuditQuestion } from './audit-calls.ts'

/** A thread that nobody asks any more is given back after this. */
const IDLE_MS = 30_000

/** A thread that answers one question after the other; started when somebody asks, ended when nobody does. */
const threadOf = () => {
  let worker: Worker | null = null
  let idle: NodeJS.Timeout | null = null
  let isClosed = false
  const waiting: ((answer: AuditAnswer) => void)[] = []
  const end = (why: string): void => {
    const ended = worker
    worker = null
    for (const each of waiting.splice(0)) each({ kind: 'failed', message: why })
    void ended?.terminate()
  }
  const start = (): Worker => {
    const started = new Worker(workerUrl(import.meta.url, 'audit-worker'))
    started.unref()
    started.on('message', (answer: AuditAnswer) => {
      waiting.shift()?.(answer)
      if (waiting.length > 0) return
      idle = setTimeout(() => end('nobody asks'), IDLE_MS)
      idle.unref()
    })
    started.on('error', (error) => {
      if (worker === started) end(error.message)
    })
    return started
  }
  return {
    ask: (question: AuditQuestion): Promise<AuditAnswer> => {
      if (isClosed) return Promise.resolve({ kind: 'failed', message: 'the gateway is stopping' })
      if (idle) clearTimeout(idle)
      worker ??= start()
      worker.postMessage(question)
      return new Promise((answered) => waiting.push(answered))
    },
    close: (): void => {
      isClosed = true
      if (idle) clearTimeout(idle)
      end('the gateway is stopping')
    },
  }
}

const headView = (head: AuditHead): AuditHeadView => ({ ...head, anchor: anchorText(head) })
const unread = (message: string) => accessFailure('AUDIT_READ', `the audit log cannot be read: ${message}`)

/** Reads the audit log for the API. What may take long, a search or verifying, is done in threads; verifying holds no search up. */
export const openAuditReads = (place: AuditPlace, log: Pick<AuditLog, 'head'>): AuditReads & { close(): void } => {
  const lists = threadOf()
  const verifying = threadOf()
  /** Under way, by what it was asked: whoever asks the same gets the same answer. */
  const underWay = new Map<string, Promise<Result<AuditVerdictView>>>()
  const verify = async (anchors: readonly AuditHead[]): Promise<Result<AuditVerdictView>> => {
    const answer = await verifying.ask({ kind: 'verify', anchors, ...place })
    if (answer.kind !== 'verify') return unread(answer.kind === 'failed' ? answer.message : 'no answer')
    const { head, ...verdict } = answer.verdict
    return ok({ ...verdict, head: head === null ? null : headView(head) })
  }
  return {
    list: async (filter) => {
      const answer = await lists.ask({ kind: 'list', filter, ...place })
      return answer.kind === 'list' ? answer.records : unread(answer.kind === 'failed' ? answer.message : 'no answer')
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
    close: () => {
      lists.close()
      verifying.close()
    },
  }
}
