import { expect, it } from 'vitest'
import { newTalkCounts } from '../../src/acquisition/index.ts'
import type { Reading } from '../../src/core/index.ts'
import { CommStatistics } from '../../src/gateway/comm.ts'
import { type CommTarget, commDayOf, commReader } from '../../src/gateway/comm-frame.ts'

const START = Date.UTC(2026, 10, 20)
const HOUR = 3_600_000
const QUARTER = 900_000

/** What one meter went through in each quarter of an hour: reads that came, that were given up, and why exchanges failed. */
type Quarter = {
  readonly read?: number
  readonly missed?: number
  readonly noReply?: number
  readonly damaged?: number
  readonly foreign?: number
  readonly ms?: number
}

const rowsOf = (quarters: readonly Quarter[], from = START): Reading[] => {
  const talk = newTalkCounts()
  const health = { due: 0, read: 0, firstTry: 0, missed: 0, late: 0, talk }
  const stats = {
    exchanges: 0,
    answered: 0,
    retries: 0,
    strays: 0,
    late: 0,
    lost: 0,
    busyMs: 0,
    latencySumMs: 0,
    failures: new Map<string, number>(),
  }
  const meters = [{ fact: { meter: 'M1' }, point: { area: 'A' }, device: { health } }]
  const lines = [{ config: { id: 'L1' }, line: { stats }, meters, gone: { due: 0, read: 0, firstTry: 0, missed: 0, late: 0 } }]
  const statistics = new CommStatistics({ lines } as never, { sources: [] }, 0)
  return quarters.flatMap(({ read = 0, missed = 0, noReply = 0, damaged = 0, foreign = 0, ms = 0 }, index) => {
    health.due += read + missed
    health.read += read
    health.missed += missed
    talk.exchanges += read + noReply + damaged + foreign
    talk.answered += read
    talk.noReply += noReply
    talk.damaged += damaged
    talk.foreign += foreign
    talk.latencySumMs += ms * read
    return [...statistics.take(from + index * QUARTER, (index + 1) * QUARTER)]
  })
}

const M1: CommTarget = { id: 'P1', kind: 'meter', stored: 'M1', from: START, to: START + 24 * HOUR }
const hourOf = (rows: readonly Reading[], hour = 0, targets: readonly CommTarget[] = [M1]) => {
  const target = commDayOf('A', START, 24, targets, rows)?.targets[0]
  if (!target) return null
  const { polls, ok, timeouts, crcErrors, addrErrors, latencyMs } = target
  return [polls, ok, timeouts, crcErrors, addrErrors, latencyMs].map((column) => column[hour])
}

it('sums the quarters of an hour; latency is the mean of the answers', () => {
  const rows = rowsOf([
    { read: 1, ms: 100 },
    { read: 1, noReply: 1, ms: 200 },
    { read: 2, ms: 300 },
    { missed: 1, noReply: 1, damaged: 1, foreign: 1 },
  ])
  expect(hourOf(rows)).toEqual([5, 4, 2, 1, 1, 225])
})

it('names a meter by its point, and only while it hung there', () => {
  const rows = rowsOf(Array.from({ length: 8 }, () => ({ read: 1, ms: 50 })))
  const until = START + HOUR + 2 * QUARTER
  expect([0, 1].map((hour) => hourOf(rows, hour, [{ ...M1, to: until }])?.[0])).toEqual([4, 2])
})

it('lets few probes of a silent meter stand for the reads that were not tried', () => {
  const rows = rowsOf([{ missed: 1, damaged: 1 }, { missed: 1 }, { missed: 1 }, { missed: 1 }])
  expect(hourOf(rows)).toEqual([4, 0, 0, 4, 0, Number.NaN])
})

it('knows nothing of hours in which nothing was due, and nothing at all without rows', () => {
  expect(hourOf(rowsOf([{ read: 1, ms: 10 }]), 5)?.[0]).toBeNaN()
  expect(commDayOf('A', START, 24, [M1], [])).toBeNull()
})

it('is the same in whatever order rows come', () => {
  const rows = rowsOf([
    { read: 1, ms: 100 },
    { missed: 1, noReply: 2 },
    { read: 3, damaged: 1, ms: 70 },
  ])
  expect(commDayOf('A', START, 24, [M1], rows.toReversed())).toEqual(commDayOf('A', START, 24, [M1], rows))
})

it('asks the store for each meter that hung at a point that day, page by page', async () => {
  const rows = rowsOf(Array.from({ length: 8 }, () => ({ read: 1, ms: 50 }))).filter(({ series }) => series.tags.kind === 'meter')
  const asked: (string | undefined)[] = []
  const store = {
    range: async ({ tags, cursor }: { readonly tags: Readonly<Record<string, string>>; readonly cursor?: string }) => {
      asked.push(`${tags.kind} ${tags.id} ${cursor ?? ''}`)
      const at = Number(cursor ?? 0)
      return { ok: true as const, value: { readings: rows.slice(at, at + 5), next: at + 5 < rows.length ? String(at + 5) : null } }
    },
  }
  const fact = { point: 'P1', meter: 'M1', from: 0, to: null }
  const ledger = { history: () => [fact, { ...fact, meter: 'M0', from: 0, to: START - 1 }] }
  const day = await commReader(store, ledger as never, () => ({ start: START, end: START + 24 * HOUR }))('A', ['P1'], '2026-11-20')
  expect(asked).toEqual(['meter M1 ', 'meter M1 5'])
  expect(day.ok && day.value?.targets.map(({ id, polls }) => [id, polls[0], polls[1]])).toEqual([['P1', 4, 4]])
})

it('counts the heartbeats of a concentrator: those due while it was connected are as good as sent', () => {
  const terminals = (online: number, heartbeats: number) => ({
    all: () => [{ id: 'C-1', area: '', heartbeatMs: 60_000 }],
    figures: () => ({
      ...{ logins: 1, heartbeats, reports: 0, requests: 0, answered: 0, noReply: 0, refused: 0, damagedBytes: 0 },
      ...{ strangers: 0, latencySumMs: 0, bytesIn: 0, bytesOut: 0 },
    }),
    onlineMs: () => online * QUARTER,
    takeovers: () => 0,
  })
  const hour = (online: number, heartbeats: number) => {
    const field = { lines: [], terminal: () => null }
    const rows = new CommStatistics(field, { sources: [] }, 0, terminals(online, heartbeats)).take(START, QUARTER)
    const target: CommTarget = { id: 'C-1', kind: 'concentrator', stored: 'C-1', from: START, to: START + 24 * HOUR }
    return hourOf(rows, 0, [target])?.slice(0, 2)
  }
  expect([hour(1, 3), hour(0, 0), hour(0.2, 15)]).toEqual([
    [15, 15],
    [15, 0],
    [15, 15],
  ])
})
