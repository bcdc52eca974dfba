import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import { openEvidence } from '../../src/gateway/start-evidence.ts'

it('makes no file and no thread where nothing was ever kept', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-evidence-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const said: string[] = []
  const settings = { windowMs: 1_800_000, keepDays: 400, maxBytes: 1e9 }
  const opened = openEvidence({ directory, zone: 'Asia/Shanghai', settings, clock: systemClock, log: (_, message) => said.push(message) })
  onTestFinished(() => opened.close())
  await opened.look()
  expect([readdirSync(directory), said, opened.health().state]).toEqual([[], [], 'ok'])
})
