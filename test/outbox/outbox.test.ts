import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ok } from '../../src/core/index.ts'
import { openOutbox } from '../../src/outbox/index.ts'
import type { OutboxState } from '../../src/outbox/types.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { close, directory, drain, imageOf, MoodySink, openHere, reading, readings, refusal, settled } from './support.ts'

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

describe('taking readings', () => {
  it('keeps them from put to sink, exactly and in order', async () => {
    const sink = new MoodySink('store', 7)
    const opened = await openHere(directory(), [sink])
    for (let from = 0; from < 40; from += 10) {
      const put = opened.outbox.put(readings(from, 10))
      await opened.hands.pass(10)
      expect(await put).toEqual(ok(undefined))
    }
    await drain(opened)
    expect(sink.taken).toEqual(numbers(0, 40))
    expect(sink.wrong).toEqual([])
    expect(opened.outbox.state()).toMatchObject({
      ready: true,
      depth: 0,
      bytes: 0,
      oldestAt: null,
      sinks: [{ cursor: 40, stored: 40, state: 'running' }],
    })
    await close(opened)
  })

  it('has them on disk when put resolves: a copy of the files made then holds them all', async () => {
    const away = new MoodySink('store')
    away.mood = 'later'
    const first = await openHere(directory(), [away])
    const put = first.outbox.put(readings(0, 25))
    await first.hands.pass(10)
    expect(await put).toEqual(ok(undefined))
    const sink = new MoodySink('store')
    const second = await openHere(imageOf(first.directory), [sink])
    await drain(second)
    expect(sink.taken).toEqual(numbers(0, 25))
    await close(second)
    await close(first)
  })

  it('gathers what comes while a commit is under way, and commits at once after a pause', async () => {
    const opened = await openHere(directory(), [])
    let commits = 0
    const { port, outbox, hands } = opened
    const call = port.call.bind(port)
    Object.assign(port, {
      call: (name: 'commit', ask: never, at: number) => {
        commits++
        return call(name, ask, at)
      },
    })
    const puts = Array.from({ length: 50 }, (_, id) => outbox.put([reading(id)]))
    await Promise.all(puts) // no timer has run: the first group went at once
    expect(commits).toBe(1)
    const more = Array.from({ length: 50 }, (_, id) => outbox.put([reading(50 + id)]))
    await settled()
    expect(commits).toBe(1) // within groupMs of the first
    await hands.pass(4)
    await Promise.all(more)
    expect(commits).toBe(2)
    await close(opened)
  })

  it('spreads one large call over several commits and resolves after the last', async () => {
    const sink = new MoodySink('store', 5000)
    const opened = await openHere(directory(), [sink])
    const put = opened.outbox.put(readings(0, 2500))
    await opened.hands.pass(100)
    expect(await put).toEqual(ok(undefined))
    await drain(opened)
    expect(sink.taken).toEqual(numbers(0, 2500))
    await close(opened)
  })

  it('refuses a reading beyond a megabyte and takes the next', async () => {
    const opened = await openHere(directory(), [])
    const huge = { ...reading(1), ratio: '1', absent: new Map(numbers(0, 400_000).map((column) => [column, 'X'])) }
    expect(await opened.outbox.put([huge])).toMatchObject({ ok: false, error: { code: 'OUTBOX_TOO_LARGE', recovery: 'skip' } })
    expect(await opened.outbox.put([reading(2)])).toEqual(ok(undefined))
    await close(opened)
  })

  it('takes nothing once it is closed', async () => {
    const opened = await openHere(directory(), [])
    await close(opened)
    expect(await opened.outbox.put([reading(1)])).toMatchObject({ ok: false, error: { code: 'OUTBOX_CLOSED' } })
    expect(opened.outbox.state().ready).toBe(false)
  })
})

