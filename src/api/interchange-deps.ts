import type { GatewayError, Result, Scope } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'
import type { EnergyPeriodWord } from './energy-deps.ts'

export const CIM_CONTENTS = ['registers', 'instants', 'intervals'] as const
export type CimContent = (typeof CIM_CONTENTS)[number]
export const CIM_SIDES = ['primary', 'displayed'] as const
export const MESSAGE_FORMATS = ['xml', 'json'] as const

/** Text of a message, piece by piece; a failure ends it unfinished, so that nobody takes a part for the whole. */
export type MessageText = AsyncIterable<Result<string, GatewayError>>

/** What a MeterReadings message is to hold. Instants are milliseconds since 1970 UTC. */
export interface CimQuestion {
  readonly from: number
  readonly to: number
  /** Absent: every point that fits the other two. */
  readonly points?: readonly string[]
  readonly area?: string
  readonly zone?: string
  readonly contents: readonly CimContent[]
  /** Length of the intervals. */
  readonly period: EnergyPeriodWord
  /** Registers times the ratio in force, or as on the face. */
  readonly side: (typeof CIM_SIDES)[number]
  readonly format: (typeof MESSAGE_FORMATS)[number]
}

export interface EspiQuestion {
  readonly from: number
  readonly to: number
  readonly period: EnergyPeriodWord
  /** Path of the usage point, as links name it. */
  readonly path: string
}

/** A metering point as Green Button names it. */
export interface UsagePointView {
  readonly id: string
  /** Always the same for the same point. */
  readonly uuid: string
}

/** What the API needs of messages in the forms of other houses. Nothing outside of a scope is in them. */
export interface InterchangeDeps {
  meterReadings(question: CimQuestion, scope: Scope): Result<MessageText, Refusal>
  /** By id ascending, those after `after`, at most `limit`. */
  usagePoints(scope: Scope, after: string | null, limit: number): Soon<readonly UsagePointView[]>
  usageFeed(point: string, question: EspiQuestion, scope: Scope): Promise<Result<MessageText, Refusal>>
}
