import type { Finding, SignalBand, SignalFigures, SignalLevel } from '../anomaly/index.ts'
import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

export const SIGNAL_STEPS = ['hour', 'day'] as const
export type SignalStep = (typeof SIGNAL_STEPS)[number]

export interface SignalQuestion {
  readonly level: SignalLevel
  readonly from: number
  readonly to: number
  readonly area?: string
  readonly zone?: string
  readonly bus?: string
  readonly concentrator?: string
  readonly link?: string
  readonly band?: SignalBand
}

/** One hour or day of a link. */
export interface SignalItemView extends Omit<SignalFigures, 'level' | 'id' | 'area' | 'zone' | 'link' | 'bus' | 'concentrator' | 'meters'> {
  readonly from: number
  readonly to: number
}

/** Something done to the channel (变更记录): before and after it a link may differ. */
export interface SignalMarkView {
  readonly at: number
  readonly channel: string
  readonly note: string
}

export interface SignalHistoryAnswer {
  readonly figures: SignalFigures
  readonly items: readonly SignalItemView[]
  readonly marks: readonly SignalMarkView[]
  /** What the detectors say of it by the end of that time. */
  readonly findings: readonly Finding[]
}

/** What the API needs of communication statistics. */
export interface SignalDeps {
  /** Everything at a level, the farthest below the median of its zone first. */
  signal(question: SignalQuestion): Promise<Result<readonly SignalFigures[], Refusal>>
  signalOf(
    id: string,
    question: Pick<SignalQuestion, 'level' | 'from' | 'to'>,
    step: SignalStep,
  ): Promise<Result<SignalHistoryAnswer, Refusal>>
}
