import { type AuditDraft, type AuditLog, type AuditRecord, type AuditWhat, floodGate, openAuditLog } from '../access/index.ts'
import type { ApiAct, ApiRefusal, AuditPort, HealthView } from '../api/index.ts'
import { explain, type GatewayError, ok, type Result } from '../core/index.ts'

/** The audit log of a running gateway: one that cannot be opened or written is tried again at the next act. */
export interface Audit {
  readonly log: AuditLog
  readonly port: AuditPort
  health(): HealthView['parts'][number]
  /** Writes the counts that are still held back, and closes the log. */
  close(): void
}

/** Refused requests are held back for longer than log-ins: a program with an old token asks every second, all day. */
const REFUSALS = { windowMs: 600_000, perAccount: 5, perKind: 20 }
const DUE_MS = 5000

const WHAT: Readonly<Record<string, AuditWhat>> = {
  ...{ 'ledger:write': 'ledger-changed', 'commissioning:act': 'ledger-changed', 'rules:write': 'rules-changed', 'cases:act': 'case-act' },
  ...{ 'collection:act': 'collection-act', 'writes:meters': 'meter-write', 'concentrators:act': 'concentrator-act' },
  ...{ 'control:request': 'control', 'control:confirm': 'control', 'config:write': 'config-changed', export: 'export' },
  ...{ 'billing:release': 'billing-act', 'billing:acknowledge': 'billing-act', 'read-now': 'field-act', 'lines:act': 'field-act' },
  ...{ 'audit:read': 'audit-read' },
}

/** What an act is done to, by the beginning of its path; what is not named goes by that itself. */
const KIND_OF: Readonly<Record<string, string>> = {
  ...{ lines: 'line', points: 'point', clocks: 'meter', meters: 'meter', concentrators: 'concentrator', cases: 'case', gaps: 'gap' },
  ...{ outages: 'outage', rules: 'rule', exchanges: 'exchange', scans: 'scan', areas: 'area' },
}

const onOf = ({ route, params }: Pick<ApiAct, 'route' | 'params'>): string | null => {
  const [first] = Object.values(params)
  if (first === undefined) return null
  if (params.kind !== undefined) return params.id === undefined ? params.kind : `${params.kind}:${params.id}`
  const segment = /^\w+ \/api\/v1\/([^/]+)/.exec(route)?.[1] ?? 'route'
  return `${KIND_OF[segment] ?? segment}:${params.id ?? first}`
}

const outcomeOf = (status: number) => (status < 400 ? 'done' : status < 500 ? 'refused' : 'failed')

/**
 * @param now            the real clock: records are not of a simulated time
 * @param headDirectory  where `audit.head` lies
 */
export const openAudit = (
  directory: string,
  now: () => number,
  say: (level: 'warn' | 'error', message: string) => void,
  headDirectory = directory,
): Audit => {
  let kept: AuditLog | null = null
  let problem: GatewayError | null = null
  const noted = <T>(result: Result<T>): Result<T> => {
    const before = problem?.code
    problem = result.ok ? null : result.error
    if (problem && problem.code !== before) say('error', `${explain(problem)}; changes are refused until then`)
    if (!problem && before) say('warn', 'the audit log is written again')
    return result
  }
  const opened = (): Result<AuditLog> => {
    if (kept) return ok(kept)
    const found = openAuditLog(directory, now, headDirectory)
    if (found.ok) kept = found.value
    return found
  }
  const log: AuditLog = {
    append: (draft) => {
      const open = opened()
      return noted<AuditRecord>(open.ok ? open.value.append(draft) : open)
    },
    list: (filter) => {
      const open = opened()
      return open.ok ? open.value.list(filter) : open
    },
    head: () => {
      const open = opened()
      return open.ok ? open.value.head() : open
    },
    close: () => {
      kept?.close()
      kept = null
    },
  }
  noted(opened())

  const flood = floodGate(REFUSALS)
  const tell = (drafts: readonly AuditDraft[]): void => {
    for (const draft of drafts) log.append(draft)
  }
  const due = setInterval(() => tell(flood.due(now())), DUE_MS)
  due.unref()

  const begin = (act: ApiAct): Result<(status: number) => void> => {
    const { who, from, route, permission, params, query, body, why } = act
    const common = {
      ...{ what: WHAT[permission] ?? ('act' as const), who: { kind: who.kind, id: who.id, name: who.name }, from, on: onOf(act) },
    }
    const asked = log.append({ ...common, outcome: 'asked', after: { route, params, query, body }, why })
    if (!asked.ok) return asked
    return ok((status) => {
      log.append({ ...common, outcome: outcomeOf(status), after: { route, status, of: asked.value.seq }, why: null })
    })
  }
  const refused = ({ who, from, route, status, code }: ApiRefusal): void => {
    const name = who?.name ?? '(unknown)'
    const { isWritten, before } = flood.take('request-refused', name, from, now())
    const draft: AuditDraft = {
      ...{ what: 'request-refused', from, on: route, outcome: 'refused', after: { status, code }, why: null },
      who: who ? { kind: who.kind, id: who.id, name } : { kind: 'nobody', id: null, name },
    }
    tell([...before, ...(isWritten ? [draft] : [])])
  }

  return {
    log,
    port: { begin, refused, problem: () => problem },
    health: () => ({
      part: 'audit log',
      state: problem ? 'degraded' : 'ok',
      sentence: problem ? `cannot be written (${problem.code}): changes are refused, reading goes on` : 'takes records',
      cure: problem ? problem.hint : null,
    }),
    close: () => {
      clearInterval(due)
      if (!problem) tell(flood.due(now(), true))
      log.close()
    },
  }
}
