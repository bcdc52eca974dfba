import { CATALOGUE, HOUSE_RULES, LOSS_RULES, type RuleSpec } from '../anomaly/index.ts'
import type { Refusal, ThresholdEdit } from '../api/index.ts'
import { type Clock, err, ok, type Result } from '../core/index.ts'
import type { AnalysisBook, ThresholdChange } from './analysis-book.ts'
import { analysisFailure } from './analysis-errors.ts'

/** Every rule that has thresholds or a name, each once, in the order in which they look. */
export const allRules = (): readonly RuleSpec[] => [
  ...new Map([...CATALOGUE.map(({ rule }) => rule), ...LOSS_RULES, ...Object.values(HOUSE_RULES)].map((rule) => [rule.id, rule])).values(),
]

export const refuseRule = (
  because: Refusal['because'],
  code: Parameters<typeof analysisFailure>[0],
  message: string,
): Result<never, Refusal> => err({ because, error: analysisFailure(code, message).error })

/** What is wrong with an edit; null: nothing. */
export const editProblem = (
  rule: RuleSpec | undefined,
  id: string,
  { layer, target, set }: ThresholdEdit,
): Result<never, Refusal> | null => {
  if (!rule) return refuseRule('unknown', 'RULE_UNKNOWN', `there is no rule ${JSON.stringify(id)}`)
  if ((layer === 'global') !== (target === ''))
    return refuseRule(
      'not-possible',
      'RULE_LAYER',
      layer === 'global' ? 'the global layer has no target' : `the layer ${layer} needs a target`,
    )
  for (const [name, value] of Object.entries(set)) {
    const spec = Object.hasOwn(rule.thresholds, name) ? rule.thresholds[name] : undefined
    if (!spec)
      return refuseRule(
        'not-possible',
        'RULE_VALUE',
        `rule ${id} has no threshold ${name}; it has: ${Object.keys(rule.thresholds).join(', ')}`,
      )
    if (value !== null && !(value >= spec.min && value <= spec.max))
      return refuseRule('not-possible', 'RULE_VALUE', `${id}.${name} is ${value} ${spec.unit}; it may be from ${spec.min} to ${spec.max}`)
  }
  return null
}

/** Thresholds that people set, with their history. */
export class RuleBook {
  readonly #book: AnalysisBook
  readonly #clock: Clock
  readonly #isKnown: (layer: 'zone' | 'point', target: string) => boolean

  /** @param isKnown  whether the ledger has such a zone, or such a point or area: a slip of the pen would hold for nothing, unnoticed */
  constructor(book: AnalysisBook, clock: Clock, isKnown: (layer: 'zone' | 'point', target: string) => boolean) {
    this.#book = book
    this.#clock = clock
    this.#isKnown = isKnown
  }

  /** @param version  of the newest change that was seen. @returns the version from now on */
  set(id: string, edit: ThresholdEdit, version: number, who: string, why: string): Result<number, Refusal> {
    const wrong = editProblem(
      allRules().find((rule) => rule.id === id),
      id,
      edit,
    )
    if (wrong) return wrong
    const { layer, target } = edit
    const isSet = Object.values(edit.set).some((value) => value !== null)
    if (isSet && (layer === 'zone' || layer === 'point') && !this.#isKnown(layer, target))
      return refuseRule(
        'not-possible',
        'RULE_LAYER',
        `the ledger has no ${layer === 'zone' ? 'zone' : 'point or area'} ${JSON.stringify(target)}`,
      )
    const book = this.#book
    return book.together((): Result<number, Refusal> => {
      const now = book.thresholdVersion()
      if (now !== version) return refuseRule('not-possible', 'RULE_STALE', `the thresholds are at version ${now}, not ${version}`)
      for (const [name, after] of Object.entries(edit.set)) {
        const before = this.#said(id, name, edit)
        if (before !== after)
          book.addThreshold({
            at: this.#clock.now(),
            who,
            why,
            rule: id,
            name,
            layer: edit.layer,
            target: edit.target,
            before,
            after,
            undoes: null,
          })
      }
      return ok(book.thresholdVersion())
    }, true)
  }

  undo(seq: number, who: string, why: string): Result<number, Refusal> {
    const book = this.#book
    return book.together((): Result<number, Refusal> => {
      const found = book.thresholdChange(seq)
      if (!found) return refuseRule('unknown', 'RULE_CHANGE', `there is no change ${seq}`)
      const { rule, name, layer, target } = found
      const newer = book
        .thresholdChanges(Number.MAX_SAFE_INTEGER, MOST_CHANGES, rule)
        .find((one) => one.seq > seq && isSamePlace(one, found))
      if (newer) return refuseRule('not-possible', 'RULE_CHANGE', `change ${newer.seq} of the same threshold is newer`)
      const change = { at: this.#clock.now(), who, why, rule, name, layer, target, before: found.after, after: found.before, undoes: seq }
      return ok(book.addThreshold(change).seq)
    }, true)
  }

  #said(rule: string, name: string, { layer, target }: ThresholdEdit): number | null {
    const { global, zones, classes, points } = this.#book.layers()
    const by = { global: { '': global }, zone: zones, class: classes, point: points }[layer]
    return new Map(Object.entries(by)).get(target)?.[`${rule}.${name}`] ?? null
  }
}

const MOST_CHANGES = 100_000

const isSamePlace = (a: ThresholdChange, b: ThresholdChange): boolean =>
  a.rule === b.rule && a.name === b.name && a.layer === b.layer && a.target === b.target
