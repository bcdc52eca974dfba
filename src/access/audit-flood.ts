import type { AuditDraft, AuditWhat } from './audit-record.ts'

/** How much of one kind is written line by line; the rest of a window becomes one summary. */
export interface FloodRules {
  readonly windowMs: number
  /** Of one kind and one account, in a window. */
  readonly perAccount: number
  /** Of one kind over all accounts, in a window: names that are made up do not count as many. */
  readonly perKind: number
}

/** @source faults met in practice: 5,000 refused logins in a minute are one fact, not 5,000 lines */
export const FLOOD_RULES: FloodRules = { windowMs: 60_000, perAccount: 5, perKind: 20 }

/** Names kept in a summary; more are counted as `others`. */
const MOST_NAMES = 10

interface Window {
  readonly since: number
  written: number
  readonly perAccount: Map<string, number>
  /** What was not written. */
  held: number
  readonly accounts: Map<string, number>
  readonly addresses: Map<string, number>
}

const MOST_ACCOUNTS = 100

/** Counts a name if there is room for it, else as one of the others. */
const count = (names: Map<string, number>, name: string, most: number): void => {
  const key = names.has(name) || names.size < most ? name : 'others'
  names.set(key, (names.get(key) ?? 0) + 1)
}

/**
 * Holds back what would flood the audit log. Memory is bounded by the number of kinds.
 *
 * `take` says whether a record is written by itself; `due` gives the summaries of windows that have ended, to be asked every few
 * seconds and, with `all`, at the end.
 */
export const floodGate = (rules: FloodRules = FLOOD_RULES) => {
  const windows = new Map<AuditWhat, Window>()

  const summaryOf = (what: AuditWhat, { since, held, accounts, addresses }: Window, now: number): AuditDraft[] =>
    held === 0
      ? []
      : [
          {
            ...{ what, who: { kind: 'house', id: null, name: 'summary' }, from: 'local', on: null, outcome: 'refused', why: null },
            ...{
              count: held,
              since,
              after: { until: now, accounts: Object.fromEntries(accounts), addresses: Object.fromEntries(addresses) },
            },
          },
        ]
  const isOver = ({ since }: Window, now: number): boolean => now >= since + rules.windowMs || now < since

  const due = (now: number, all = false): readonly AuditDraft[] =>
    [...windows].flatMap(([what, window]) => {
      if (!all && !isOver(window, now)) return []
      windows.delete(what)
      return summaryOf(what, window, now)
    })

  /** @returns  whether to write it, and summaries that have to be written first */
  const take = (what: AuditWhat, account: string, address: string, now: number) => {
    const open = windows.get(what)
    const before = open && isOver(open, now) ? summaryOf(what, open, now) : []
    const window: Window =
      open && !isOver(open, now)
        ? open
        : { since: now, written: 0, perAccount: new Map(), held: 0, accounts: new Map(), addresses: new Map() }
    windows.set(what, window)
    const ofAccount = window.perAccount.get(account) ?? 0
    const isWritten = ofAccount < rules.perAccount && window.written < rules.perKind
    if (isWritten) {
      window.written++
      count(window.perAccount, account, MOST_ACCOUNTS)
    } else {
      window.held++
      count(window.accounts, account, MOST_NAMES)
      count(window.addresses, address, MOST_NAMES)
    }
    return { isWritten, before }
  }
  return { take, due }
}

export type FloodGate = ReturnType<typeof floodGate>
