import { expect, it, onTestFinished, vi } from 'vitest'
import {
  type CollectionEvent,
  collectionHandlers,
  type DueRecord,
  GapRunner,
  type GapSource,
  KpiFile,
  type Outcome,
  Recorder,
} from '../../src/collection/index.ts'
import type { AskCollection } from '../../src/collection/thread.ts'
import { D0, DAY, days, dueOf, fileIn, HOUR, missedOf, readOf, settingsOf } from './support.ts'

/** A gap ledger in memory's stead, asked as if it were in its thread; `broken` lets every writing fail. */
const ledger = () => {
  const file = fileIn()
  const handlers = collectionHandlers(file, new KpiFile(file, () => []))
  const state = { broken: false, taken: 0 }
  const ask: AskCollection = async (call, request) => {
    if (state.broken && call === 'take')
      return { ok: false, error: { code: 'COLLECTION_FILE', message: 'disk full', hint: '', recovery: 'wait', context: {} } }
    if (call === 'take') state.taken++
    const handle: (request: never) => unknown = handlers[call]
    return { ok: true, value: handle(request as never) as never }
  }
  return { file, ask, state }
}

type Answer = (gap: DueRecord) => Outcome | Promise<Outcome>
const source = (id: GapSource['id'], answer: Answer | null, afterRereads = 0): GapSource => ({
  ...{ id, kinds: ['day-freeze'], afterRereads },
  fill:
    answer === null
      ? null
      : async (gap, { spent }) => {
          spent(40)
          return answer(gap)
        },
})

const site = (
  sources: readonly GapSource[],
  options: { stored?: (gap: DueRecord) => boolean; busyMs?: () => number; lineShare?: () => number } = {},
) => {
  const { file, ask, state } = ledger()
  let now = D0 + 4 * HOUR
  let monotonic = 0
  const clock = { now: () => now, monotonic: () => monotonic, speed: 1 }
  const recorder = new Recorder({ ask, clock, days, log: () => {} })
  onTestFinished(() => recorder.close())
  const runner = new GapRunner({
    ...{
      ask,
      clock,
      days,
      settings: () => settingsOf(options.lineShare ? { lineShare: options.lineShare() } : {}),
      random: () => 0,
      sources,
      log: () => {},
    },
    tell: (event) => recorder.tell(event),
    silent: (meter) => recorder.silent(meter),
    flush: () => recorder.flush(),
    isStored: async (gap) => options.stored?.(gap) ?? false,
    lineOf: (meter) => ({ id: meter === 'M9' ? 'L9' : 'L1', busyMs: options.busyMs?.() ?? 0 }),
  })
  /** Ticks until nothing is under way. */
  const run = async () => {
    for (let n = 0; n < 50; n++) {
      runner.look()
      await runner.tick()
      await vi.waitFor(() => expect(runner.running).toBe(0), { timeout: 60_000 })
      await recorder.flush()
    }
  }
  const states = () => file.list({ all: true }, 0, 99).map(({ meter, state: word, fill, reason }) => [meter, word, fill ?? reason])
  const to = (at: number, passedMs = at - now) => {
    now = at
    monotonic += passedMs
  }
  return { file, recorder, runner, run, states, to, state }
}
const gaps = (...meters: string[]): CollectionEvent[] => meters.flatMap((meter) => [dueOf(meter), missedOf(meter)])

it('tries sources in their order and says what each of them said', async () => {
  const asked: string[] = []
  const note = (id: GapSource['id'], outcome: Outcome, after = 0) =>
    source(
      id,
      () => {
        asked.push(id)
        return outcome
      },
      after,
    )
  const { file, run, states } = site([
    note('freeze', { what: 'not-here', code: 'DLT645_REFUSED', isFinal: false }),
    source('concentrator', null),
    note('curve', { what: 'filled', instant: D0 }),
    note('later-live', { what: 'filled', instant: D0 + HOUR }),
  ])
  file.take(gaps('M1'))
  await run()
  expect(asked).toEqual(['freeze', 'curve'])
  expect(states()).toEqual([['M1', 'filled', 'curve']])
  const gap = file.get(1)
  expect(gap).toMatchObject({ instant: D0, spentMs: 80, rereads: 1 })
  expect(gap?.history.at(-1)?.note).toBe('curve: freeze: DLT645_REFUSED; concentrator: not there')
})

