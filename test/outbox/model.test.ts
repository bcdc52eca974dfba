import fc from 'fast-check'
import { expect, it } from 'vitest'
import { close, directory, drain, imageOf, type Mood, MoodySink, type Opened, openHere, readings } from './support.ts'

/**
 * The outbox against what it must be: a list of acknowledged readings, and for each sink the set it has taken. Commands put, change
 * a sink's mood, let time pass, crash (a copy of the files as they are is opened, the old outbox abandoned), close and open, fill.
 */
interface Model {
  /** Readings by position, for every put that was acknowledged. */
  log: number[]
  next: number
}

interface Real {
  sinks: Record<'a' | 'b', MoodySink>
  opened: Opened
  abandoned: Opened[]
}

const MAX_BYTES = 6000
const open = (path: string, sinks: Real['sinks']) => openHere(path, [sinks.a, sinks.b], { maxBytes: MAX_BYTES })

/** Has the sink answered for everything its cursor has passed? */
const check = (model: Model, { sinks, opened }: Real): void => {
  const state = opened.outbox.state()
  for (const { id, cursor } of state.sinks) {
    const sink = sinks[id as 'a' | 'b']
    const answered = new Set([...sink.taken, ...sink.refused])
    for (const reading of model.log.slice(0, cursor)) if (!answered.has(reading)) throw new Error(`cursor of ${id} passed ${reading}`)
    expect(sink.wrong).toEqual([])
  }
  expect(state.damaged).toBe(0)
  expect(state.depth).toBe(model.log.length - Math.min(...state.sinks.map(({ cursor }) => cursor)))
}

type Command = fc.AsyncCommand<Model, Real>

class Put implements Command {
  readonly count: number
  constructor(count: number) {
    this.count = count
  }
  check = () => true
  async run(model: Model, real: Real) {
    const wanted = readings(model.next, this.count)
    const { ready } = real.opened.outbox.state()
    const put = real.opened.outbox.put(wanted)
    await real.opened.hands.pass(5)
    const result = await put
    expect(result.ok).toBe(ready)
    if (result.ok) for (let id = model.next; id < model.next + this.count; id++) model.log.push(id)
    // A refused reading comes again later under its own number, as a meter's would.
    if (result.ok) model.next += this.count
    check(model, real)
  }
  toString = () => `put ${this.count}`
}

class SetMood implements Command {
  readonly sink: 'a' | 'b'
  readonly mood: Mood
  constructor(sink: 'a' | 'b', mood: Mood) {
    this.sink = sink
    this.mood = mood
  }
  check = () => true
  async run(model: Model, real: Real) {
    real.sinks[this.sink].mood = this.mood
    check(model, real)
  }
  toString = () => `${this.sink} ${this.mood}`
}

class Pass implements Command {
  readonly ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  check = () => true
  async run(model: Model, real: Real) {
    await real.opened.hands.pass(this.ms)
    check(model, real)
  }
  toString = () => `${this.ms} ms`
}

class Crash implements Command {
  check = () => true
  async run(model: Model, real: Real) {
    const image = imageOf(real.opened.directory)
    real.abandoned.push(real.opened)
    real.opened = await open(image, real.sinks)
    check(model, real)
  }
  toString = () => 'crash'
}

class Reopen implements Command {
  check = () => true
  async run(model: Model, real: Real) {
    await close(real.opened)
    real.opened = await open(real.opened.directory, real.sinks)
    check(model, real)
  }
  toString = () => 'reopen'
}

const sink = fc.constantFrom('a' as const, 'b' as const)
const mood = fc.constantFrom<Mood>('ok', 'ok', 'ok', 'later', 'stop', 'dead', 'throws', 'hangs')
const commands = fc.commands(
  [
    fc.integer({ min: 1, max: 12 }).map((count) => new Put(count)),
    fc.integer({ min: 1, max: 12 }).map((count) => new Put(count)),
    fc.tuple(sink, mood).map(([id, next]) => new SetMood(id, next)),
    fc.constantFrom(1, 60, 250, 5000, 120_000).map((ms) => new Pass(ms)),
    fc.constant(new Crash()),
    fc.constant(new Reopen()),
  ],
  { maxCommands: 30, size: 'max' },
)

const RUNS = Number(process.env.GRIDTALLY_MODEL_RUNS ?? 150)

it('is a list that forgets nothing', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const sinks = { a: new MoodySink('a', 3), b: new MoodySink('b', 5) }
      const model: Model = { log: [], next: 0 }
      const real: Real = { sinks, opened: await open(directory(), sinks), abandoned: [] }
      await fc.asyncModelRun(() => ({ model, real }), sequence)
      // The end of every story: the sinks are well again, after one more crash.
      sinks.a.mood = 'ok'
      sinks.b.mood = 'ok'
      const last = await open(imageOf(real.opened.directory), sinks)
      await drain(last)
      const letters = await last.outbox.deadLetters({ limit: 10_000 })
      for (const id of ['a', 'b'] as const) {
        const dead = new Set(
          letters.ok
            ? letters.value.filter((letter) => letter.sink === id).map(({ measuredAt }) => (measuredAt - 1_700_000_000_000) / 1000)
            : [],
        )
        const firsts = [...new Set(sinks[id].taken)]
        expect(model.log.filter((reading) => !firsts.includes(reading) && !dead.has(reading))).toEqual([])
        for (let meter = 0; meter < 8; meter++) {
          const order = firsts.filter((reading) => reading % 8 === meter && !sinks[id].refused.has(reading))
          expect(order).toEqual([...order].sort((x, y) => x - y))
        }
      }
      expect(last.outbox.state()).toMatchObject({ ready: true, depth: 0 })
      for (const one of [last, real.opened, ...real.abandoned]) await one.port.call('close', null, 0)
    }),
    { numRuns: RUNS },
  )
})
