import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { figure, interleaved, median, type Outcome } from '../../bench/anchor.ts'
import { type BenchReport, textTable, verdictOf, writeInto } from '../../bench/report.ts'

const outcome = (ratio: number, more: Partial<Outcome> = {}): Outcome => ({
  ours: ratio * 1000,
  reference: 1000,
  ratio,
  unit: 'rows/s',
  detail: {},
  ...more,
})

it.each([
  ['higher', 0.8, 1.1, 1.2, 'goal'],
  ['higher', 0.8, 1.1, 0.8, 'pass'],
  ['higher', 0.8, 1.1, 0.79, 'FAIL'],
  ['lower', 0.1, 0.05, 0.04, 'goal'],
  ['lower', 0.1, 0.05, 0.1, 'pass'],
  ['lower', 0.1, 0.05, 0.11, 'FAIL'],
  ['lower', 0, 0, 0, 'goal'],
  ['lower', 0, 0, 1, 'FAIL'],
] as const)('%s is better, must %d, goal %d: %d is %s', (better, must, goal, ratio, verdict) =>
  expect(verdictOf({ better, must, goal }, outcome(ratio))).toBe(verdict),
)

it('judges nothing against a stand-in, nor what did not run', () => {
  const bars = { better: 'higher', must: 1, goal: 2 } as const
  expect(verdictOf(bars, outcome(9, { standIn: 'plain node:net' }))).toBe('not comparable')
  expect(verdictOf(bars, null)).toBe('not run')
})

it('takes turns, who is first changing, and keeps the median of the rounds’ own ratios', async () => {
  const calls: string[] = []
  const values = { ours: [10, 30, 20], reference: [10, 10, 40] }
  const side = (name: 'ours' | 'reference') => async () => {
    calls.push(name)
    return values[name].shift() ?? 0
  }
  const result = await interleaved({ rounds: 3, log: () => undefined }, side('ours'), side('reference'))
  expect(calls).toEqual(['ours', 'reference', 'reference', 'ours', 'ours', 'reference'])
  expect(result).toMatchObject({ ours: 20, reference: 10, ratio: 1 })
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

it.each([
  [0.123456, '0.123'],
  [12, '12'],
  [1234.5, '1,235'],
  [156.4236, '156'],
])('writes %d as %s', (value, text) => expect(figure(value)).toBe(text))

describe('the page', () => {
  const report: BenchReport = {
    date: '2026-01-02',
    node: '24.0.0',
    machine: '2 × test',
    quick: false,
    rounds: 3,
    anchors: [
      {
        id: 'A2',
        title: 'client | alone',
        better: 'higher',
        must: 0.6,
        goal: 0.75,
        outcome: outcome(0.7, { detail: { server: 'C' } }),
        reason: null,
        isBroken: false,
        verdict: 'pass',
        seconds: 1,
      },
      {
        id: 'A3',
        title: 'rows',
        better: 'higher',
        must: 0.9,
        goal: 0.97,
        outcome: null,
        reason: 'no influxd',
        isBroken: false,
        verdict: 'not run',
        seconds: 0,
      },
    ],
  }
  const page = (text: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'gridtally-report-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'performance.md')
    if (text !== '') writeFileSync(path, text)
    writeInto(path, report)
    writeInto(path, { ...report, date: '2026-02-03' })
    return readFileSync(path, 'utf8')
  }

  it('gets the table once, and keeps what people wrote around it', () => {
    const first = page('# Ours\n\nBefore.\n')
    expect(first).toMatch(/^# Ours\n\nBefore\.\n\n<!-- bench:begin/)
    expect(first).toContain('Measured 2026-02-03 on 2 × test, Node 24.0.0')
    expect(first).not.toContain('2026-01-02')
    expect(first).toContain('| A2 | client \\| alone | 700 rows/s | 1,000 rows/s | 0.7 | ≥ 0.6 | ≥ 0.75 | pass |')
    expect(first).toContain('- A2: server C')
    expect(first.match(/bench:begin/g)).toHaveLength(1)
  })

  it('is begun when there is none', () => expect(page('')).toMatch(/^# Performance\n/))

  it('says on a terminal why something was not run', () => expect(textTable(report.anchors)).toMatch(/^A3 .*not run: no influxd$/m))
})