it('takes a later live read only when the value itself cannot come, with the instant it is of', async () => {
  const later = source('later-live', () => ({ what: 'filled', instant: D0 + 9 * HOUR }), 3)
  const hopeless = site([source('freeze', () => ({ what: 'not-here', code: 'GAP_NOT_KEPT', isFinal: true })), later])
  hopeless.file.take(gaps('M1'))
  await hopeless.run()
  expect(hopeless.file.get(1)).toMatchObject({ state: 'filled', fill: 'later-live', instant: D0 + 9 * HOUR })

  const hopeful = site([source('freeze', () => ({ what: 'not-here', code: 'FREEZE_NOT_YET', isFinal: false })), later])
  hopeful.file.take(gaps('M1'))
  await hopeful.run()
  expect(hopeful.states()).toEqual([['M1', 'scheduled', 'FREEZE_NOT_YET']])
  for (const hour of [6, 13, 19]) {
    hopeful.to(D0 + hour * HOUR)
    await hopeful.run()
  }
  expect(hopeful.states()).toEqual([['M1', 'filled', 'later-live']])
})

it('asks no other source of a meter that does not answer, and reads it as soon as it is heard', async () => {
  let isBack = false
  const other = vi.fn((): Outcome => ({ what: 'filled', instant: 0 }))
  const { file, run, states, recorder } = site([
    source('freeze', (gap) => (isBack ? { what: 'filled', instant: gap.label } : { what: 'silent', code: 'LINE_NO_REPLY' })),
    source('curve', other),
  ])
  file.take(gaps('M1'))
  await run()
  expect([states(), other.mock.calls.length, file.get(1)?.rereads]).toEqual([[['M1', 'scheduled', 'LINE_NO_REPLY']], 0, 1])
  isBack = true
  await run()
  expect(states()).toEqual([['M1', 'scheduled', 'LINE_NO_REPLY']])
  recorder.heard('M1')
  await recorder.flush()
  await run()
  expect(states()).toEqual([['M1', 'filled', 'freeze']])
})

it('gives up after the last window of the seventh day, with the reason, and costs a dead meter no more than its windows', async () => {
  let asked = 0
  const { file, run, states, to } = site([
    source('freeze', () => {
      asked++
      return { what: 'silent', code: 'LINE_NO_REPLY' }
    }),
  ])
  file.take(gaps('M1'))
  for (let hour = 4; hour < 9 * 24; hour++) {
    to(D0 + hour * HOUR)
    await run()
  }
  expect(states()).toEqual([['M1', 'permanent', 'LINE_NO_REPLY']])
  expect(asked).toBe(5 + 7)
})

it('counts no try while the line is down', async () => {
  const { file, run } = site([source('freeze', () => ({ what: 'silent', code: 'LINE_DOWN' }))])
  file.take(gaps('M1'))
  await run()
  expect(file.get(1)).toMatchObject({ state: 'scheduled', reason: 'LINE_DOWN', rereads: 0, nextTry: D0 + 4 * HOUR + 10 * 60_000 })
})

it('takes what is in the store already for read', async () => {
  const ask = vi.fn((): Outcome => ({ what: 'silent', code: 'X' }))
  const { file, run, states } = site([source('freeze', ask)], { stored: () => true })
  file.take(gaps('M1'))
  await run()
  expect([states(), ask.mock.calls.length]).toEqual([[['M1', 'filled', 'stored']], 0])
})

it('is permanent at once when nothing can be asked', async () => {
  const { file, run, states } = site([source('concentrator', null)])
  file.take(gaps('M1'))
  await run()
  expect(states()).toEqual([['M1', 'permanent', 'GAP_NO_SOURCE']])
})

it('reads one meter of a line at a time, and goes on with other lines when one has used up its share', async () => {
  let running = 0
  let most = 0
  let busy = 0
  const read: string[] = []
  const { file, runner, recorder, to } = site(
    [
      {
        ...{ id: 'freeze', kinds: ['day-freeze'], afterRereads: 0 },
        fill: async (gap, { spent }) => {
          most = Math.max(most, ++running)
          await Promise.resolve()
          running--
          read.push(gap.meter)
          busy += gap.meter === 'M9' ? 0 : 3000
          spent(gap.meter === 'M9' ? 1 : 3000)
          return { what: 'filled', instant: gap.label }
        },
      },
    ],
    { busyMs: () => busy },
  )
  file.take([...gaps('M1', 'M2', 'M3', 'M4'), { ...dueOf('M9'), line: 'L9' }, missedOf('M9')])
  await runner.tick()
  await vi.waitFor(() => expect(runner.running).toBe(0), { timeout: 60_000 })
  await recorder.flush()
  // Five seconds are saved at the start: two reads of three seconds go, then the line has to earn more.
  expect([read.filter((meter) => meter !== 'M9').length, read.includes('M9'), most]).toEqual([2, true, 2])
  to(D0 + 4 * HOUR + 60_000)
  busy += 60_000
  await runner.tick()
  await vi.waitFor(() => expect(runner.running).toBe(0), { timeout: 60_000 })
  expect(read.filter((meter) => meter !== 'M9').length).toBeGreaterThan(2)
})

