import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Failpoint } from '../../src/outbox/failpoint.ts'
import { directory } from './support.ts'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))

/** Starts the child and follows what it acknowledges, until it is dead. */
const putUntilDead = async (
  at: string,
  first: number,
  env: Record<string, string>,
  seen: (child: ChildProcess, acknowledged: number) => void,
) => {
  const child = spawn(process.execPath, [CHILD, 'put', join(at, 'outbox'), join(at, 'stored'), String(first)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<NodeJS.Signals | null>((done) => child.once('close', (_, signal) => done(signal)))
  const acknowledged: number[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line !== 'ready') acknowledged.push(Number(line))
    seen(child, acknowledged.length)
  }
  return { acknowledged, signal: await gone }
}

const drained = async (at: string) => {
  const child = spawn(process.execPath, [CHILD, 'drain', join(at, 'outbox'), join(at, 'stored'), '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const chunk of child.stdout!) text += String(chunk)
  return JSON.parse(text) as { empty: boolean; damaged: number; depth: number }
}

/** The file as an idempotent database sees it: one value a key. @returns keys with two values are `double` */
const database = (at: string) => {
  const rows = new Map<string, string>()
  let double = 0
  const path = join(at, 'stored')
  const lines = existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
  for (const line of lines) {
    const [, key = '', value = ''] = /^(meter \d+ \d+) (.*)$/.exec(line) ?? []
    if (rows.has(key) && rows.get(key) !== value) double++
    rows.set(key, value)
  }
  return { rows, double }
}

const expectNothingLost = async (at: string, acknowledged: readonly number[]) => {
  expect(await drained(at)).toMatchObject({ empty: true, damaged: 0, depth: 0 })
  const { rows, double } = database(at)
  const lost = acknowledged.filter(
    (id) => rows.get(`meter ${id % 17} ${1_700_000_000_000 + id}`) !== `${id * 31 + 7} ${1 + Math.floor(id / 50)}`,
  )
  expect({ lost, double }).toEqual({ lost: [], double: 0 })
}

describe('kill -9', () => {
  it('at random moments loses nothing that was acknowledged', async () => {
    const at = directory()
    const acknowledged: number[] = []
    let next = 0
    for (let round = 0; round < 12; round++) {
      const enough = 20 + ((round * 7919) % 900)
      const { acknowledged: now, signal } = await putUntilDead(at, next, {}, (child, count) => {
        if (count >= enough) child.kill('SIGKILL')
      })
      expect(signal).toBe('SIGKILL')
      for (const id of now) acknowledged.push(id)
      next = Math.max(next, ...now) + 1000
    }
    expect(acknowledged.length).toBeGreaterThan(1000)
    await expectNothingLost(at, acknowledged)
  })

  const points: readonly Failpoint[] = ['outbox.before-commit', 'outbox.after-commit', 'outbox.after-answer', 'outbox.cursor-saved']
  it.each(points)(
    'at %s loses nothing and doubles nothing',
    async (point) => {
      const at = directory()
      const acknowledged: number[] = []
      let next = 0
      for (const nth of [1, 3, 8, 21, 55]) {
        const { acknowledged: now, signal } = await putUntilDead(at, next, { GRIDTALLY_FAILPOINT: `${point}:${nth}` }, () => {})
        expect(signal).toBe('SIGKILL')
        for (const id of now) acknowledged.push(id)
        next = Math.max(next, ...now) + 1000
      }
      expect(acknowledged.length).toBeGreaterThan(0)
      await expectNothingLost(at, acknowledged)
    },
    120_000,
  )
})
