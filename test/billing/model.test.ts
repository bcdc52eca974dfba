import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BillingFile, type BillingPoint, type Change } from '../../src/billing/index.ts'
import { AT, book, directory, LI, pointAt, register, release, WANG } from './support.ts'

const POINTS = ['P-1', 'P-2', 'P-3']
const REGISTERS = ['1.8.0', '2.8.0']
const INSTANTS = [AT, AT + 86_400_000]

const place = fc.record({ point: fc.constantFrom(...POINTS), at: fc.constantFrom(...INSTANTS) })
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ act: fc.constant('data' as const), place, register: fc.constantFrom(...REGISTERS), value: fc.nat(3) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('release' as const),
      at: fc.constantFrom(...INSTANTS),
      again: fc.boolean(),
      stopAfter: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('accept' as const), place }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('reject' as const), place }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('withdraw' as const), place, register: fc.constantFrom(...REGISTERS) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('held' as const), place, isHeld: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('crash' as const) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('pull' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
)

/** What a billing system would keep: one value for each register, and where it is in the sequence. */
class Consumer {
  since = 0
  readonly figures = new Map<string, { readonly value: string; readonly version: number }>()

  take(changes: readonly Change[]): void {
    for (const { seq, kind, point, at, register: code, version, value, old } of changes) {
      expect(seq).toBe(this.since + 1)
      const key = `${point} ${at} ${code}`
      const mine = this.figures.get(key)
      expect(old?.value ?? null).toBe(mine?.value ?? null)
      expect(old?.version ?? null).toBe(mine?.version ?? null)
      expect(kind === 'new').toBe(mine === undefined)
      if (kind === 'withdrawn') this.figures.delete(key)
      else this.figures.set(key, { value, version })
      this.since = seq
    }
  }
}

it('keeps to a simple model, whatever is done to it and whenever it dies', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const path = directory()
      let file = book(path)
      const values = new Map<string, number>()
      const held = new Set<string>()
      /** Versions of each register: a number, or null for a withdrawal. */
      const model = new Map<string, (number | null)[]>()
      let total = 0
      const key = (point: string, at: number, code: string) => `${point} ${at} ${code}`
      const numberOf = (point: string, at: number, code: string) => values.get(key(point, at, code)) ?? 0
      const now = (point: string, at: number): BillingPoint =>
        pointAt(
          point,
          REGISTERS.map((code) => register(code, `${numberOf(point, at, code)}.00`)),
          { at, holds: held.has(`${point} ${at}`) ? [{ reason: 'quarantined', text: 'x' }] : [] },
        )
      const standing = (point: string, at: number, code: string) => model.get(key(point, at, code))?.at(-1) ?? null
      const add = (point: string, at: number, code: string, value: number | null) => {
        model.set(key(point, at, code), [...(model.get(key(point, at, code)) ?? []), value])
        total++
      }
      const consumer = new Consumer()
      const pull = (limit: number) => consumer.take(file.figures.changes(consumer.since, limit))
      const mayRelease = (point: string, at: number, again: boolean) => {
        const fresh = REGISTERS.filter((code) => standing(point, at, code) === null)
        const isAfterWithdrawal = fresh.some((code) => (model.get(key(point, at, code)) ?? []).length > 0)
        return fresh.length > 0 && !held.has(`${point} ${at}`) && (again || !isAfterWithdrawal) ? fresh : []
      }
      for (const one of steps) {
        if (one.act === 'data') values.set(key(one.place.point, one.place.at, one.register), one.value)
        else if (one.act === 'held')
          one.isHeld ? held.add(`${one.place.point} ${one.place.at}`) : held.delete(`${one.place.point} ${one.place.at}`)
        else if (one.act === 'pull') pull(one.limit)
        else if (one.act === 'crash') {
          file.close()
          file = new BillingFile(path)
        } else if (one.act === 'release') {
          const { at, again, stopAfter } = one
          // Dies after some of the points, and goes on with all of them again.
          const begun = file.releases.begin(
            { at, scope: {}, note: 'x', policy: 'skip-held', again, estimates: false },
            { by: WANG, asker: '{}', key: null },
            AT,
          )
          if (!begun.ok) throw new Error(begun.error.message)
          const { id } = begun.value.release
          file.releases.start(id)
          const points = POINTS.map((point) => now(point, at))
          file.releases.take(id, points.slice(0, stopAfter))
          file.close()
          file = new BillingFile(path)
          file.releases.resume(id)
          file.releases.start(id)
          file.releases.take(id, points)
          file.releases.finish(id, AT)
          for (const point of POINTS) for (const code of mayRelease(point, at, again)) add(point, at, code, numberOf(point, at, code))
        } else if (one.act === 'withdraw') {
          const { point, at } = one.place
          const done = file.pendings.withdraw({ point, at, registers: [one.register] }, LI, 'x', AT)
          expect(done.ok).toBe(standing(point, at, one.register) !== null)
          if (done.ok) add(point, at, one.register, null)
        } else {
          const { point, at } = one.place
          const fresh = now(point, at)
          file.pendings.compare([fresh], new Map(), AT)
          const open = file.pendings.open({ point, at }, 0, 10)
          const differing = REGISTERS.filter((code) => {
            const stands = standing(point, at, code)
            return stands !== null && (stands !== numberOf(point, at, code) || held.has(`${point} ${at}`))
          })
          // A rejected one is not asked again; none is asked that does not differ.
          for (const { register: code } of open) expect(differing).toContain(code)
          const ids = open.map(({ id }) => id)
          if (ids.length === 0) continue
          if (one.act === 'reject') expect(file.pendings.reject(ids, LI, 'no', AT).ok).toBe(true)
          else {
            const done = file.pendings.accept({ ids, who: LI, why: 'yes', now: AT, fresh, estimates: false, entered: [] })
            expect(done.ok).toBe(!held.has(`${point} ${at}`))
            if (done.ok) for (const { register: code } of open) add(point, at, code, numberOf(point, at, code))
          }
        }
      }
      while (consumer.since < file.figures.newest) pull(3)
      expect(consumer.since).toBe(total)
      const wanted = [...model].flatMap(([name, versions]) => {
        const last = versions.at(-1)
        return last === null || last === undefined ? [] : [[name, { value: `${last}.00`, version: versions.length }]]
      })
      expect(Object.fromEntries(consumer.figures)).toEqual(Object.fromEntries(wanted))
      file.close()
    }),
    { numRuns: 60 },
  )
})

it('finds a book that loses its place: the model is not blind', () => {
  const file = book()
  release(file, [pointAt('P-1', [register('1.8.0', '1.00')])])
  release(file, [pointAt('P-2', [register('1.8.0', '1.00')])])
  const consumer = new Consumer()
  expect(() => consumer.take(file.figures.changes(1, 9))).toThrow()
})
