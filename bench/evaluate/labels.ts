import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Something that is truly wrong, as the labels of a set say. */
export interface Fault {
  readonly id?: string
  readonly kind: string
  readonly subkind?: string
  readonly meter?: string
  readonly target?: string
  readonly area?: string
  readonly from: string
  readonly to?: string
  readonly trueKWh?: number
  readonly level?: string
  readonly cause?: string
  readonly params?: Readonly<Record<string, unknown>>
}

/** Something that only looks wrong and must not be alarmed. */
export interface Legit {
  readonly kind: string
  readonly meter?: string
  readonly target?: string
  readonly area?: string
  readonly from: string
  readonly to?: string
}

/** Truth of one area, a value a day, oldest first. */
export interface AreaTruth {
  readonly inputKWh?: readonly number[]
  readonly statLossPct?: readonly (number | null)[]
  readonly technicalPct?: readonly (number | null)[]
  readonly technicalKWh?: readonly number[]
  readonly nonTechnicalKWh?: readonly number[]
}

export interface Labels {
  readonly set?: string
  readonly interval: { readonly from: string; readonly to: string }
  readonly faults: readonly Fault[]
  readonly legit: readonly Legit[]
  readonly truth: { readonly areas: Readonly<Record<string, AreaTruth>> }
  readonly phases: Readonly<Record<string, string>>
}

/** What of the ledger the scoring needs. */
export interface LedgerMeters {
  readonly meters: readonly { readonly id: string; readonly area: string; readonly type: string }[]
}

// Labels are our own or the evaluator's; what they leave out is nothing.
export const readLabels = (dir: string): Labels => {
  const labels: Partial<Labels> = JSON.parse(readFileSync(join(dir, 'labels.json'), 'utf8'))
  return {
    ...(labels.set === undefined ? {} : { set: labels.set }),
    interval: labels.interval ?? { from: '', to: '' },
    faults: labels.faults ?? [],
    legit: labels.legit ?? [],
    truth: { areas: labels.truth?.areas ?? {} },
    phases: labels.phases ?? {},
  }
}

export const readLedgerMeters = (dir: string): LedgerMeters => {
  const ledger: Partial<LedgerMeters> = JSON.parse(readFileSync(join(dir, 'ledger.json'), 'utf8'))
  return { meters: ledger.meters ?? [] }
}

/** Folders of labelled areas: those given, and those one level below them. */
export const labelledFolders = (dirs: readonly string[]): string[] =>
  dirs.flatMap((dir) => {
    if (existsSync(join(dir, 'labels.json'))) return [dir]
    const below = existsSync(dir) ? readdirSync(dir).toSorted() : []
    return below.map((name) => join(dir, name)).filter((path) => existsSync(join(path, 'labels.json')))
  })