describe('sinks', () => {
  it('one that is dead does not hold up the other, and gets everything when it is back', async () => {
    const good = new MoodySink('good', 10)
    const dead = new MoodySink('dead', 10)
    dead.mood = 'hangs'
    const path = directory()
    const opened = await openHere(path, [good, dead])
    for (let from = 0; from < 200; from += 10) {
      const put = opened.outbox.put(readings(from, 10))
      await opened.hands.pass(100)
      await put
    }
    expect(good.taken).toEqual(numbers(0, 200))
    expect(opened.outbox.state()).toMatchObject({
      depth: 200,
      sinks: [
        { id: 'good', depth: 0 },
        { id: 'dead', depth: 200 },
      ],
    })
    await close(opened)
    const back = new MoodySink('dead', 10)
    const again = await openHere(path, [good, back])
    await drain(again)
    expect(back.taken).toEqual(numbers(0, 200))
    expect(good.taken).toEqual(numbers(0, 200))
    await close(again)
  })

  it.each(['later', 'throws'] as const)('tries again with growing pauses after %s, the same readings', async (mood) => {
    const sink = new MoodySink('store', 100)
    sink.mood = mood
    const opened = await openHere(directory(), [sink])
    await opened.outbox.put(readings(0, 3))
    await opened.hands.pass(60_000)
    // 0.2 s to at most 30 s, the middle of each range here: 0.3, 0.5, 0.9, 1.7, 3.3, 6.5, 12.9, 15.1 …
    expect(sink.calls).toBeGreaterThanOrEqual(8)
    expect(sink.calls).toBeLessThanOrEqual(12)
    expect(opened.outbox.state()).toMatchObject({ depth: 3, sinks: [{ state: 'waiting', cursor: 0 }] })
    sink.mood = 'ok'
    await drain(opened)
    expect(sink.taken).toEqual([0, 1, 2])
    expect(opened.outbox.state().sinks[0]).toMatchObject({ state: 'running', lastError: null })
    await close(opened)
  })

  it('waits as long as the server asked', async () => {
    const sink = new MoodySink('store')
    const write = sink.write.bind(sink)
    let asked = 0
    sink.write = async (batch) =>
      asked++ === 0
        ? { kind: 'later', waitMs: 7000, error: { code: 'BUSY', message: '', recovery: 'wait', hint: '', context: {} } }
        : write(batch)
    const opened = await openHere(directory(), [sink])
    await opened.outbox.put([reading(1)])
    await opened.hands.pass(6900)
    expect(sink.taken).toEqual([])
    await opened.hands.pass(200)
    expect(sink.taken).toEqual([1])
    await close(opened)
  })

  it('says once that only a person can help, and tries every 30 to 60 seconds', async () => {
    const lines: string[] = []
    const states: OutboxState[] = []
    const sink = new MoodySink('store')
    sink.mood = 'stop'
    const log = { info: () => {}, warn: () => {}, error: (_: object, text: string) => lines.push(text) }
    const opened = await openHere(directory(), [sink], { log, onState: (state) => states.push(state) })
    await opened.outbox.put([reading(1)])
    await opened.hands.pass(10 * 60_000)
    expect(sink.calls).toBeGreaterThanOrEqual(10)
    expect(sink.calls).toBeLessThanOrEqual(21)
    expect(lines).toEqual(['sink refuses everything until a person has acted'])
    expect(opened.outbox.state()).toMatchObject({ ready: true, sinks: [{ state: 'stopped', lastError: { code: 'UNAUTHORISED' } }] })
    sink.mood = 'ok'
    await drain(opened)
    expect(states.map(({ sinks }) => sinks[0]!.state)).toEqual(['running', 'stopped', 'running'])
    await close(opened)
  })

  it('keeps what a sink refuses for good, with its words, and can send it again', async () => {
    const sink = new MoodySink('store', 4)
    sink.mood = 'dead'
    const path = directory()
    const opened = await openHere(path, [sink])
    await opened.outbox.put(readings(10, 4))
    await drain(opened)
    await close(opened)
    sink.mood = 'ok'
    const again = await openHere(path, [sink])
    const letters = await again.outbox.deadLetters()
    expect(letters).toMatchObject({
      ok: true,
      value: [
        {
          sink: 'store',
          series: reading(10).series.key,
          measuredAt: reading(10).measuredAt,
          reason: { code: 'FIELD_TYPE' },
          reading: { raws: reading(10).raws },
        },
      ],
    })
    expect(again.outbox.state()).toMatchObject({ deadLetters: 1, depth: 0 })
    expect(await again.outbox.replayDeadLetters(letters.ok ? letters.value.map(({ id }) => id) : [])).toEqual(ok(1))
    await drain(again)
    expect(sink.taken).toEqual([11, 12, 13, 10])
    expect(again.outbox.state()).toMatchObject({ deadLetters: 0, depth: 0, bytes: 0 })
    await close(again)
  })

  it('a new sink starts at the oldest entry kept; one that left holds nothing up', async () => {
    const lines: [object, string][] = []
    const log = { info: () => {}, warn: (fields: object, text: string) => lines.push([fields, text]), error: () => {} }
    const old = new MoodySink('old')
    old.mood = 'later'
    const path = directory()
    const first = await openHere(path, [old])
    await first.outbox.put(readings(0, 5))
    await close(first)
    const fresh = new MoodySink('fresh')
    const second = await openHere(path, [old, fresh])
    await drain(second)
    expect(fresh.taken).toEqual([0, 1, 2, 3, 4])
    await close(second)
    const third = await openHere(path, [fresh], { log })
    expect(third.outbox.state()).toMatchObject({ depth: 0, bytes: 0 })
    expect(lines).toEqual([[{ sink: 'old' }, 'a sink is no longer configured; its place in the outbox is given up']])
    await close(third)
  })

  it('fills batches under load, and waits for none after a pause', async () => {
    const sink = new MoodySink('store', 1000)
    const opened = await openHere(directory(), [sink])
    await opened.outbox.put([reading(0)])
    await settled()
    expect(sink.calls).toBe(1) // no timer has run
    for (let id = 1; id <= 10; id++) {
      const put = opened.outbox.put([reading(id)])
      await opened.hands.pass(4)
      await put
    }
    await opened.hands.pass(50)
    expect(sink.taken).toEqual(numbers(0, 11))
    expect(sink.calls).toBe(2)
    await close(opened)
  })
})

