import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { scratch } from '../support/processes.ts'

const CHILD = fileURLToPath(new URL('./export-child.mjs', import.meta.url))

/** Runs until so many rows were handed over, then kills; without a number to the end. @returns the export as it stands at the end */
const run = async (directory: string, format: string, rows: number, killAt = Number.POSITIVE_INFINITY): Promise<unknown> => {
  const child = spawn(process.execPath, [CHILD, directory, format, String(rows)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let done: unknown = null
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = '', rest = ''] = line.split(/ (.*)/)
    if (word === 'done') done = JSON.parse(rest)
    if (word === 'given' && Number(rest) >= killAt) child.kill('SIGKILL')
  }
  return done
}

describe('an export whose gateway is killed', () => {
  it.each([
    ['csv', 1_600, [0.4, 0.9]],
    ['ndjson', 1_600, [0.92]],
    ['parquet', 110_000, [0.95]],
  ] as const)(
    '%s: goes on where it was, and is byte for byte the file of one that was not',
    { timeout: 120_000 },
    async (format, rows, kills) => {
      const [whole, killed] = [scratch(), scratch()]
      const fileOf = (directory: string) => readFileSync(join(directory, 'exports', `export-1.${format}`))
      const changed = format === 'ndjson' ? null : false
      const first = await run(whole, format, rows)
      expect(first).toMatchObject({ state: 'done', rows, starts: 1, keptRows: 0, restart: null, changed, share: 1 })
      for (const share of kills) expect(await run(killed, format, rows, Math.floor(rows * share))).toBeNull()
      const last = await run(killed, format, rows)
      expect(last).toMatchObject({ state: 'done', rows, starts: kills.length + 1, restart: null, changed })
      expect(last).toHaveProperty(
        'keptRows',
        expect.toSatisfy((kept: number) => kept >= rows * 0.85 && kept < rows),
      )
      expect(fileOf(killed).equals(fileOf(whole))).toBe(true)
      expect(last).toHaveProperty('file.sha256', createHash('sha256').update(fileOf(whole)).digest('hex'))
    },
  )
})
