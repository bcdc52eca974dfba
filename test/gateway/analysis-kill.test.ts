import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { AnalysisBook } from '../../src/gateway/analysis-book.ts'
import { CaseBook } from '../../src/gateway/case-book.ts'
import { DAY, dayName, START, syntheticArea } from './analysis-area.ts'
import { analysisSite, scratch } from './analysis-site.ts'
import { act } from './energy-site.ts'

const DAYS = 8
const NOW = START + DAYS * DAY + 7 * 3_600_000
const CHILD = fileURLToPath(new URL('./analysis-child.mjs', import.meta.url))

/** Readings of two areas in the outbox of a directory, nothing worked out: one steals, of the other two meters fell silent. */
const filled = async (): Promise<string> => {
  const directory = scratch()
  const site = await analysisSite(NOW, { directory, config: { enabled: false } })
  for (const area of [syntheticArea({ days: DAYS }), syntheticArea({ days: DAYS, area: 'A-2' })]) {
    expect(site.ledger.apply(area.patches, act(START))).toMatchObject({ ok: true })
    for (let day = 0; day < DAYS; day++)
      await site.put(area.rows(day).filter(({ series }) => area.area === 'A-1' || day < 5 || series.tags.point?.endsWith('P03') !== true))
  }
  await site.close()
  return directory
}

/** Runs the analysis of a directory until a line comes that ends it; then the process is killed, wherever it is. */
const runUntil = async (directory: string, isEnough: (line: string) => boolean): Promise<readonly string[]> => {
  const child = spawn(process.execPath, [CHILD, directory, String(NOW)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (isEnough(line)) child.kill('SIGKILL')
  }
  return lines
}

const outcome = (directory: string) => {
  const [book, cases] = [
    new AnalysisBook(directory),
    new CaseBook({ directory, zoneOf: () => null, dueAt: () => null, listeners: () => [] }),
  ]
  const found = ['A-1', 'A-2'].map((area) => ({
    area,
    day: book.states().find((state) => state.area === area)?.day,
    losses: book.losses(area, dayName(0), dayName(DAYS)).length,
    cases: [...cases.file.book(area).cases.values()].map(({ id, state, detectedAt, score }) => ({
      ...{ id, state, detectedAt, score },
      said: cases.file.history(cases.file.numOf(id) ?? 0).map(({ what }) => what),
    })),
  }))
  book.close()
  cases.close()
  return found
}

it('killed while a thread judges, before a verdict is kept and after it: goes on, and nothing is there twice', async () => {
  const [killed, calm] = [await filled(), await filled()]
  await runUntil(calm, (line) => line === 'done')
  const seen = [
    await runUntil(killed, (line) => line.startsWith('state') && line.includes('true')),
    await runUntil(killed, (line) => line.startsWith('taking')),
    await runUntil(killed, (line) => line.startsWith('taken')),
    await runUntil(killed, (line) => line === 'done'),
  ]
  expect(seen[0]?.some((line) => line.startsWith('taken'))).toBe(false)
  const whole = outcome(calm)
  expect(outcome(killed)).toEqual(whole)
  expect(whole.map(({ day }) => day)).toEqual([dayName(DAYS - 1), dayName(DAYS - 1)])
  expect(whole[1]?.cases.map(({ id, said }) => [id, said])).toEqual([['not_computable:A-2#1', ['opened']]])
  // Once it was done, another start finds nothing to do.
  expect((await runUntil(killed, (line) => line === 'done')).filter((line) => line.startsWith('tak'))).toEqual([])
}, 300_000)
