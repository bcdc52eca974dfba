import type { RatioKind } from '../../src/core/adapter.ts'
import type { Decimal } from '../../src/core/decimal.ts'
import type { Obis } from '../../src/core/obis.ts'
import type { FrameContext, PushedSignal } from '../../src/core/push.ts'
import type { Condition } from './condition.ts'
import type { Path } from './path.ts'
import type { Operand } from './scope.ts'
import type { TimeForm, TimePattern } from './time.ts'
import type { NamePattern, TopicPattern } from './topic.ts'

/** A mapping with everything worked out that can be before a message comes. */
export interface Mapping {
  readonly id: string
  readonly title: string
  readonly zone: string | null
  /** Times outside are quarantined; milliseconds. */
  readonly window: { readonly pastMs: number; readonly futureMs: number }
  readonly rules: readonly Rule[]
}

export interface Rule {
  readonly id: string
  /** `mapping/form`. */
  readonly name: string
  readonly topic: TopicPattern
  readonly payload: 'json' | 'text' | 'raw' | 'sparkplug'
  readonly when: readonly Condition[]
  readonly ignore: string | null
  readonly device: Operand | null
  readonly sender: readonly Condition[]
  readonly messageId: Operand | null
  readonly presence: { readonly of: Operand; readonly online: ReadonlySet<string>; readonly offline: ReadonlySet<string> } | null
  readonly signal: readonly (readonly [figure: keyof PushedSignal['figures'], operand: Operand])[]
  readonly answer: { readonly topic: Operand; readonly json: Template } | null
  readonly parts: readonly Part[]
  readonly sparkplug: SparkplugRule | null
}

export interface SparkplugRule {
  readonly meter: 'device' | 'node/device' | 'group/node/device'
  readonly entries: ReadonlyMap<string, Entry>
  readonly signals: ReadonlyMap<string, string>
}

/** JSON with operands for texts. */
export type Template =
  | { readonly kind: 'text'; readonly operand: Operand }
  | { readonly kind: 'fixed'; readonly json: string }
  | { readonly kind: 'list'; readonly items: readonly Template[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: Template])[] }

export interface Step {
  readonly from: Operand
  /** Null: the items of a list. */
  readonly members: NamePattern | null
  /** Cuts a text at its last separator into two captures. */
  readonly split: { readonly of: Operand; readonly at: string; readonly into: readonly [before: string, behind: string] } | null
  readonly when: readonly Condition[]
}

export interface Part {
  readonly each: readonly Step[]
  readonly when: readonly Condition[]
  readonly meter: Operand | null
  readonly fold: 'lower' | 'upper' | null
  readonly times: readonly Time[]
  readonly values: readonly Value[]
  readonly table: Table | null
  readonly units: ReadonlyMap<string, string>
  readonly valid: readonly Condition[]
  readonly ct: Operand | null
  readonly pt: Operand | null
  readonly historical: boolean
  readonly failure: { readonly item: Operand; readonly code: Operand } | null
  readonly event: { readonly key: Operand; readonly value: Operand } | null
  readonly frame: Frame | null
}

export interface Time {
  readonly of: Operand
  readonly form: TimeForm
  readonly pattern: TimePattern | null
  /** Only numbers with so many digits before the point are meant. */
  readonly digits: number | null
  readonly zone: string | null
  readonly plus: { readonly index: Operand; readonly period: Operand } | null
}

/** What stands where there is no value. */
export interface Absent {
  readonly texts: ReadonlySet<string>
  readonly numbers: readonly Decimal[]
}

/** How a scalar becomes a number. */
export interface Reading {
  readonly paths: readonly Path[]
  readonly unit: Unit
  readonly comma: boolean
  readonly suffix: string
  readonly absent: Absent
  readonly when: readonly Condition[]
}

/** A unit that is always the same, or one that stands in the message. */
export type Unit = { readonly fixed: string | null } | { readonly operand: Operand }

export interface Value extends Reading {
  readonly obis: Obis
  readonly phases: readonly Obis[]
  readonly scale: number
  readonly ratio: RatioKind
}

export interface Entry {
  readonly obis: Obis | null
  readonly unit: Unit | null
  readonly scale: number
  readonly ratio: RatioKind
}

/** An entry of a table: its unit and fillers go before the table's. */
export interface TableEntry extends Entry {
  readonly reading: Reading
}

export interface Table extends Reading {
  readonly by: Operand
  readonly error: Operand | null
  readonly errorFree: ReadonlySet<string>
  readonly entries: ReadonlyMap<string, TableEntry>
  readonly others: 'report' | 'ignore'
}

export interface Frame {
  readonly path: Operand
  readonly encoding: 'hex' | 'base64' | 'raw'
  readonly protocol: 'dlt645' | 'modbus-rtu' | null
  readonly context: FrameContext
  readonly port: Operand | null
  readonly counter: Operand | null
}
