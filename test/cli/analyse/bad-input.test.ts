import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { judgeOffline } from '../../../src/cli/analyse/judge.ts'
import { loadOffline } from '../../../src/cli/analyse/load.ts'
import { type ProblemCode, problemList } from '../../../src/cli/analyse/problems.ts'
import { type AnalyseResult, resultOf } from '../../../src/cli/analyse/result.ts'
import { gzip, ledger, readingLines, row, type Written, write } from './small-world.ts'

const root = mkdtempSync(join(tmpdir(), 'gridtally-analyse-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const folder = () => join(root, String(count++))

const run = async (files: Written): Promise<AnalyseResult | null> => {
  const problems = problemList()
  const offline = await loadOffline(files, problems)
  return offline ? resultOf(judgeOffline(offline), offline.ledger.zone, problems) : null
}
const problemsOf = (result: AnalyseResult | null) => result?.problems.shown.map(({ code, file, row: at }) => [code, file, at]) ?? []
const codesOf = (result: AnalyseResult | null) => new Set(result?.problems.counts.map(({ code }) => code))

const lines = readingLines(3)
const good = await run(write(folder(), lines))
const day = (result: AnalyseResult | null, at: number) =>
  [...(result?.losses ?? []), ...(result?.notComputable ?? [])].toSorted((a, b) => (a.day < b.day ? -1 : 1))[at]
const changed = (change: (lines: string[]) => void): string[] => {
  const copy = [...lines]
  change(copy)
  return copy
}

describe('files that are as they should be', () => {
  it('give a loss for every day and no word of complaint', () => {
    expect(good?.problems).toEqual({ shown: [], counts: [] })
    expect(good?.failures).toEqual([])
    expect(good?.losses.map(({ day: of, state }) => [of, state])).toEqual([
      ['2026-03-02', 'computed'],
      ['2026-03-03', 'computed'],
      ['2026-03-04', 'computed'],
    ])
    expect(good?.losses[0]?.lossPct).toBeCloseTo(0.99, 1)
  })

  it.each<[string, () => Written]>([
    ['gzip', () => write(folder(), gzip(lines))],
    ['a byte order mark', () => write(folder(), `\uFEFF${lines.join('\n')}\n`)],
    ['CRLF', () => write(folder(), lines.join('\r\n'))],
    [
      'semicolons',
      () =>
        write(
          folder(),
          lines.map((line) => line.replaceAll(',', ';')),
        ),
    ],
    [
      'quotes',
      () =>
        write(
          folder(),
          lines.map((line) => line.replace(/^([^,]+)/, '"$1"')),
        ),
    ],
    [
      'columns in another order',
      () =>
        write(
          folder(),
          lines.map((line) => line.split(',').toReversed().join(',')),
        ),
    ],
    [
      'times in UTC',
      () =>
        write(
          folder(),
          lines.map((line) => line.replace(/,(\d{4}[^,]+)/, (_, at: string) => `,${new Date(at).toISOString().slice(0, 19)}Z`)),
        ),
    ],
    ['a ledger with a byte order mark', () => write(folder(), lines, `\uFEFF${JSON.stringify(ledger())}`)],
  ])('say the same with %s', async (_, files) => {
    expect(await run(files())).toEqual(good)
  })
})

describe('bad readings are named by file and row, and judged where possible', () => {
  it.each<[string, string[], [ProblemCode, string, number | null][], 'computed' | 'estimated' | 'not_computable']>([
    [
      'a word for a number',
      changed((of) => void of.splice(10, 1, of[10]!.replace(/,\d+\.\d\d,/, ',abc,'))),
      [['value-bad', 'readings.csv', 11]],
      'computed',
    ],
    [
      'NaN',
      changed((of) => void of.splice(11, 1, of[11]!.replace(/,\d+\.\d\d,/, ',NaN,'))),
      [['value-bad', 'readings.csv', 12]],
      'computed',
    ],
    [
      'a negative register',
      changed((of) => void of.splice(11, 1, of[11]!.replace(/,(\d+\.\d\d),/, ',-5,'))),
      [['register-negative', 'readings.csv', 12]],
      'computed',
    ],
    [
      'a time that is none',
      changed((of) => void of.splice(11, 1, of[11]!.replace(/2026-\d\d/, '2026-13'))),
      [['time-bad', 'readings.csv', 12]],
      'computed',
    ],
    [
      'a clock in 1970',
      changed((of) => of.push('M1,1970-01-01T00:00:00+00:00,5.00,,,,,,,,,,')),
      [['clock-far-off', 'readings.csv', 869]],
      'computed',
    ],
    [
      'a clock in the future',
      changed((of) => of.push('M1,2099-01-01T00:00:00+00:00,500.00,,,,,,,,,,')),
      [['clock-far-off', 'readings.csv', 869]],
      'computed',
    ],
    ['an unknown meter', changed((of) => void of.push(row('M9', 5, '1.00'))), [['meter-unknown', 'readings.csv', 869]], 'computed'],
    [
      'the same row twice',
      changed((of) => of.push(of[20]!)),
      [
        ['rows-unsorted', 'readings.csv', 869],
        ['row-duplicate', 'readings.csv', 869],
      ],
      'computed',
    ],
    [
      'rows that contradict each other',
      changed((of) => of.push(row('M1', 6, '9000.00'))),
      [
        ['rows-unsorted', 'readings.csv', 869],
        ['row-conflict', 'readings.csv', 869],
      ],
      'computed',
    ],
    [
      'a row cut short',
      changed((of) => void of.splice(11, 1, of[11]!.split(',').slice(0, 4).join(','))),
      [['row-short', 'readings.csv', 12]],
      'computed',
    ],
    ['a cell too many', changed((of) => void of.splice(11, 1, `${of[11]},7`)), [['row-long', 'readings.csv', 12]], 'computed'],
    [
      'a time without a zone',
      changed((of) => void of.splice(11, 1, of[11]!.replace('+08:00', ''))),
      [['time-without-zone', 'readings.csv', 12]],
      'computed',
    ],
  ])('%s', async (_, readings, problems, state) => {
    const result = await run(write(folder(), readings))
    expect(problemsOf(result)).toEqual(problems)
    expect([day(result, 0)?.state, day(result, 2)?.state]).toEqual([state, 'computed'])
    expect(day(result, 2)?.lossPct).toBeCloseTo(day(good, 2)!.lossPct!, 6)
  })

  it('rows in any order', async () => {
    const [head, ...rest] = lines
    const result = await run(write(folder(), [head!, ...rest.toReversed()]))
    expect(codesOf(result)).toEqual(new Set(['rows-unsorted']))
    expect(result?.losses).toEqual(good?.losses)
  })

  it('a missing column of voltages costs the voltages, one of registers the energy', async () => {
    const without = (name: string) => {
      const at = lines[0]!.split(',').indexOf(name)
      return lines.map((line) => line.split(',').toSpliced(at, 1).join(','))
    }
    const noVolt = await run(write(folder(), without('ua')))
    expect(problemsOf(noVolt)).toEqual([['column-missing', 'readings.csv', 1]])
    expect(noVolt?.losses.map(({ lossPct }) => lossPct)).toEqual(good?.losses.map(({ lossPct }) => lossPct))
    const noRegister = await run(write(folder(), without('impKwh')))
    expect(noRegister?.losses).toEqual([])
    expect(noRegister?.notComputable.map(({ state, lossPct }) => [state, lossPct])).toEqual(Array(3).fill(['not_computable', undefined]))
  })

  it('a compressed file that is cut off is used as far as it goes', async () => {
    const whole = gzip(lines)
    const result = await run(write(folder(), whole.subarray(0, Math.floor(whole.length * 0.8))))
    expect(codesOf(result).has('file-broken')).toBe(true)
    expect(day(result, 0)).toEqual(day(good, 0))
  })

  it('a compressed file with a wrong byte is used up to it', async () => {
    const whole = gzip(lines)
    whole[Math.floor(whole.length / 2)]! ^= 0xff
    expect(codesOf(await run(write(folder(), whole))).has('file-broken')).toBe(true)
  })

  it('many of a kind: the first in full, then how many', async () => {
    const result = await run(
      write(
        folder(),
        changed((of) => of.push(...Array.from({ length: 300 }, (_, at) => row('M9', at, '1.00')))),
      ),
    )
    expect(result?.problems.shown).toHaveLength(20)
    expect(result?.problems.counts).toEqual([{ code: 'meter-unknown', file: 'readings.csv', count: 300 }])
  })

  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['only a header', lines[0]!],
    ['another kind of file', '<html>\n<body>\n'],
    ['bytes', Buffer.from([0x1f, 0x8b, 1, 2, 3, 4, 5])],
  ])('readings with %s in them judge no day, and say so', async (_, readings) => {
    const result = await run(write(folder(), readings))
    expect(result?.losses).toEqual([])
    expect(result?.anomalies).toEqual([])
    expect(result?.problems.counts.length).toBeGreaterThan(0)
  })
})

