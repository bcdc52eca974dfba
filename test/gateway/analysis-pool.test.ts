import { expect, it, onTestFinished, vi } from 'vitest'
import { NO_LAYERS } from '../../src/anomaly/index.ts'
import type { JudgeJob } from '../../src/gateway/analysis-calls.ts'
import { NO_SURROUNDINGS } from '../../src/gateway/analysis-frames.ts'
import { AnalysisPool } from '../../src/gateway/analysis-pool.ts'
import { DAY, dayName, START, syntheticArea } from './analysis-area.ts'
import { analysisSite } from './analysis-site.ts'
import { act } from './energy-site.ts'

const DATA = { directory: '', zone: 'UTC', profileDirectory: null, brokers: [] }
const pool = (width: number, longestMs?: number) => {
  const entry = new URL('./pool-child.mjs', import.meta.url)
  const made = new AnalysisPool(DATA, width, { entry, ...(longestMs === undefined ? {} : { longestMs }) })
  onTestFinished(() => made.close())
  return made
}
const job = (area: string): JudgeJob => ({
  ...{ area, day: '2026-01-02', first: '2026-01-01', neighbours: [], standing: [], elsewhere: [], thresholds: NO_LAYERS },
  around: NO_SURROUNDINGS,
})

it.each([
  ['dies', 'its thread ended: exit code 3'],
  ['breaks', 'its thread ended: Error: out of memory'],
])('a thread that %s costs its own job; those that wait go to a new one', async (area, why) => {
  const judges = pool(1)
  const given = [area, 'a', 'b'].map((one) => judges.call('judge', job(one)))
  await expect(given[0]).rejects.toThrow(why)
  expect(await Promise.all(given.slice(1))).toMatchObject([{ area: 'a' }, { area: 'b' }])
  // And once more, with a thread that is new.
  await expect(judges.call('judge', job(area))).rejects.toThrow(why)
  expect(await judges.call('judge', job('c'))).toMatchObject({ area: 'c' })
})

it('a thread that hangs is ended, while another goes on; waiting is no hanging', async () => {
  // Its time passes when all others are done, however long this machine takes to start a thread.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const judges = pool(2, 300)
  const hung = judges.call('judge', job('hangs'), 'one')
  const others = ['a', 'b', 'c'].map((area) => judges.call('judge', job(area), 'two'))
  expect(await Promise.all(others)).toMatchObject([{ area: 'a' }, { area: 'b' }, { area: 'c' }])
  vi.advanceTimersByTime(300)
  await expect(hung).rejects.toThrow('it took more than 0.3 s')
  const one = pool(1, 300)
  const [first, second] = [one.call('judge', job('hangs')), one.call('judge', job('a'))]
  vi.advanceTimersByTime(300)
  await expect(first).rejects.toThrow('it took more than 0.3 s')
  expect(await second).toMatchObject({ area: 'a' })
})

it('a job that is cancelled ends its thread, or never begins', async () => {
  const judges = pool(1)
  const [running, waiting] = [new AbortController(), new AbortController()]
  const first = judges.call('judge', job('hangs'), '', running.signal)
  const second = judges.call('judge', job('hangs'), '', waiting.signal)
  const third = judges.call('judge', job('a'))
  waiting.abort()
  await expect(second).rejects.toThrow('it was cancelled')
  running.abort()
  await expect(first).rejects.toThrow('it was cancelled')
  expect(await third).toMatchObject({ area: 'a' })
  await expect(judges.call('judge', job('a'), '', running.signal)).rejects.toThrow('it was cancelled')
})

it('closing ends what runs and what waits', async () => {
  const judges = pool(1)
  const given = [judges.call('judge', job('hangs')), judges.call('judge', job('a'))]
  const ends = Promise.all(given.map((one) => expect(one).rejects.toThrow('the analysis has ended')))
  await judges.close()
  await ends
  await expect(judges.call('judge', job('a'))).rejects.toThrow('the analysis has ended')
})

it('an area whose thread died says so, is tried again, and up to date afterwards', async () => {
  const area = syntheticArea({ days: 2 })
  let isIll = true
  const dying = pool(1)
  const site = await analysisSite(START, {
    judges: () => ({
      width: 1,
      call: (kind, request) =>
        isIll
          ? dying.call(kind, { ...request, area: 'dies' })
          : dying.call(kind, request).then((answer) => ({
              ...answer,
              ...{ verdict: { area: 'A-1', day: dayName(0), findings: [], withdrawn: [], losses: [], phases: {}, failures: [] } },
            })),
      close: () => dying.close(),
    }),
  })
  expect(site.ledger.apply(area.patches, act(START))).toMatchObject({ ok: true })
  await site.put(area.rows(0))
  site.clock.at = START + DAY + 7 * 3_600_000
  await site.settle()
  expect(site.runner.states()).toMatchObject([{ area: 'A-1', day: null, failure: 'its thread ended: exit code 3' }])
  // A store that was busy a moment is tried again too, and may have said so.
  expect(site.warnings.filter((line) => !line.includes('STORE_BUSY'))).toEqual([
    `analysis of area A-1, ${dayName(0)}: its thread ended: exit code 3; tried again`,
  ])
  isIll = false
  site.clock.at += 15 * 60_000
  await site.settle()
  expect(site.runner.states()).toMatchObject([{ area: 'A-1', day: dayName(0), failure: null }])
  expect(site.verdicts).toHaveLength(1)
})