it('never asks a meter twice at once that has moved to another line since its reading was due', async () => {
  let asked = 0
  let end: (outcome: Outcome) => void = () => {}
  const { recorder, runner } = site([
    source('freeze', () => {
      asked++
      return new Promise((resolve) => {
        end = resolve
      })
    }),
  ])
  // M9 hangs on L9 by now; its gap is of L1.
  recorder.tell(dueOf('M9', D0, 'day-freeze', 'L1'))
  recorder.tell(missedOf('M9'))
  await recorder.flush()
  await runner.tick()
  await vi.waitFor(() => expect(asked).toBe(1), { timeout: 60_000 })
  runner.look()
  await runner.tick()
  end({ what: 'silent', code: 'LINE_NO_REPLY' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(asked).toBe(1)
})

it('gives re-reads the share of a busy line that holds now', async () => {
  const share = { now: 0 }
  let busy = 0
  const read: string[] = []
  const costly = {
    ...({ id: 'freeze', kinds: ['day-freeze'], afterRereads: 0 } as const),
    fill: async (gap: DueRecord, { spent }: { spent: (ms: number) => void }): Promise<Outcome> => {
      read.push(gap.meter)
      spent(6000)
      return { what: 'not-here', code: 'GAP_NOT_THERE', isFinal: false }
    },
  }
  const { file, runner, recorder, to } = site([costly], { busyMs: () => busy, lineShare: () => share.now })
  file.take(gaps('M1', 'M2'))
  const look = async (minutes: number) => {
    busy += minutes * 60_000
    to(D0 + 4 * HOUR + busy)
    runner.look()
    await runner.tick()
    await vi.waitFor(() => expect(runner.running).toBe(0), { timeout: 60_000 })
    await recorder.flush()
  }
  await look(0)
  await look(1)
  expect(read).toHaveLength(1)
  share.now = 0.5
  await look(1)
  expect(read).toHaveLength(2)
})

it('fills a day and a half of a meter that was away in one go, newest first', async () => {
  const order: number[] = []
  const { file, run, states } = site([
    source('freeze', (gap) => {
      order.push((gap.label - D0) / DAY)
      return { what: 'filled', instant: gap.label }
    }),
  ])
  file.take([dueOf('M1', D0 - DAY), missedOf('M1', D0 - DAY), ...gaps('M1')])
  await run()
  expect(order).toEqual([0, -1])
  expect(states()).toEqual([
    ['M1', 'filled', 'freeze'],
    ['M1', 'filled', 'freeze'],
  ])
})

it('keeps what happened while the disk refuses, in order, and writes it when it can', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { file, ask, state } = ledger()
  const warnings: string[] = []
  const clock = { now: () => D0, monotonic: () => 0, speed: 1 }
  const recorder = new Recorder({ ask, clock, days, log: (_, message) => warnings.push(message) })
  state.broken = true
  for (const event of gaps('M1')) recorder.tell(event)
  await vi.advanceTimersByTimeAsync(20_000)
  recorder.tell(readOf('M1', D0, D0 + 3 * HOUR))
  expect([file.list({ all: true }, 0, 9), new Set(warnings).size]).toEqual([[], 1])
  state.broken = false
  await vi.advanceTimersByTimeAsync(6000)
  expect(file.get(1)).toMatchObject({ state: 'filled', missedAt: D0 + 2 * HOUR })
  await recorder.close()
})

it('tells twenty thousand due readings in a few messages, without keeping its caller', async () => {
  const { ask, state } = ledger()
  const clock = { now: () => D0, monotonic: () => 0, speed: 1 }
  const recorder = new Recorder({ ask, clock, days, log: () => {} })
  for (let n = 0; n < 20_000; n++) recorder.tell(dueOf(`M${n}`))
  await recorder.flush()
  expect(state.taken).toBe(10)
  await recorder.close()
})
