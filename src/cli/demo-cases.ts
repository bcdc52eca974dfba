import type { CaseView } from '../api/index.ts'
import type { Gateway } from '../main.ts'

/** A case as the demo reports it. A public interface: scripts read it. */
export interface DemoCase {
  /** `2:theft/P-A01-007#1`: the API's number, and what it is about. */
  readonly case: string
  readonly id: number
  readonly kind: string
  readonly target: string
  readonly area: string
  readonly level: string
  readonly cause: string | null
  readonly state: string
  readonly severity: string
  readonly score: number
  readonly detectedAt: string
  readonly from: string
  readonly to: string | null
  readonly kwh: { readonly value: number; readonly low: number; readonly high: number } | null
  readonly why: { readonly zh: string; readonly en: string }
  readonly action: { readonly zh: string; readonly en: string }
  readonly numbers: Readonly<Record<string, number | string | null>>
}

const MOST = 500

/** Every case that was not withdrawn, most severe first. */
export const casesOf = async (gateway: Pick<Gateway, 'cases'>): Promise<readonly DemoCase[]> =>
  (await gateway.cases.cases({ all: true }, 'severity', null, MOST)).filter(({ one }) => one.state !== 'withdrawn').map(demoCase)

const demoCase = ({ id, one }: CaseView): DemoCase => {
  const { kind, target, area, level, cause, state, severity, score, detectedAt, from, to, kwh, evidence } = one
  return {
    ...{ case: `${id}:${one.id}`, id, kind, target, area, level, cause, state, severity, score, detectedAt },
    ...{ from: new Date(from).toISOString(), to: to === null ? null : new Date(to).toISOString(), kwh },
    ...{ why: evidence.why, action: evidence.action, numbers: evidence.numbers },
  }
}

/** `case 3  theft  P-A01-007 since 2026-11-12  62 kWh  score 0.99: why`. */
export const caseText = ({ id, kind, target, detectedAt, kwh, score, why }: DemoCase): string => {
  const energy = kwh === null ? '' : `  ${kwh.value.toFixed(0)} kWh`
  return `case ${String(id).padEnd(3)} ${kind.padEnd(18)} ${target}  raised ${detectedAt}${energy}  score ${score.toFixed(2)}\n     ${why.en}`
}