describe('limits', () => {
  it('stops taking at its size, says so, and starts again by itself when a tenth is free', async () => {
    const sink = new MoodySink('store', 1)
    sink.mood = 'later'
    const opened = await openHere(directory(), [sink], { maxBytes: 4000 })
    let taken = 0
    for (;;) {
      const put = opened.outbox.put([reading(taken)])
      await opened.hands.pass(10)
      const result = await put
      if (!result.ok) {
        expect(result).toMatchObject({ error: { code: 'OUTBOX_FULL', recovery: 'wait' } })
        break
      }
      taken++
    }
    expect(taken).toBeGreaterThan(20)
    expect(opened.outbox.state()).toMatchObject({ ready: false, depth: taken, reason: { code: 'OUTBOX_FULL' } })
    expect(opened.outbox.state().bytes).toBeLessThan(4200)
    sink.mood = 'ok'
    await drain(opened)
    expect(sink.taken).toEqual(numbers(0, taken))
    expect(opened.outbox.state()).toMatchObject({ ready: true, reason: null })
    expect(await opened.outbox.put([reading(taken)])).toEqual(ok(undefined))
    await close(opened)
  })

  it('drops the oldest only when told to, and counts and logs it', async () => {
    const lines: [object, string][] = []
    const log = { info: () => {}, warn: (fields: object, text: string) => lines.push([fields, text]), error: () => {} }
    const sink = new MoodySink('store', 10)
    sink.mood = 'later'
    const path = directory()
    const opened = await openHere(path, [sink], { maxBytes: 4000, whenFull: 'drop-oldest', log })
    for (let id = 0; id < 100; id++) {
      const put = opened.outbox.put([reading(id)])
      await opened.hands.pass(10)
      expect(await put).toEqual(ok(undefined))
    }
    const { dropped, depth } = opened.outbox.state()
    expect(dropped).toBeGreaterThan(30)
    expect(lines.filter(([, text]) => text.includes('dropped')).length).toBeGreaterThan(0)
    const again = await openHere(imageOf(path), [new MoodySink('store', 10)], { maxBytes: 4000, whenFull: 'drop-oldest' })
    expect(again.outbox.state()).toMatchObject({ dropped, damaged: 0 })
    await close(again)
    sink.mood = 'ok'
    await drain(opened)
    expect(sink.taken.slice(-depth)).toEqual(numbers(100 - depth, depth))
    expect(opened.outbox.state()).toMatchObject({ damaged: 0, depth: 0 })
    await close(opened)
  })
})

