import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ok, type Reading, type Result, scalerAt } from '../../src/core/index.ts'
import { fail } from '../../src/push/errors.ts'
import { type Admission, Memory, type MemoryDeps } from '../../src/push/memory.ts'
import { listener, reading, START } from './support.ts'

/** A store that holds what it is given, the last row of a series and instant, and counts how often it is asked. */
class Shelf {
  readonly rows = new Map<string, Reading>()
  asked = 0

  readonly lookUp: MemoryDeps['lookUp'] = async ({ key }, measuredAt) => {
    this.asked++
    return ok(this.rows.get(`${key} ${measuredAt}`) ?? null)
  }

  readonly newest = (seriesKey: string): Reading | null =>
    [...this.rows.values()].filter(({ series }) => series.key === seriesKey).sort((a, b) => b.measuredAt - a.measuredAt)[0] ?? null

  put(row: Reading): void {
    this.rows.set(`${row.series.key} ${row.measuredAt}`, row)
  }
}

const memoryOver = (shelf = new Shelf(), deps: Partial<MemoryDeps> = {}) => {
  const { said, say } = listener()
  return { shelf, said, memory: new Memory({ lookUp: shelf.lookUp, newest: shelf.newest, say, ...deps }) }
}
const toStore = (admission: Admission): Reading | null => ('reading' in admission ? admission.reading : null)
const valuesOf = (row: Reading) =>
  Object.fromEntries(row.shape.columns.map(({ field }, at) => [field, Number(row.raws[at]) * 10 ** scalerAt(row, at)]))

