import type { Register, MetricValue as Value } from './broker-metrics.ts'

/** Log-ins since the start, and what the record of them and the certificate are like. */
export interface AccessCounts {
  readonly logins: Readonly<Record<'in' | 'refused' | 'throttled', number>>
  readonly isAuditWritten: boolean
  /** Of the disk of the audit log, 0 to 1; null: nobody can tell. */
  readonly auditDiskUsed: number | null
  /** Milliseconds since 1970 UTC; null: plain HTTP. */
  readonly tlsExpiresAt: number | null
}

export const accessMetrics = (counter: Register, gauge: Register): void => {
  counter('gridtally_logins_total', 'Log-ins, by how they ended', ['outcome'], ({ access }) =>
    Object.entries(access.logins).map(([outcome, count]): Value => [{ outcome }, count]),
  )
  gauge('gridtally_audit_writable', '1 while the audit log can be written', [], ({ access }) => [[{}, access.isAuditWritten ? 1 : 0]])
  gauge('gridtally_audit_disk_used_ratio', 'How full the disk of the audit log is', [], ({ access }) =>
    access.auditDiskUsed === null ? [] : [[{}, access.auditDiskUsed]],
  )
  gauge(
    'gridtally_tls_certificate_expiry_timestamp_seconds',
    'When the certificate of the API ends; absent without TLS',
    [],
    ({ access }) => (access.tlsExpiresAt === null ? [] : [[{}, access.tlsExpiresAt / 1000]]),
  )
}