describe('one directory, one gateway', () => {
  it('names the process that has it', async () => {
    const path = directory()
    const opened = await openHere(path, [])
    expect(await openOutbox({ directory: path, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [] })).toMatchObject({
      ok: false,
      error: { code: 'OUTBOX_LOCKED', recovery: 'stop', message: `${path} is in use by process ${process.pid}` },
    })
    await close(opened)
    const next = await openOutbox({ directory: path, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [] })
    expect(next.ok).toBe(true)
    if (next.ok) await next.value.close()
  })
})

describe('in its own thread', () => {
  it('does the same', async () => {
    const path = directory()
    const sink = new MoodySink('store', 100)
    const opened = await openOutbox({ directory: path, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [sink] })
    if (!opened.ok) throw new Error(opened.error.message)
    const outbox = opened.value
    const results = await Promise.all(numbers(0, 500).map((id) => outbox.put([reading(id)])))
    expect(results.every((result) => result.ok)).toBe(true)
    expect(await outbox.drained(60_000)).toBe(true)
    expect(sink.taken).toEqual(numbers(0, 500))
    await outbox.close()
    const again = await openOutbox({ directory: path, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [sink] })
    expect(again.ok && again.value.state()).toMatchObject({ depth: 0, damaged: 0, sinks: [{ cursor: 500 }] })
    if (again.ok) await again.value.close()
  })
})

describe('when something goes wrong', () => {
  it('keeps no entry whose words went down with the commit before it', async () => {
    const path = directory()
    const sink = new MoodySink('store', 5000)
    const opened = await openHere(path, [sink])
    const { port, outbox, hands } = opened
    const call = port.call.bind(port)
    let commits = 0
    Object.assign(port, {
      call: async (name: 'commit', ask: never, at: number) =>
        name === 'commit' && ++commits === 1 ? { ok: false, error: refusal('OUTBOX_DISK') } : call(name, ask, at),
    })
    const first = outbox.put(readings(0, 1000))
    const second = outbox.put(readings(1000, 1001)) // its first thousand are sent before the answer to the first
    await hands.pass(20)
    expect([await first, await second]).toMatchObject([
      { ok: false, error: { code: 'OUTBOX_DISK' } },
      { ok: false, error: { code: 'OUTBOX_DISK' } },
    ])
    await hands.pass(1000)
    expect(outbox.state().ready).toBe(true)
    const third = outbox.put(readings(2001, 10))
    await hands.pass(20)
    expect(await third).toEqual(ok(undefined))
    const again = await openHere(imageOf(path), [new MoodySink('store')])
    expect(again.outbox.state().damaged).toBe(0)
    await drain(opened)
    expect(sink.taken).toEqual(numbers(2000, 11))
    expect(sink.wrong).toEqual([])
    await close(again)
    await close(opened)
  })

  it('ends a salvage that was cut off', async () => {
    const away = new MoodySink('store')
    away.mood = 'later'
    const path = directory()
    const opened = await openHere(path, [away])
    await opened.outbox.put(readings(0, 20))
    await close(opened)
    renameSync(join(path, 'outbox.db'), join(path, 'outbox.db.salvaged'))
    writeFileSync(join(path, 'outbox.db'), 'damaged')
    writeFileSync(join(path, 'outbox.db.new'), 'half of an earlier one')
    const sink = new MoodySink('store')
    const again = await openHere(path, [sink])
    await drain(again)
    expect(sink.taken).toEqual(numbers(0, 20))
    await close(again)
  })

  it('leaves the file of a newer version alone', async () => {
    const path = directory()
    await close(await openHere(path, []))
    const file = openDatabase(join(path, 'outbox.db'))
    file.exec("UPDATE tally SET value = 99 WHERE name = 'version'; PRAGMA user_version = 99")
    file.close()
    expect(await openOutbox({ directory: path, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [] })).toMatchObject({
      ok: false,
      error: { code: 'OUTBOX_NEWER', recovery: 'stop' },
    })
  })

  it('says that a directory cannot be written, and what to look at', async () => {
    const path = join(directory(), 'file')
    writeFileSync(path, '')
    expect(await openOutbox({ directory: join(path, 'outbox'), maxBytes: 1e9, whenFull: 'stop-taking', sinks: [] })).toMatchObject({
      ok: false,
      error: { code: 'OUTBOX_DISK', recovery: 'wait' },
    })
  })
})
