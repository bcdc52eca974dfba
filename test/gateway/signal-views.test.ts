import { expect, it } from 'vitest'
import type { CommDay } from '../../src/anomaly/index.ts'
import { ok } from '../../src/core/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { signalViews } from '../../src/gateway/signal-views.ts'

const DAYS = new EnergyDays('Asia/Shanghai')
const DAY = '2026-11-20'
const [FROM, TO] = [DAYS.start(DAY), DAYS.end(DAY)]
const NOW = TO + 9 * 3_600_000
const LOST: Readonly<Record<string, number>> = { P1: 0, P2: 24, P3: 2 }

/** A day on which each point lost all polls of its first hours. */
const dayOf = (area: string, day: string, ids: readonly string[]): CommDay => {
  const column = (value: number) => new Float32Array(24).fill(value)
  const targets = ids.map((id) => {
    const ok = column(4)
    const timeouts = column(0)
    ok.fill(0, 0, LOST[id])
    timeouts.fill(8, 0, LOST[id])
    const unknown = { latencyMs: column(Number.NaN), snrDb: column(Number.NaN), rssiDbm: column(Number.NaN) }
    return { id, kind: 'meter' as const, polls: column(4), ok, timeouts, crcErrors: column(0), addrErrors: column(0), ...unknown }
  })
  return { area, start: DAYS.start(day), hours: 24, targets }
}

const meter = (point: string, line: string) => ({ point, meter: `M-${point}`, line, profile: 'dlt645-2007/x', concentrator: '' })
const site = () => {
  const read: string[] = []
  const ledger = {
    points: () => ['P1', 'P2', 'P3'].map((id) => ({ id, area: id === 'P3' ? 'A2' : 'A1' })),
    areas: () => ['A1', 'A2'].map((id) => ({ id, name: id, zone: 'Z' })),
    meters: () => [meter('P1', 'L1'), meter('P2', 'L1'), meter('P3', 'L2')],
    facts: (_: string, id: string) =>
      id === 'L1' ? [{ name: 'note', value: 'new modem', from: FROM + 3_600_000, to: null, change: 1 }] : [],
  }
  const views = signalViews({
    ledger: ledger as never,
    days: DAYS,
    now: () => NOW,
    kept: (area, first) => (first <= DAY ? [{ day: DAY, comm: dayOf(area, DAY, area === 'A1' ? ['P1', 'P2'] : ['P3']) }] : []),
    read: async (area, points, day) => {
      read.push(`${area} ${day}`)
      return ok(dayOf(area, day, points))
    },
    isBroker: () => false,
  })
  return { views, read }
}

it('ranks against the zone, from what the analysis has kept', async () => {
  const { views, read } = site()
  const answer = await views.signal({ level: 'meter', from: FROM, to: TO })
  expect(
    answer.ok && answer.value.map(({ id, area, bus, belowZonePct }) => [id, area, bus, Math.round(belowZonePct ?? Number.NaN)]),
  ).toEqual([
    ['P2', 'A1', 'L1', 92],
    ['P3', 'A2', 'L2', 0],
    ['P1', 'A1', 'L1', -8],
  ])
  expect(read).toEqual([])
})

it('reads a day that is not kept out of the store', async () => {
  const { views, read } = site()
  const answer = await views.signal({ level: 'area', from: TO, to: NOW, area: 'A1' })
  expect(read).toEqual(['A1 2026-11-21'])
  expect(answer.ok && answer.value.map(({ id, meters, polls }) => [id, meters, polls])).toEqual([['A1', 2, 72]])
})

it('shows the hours of a link, the marks of its line and what is wrong with it', async () => {
  const answer = await site().views.signalOf('P2', { level: 'meter', from: FROM, to: TO }, 'hour')
  if (!answer.ok) throw new Error(answer.error.error.message)
  const { figures, items, marks, findings } = answer.value
  expect([figures.id, figures.readPct, items.length]).toEqual(['P2', 0, 24])
  expect(marks).toEqual([{ at: FROM + 3_600_000, channel: 'L1', note: 'new modem' }])
  expect(findings.map(({ target, cause, from, to }) => [target, cause, from, to])).toEqual([['P2', 'dead', FROM, null]])
})

it.each([
  ['P9', FROM, TO, 'SIGNAL_UNKNOWN'],
  ['P1', FROM - 60 * 86_400_000, TO, 'SIGNAL_RANGE'],
])('refuses %s', async (id, from, to, code) => {
  const answer = await site().views.signalOf(id, { level: 'meter', from, to }, 'hour')
  expect(answer.ok ? null : answer.error.error.code).toBe(code)
})
