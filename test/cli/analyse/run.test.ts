import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, it, vi } from 'vitest'
import { type AnalyseArguments, analyse } from '../../../src/cli/analyse/run.ts'
import { CommandFailed } from '../../../src/cli/output.ts'
import { ledger, readingLines, write } from './small-world.ts'

const root = mkdtempSync(join(tmpdir(), 'gridtally-run-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

const collect = (stream: NodeJS.WriteStream): string[] => {
  const texts: string[] = []
  vi.spyOn(stream, 'write').mockImplementation((text) => texts.push(String(text)) > 0)
  return texts
}

const run = async (args: AnalyseArguments) => {
  const [out, err] = [collect(process.stdout), collect(process.stderr)]
  let code = 0
  try {
    await analyse(args)
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    code = error.exitCode
  } finally {
    vi.restoreAllMocks()
  }
  return { code, out: out.join(''), err: err.join('') }
}

const good = write(join(root, 'good'), readingLines(4))
const spoilt = write(
  join(root, 'spoilt'),
  [...readingLines(4), 'M1,1970-01-01T00:00:00Z,1.00'],
  ledger({ meters: [{ id: 'M1', area: 'A1', multiplier: -1 }] }),
)
const noLedger = write(join(root, 'no-ledger'), readingLines(4), '{')

it.each<[string, AnalyseArguments, number]>([
  ['files as they should be', good, 0],
  ['files with faults that leave something to judge', spoilt, 0],
  ['a day before there is any', { ...good, until: '2026-03-01' }, 1],
  ['no usable ledger', noLedger, 1],
  ['a file that is not there', { ...good, readings: join(root, 'none.csv') }, 2],
  ['a time that is none', { ...good, until: 'tomorrow' }, 2],
])('%s: exit code', async (_, args, code) => {
  for (const json of [true, false]) expect((await run({ ...args, json })).code).toBe(code)
})

it('names what is wrong with file and line on standard error, and prints JSON that can be read', async () => {
  const { out, err } = await run({ ...spoilt, json: true })
  expect(err).toContain('readings.csv:1157: 3 cells, the header has 13')
  expect(err).toContain('ledger.json: meters[0].multiplier of M1 is -1; a ratio is above zero')
  const result: unknown = JSON.parse(out)
  expect(result).toMatchObject({ until: '2026-03-05', anomalies: [], failures: [], problems: { counts: expect.any(Array) } })
  expect(JSON.parse((await run({ ...noLedger, json: true })).out)).toMatchObject({
    until: null,
    losses: [],
    problems: { counts: [{ code: 'file-broken' }] },
  })
})

it.each([
  ['a date means its end', '2026-03-03', '2026-03-03'],
  ['an instant in the day before it is over means the day before', '2026-03-03T23:59:00+08:00', '2026-03-02'],
  ['midnight is the end of the day before', '2026-03-04T00:00:00+08:00', '2026-03-03'],
])('--until: %s', async (_, until, day) => {
  expect(JSON.parse((await run({ ...good, until, json: true })).out)).toMatchObject({ until: day })
})

it('prints a table in words, in either language', async () => {
  for (const language of ['en', 'zh'] as const) {
    const { out } = await run({ ...good, language })
    expect(out).toContain('known at the end of 2026-03-05')
    expect(out).toMatch(/A1 +2026-03-05 +computed/)
  }
})

it('says the same twice', async () => expect((await run({ ...good, json: true })).out).toBe((await run({ ...good, json: true })).out))
