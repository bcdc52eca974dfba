import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'

/** The end of the log as it was last written, kept in a file apart: what is cut off the log is missed. */
export interface AuditHead {
  /** Which log: 32 hexadecimal digits, made with it. */
  readonly log: string
  readonly count: number
  /** Hash of the last record; of none, where the chain starts. */
  readonly hash: string
}

/** `none`: there is no such file; `damaged`: there is one that says nothing. */
export type HeadRead = AuditHead | 'none' | 'damaged'

const FORM = /^\{"log":"([0-9a-f]{32})","count":(\d{1,15}),"hash":"([0-9a-f]{64})"\}\n?$/

export const readHead = (path: string): HeadRead => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'none'
    throw error
  }
  const [, log, count, hash] = FORM.exec(text) ?? []
  return log === undefined || count === undefined || hash === undefined ? 'damaged' : { log, count: Number(count), hash }
}

const newOf = (path: string): string => `${path}.new`

/** Writes the head beside the one that holds, so that a full disk is met before anything is changed. @throws  what the disk says */
export const prepareHead = (path: string, { log, count, hash }: AuditHead): void => {
  const file = openSync(newOf(path), 'w', 0o600)
  try {
    writeSync(file, `${JSON.stringify({ log, count, hash })}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Puts the prepared head in its place; one that another process prepared in between is written again. @throws  what the disk says */
export const sealHead = (path: string, head: AuditHead): void => {
  const prepared = readHead(newOf(path))
  if (typeof prepared === 'string' || prepared.count !== head.count || prepared.hash !== head.hash || prepared.log !== head.log)
    prepareHead(path, head)
  renameSync(newOf(path), path)
}

/** The head as a line to print, send or write down: `gridtally-audit LOG 42 HASH`. */
export const anchorText = ({ log, count, hash }: AuditHead): string => `gridtally-audit ${log} ${count} ${hash}`

/** Reads such a line; null: it is none. */
export const anchorOf = (text: string): AuditHead | null => {
  const [, log, count, hash] = /^\s*(?:gridtally-audit\s+)?([0-9a-f]{32})\s+(\d{1,15})\s+([0-9a-f]{64})\s*$/i.exec(text) ?? []
  if (log === undefined || count === undefined || hash === undefined) return null
  return { log: log.toLowerCase(), count: Number(count), hash: hash.toLowerCase() }
}
