import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ok, QUALITY, type Reading } from '../../src/core/index.ts'
import { Memory } from '../../src/push/memory.ts'
import { reading, START } from './support.ts'

const { quarantined, clockDoubtful } = QUALITY
const good = (at: number, values: Readonly<Record<string, string>>) => reading(at, values)
const doubtful = (at: number, values: Readonly<Record<string, string>>) => reading(at, values, { quality: quarantined })
const later = (row: Reading): Reading => ({ ...row, measuredAt: row.measuredAt + 1 })
const memoryOver = (rows: readonly Reading[] = []) =>
  new Memory({
    lookUp: async (_, at) => ok(rows.find(({ measuredAt }) => measuredAt === at) ?? null),
    newest: () => rows.at(-1),
    say: () => {},
  })
/** Admits and commits. */
const stored = async (memory: Memory, row: Reading): Promise<Reading> => {
  await memory.admit(row)
  memory.committed(row)
  return row
}

describe('a doubtful reading and a good one of one instant', () => {
  it('the doubtful one finds the instant occupied, also with the same values, and nothing of it is remembered', async () => {
    const memory = memoryOver()
    await memory.admit(good(0, { '1.8.0': '5' }))
    expect(memory.admitNow(doubtful(0, { '1.8.0': '5' }))).toEqual({ kind: 'occupied' })
    expect(await memory.admit(doubtful(0, { '2.8.0': '6' }))).toEqual({ kind: 'occupied' })
    expect(await memory.admit(doubtful(1, { '1.8.0': '5' }))).toMatchObject({ kind: 'new' })
    expect(await memory.admit(good(0, { '2.8.0': '7' }))).toMatchObject({ kind: 'merged', reading: { raws: [5, 7], quality: 0 } })
  })

  it('the good one takes the instant, and the doubtful one comes back as it was kept', async () => {
    const memory = memoryOver()
    const first = await stored(memory, doubtful(0, { '1.8.0': '5' }))
    const right = good(0, { '1.8.0': '5', '2.8.0': '7' })
    expect(await memory.admit(right)).toEqual({ kind: 'displaced', reading: right, displaced: first })
    expect(await memory.admit(later(first))).toMatchObject({ kind: 'new' })
    memory.committed(right)
    expect(await memory.admit(good(0, { '2.8.0': '7' }))).toEqual({ kind: 'duplicate', settled: null })
    expect(await memory.admit(first)).toEqual({ kind: 'occupied' })
  })

  it.each([
    ['newest row', 9000],
    ['older row', 0],
  ])('also when only the store has it: its %s', async (_, at) => {
    const rows = [doubtful(0, { '1.8.0': '5' }), doubtful(9000, { '1.8.0': '5' })]
    const right = good(at, { '1.8.0': '4' })
    const displaced = rows.find(({ measuredAt }) => measuredAt === START + at)
    expect(await memoryOver(rows).admit(right)).toEqual({ kind: 'displaced', reading: right, displaced })
    expect(await memoryOver([good(0, {}), good(9000, {})]).admit(doubtful(at, { '1.8.0': '4' }))).toEqual({ kind: 'occupied' })
  })

  it('two doubtful ones are one row like two good ones, with the doubts of both', async () => {
    const memory = memoryOver()
    await stored(memory, doubtful(0, { '1.8.0': '5' }))
    const more = reading(0, { '2.8.0': '6' }, { quality: quarantined | clockDoubtful })
    expect(await memory.admit(more)).toMatchObject({ kind: 'merged', reading: { raws: [5, 6], quality: quarantined | clockDoubtful } })
    expect(await memory.admit(doubtful(0, { '1.8.0': '9' }))).toMatchObject({ kind: 'conflict', reading: null })
  })

  it('the doubtful one has its instant again when the good one could not be stored', async () => {
    const memory = memoryOver()
    const first = await stored(memory, doubtful(0, { '1.8.0': '5' }))
    const right = good(0, { '1.8.0': '4' })
    await memory.admit(right)
    memory.forget(right)
    expect(await memory.admit(doubtful(0, { '1.8.0': '5' }))).toEqual({ kind: 'duplicate', settled: null })
    expect(await memory.admit(right)).toEqual({ kind: 'displaced', reading: right, displaced: first })
  })

  it('whichever of the two is safe first', async () => {
    const memory = memoryOver()
    const first = doubtful(0, { '1.8.0': '5' })
    const right = good(0, { '1.8.0': '4' })
    await memory.admit(first)
    const repeat = await memory.admit(doubtful(0, { '1.8.0': '5' }))
    expect(await memory.admit(right)).toEqual({ kind: 'displaced', reading: right, displaced: first })
    memory.committed(right)
    memory.forget(first)
    expect('settled' in repeat && (await repeat.settled)).toBe(false)
    expect(await memory.admit(good(0, { '1.8.0': '4' }))).toEqual({ kind: 'duplicate', settled: null })
  })

  it.each([
    ['safe', true],
    ['under way', false],
  ])('more of a good row that is not safe yet brings the doubtful one, %s, too: the first part may be refused', async (_, isSafe) => {
    const memory = memoryOver()
    const first = doubtful(0, { '1.8.0': '5' })
    await memory.admit(first)
    if (isSafe) memory.committed(first)
    const part = good(0, { '1.8.0': '4' })
    await memory.admit(part)
    const more = await memory.admit(good(0, { '2.8.0': '7' }))
    expect(more).toMatchObject({ kind: 'displaced', reading: { raws: [4, 7], quality: 0 }, displaced: first })
    if (!isSafe) memory.committed(first)
    memory.forget(part)
    if (more.kind === 'displaced') memory.committed(more.reading)
    expect(await memory.admit(good(0, { '3.8.0': '8' }))).toMatchObject({ kind: 'merged', reading: { raws: [4, 7, 8] } })
  })
})

