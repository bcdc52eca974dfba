import { accessFailure } from '../access/index.ts'

/** @errors AUDIT_READ */
export const unread = (message: string) => accessFailure('AUDIT_READ', `the audit log cannot be read: ${message}`)