describe('a bad ledger', () => {
  it.each<[string, unknown]>([
    ['no JSON', '{"areas": ['],
    ['nothing', ''],
    ['a list', '[]'],
  ])('that is %s judges nothing', async (_, file) => {
    expect(await run(write(folder(), lines, file))).toBeNull()
  })

  const [first, second] = ledger().meters
  it.each<[string, Record<string, unknown>, ProblemCode]>([
    ['no gateway meter', { areas: [{ id: 'A1', name: 'one' }] }, 'gateway-none'],
    ['a ratio of zero at a customer', { meters: [{ ...first, multiplier: 0 }, second] }, 'ratio-bad'],
    ['a negative ratio at the gateway', { areas: [{ id: 'A1', gateway: { meter: 'GW', multiplier: -3 } }] }, 'ratio-bad'],
    ['a gateway that was never read', { areas: [{ id: 'A1', gateway: { meter: 'GX', multiplier: 1 } }] }, 'meter-silent'],
  ])('with %s makes no number of it', async (_, change, code) => {
    const result = await run(write(folder(), lines, ledger(change)))
    expect(codesOf(result).has(code)).toBe(true)
    for (const loss of result?.losses ?? []) expect(loss.state).toBe('estimated')
    expect((result?.losses.length ?? 0) + (result?.notComputable.length ?? 0)).toBe(3)
    expect(result?.failures).toEqual([])
  })

  it.each<[string, Record<string, unknown>, ProblemCode]>([
    [
      'two gateway meters',
      {
        areas: [
          {
            id: 'A1',
            gateway: [
              { meter: 'GW', multiplier: 1 },
              { meter: 'M2', multiplier: 1 },
            ],
          },
        ],
        meters: [first],
      },
      'gateway-two',
    ],
    ['a meter twice', { meters: [first, second, { ...second, area: 'A7' }] }, 'meter-twice'],
    ['an area nobody knows', { meters: [first, second, { id: 'M3', area: 'A9', type: '1P' }] }, 'area-unknown'],
    ['a zone that is none', { timezone: 'Mars/Phobos' }, 'zone-bad'],
    ['a meter without id', { meters: [first, second, { type: '1P' }] }, 'ledger-bad'],
    ['a meter without readings', { meters: [first, second, { id: 'M3', area: 'A1', type: '1P' }] }, 'meter-silent'],
    ['an exchange without a time', { meters: [{ ...first, exchanges: [{ oldFinalKWh: 3 }] }, second] }, 'ledger-bad'],
  ])('with %s is said and the rest judged', async (_, change, code) => {
    const result = await run(write(folder(), lines, ledger(change)))
    expect(codesOf(result).has(code)).toBe(true)
    expect(result?.failures).toEqual([])
    expect((result?.losses.length ?? 0) + (result?.notComputable.length ?? 0)).toBeGreaterThan(0)
  })
})
