import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openAuditLog, verifyAudit } from '../../src/access/index.ts'
import { draft, good, scratch, T0 } from './support.ts'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))

/** Runs children that append at the same time until they are killed. @returns the numbers they said */
const appendUntilKilled = async (directory: string, enough: number, hands: number): Promise<number[]> => {
  const said: number[] = []
  const children = Array.from({ length: hands }, () =>
    spawn(process.execPath, [CHILD, directory], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  await Promise.all(
    children.map(async (child) => {
      const gone = new Promise<NodeJS.Signals | null>((done) => child.once('close', (_, signal) => done(signal)))
      for await (const line of createInterface({ input: child.stdout })) {
        said.push(Number(line))
        if (said.length >= enough) for (const each of children) each.kill('SIGKILL')
      }
      expect(await gone).toBe('SIGKILL')
    }),
  )
  return said
}

it('killed at any moment, the log holds every record that was acknowledged, and the chain holds', async () => {
  const directory = scratch()
  const said: number[] = []
  for (const [enough, hands] of [
    [1, 1],
    [37, 1],
    [90, 2],
    [53, 2],
    [11, 1],
  ] as const) {
    said.push(...(await appendUntilKilled(directory, enough, hands)))
    const verdict = verifyAudit(directory)
    expect(verdict.faults).toEqual([])
    expect(verdict.beyondHead).toBeLessThanOrEqual(2)
    expect(verdict.records).toBeGreaterThanOrEqual(Math.max(...said))
    expect(new Set(said).size).toBe(said.length)
  }
  const log = good(openAuditLog(directory, () => T0))
  const { seq } = good(log.append(draft()))
  log.close()
  expect(verifyAudit(directory)).toMatchObject({ isWhole: true, records: seq, beyondHead: 0 })
})
