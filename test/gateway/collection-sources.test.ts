import { readFileSync, writeFileSync } from 'node:fs'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { startVillage, writeVillageFiles } from '../../simulators/index.ts'
import type { DueKind, DueRecord, Outcome } from '../../src/collection/index.ts'
import { emptyBits, withPoints } from '../../src/collection/points.ts'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { ok, type Reading, scaledClock } from '../../src/core/index.ts'
import { gapSources, isGapStored } from '../../src/gateway/collection-sources.ts'
import { startGateway } from '../../src/main.ts'
import { scratch } from '../support/processes.ts'

const NOON = Date.parse('2026-11-22T12:00:00+08:00')
const DAY = Date.parse('2026-11-21T00:00:00+08:00')
const QUARTER = 900_000

/** A gateway that reads nothing by itself, and the sources over its field. Its clock runs as real time does. */
const site = async () => {
  const directory = scratch()
  const realStart = Date.now()
  const village = await startVillage({ seed: 5, meters: 12, out: directory, clock: scaledClock(NOON, realStart, 1) })
  onTestFinished(() => village.close())
  const files = writeVillageFiles(village, directory, { clock: { start: NOON, realStart, speed: 1 } })
  writeFileSync(files.gateway, stringify({ ...parse(readFileSync(files.gateway, 'utf8')), tasks: [] }))
  const config = loadGatewayConfig(files.gateway, {})
  if (!config.ok) throw new Error(JSON.stringify(config.problems))
  const started = await startGateway(config.value, pino({ level: 'silent' }), {})
  if (!started.ok) throw new Error(started.message)
  onTestFinished(() => started.value.close())
  const { field, store } = started.value
  const put: Reading[] = []
  const points: number[] = []
  const deps = {
    ...{ field, calendar: field.calendar, now: () => village.clock.now(), store },
    put: async (readings: readonly Reading[]) => {
      put.push(...readings)
      return ok(undefined)
    },
    points: (_meter: string, instants: readonly number[]) => void points.push(...instants),
  }
  const meter = village.meters.find(({ profile }) => profile === 'dlt645-2007/three-phase' || profile.includes('three-phase'))
  const sources = gapSources(deps)
  const fill = async (id: string, kind: DueKind, gap: DueRecord): Promise<{ outcome: Outcome | undefined; spent: number }> => {
    let spent = 0
    const source = sources.find((each) => each.id === id && each.kinds.includes(kind))
    const outcome = await source?.fill?.(gap, { signal: new AbortController().signal, spent: (ms) => (spent += ms) })
    return { outcome, spent }
  }
  return { village, field, deps, put, points, fill, sources, meter: meter?.id ?? '' }
}

const gapOf = (meter: string, change: Partial<DueRecord> = {}): DueRecord => ({
  ...{ id: 1, kind: 'day-freeze', label: DAY, dueAt: DAY, meter, point: '', line: '', area: '', state: 'scheduled', fill: null },
  ...{ reason: null, tries: 0, rereads: 0, firstTry: false, nextTry: null, spentMs: 0, missedAt: DAY, filledAt: null, instant: null },
  ...{ by: null, stepMs: QUARTER, expected: 0, got: 0, bits: null },
  ...change,
})
const holes = (missing: readonly number[]) =>
  withPoints(
    emptyBits(96),
    DAY,
    QUARTER,
    96,
    Array.from({ length: 96 }, (_, at) => at).flatMap((at) => (missing.includes(at) ? [] : [DAY + at * QUARTER])),
  )

it('takes the freeze of the midnight before last as the second one back', async () => {
  const { meter, fill, put } = await site()
  const { outcome, spent } = await fill('freeze', 'day-freeze', gapOf(meter))
  expect(outcome).toEqual({ what: 'filled', instant: DAY, note: 'number 2 back' })
  expect(put.map(({ measuredAt, series }) => [measuredAt, series.tags.source])).toContainEqual([DAY, 'day-freeze'])
  expect(spent).toBeGreaterThan(0)
})

it('asks for the missing stretches of a curve only', async () => {
  const { meter, fill, points } = await site()
  const missing = [3, 4, 5, 40]
  const gap = gapOf(meter, { kind: 'curve', expected: 96, got: 92, bits: holes(missing) })
  expect((await fill('curve', 'curve', gap)).outcome).toEqual({ what: 'filled', instant: DAY })
  expect([...new Set(points)].sort((a, b) => a - b)).toEqual(missing.map((at) => DAY + at * QUARTER))
})

it('takes the register of midnight out of the load record', async () => {
  const { meter, fill, put } = await site()
  const { outcome } = await fill('curve', 'day-freeze', gapOf(meter))
  expect(outcome).toEqual({ what: 'filled', instant: DAY })
  expect(put.map(({ measuredAt, series }) => [measuredAt, series.tags.source])).toContainEqual([DAY, 'curve'])
})

it('stores a later live read under its own instant, never as a freeze', async () => {
  const { meter, fill, put, village } = await site()
  const { outcome } = await fill('later-live', 'day-freeze', gapOf(meter))
  expect(outcome).toMatchObject({ what: 'filled' })
  expect(outcome?.what === 'filled' && Math.abs(outcome.instant - village.clock.now())).toBeLessThan(20_000)
  expect(new Set(put.map(({ series }) => series.tags.source))).toEqual(new Set(['live']))
})

it('says that nobody answered, and that a meter keeps nothing of the kind', async () => {
  const { village, meter, fill, deps, sources } = await site()
  village.inject({ kind: 'silent', meter })
  expect((await fill('freeze', 'day-freeze', gapOf(meter))).outcome).toEqual({ what: 'silent', code: 'LINE_NO_REPLY' })
  const modbus = village.meters.find(({ profile }) => !profile.startsWith('dlt645'))?.id ?? ''
  expect((await fill('freeze', 'day-freeze', gapOf(modbus))).outcome).toEqual({ what: 'not-here', code: 'GAP_NOT_KEPT', isFinal: true })
  expect((await fill('freeze', 'day-freeze', gapOf('nobody'))).outcome).toEqual({ what: 'silent', code: 'METER_UNKNOWN' })
  expect(await isGapStored(deps)(gapOf(meter))).toBe(false)
  expect(sources.find(({ id }) => id === 'concentrator')?.fill).toBeNull()
})
