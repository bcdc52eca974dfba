import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { thresholdOf } from '../../src/anomaly/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { AnalysisBook } from '../../src/gateway/analysis-book.ts'
import { allRules, RuleBook } from '../../src/gateway/analysis-rules.ts'
import { Trials } from '../../src/gateway/analysis-trials.ts'
import { isRestDay, temperatureOf, weatherOf } from '../../src/gateway/analysis-weather.ts'
import { DAY, dayName, START, syntheticArea } from './analysis-area.ts'
import { analysisSite, inlineJudges } from './analysis-site.ts'
import { act } from './energy-site.ts'

const opened = () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-rules-'))
  const book = new AnalysisBook(directory)
  onTestFinished(() => {
    book.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { directory, book, rules: new RuleBook(book, systemClock, (_, target) => !target.endsWith('-9')) }
}
const rule = allRules().find(({ thresholds }) => Object.keys(thresholds).length > 0)
if (!rule) throw new Error('no rule has a threshold')
const [name = '', spec] = Object.entries(rule.thresholds)[0] ?? []
if (!spec) throw new Error('no threshold')
const edit = (layer: 'global' | 'zone' | 'class' | 'point', target: string, value: number | null) => ({
  layer,
  target,
  set: { [name]: value },
})

it('lets the narrowest layer hold, keeps who set it and why, and takes changes back in their order', () => {
  const { book, rules } = opened()
  const at = (target: { zone?: string; category?: string; id?: string }) => thresholdOf(book.layers(), rule, name, target)
  expect(rules.set(rule.id, edit('global', '', spec.max), 0, 'li', 'all')).toEqual({ ok: true, value: 1 })
  expect(rules.set(rule.id, edit('zone', 'Z-1', spec.min), 1, 'li', 'old wires')).toEqual({ ok: true, value: 2 })
  expect(rules.set(rule.id, edit('point', 'P-1', spec.value), 2, 'wang', 'its own')).toEqual({ ok: true, value: 3 })
  expect(at({})).toEqual({ value: spec.max, layer: 'global' })
  expect(at({ zone: 'Z-1' })).toEqual({ value: spec.min, layer: 'zone' })
  expect(at({ zone: 'Z-1', id: 'P-1' })).toEqual({ value: spec.value, layer: 'point' })
  expect(book.thresholdChanges(99, 9).map(({ seq, who, why, before, after }) => [seq, who, why, before, after])).toEqual([
    [3, 'wang', 'its own', null, spec.value],
    [2, 'li', 'old wires', null, spec.min],
    [1, 'li', 'all', null, spec.max],
  ])
  expect(rules.set(rule.id, edit('zone', 'Z-1', null), 3, 'li', 'again')).toEqual({ ok: true, value: 4 })
  expect(at({ zone: 'Z-1' })).toMatchObject({ layer: 'global' })
  expect(rules.undo(2, 'li', 'no')).toMatchObject({ ok: false, error: { error: { code: 'RULE_CHANGE' } } })
  expect(rules.undo(4, 'li', 'it was right')).toEqual({ ok: true, value: 5 })
  expect(at({ zone: 'Z-1' })).toMatchObject({ value: spec.min, layer: 'zone' })
  // What held then can be told for ever.
  expect(thresholdOf(book.layers(1), rule, name, { zone: 'Z-1' }).layer).toBe('global')
})

it.each([
  ['a value beyond what may be set', () => edit('global', '', spec.max + 1), 0, 'RULE_VALUE'],
  ['one that is none', () => ({ layer: 'global' as const, target: '', set: { nothing: 1 } }), 0, 'RULE_VALUE'],
  ['a target of the global layer', () => edit('global', 'Z-1', spec.min), 0, 'RULE_LAYER'],
  ['a layer without target', () => edit('zone', '', spec.min), 0, 'RULE_LAYER'],
  ['an edit of what somebody changed meanwhile', () => edit('global', '', spec.min), 5, 'RULE_STALE'],
])('refuses %s, and changes nothing', (_, made, version, code) => {
  const { book, rules } = opened()
  expect(rules.set(rule.id, made(), version, 'li', 'why')).toMatchObject({ ok: false, error: { error: { code } } })
  expect(book.thresholdVersion()).toBe(0)
})

it('survives a restart with its thresholds, and a newer file is refused', () => {
  const { directory, book, rules } = opened()
  rules.set(rule.id, edit('class', 'industrial', spec.min), 0, 'li', 'why')
  const other = new AnalysisBook(directory)
  expect(other.layers()).toEqual(book.layers())
  other.close()
})

it.each(['zone', 'point'] as const)('sets nothing for a %s that is in no ledger, and takes away what one had that is gone', (layer) => {
  const { rules } = opened()
  expect(rules.set(rule.id, edit(layer, 'X-9', spec.min), 0, 'li', 'a slip')).toMatchObject({
    ok: false,
    error: { because: 'not-possible', error: { code: 'RULE_LAYER' } },
  })
  expect(rules.set(rule.id, edit(layer, 'X-9', null), 0, 'li', 'it is gone')).toMatchObject({ ok: true })
})

it('cancels a trial run: its thread is let go, it stays cancelled, and the next one may begin', async () => {
  const area = syntheticArea({ days: 2 })
  const site = await analysisSite(START)
  expect(site.ledger.apply(area.patches, act(START - 1))).toMatchObject({ ok: true })
  for (let day = 0; day < 2; day++) await site.put(area.rows(day))
  site.clock.at = START + 2 * DAY + 8 * 3_600_000
  await site.settle()
  let isHanging = true
  const inline = inlineJudges(site.parts)
  const judges: typeof inline = {
    ...inline,
    call: (kind, request, group, signal) =>
      isHanging
        ? new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('it was cancelled'))))
        : inline.call(kind, request, group, signal),
  }
  const trials = new Trials({ book: site.book, judges, runner: site.runner, days: site.energy.days, clock: site.clock })
  const start = () => trials.start(rule.id, edit('global', '', spec.min), null, dayName(0), dayName(1))
  expect(start()).toMatchObject({ ok: true, value: { id: 1, state: 'running' } })
  expect(trials.cancel(1)).toMatchObject({ ok: true, value: { state: 'cancelled', error: null } })
  isHanging = false
  expect(start()).toMatchObject({ ok: true, value: { id: 2, state: 'running' } })
  await expect.poll(() => trials.get(2)).toMatchObject({ ok: true, value: { state: 'done' } })
  expect(trials.cancel(2)).toMatchObject({ ok: true, value: { state: 'done' } })
  expect(trials.get(1)).toMatchObject({ ok: true, value: { state: 'cancelled', done: 0 } })
})

