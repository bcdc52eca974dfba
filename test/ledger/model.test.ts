import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Act, Ledger, type Patch, type Value } from '../../src/ledger/index.ts'
import { scratch } from '../support/processes.ts'
import { act } from './support.ts'

/** The plainest ledger that could be: a list of changes, each a list of facts; everything is asked by going through all of them. */
interface Step {
  readonly facts: readonly { readonly id: string; readonly from: number; readonly name: string; readonly value: Value }[]
  readonly born: readonly { readonly id: string; readonly from: number }[]
  undone: boolean
}

class Model {
  readonly steps: Step[] = []

  state(id: string, at: number): Record<string, Value> | null {
    const live = this.steps.filter(({ undone }) => !undone)
    if (!live.some(({ born, facts }) => [...born, ...facts].some((one) => one.id === id && one.from <= at))) return null
    // The newest instant wins; at one instant the newest change.
    const best = new Map<string, { from: number; value: Value }>()
    for (const { facts } of live)
      for (const { id: whose, from, name, value } of facts) {
        const before = best.get(name)
        if (whose === id && from <= at && (!before || from >= before.from)) best.set(name, { from, value })
      }
    return Object.fromEntries([...best].flatMap(([name, { value }]) => (value === null ? [] : [[name, value]])))
  }

  apply(patches: readonly Patch[], at: number): boolean {
    const step: Step & { facts: Step['facts'][number][]; born: Step['born'][number][] } = { facts: [], born: [], undone: false }
    const knownBefore = new Set(patches.filter(({ id }) => this.state(id, Number.POSITIVE_INFINITY) !== null).map(({ id }) => id))
    this.steps.push(step)
    const dated = patches.map((one) => ({ ...one, from: one.from ?? (knownBefore.has(one.id) ? at : 0) })).sort((a, b) => a.from - b.from)
    for (const { id, from, set } of dated) {
      const isNew = this.state(id, Number.POSITIVE_INFINITY) === null
      const state = this.state(id, from) ?? {}
      if (isNew) step.born.push({ id, from })
      for (const [name, value] of Object.entries(set)) if ((state[name] ?? null) !== value) step.facts.push({ id, from, name, value })
    }
    if (step.facts.length === 0 && step.born.length === 0) {
      this.steps.pop()
      return false
    }
    return true
  }
}

const IDS = ['Z1', 'Z2', 'Z3']
const NAMES = ['name', 'responsible', 'team'] as const
const instant = fc.integer({ min: 1, max: 9 }).map((n) => n * 1000)
const patchOf = fc.record({
  id: fc.constantFrom(...IDS),
  from: fc.option(instant, { nil: null }),
  set: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom<Value>('a', 'b', 'c', null), { maxKeys: 3 }),
})
const stepOf = fc.oneof(
  { weight: 3, arbitrary: fc.record({ patches: fc.array(patchOf, { minLength: 1, maxLength: 4 }), at: instant }) },
  { weight: 2, arbitrary: fc.record({ undo: fc.nat(20) }) },
)

it('answers every question as of every instant like the plainest ledger there could be, through changes dated back and undos', () => {
  let undone = 0
  let refused = 0
  fc.assert(
    fc.property(fc.array(stepOf, { minLength: 1, maxLength: 12 }), (steps) => {
      const ledger = new Ledger(scratch())
      const model = new Model()
      // Change number → what taking it back means in the model.
      const flips: (readonly number[])[] = []
      const said: Act = act({ at: 10_000 })
      try {
        for (const step of steps) {
          if ('undo' in step) {
            const seq = 1 + (step.undo % Math.max(1, flips.length))
            const flip = flips[seq - 1]
            if (!flip) continue
            const taken = ledger.undo(seq, said)
            if (!taken.ok) {
              refused++
              continue
            }
            undone++
            for (const one of flip) {
              const found = model.steps[one]
              if (found) found.undone = !found.undone
            }
            flips.push(flip)
          } else {
            const patches: Patch[] = step.patches.map(({ id, from, set }) => ({ kind: 'zone', id, from, set }))
            const applied = ledger.apply(patches, { ...said, at: step.at })
            // Two patches of one change that contradict each other, or lie ahead, are refused: then the model is not asked.
            if (!applied.ok) continue
            const isChange = model.apply(patches, step.at)
            expect(applied.value.change !== null).toBe(isChange)
            if (isChange) flips.push([model.steps.length - 1])
          }
          for (const id of IDS)
            for (let at = 0; at <= 10_000; at += 1000) {
              const state = ledger.get('zone', id, at)
              expect(state?.attributes ?? null, `${id} at ${at}`).toEqual(model.state(id, at))
            }
        }
      } finally {
        ledger.close()
      }
    }),
    { numRuns: 200 },
  )
  expect(undone).toBeGreaterThan(50)
  expect(refused).toBeGreaterThan(5)
})
