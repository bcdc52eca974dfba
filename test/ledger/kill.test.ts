import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { scratch } from '../support/processes.ts'
import { act, good, open, SITE } from './support.ts'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))

/** Runs the child until it is dead, killing it after so many lines. @returns what it said before */
const untilDead = async (mode: string, directory: string, failpoint: string | null, enough = Number.POSITIVE_INFINITY) => {
  const child = spawn(process.execPath, [CHILD, mode, directory], {
    env: { ...process.env, ...(failpoint === null ? {} : { GRIDTALLY_FAILPOINT: failpoint }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<NodeJS.Signals | null>((done) => child.once('close', (_, signal) => done(signal)))
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'ready') said.push(line)
    if (said.length >= enough) child.kill('SIGKILL')
  }
  expect(await gone).toBe('SIGKILL')
  return said
}

const everything = (directory: string) => {
  const database = openDatabase(`${directory}/ledger.db`)
  try {
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    return ['fact', 'change', 'entity', 'period', 'exchange', 'note'].map((table) => database.prepare(`SELECT * FROM ${table}`).all())
  } finally {
    database.close()
  }
}

it.each([
  ['import', 'ledger.half-written'],
  ['import', 'ledger.before-commit'],
  ['exchange', 'ledger.half-written'],
  ['exchange', 'ledger.before-commit'],
])('%s, killed at %s, leaves the old state', async (mode, failpoint) => {
  const { ledger, directory } = open()
  good(ledger.apply(SITE, act()))
  const before = everything(directory)
  expect(await untilDead(mode, directory, failpoint)).toEqual([])
  expect(everything(directory)).toEqual(before)
})

it('killed at any moment, the ledger is whole: the last change was made as a whole or not at all', async () => {
  const directory = scratch()
  for (const enough of [1, 3, 5, 2]) {
    const said = await untilDead('import', directory, null, enough)
    const last = Number(said.at(-1))
    const after = new Ledger(directory)
    const seq = after.seq
    expect([last, last + 1]).toContain(seq)
    const names = new Set(after.list({ kind: 'point', limit: 1000 }).map(({ attributes }) => attributes.name))
    expect(names.size).toBe(1)
    after.close()
    everything(directory)
  }
})
