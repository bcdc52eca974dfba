import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateWorld } from '../../../bench/evaluate/world/generate.ts'
import { writeWorld } from '../../../bench/evaluate/world/write.ts'
import type { AreaFrame } from '../../../src/anomaly/index.ts'
import { judgeOffline } from '../../../src/cli/analyse/judge.ts'
import { judgeInThreads } from '../../../src/cli/analyse/judge-threads.ts'
import { filesOf, loadAreas, loadOffline } from '../../../src/cli/analyse/load.ts'
import { problemList } from '../../../src/cli/analyse/problems.ts'
import { replay } from '../../../src/cli/analyse/replay.ts'
import { resultOf } from '../../../src/cli/analyse/result.ts'

const root = mkdtempSync(join(tmpdir(), 'gridtally-until-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const DAYS = 28
const dirs = ['mixed', 'comms'] as const
beforeAll(async () => {
  for (const [index, theme] of dirs.entries())
    await writeWorld(join(root, theme), generateWorld(40 + index, theme, { days: DAYS, customers: 12 }))
})

/** What a run says after each of its days, as text; and after the last one. */
const said = async (dir: string, until?: number) => {
  const problems = problemList()
  const offline = await loadOffline(filesOf(dir), problems, () => until ?? Number.POSITIVE_INFINITY)
  if (!offline) throw new Error('no ledger')
  const text = (known: Parameters<typeof resultOf>[0]) =>
    JSON.stringify({ ...resultOf(known, offline.ledger.zone, problems), problems: null })
  const days = new Map<string, string>()
  const last = text(judgeOffline(offline, { onDay: (known) => days.set(known.day?.day ?? '', text(known)) }))
  return { days, last, ends: offline.days }
}

describe.each(dirs)('no peeking, in a set of theme %s', (theme) => {
  it('--until says what the full run knew then, byte for byte', async () => {
    const full = await said(join(root, theme))
    expect(full.days.size).toBe(DAYS)
    for (const at of [11, 23]) {
      const end = full.ends[at]!
      const then = await said(join(root, theme), end.end)
      expect(then.last).toBe(full.days.get(end.day))
      // A quarter of an hour less, and that day is not over.
      const before = await said(join(root, theme), end.end - 900_000)
      expect([...before.days.keys()].at(-1)).toBe(full.ends[at - 1]!.day)
    }
    expect(full.days.get(full.ends.at(-1)!.day)).toBe(full.last)
  })

  it('two threads say what one says, byte for byte', async () => {
    const problems = problemList()
    const whole = await loadOffline(filesOf(join(root, theme)), problems)
    if (!whole) throw new Error('no ledger')
    const offline = { ...whole, days: whole.days.slice(0, 14) }
    const text = (known: Parameters<typeof resultOf>[0]) => JSON.stringify(resultOf(known, offline.ledger.zone, problems))
    expect(text(await judgeInThreads(offline, { threads: 2 }))).toBe(text(judgeOffline(offline)))
  })

  it('shows no frame anything from after the day it ends with', async () => {
    const early = await loadOffline(filesOf(join(root, theme)), problemList())
    if (!early) throw new Error('no ledger')
    const shown = new Map<string, string>()
    for (const { day, areas } of replay(early)) {
      shown.set(day.day, areas.map(({ frame }) => digest(frame)).join())
      for (const { frame, comm } of areas) {
        const dated = [...frame.events, ...frame.meters.flatMap(({ fact }) => fact.exchanges)].map(({ at }) => at)
        expect(Math.max(day.start, ...dated)).toBeLessThanOrEqual(day.end)
        expect(frame.start + frame.slots * frame.stepMs).toBe(day.end)
        expect((comm?.start ?? 0) + (comm?.hours ?? 0) * 3_600_000).toBe(day.end)
      }
    }
    // There is something to peek at.
    expect(early.ledger.events.length).toBeGreaterThan(0)
    for (const at of [3, 20]) {
      const { day } = early.days[at]!
      const cut = await loadAreas(join(root, theme), day)
      expect(cut.map(({ frame }) => digest(frame)).join()).toBe(shown.get(day))
    }
  })
})

const digest = ({ days, meters, gateways, events, temperature }: AreaFrame): string =>
  JSON.stringify([
    days.length,
    events.length,
    temperature?.length,
    [...gateways, ...meters].map(({ imp, known, faceImp, fact }) => [sum(imp), sum(known), sum(faceImp), fact.exchanges.length]),
  ])
const sum = (values: Float64Array | Uint8Array): number => {
  let total = 0
  for (const [at, value] of values.entries()) if (!Number.isNaN(value)) total += value * (1 + (at % 7))
  return total
}

const LABELLED = '../shared/datasets/areas/c-metering'
it.skipIf(!existsSync(LABELLED))('reads a labelled set with gaps, an unrecorded exchange and two areas as its truth has it', async () => {
  const areas = await loadAreas(LABELLED, '2018-11-24')
  expect(areas.map(({ frame }) => [frame.fact.id, frame.days.length, frame.slots, frame.gateways.length])).toEqual([
    ['TQ-C1', 27, 27 * 96, 1],
    ['TQ-C2', 27, 27 * 96, 1],
  ])
  for (const { frame } of areas) {
    const kwh = (frame.gateways[0]?.imp ?? new Float64Array()).subarray(0, 96).reduce((all, one) => all + one, 0)
    // Gateway meters are right to 0.12 %, one standard deviation.
    expect(Math.abs(kwh / (frame.fact.id === 'TQ-C1' ? 1432.85 : 1880.13) - 1)).toBeLessThan(0.005)
  }
})
