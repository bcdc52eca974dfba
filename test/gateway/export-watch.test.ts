import { expect, it } from 'vitest'
import type { Reading, Sink } from '../../src/core/index.ts'
import { changeWatch } from '../../src/gateway/export-watch.ts'
import { watchedSink } from '../../src/gateway/start-exports.ts'
import { readingOf } from '../api/fake.ts'

const at = (text: string) => Date.parse(text)
const heard = (measuredAt: number, measurement = 'register') => [{ measuredAt, series: { measurement } }]

it('what comes behind a place is a change, what comes ahead of it is not', () => {
  const watch = changeWatch({ readings: { measurement: 'register', from: 100, to: 200, passed: 100 }, energy: null }, null)
  expect(watch.readings(heard(100))).toBe(false)
  watch.passed({ until: 150 })
  expect([99, 100, 149, 150, 199, 200].map((instant) => watch.readings(heard(instant)))).toEqual([false, true, true, false, false, false])
  expect(watch.readings(heard(120, 'instant'))).toBe(false)
  watch.passed({ until: null })
  expect(watch.readings(heard(149))).toBe(true)
  watch.passed({ until: 1000 })
  expect(watch.readings(heard(200))).toBe(false)
  expect(watch.energy('2026-11-01')).toBe(false)
})

it('rows that come in no order of time are changed by any reading of it; a part is known by its place', () => {
  const readings = { measurement: 'instant', from: 100, to: 200, passed: 200 }
  expect(changeWatch({ readings, energy: null }, null).readings(heard(199, 'instant'))).toBe(true)
  expect(changeWatch({ readings, energy: null }, 150).readings(heard(199, 'instant'))).toBe(false)
})

it('energy of a day, or of a month, in its time or beside it', () => {
  const energy = { from: at('2026-11-01T00:00:00+08:00'), to: at('2026-11-03T00:00:00+08:00') }
  const watch = changeWatch({ readings: null, energy }, null)
  const days = ['2026-10', '2026-10-29', '2026-10-31', '2026-11', '2026-11-02', '2026-11-03', '2026-11-05', '2026-12']
  expect(days.filter((day) => watch.energy(day))).toEqual(['2026-10', '2026-10-31', '2026-11', '2026-11-02', '2026-11-03'])
  expect(watch.readings(heard(energy.from))).toBe(false)
})

it('a store says what it is about to store, and what it stored, so that no file is read in between unnoticed', async () => {
  const steps: string[] = []
  const sink: Sink = {
    ...{ id: 'store', batch: 7 },
    write: async () => {
      steps.push('stored')
      return { kind: 'stored', dead: [] }
    },
    close: async () => void steps.push('closed'),
  }
  const watched = watchedSink(sink, (readings: readonly Reading[]) => steps.push(`heard ${readings.length}`))
  expect([watched.id, watched.batch]).toEqual(['store', 7])
  expect(await watched.write([readingOf('P-1', 0)])).toMatchObject({ kind: 'stored' })
  await watched.close()
  expect(steps).toEqual(['heard 1', 'stored', 'heard 1', 'closed'])
})
