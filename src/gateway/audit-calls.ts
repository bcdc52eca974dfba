import type { AuditFilter, AuditHead, AuditRecord, AuditVerdict } from '../access/index.ts'
import type { Result } from '../core/index.ts'

/** Where the log lies. */
export interface AuditPlace {
  readonly directory: string
  readonly headDirectory: string
}

/** What the threads that read the audit log are asked, and what they answer. */
export interface AuditCalls {
  list: { request: { readonly filter: AuditFilter }; answer: Result<readonly AuditRecord[]> }
  verify: { request: { readonly anchors: readonly AuditHead[] }; answer: AuditVerdict }
  close: { request: null; answer: null }
}
