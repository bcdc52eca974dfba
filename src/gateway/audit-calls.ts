import type { AuditFilter, AuditHead, AuditRecord, AuditVerdict } from '../access/index.ts'
import type { Result } from '../core/index.ts'

/** Where the log lies. */
export interface AuditPlace {
  readonly directory: string
  readonly headDirectory: string
}

/** What the threads that read the audit log are asked, and what they answer. */
export type AuditQuestion =
  | ({ readonly kind: 'list'; readonly filter: AuditFilter } & AuditPlace)
  | ({ readonly kind: 'verify'; readonly anchors: readonly AuditHead[] } & AuditPlace)

export type AuditAnswer =
  | { readonly kind: 'list'; readonly records: Result<readonly AuditRecord[]> }
  | { readonly kind: 'verify'; readonly verdict: AuditVerdict }
  | { readonly kind: 'failed'; readonly message: string }