it('tries thresholds on days that are over without leaving a trace', async () => {
  const days = 3
  const area = syntheticArea({ days })
  const site = await analysisSite(START)
  expect(site.ledger.apply(area.patches, act(START - 1))).toMatchObject({ ok: true })
  for (let day = 0; day < days; day++) await site.put(area.rows(day))
  site.clock.at = START + days * DAY + 8 * 3_600_000
  await site.settle()
  const trace = () =>
    JSON.stringify([site.book.states(), site.book.losses('A-1', '', '9'), site.book.layers(), site.verdicts.length, site.allCases('A-1')])
  const before = trace()
  const trials = new Trials({
    book: site.book,
    judges: inlineJudges(site.parts),
    runner: site.runner,
    days: site.energy.days,
    clock: site.clock,
  })
  const started = trials.start(rule.id, edit('global', '', spec.min), null, dayName(0), dayName(days - 1))
  expect(started).toMatchObject({ ok: true, value: { state: 'running', areas: 1 } })
  expect(trials.start(rule.id, edit('global', '', spec.min), null, dayName(0), dayName(1))).toMatchObject({
    ok: false,
    error: { because: 'busy' },
  })
  await expect.poll(() => trials.list()[0]?.state).toBe('done')
  expect(trials.list()[0]).toMatchObject({ done: 1, error: null })
  expect(trace()).toBe(before)
  expect(trials.start(rule.id, edit('global', '', spec.min), ['A-9'], dayName(0), dayName(1))).toMatchObject({
    ok: false,
    error: { because: 'unknown' },
  })
  for (const [from, to] of [
    ['2000-01-01', '2000-01-05'],
    ['2090-01-01', '2090-01-02'],
  ] as const)
    expect(trials.start(rule.id, edit('global', '', spec.min), null, from, to)).toMatchObject({
      ok: false,
      error: { error: { code: 'ANALYSIS_RANGE' } },
    })
  expect(trials.start(rule.id, edit('global', '', spec.min), null, '2000-01-01', '2026-01-01')).toMatchObject({ ok: false })
  expect(trials.get(9)).toMatchObject({ ok: false, error: { because: 'unknown' } })
})

it('reads temperatures, names bad lines and goes on', () => {
  const weather = weatherOf(
    'time,celsius\n2026-03-02T00:00:00+08:00,2\n2026-03-02T01:00:00+08:00,4\n2026-03-02 02:00,5\nx,y,z\n2026-03-02T03:00:00+08:00,900\n',
  )
  expect(weather.problems.map((problem) => problem.split(':')[0])).toEqual(['line 4', 'line 5', 'line 6'])
  const values = temperatureOf(weather, START, 8)
  expect([...(values ?? [])].map((value) => (Number.isNaN(value) ? null : value))).toEqual([2.25, 2.75, 3.25, 3.75, null, null, null, null])
  expect(temperatureOf(weather, START + 10 * DAY, 4)).toBeNull()
  expect(['2026-03-07', '2026-03-09', '2026-03-08'].map((day) => isRestDay(day, ['2026-03-09'], ['2026-03-08']))).toEqual([
    true,
    true,
    false,
  ])
})
