import { mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { adapterOf } from '../../protocols/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import { explain } from '../core/index.ts'
import { ledgerWorld, worldData } from '../gateway/ledger-world.ts'
import { openProfiles } from '../gateway/profiles.ts'
import { type Act, type ActKind, isKind, KINDS, type Kind, Ledger, LedgerTooNew, type Refused } from '../ledger/index.ts'
import { CommandFailed, EXIT } from './output.ts'
import { configOrFail } from './run.ts'

/** Who acts, and why; of every command that writes. */
export interface ActOptions {
  readonly who?: string
  readonly why?: string
  readonly workOrder?: string
}

/** The ledger of a configuration, checked against its lines and meter models; works beside a running gateway, which notices. */
export const withLedger = async <T>(file: string, work: (ledger: Ledger, config: GatewayConfig) => T | Promise<T>): Promise<T> => {
  const config = configOrFail(file)
  const world = ledgerWorld(worldData(config), openProfiles(config.profileDirectory), adapterOf)
  let ledger: Ledger
  try {
    mkdirSync(config.dataDirectory, { recursive: true, mode: 0o750 })
    ledger = new Ledger(config.dataDirectory, world)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CommandFailed(error instanceof LedgerTooNew ? why : `${config.dataDirectory}/ledger.db cannot be opened: ${why}`)
  }
  try {
    return await work(ledger, config)
  } finally {
    ledger.close()
  }
}

/** Now, as the gateway of this configuration counts it. */
export const nowOf = ({ clock }: GatewayConfig): number =>
  clock ? clock.start + Math.round((Date.now() - clock.realStart) * clock.speed) : Date.now()

export const actFrom = (config: GatewayConfig, what: ActKind, { who, why, workOrder }: ActOptions): Act => ({
  what,
  who: who ?? userName(),
  why: why ?? '',
  workOrder: workOrder ?? null,
  at: nowOf(config),
})

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return 'command line'
  }
}

/** Ends the command with every problem of a change that was not made. */
export const refusedAs = ({ error, problems }: Refused): CommandFailed => {
  const [only] = problems
  if (!only) return new CommandFailed(explain(error))
  const lines = problems.map(({ code, place, message, hint }) => `${place}: ${message}\n  ${code}: ${hint}`)
  const more = Number(error.context.problems ?? 0) - problems.length
  return new CommandFailed([...lines, ...(more > 0 ? [`and ${more} more`] : []), 'nothing was changed'].join('\n'))
}

export const kindFrom = (word: string): Kind => {
  const kind = word.endsWith('s') ? word.slice(0, -1) : word
  if (isKind(kind)) return kind
  throw new CommandFailed(`${JSON.stringify(word)} is no kind; allowed: ${KINDS.join(', ')}`, EXIT.usage)
}

export const instantFrom = (text: string, option: string): number => {
  const [day = ''] = text.split('T')
  const at = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  // 31 February would else be a day in March.
  if (Number.isFinite(at) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)) return at
  throw new CommandFailed(`${option} is ${JSON.stringify(text)}; allowed: an instant with offset, 2026-03-01T00:00:00+08:00`, EXIT.usage)
}