describe('judging without remembering', () => {
  it.each<[string, Reading, 'free' | 'same' | 'occupied']>([
    ['no row', good(1, { '1.8.0': '5' }), 'free'],
    ['the same, written longer', good(0, { '1.8.0': '5.0' }), 'same'],
    ['a part of it', good(0, { '2.8.0': '7' }), 'same'],
    ['another value', good(0, { '1.8.0': '6' }), 'occupied'],
    ['another field', good(0, { '3.8.0': '6' }), 'occupied'],
    ['the same in doubt', doubtful(0, { '1.8.0': '5' }), 'occupied'],
  ])('%s', async (_, row, verdict) => {
    const kept = good(0, { '1.8.0': '5', '2.8.0': '7' })
    const memory = memoryOver()
    await memory.admit(kept)
    for (let time = 0; time < 2; time++) expect(memory.judgeOnly(row)).toBe(verdict)
    const restarted = memoryOver([kept])
    expect(restarted.judgeOnly(row)).toBe(verdict)
    expect(restarted.size).toBe(0)
    expect(await memory.admit(good(0, { '1.8.0': '5', '2.8.0': '7' }))).toMatchObject({ kind: 'duplicate' })
  })
})

/** Disk and caller: what is admitted together is put together; puts end in their order, each as its message's fate wants it. */
class Desk {
  readonly rows = new Map<number, Reading>()
  readonly #underway: (() => void)[] = []
  #memory = this.#begin()

  #begin(): Memory {
    const newest = () => [...this.rows.values()].sort((a, b) => b.measuredAt - a.measuredAt)[0]
    return new Memory({ lookUp: async (_, at) => ok(this.rows.get(at) ?? null), newest, say: () => {} })
  }

  restart(): void {
    this.#memory = this.#begin()
  }

  /** Ends all puts, and those that follow from them. */
  async drain(): Promise<void> {
    do {
      for (const end of this.#underway.splice(0)) end()
      // Everything that follows at once has happened before the next turn.
      await new Promise((resolve) => setImmediate(resolve))
    } while (this.#underway.length > 0)
  }

  /** @returns  whether the message may be acknowledged */
  async keep(row: Reading, isRefused: boolean): Promise<boolean> {
    const memory = this.#memory
    const put: Reading[] = []
    const waiting: { readonly one: Reading; readonly settled: Promise<boolean> }[] = []
    for (let one: Reading | null = row; one !== null; ) {
      const now: Reading = one
      const admission = await memory.admit(now)
      one = null
      if (admission.kind === 'occupied') one = later(now)
      else if (admission.kind === 'conflict') throw new Error('there is nothing to contradict')
      else if (admission.kind === 'duplicate') {
        if (admission.settled) waiting.push({ one: now, settled: admission.settled })
      } else put.push(admission.reading)
      if (admission.kind === 'displaced') one = later(admission.displaced)
    }
    if (put.length > 0) {
      await new Promise<void>((end) => this.#underway.push(end))
      for (const done of put) {
        if (isRefused) memory.forget(done)
        else {
          memory.committed(done)
          this.rows.set(done.measuredAt, done)
        }
      }
      if (isRefused) return false
    }
    for (const { one, settled } of waiting) if (!(await settled) && !(await this.keep(one, isRefused))) return false
    return true
  }
}

it('never share a row, and nothing that was acknowledged is lost, whatever comes together and whatever the disk refuses', () => {
  const message = fc.record({
    at: fc.nat(6),
    fields: fc.uniqueArray(fc.constantFrom('1.8.0', '2.8.0', '3.8.0'), { minLength: 1 }),
    isDoubtful: fc.boolean(),
    isRefused: fc.integer({ min: 0, max: 3 }).map((dice) => dice === 0),
    after: fc.constantFrom('drain', 'go on', 'go on', 'restart'),
  })
  return fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 60 }), async (messages) => {
      const desk = new Desk()
      const acknowledged: Reading[] = []
      const answers: Promise<unknown>[] = []
      for (const { at, fields, isDoubtful, isRefused, after } of messages) {
        // A value says where it comes from: good ones end in 1, doubtful ones in 2.
        const values = Object.fromEntries(fields.map((field) => [field, isDoubtful ? '2' : '1']))
        const row = isDoubtful ? doubtful(at, values) : good(at, values)
        answers.push(desk.keep(row, isRefused).then((isKept) => isKept && acknowledged.push(row)))
        if (after !== 'go on') await desk.drain()
        if (after === 'restart') desk.restart()
      }
      await desk.drain()
      await Promise.all(answers)
      const rows = [...desk.rows.values()]
      for (const { quality, raws } of rows) expect(raws.every((raw) => raw === (quality === 0 ? 1 : 2))).toBe(true)
      for (const { measuredAt, quality, shape } of acknowledged) {
        const there = rows.filter((row) => row.quality === quality && row.measuredAt >= measuredAt)
        const fields = (row: Reading | undefined) => row?.shape.columns.map(({ field }) => field) ?? []
        // A good one has its own instant; a doubtful one may have gone a few milliseconds on.
        const its = quality === 0 ? there.filter((row) => row.measuredAt === measuredAt) : there
        expect(its.some((row) => shape.columns.every(({ field }) => fields(row).includes(field)))).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})
