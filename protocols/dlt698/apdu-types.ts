import type { ColumnSelector, Datum, RecordSelector } from './datum.ts'

/** What became of one object: a value, or why there is none. */
export interface ResultItem {
  readonly oad?: string
  readonly omd?: string
  readonly data?: Datum
  readonly dar?: number
  readonly dar_name?: string
  /** What was read after it was set. */
  readonly get?: ResultItem
  /** Behind a proxy: whose results these are. */
  readonly tsa?: string
  readonly results?: readonly ResultItem[]
}

/** A record table asked for (`selector`) or given (`rows` or `dar`). */
export interface RecordItem {
  readonly oad: string
  readonly tsa?: string
  readonly selector?: RecordSelector
  readonly columns: readonly ColumnSelector[]
  readonly rows?: readonly (readonly Datum[])[]
  readonly dar?: number
  readonly dar_name?: string
}

/** An object to be set or a method to be called. */
export interface ActItem {
  readonly oad?: string
  readonly omd?: string
  readonly data: Datum
  readonly get_oad?: string
  readonly delay_s?: number
}

export interface Piid {
  readonly seq: number
  readonly priority: number
}

/** One APDU taken apart. Members are there as the service has them; their names are those of the vector files. */
export interface Apdu {
  readonly tag: number
  readonly service: string
  readonly choice?: string
  readonly piid?: Piid
  readonly piid_acd?: Piid & { readonly acd: number }
  readonly oads?: readonly string[]
  readonly results?: readonly ResultItem[]
  readonly record?: RecordItem
  readonly records?: readonly RecordItem[]
  readonly port?: string
  readonly inner_hex?: string
  readonly inner?: Apdu
  readonly dar?: number
  readonly [leaf: string]: unknown
}

/** Services by tag. Odd ones out: a LINK-Request comes from the server. @source DL/T 698.45-2017, APDU; compact ones of the 2019 supplement */
export const SERVICES: Readonly<Record<number, { readonly service: string; readonly side: 'client' | 'server' }>> = {
  1: { service: 'LINK-Request', side: 'server' },
  129: { service: 'LINK-Response', side: 'client' },
  2: { service: 'CONNECT-Request', side: 'client' },
  3: { service: 'RELEASE-Request', side: 'client' },
  5: { service: 'GET-Request', side: 'client' },
  6: { service: 'SET-Request', side: 'client' },
  7: { service: 'ACTION-Request', side: 'client' },
  8: { service: 'REPORT-Response', side: 'client' },
  9: { service: 'PROXY-Request', side: 'client' },
  16: { service: 'SECURITY-Request', side: 'client' },
  69: { service: 'GET-Request-compact', side: 'client' },
  70: { service: 'SET-Request-compact', side: 'client' },
  73: { service: 'PROXY-Request-compact', side: 'client' },
  110: { service: 'ERROR', side: 'client' },
  130: { service: 'CONNECT-Response', side: 'server' },
  131: { service: 'RELEASE-Response', side: 'server' },
  132: { service: 'RELEASE-Notification', side: 'server' },
  133: { service: 'GET-Response', side: 'server' },
  134: { service: 'SET-Response', side: 'server' },
  135: { service: 'ACTION-Response', side: 'server' },
  136: { service: 'REPORT-Notification', side: 'server' },
  137: { service: 'PROXY-Response', side: 'server' },
  144: { service: 'SECURITY-Response', side: 'server' },
  197: { service: 'GET-Response-compact', side: 'server' },
  198: { service: 'SET-Response-compact', side: 'server' },
  201: { service: 'PROXY-Response-compact', side: 'server' },
  238: { service: 'ERROR', side: 'server' },
}