describe('what is admitted', () => {
  it('new, again, in parts, against', async () => {
    const { memory, shelf } = memoryOver()
    const first = reading(0, { '1.8.0': '1.50' })
    expect(await memory.admit(first)).toEqual({ kind: 'new', reading: first })
    memory.committed(first)
    expect(await memory.admit(reading(0, { '1.8.0': '1.5' }))).toEqual({ kind: 'duplicate', settled: null })
    const merged = await memory.admit(reading(0, { '2.8.0': '7' }))
    expect(merged).toMatchObject({ kind: 'merged', reading: { raws: [150, 7] } })
    memory.committed(toStore(merged)!)
    expect(await memory.admit(reading(0, { '2.8.0': '8' }))).toEqual({
      kind: 'conflict',
      reading: null,
      conflicts: [{ field: '2.8.0', kept: { raw: 7, scaler: 0 }, refused: { raw: 8, scaler: 0 } }],
      settled: null,
    })
    expect(await memory.admit(reading(0, { '2.8.0': '8', '3.8.0': '9' }))).toMatchObject({
      kind: 'conflict',
      reading: { raws: [150, 7, 9] },
    })
    expect(shelf.asked).toBe(0)
  })

  it('late when it is older than the newest, after a look into the store', async () => {
    const { memory, shelf } = memoryOver()
    shelf.put(reading(1000, { '1.8.0': '1' }))
    shelf.put(reading(2000, { '1.8.0': '2' }))
    expect(await memory.admit(reading(1000, { '1.8.0': '1' }))).toEqual({ kind: 'duplicate', settled: null })
    expect(await memory.admit(reading(1000, { '1.8.0': '3' }))).toMatchObject({ kind: 'conflict', reading: null })
    expect(shelf.asked).toBe(1)
    const late = reading(1500, { '1.8.0': '1.5' })
    expect(await memory.admit(late)).toEqual({ kind: 'late', reading: late, unchecked: null })
    expect(await memory.admit(reading(2000, { '1.8.0': '2' }))).toEqual({ kind: 'duplicate', settled: null })
    expect(await memory.admit(reading(2001, { '1.8.0': '2' }))).toMatchObject({ kind: 'new' })
    expect(shelf.asked).toBe(2)
  })

  it.each([
    ['answers an error', async (): Promise<Result<null>> => fail('PUSH_DISK', 'no answer in 5 s')],
    [
      'throws',
      async (): Promise<Result<null>> => {
        throw new Error('no answer in 5 s')
      },
    ],
  ])('late and unchecked when the store %s, and it is said', async (_, lookUp) => {
    const shelf = new Shelf()
    shelf.put(reading(2000, { '1.8.0': '2' }))
    const { memory, said } = memoryOver(shelf, { lookUp })
    const late = reading(1000, { '1.8.0': '1' })
    expect(await memory.admit(late)).toMatchObject({ kind: 'late', reading: late, unchecked: { code: 'PUSH_STORE_SILENT' } })
    expect(said).toMatchObject([{ code: 'PUSH_STORE_SILENT', message: expect.stringContaining('no answer in 5 s') }])
  })

  it('late without asking anybody when everything since the start is still in memory', async () => {
    const { memory, shelf } = memoryOver()
    shelf.put(reading(1000, { '1.8.0': '1' }))
    for (const at of [2000, 4000]) await memory.admit(reading(at, { '1.8.0': '2' }))
    expect(memory.admitNow(reading(3000, { '1.8.0': '2' }))).toMatchObject({ kind: 'late', unchecked: null })
    expect(memory.admitNow(reading(500, { '1.8.0': '0' }))).toBeNull()
    expect(shelf.asked).toBe(0)
  })

  it('once, when two come at the same time while the store thinks', async () => {
    const shelf = new Shelf()
    shelf.put(reading(9000, { '1.8.0': '9' }))
    const { memory } = memoryOver(shelf)
    const kinds = await Promise.all([1, 2, 3].map(() => memory.admit(reading(1000, { '1.8.0': '1' })).then(({ kind }) => kind)))
    expect(kinds).toEqual(['late', 'duplicate', 'duplicate'])
  })

  it('in the order of the calls, and another series does not wait', async () => {
    const shelf = new Shelf()
    const releases: (() => void)[] = []
    const { memory } = memoryOver(shelf, {
      lookUp: (series, at) => new Promise((resolve) => releases.push(() => resolve(shelf.lookUp(series, at)))),
    })
    shelf.put(reading(9000, { '1.8.0': '9' }))
    const order: string[] = []
    const all = [
      memory.admit(reading(1000, { '1.8.0': '1' })).then(({ kind }) => order.push(`old ${kind}`)),
      memory.admit(reading(9500, { '1.8.0': '9' })).then(({ kind }) => order.push(`young ${kind}`)),
      memory.admit(reading(1000, { '1.8.0': '1' }, { meter: '10002' })).then(({ kind }) => order.push(`other ${kind}`)),
    ]
    await all[2]
    await expect.poll(() => releases.length).toBe(1)
    releases[0]!()
    await Promise.all(all)
    expect(order).toEqual(['other new', 'old late', 'young new'])
  })

  it('again, when it could not be stored', async () => {
    const { memory } = memoryOver()
    const first = reading(0, { '1.8.0': '1' })
    await memory.admit(first)
    memory.forget(first)
    expect(await memory.admit(reading(0, { '1.8.0': '1' }))).toMatchObject({ kind: 'new' })
    expect(await memory.admit(reading(-1, { '1.8.0': '1' }))).toMatchObject({ kind: 'late' })
  })

  it('what was merged and could not be stored is forgotten, what was there before is not', async () => {
    const { memory } = memoryOver()
    const first = reading(0, { '1.8.0': '1' })
    await memory.admit(first)
    const merged = toStore(await memory.admit(reading(0, { '2.8.0': '2' })))!
    memory.committed(first)
    memory.forget(merged)
    expect(await memory.admit(reading(0, { '1.8.0': '1' }))).toEqual({ kind: 'duplicate', settled: null })
    expect(await memory.admit(reading(0, { '2.8.0': '2' }))).toMatchObject({ kind: 'merged', reading: { raws: [1, 2] } })
  })

  it('what was merged and refused takes nothing with it that is still on its way, nor the other way round', async () => {
    const { memory } = memoryOver()
    const first = reading(0, { '1.8.0': '1' })
    await memory.admit(first)
    memory.forget(toStore(await memory.admit(reading(0, { '2.8.0': '2' })))!)
    expect(await memory.admit(reading(0, { '1.8.0': '1' }))).toMatchObject({ kind: 'duplicate', settled: expect.any(Promise) })
    const merged = toStore(await memory.admit(reading(0, { '2.8.0': '2' })))!
    memory.forget(first)
    memory.committed(merged)
    expect(await memory.admit(reading(0, { '1.8.0': '1', '2.8.0': '2' }))).toEqual({ kind: 'duplicate', settled: null })
  })

  it.each([true, false])('a repeat of what is on its way learns whether it arrived: %s', async (arrives) => {
    const { memory } = memoryOver()
    const first = reading(0, { '1.8.0': '1' })
    await memory.admit(first)
    const again = await memory.admit(reading(0, { '1.8.0': '1' }))
    if (again.kind !== 'duplicate') throw new Error(`a ${again.kind}`)
    expect(again.settled).not.toBeNull()
    if (arrives) memory.committed(first)
    else memory.forget(first)
    expect(await again.settled).toBe(arrives)
    expect((await memory.admit(reading(0, { '1.8.0': '1' }))).kind).toBe(arrives ? 'duplicate' : 'new')
  })

  it('with bounded memory: the series not heard of for longest goes, and the newest value brings it back', async () => {
    const { memory, shelf } = memoryOver(new Shelf(), { maxSeries: 10 })
    for (let meter = 0; meter < 100; meter++) {
      const row = reading(0, { '1.8.0': '1' }, { meter: `m ${meter}` })
      await memory.admit(row)
      memory.committed(row)
      shelf.put(row)
    }
    expect(memory.size).toBe(10)
    expect(await memory.admit(reading(0, { '1.8.0': '1' }, { meter: 'm 3' }))).toEqual({ kind: 'duplicate', settled: null })
    expect(memory.size).toBe(10)
  })

  it('the newest instant is known even after a flood of late ones', async () => {
    const { memory } = memoryOver()
    await memory.admit(reading(1e6, { '1.8.0': '9' }))
    for (let at = 0; at < 40; at++) await memory.admit(reading(at, { '1.8.0': '1' }))
    expect(await memory.admit(reading(5e5, { '1.8.0': '5' }))).toMatchObject({ kind: 'late' })
  })
})

/** The rule, said plainly: one row a series and instant, the first value of a field stays. */
it('agrees with a plain model whatever comes, and whatever the disk refuses', () => {
  const message = fc.record({
    meter: fc.constantFrom('10001', '10002'),
    at: fc.nat(40),
    values: fc.dictionary(fc.constantFrom('1.8.0', '2.8.0', '3.8.0'), fc.constantFrom('1', '1.0', '2', '2.50'), {
      minKeys: 1,
      noNullPrototype: true,
    }),
    isRefused: fc.boolean(),
    restarts: fc.integer({ min: 0, max: 19 }).map((dice) => dice === 0),
  })
  return fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 120 }), async (messages) => {
      const shelf = new Shelf()
      let { memory } = memoryOver(shelf)
      const model = new Map<string, Record<string, number>>()
      for (const { meter, at, values, isRefused, restarts } of messages) {
        if (restarts) memory = memoryOver(shelf).memory
        const key = `${meter} ${at}`
        const kept = model.get(key)
        const news = Object.entries(values).filter(([field]) => kept?.[field] === undefined)
        const wrong = Object.entries(values).filter(([field, text]) => kept?.[field] !== undefined && kept[field] !== Number(text))
        const newest = Math.max(...[...model.keys()].filter((one) => one.startsWith(meter)).map((one) => Number(one.split(' ')[1])))
        const expected = kept ? (wrong.length > 0 ? 'conflict' : news.length > 0 ? 'merged' : 'duplicate') : at > newest ? 'new' : 'late'

        const admission = await memory.admit(reading(at, values, { meter }))
        expect(admission.kind).toBe(expected)
        if (admission.kind === 'conflict')
          expect(admission.conflicts.map(({ field }) => field).sort()).toEqual(wrong.map(([field]) => field).sort())
        const row = toStore(admission)
        expect(row !== null).toBe(news.length > 0)
        if (row === null) continue
        if (isRefused) {
          memory.forget(row)
          continue
        }
        memory.committed(row)
        shelf.put(row)
        model.set(key, { ...kept, ...Object.fromEntries(news.map(([field, text]) => [field, Number(text)])) })
      }
      const stored = [...shelf.rows.values()].map((row) => [`${row.series.tags.meter} ${row.measuredAt - START}`, valuesOf(row)] as const)
      expect(new Map(stored)).toEqual(model)
    }),
    { numRuns: 200 },
  )
})
