import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openRepeats } from '../../src/gateway/repeats.ts'
import { openDatabase } from '../../src/sqlite/index.ts'

const DAY_MS = 86_400_000
const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-repeats-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
const silent = () => undefined
const ANSWER = { status: 200, headers: { 'content-type': 'application/json' }, rights: 'r', body: '{"replayed":2}' }

it('knows after a restart what was answered, and what was begun and not ended', () => {
  const directory = folder()
  const first = openRepeats(directory, () => 1000, silent)
  expect(first.port.begin('user:1', 'a', 'p')).toEqual({ state: 'new' })
  first.port.finish('user:1', 'a', ANSWER)
  expect(first.port.begin('user:1', 'b', 'p')).toEqual({ state: 'new' })
  expect(first.port.begin('user:1', 'b', 'p')).toEqual({ state: 'under-way' })
  first.close()
  const second = openRepeats(directory, () => 2000, silent)
  expect(second.port.begin('user:1', 'a', 'p')).toEqual({ state: 'done', answer: ANSWER })
  expect(second.port.begin('user:1', 'a', 'q')).toEqual({ state: 'other' })
  expect(second.port.begin('user:1', 'b', 'p')).toEqual({ state: 'unfinished' })
  expect(second.port.begin('user:2', 'a', 'p')).toEqual({ state: 'new' })
  second.close()
})

it('forgets a key on which nothing was done, and every key after a day', () => {
  let now = 1000
  const { port, close } = openRepeats(folder(), () => now, silent)
  onTestFinished(close)
  port.begin('u', 'a', 'p')
  port.forget('u', 'a')
  expect(port.begin('u', 'a', 'q')).toEqual({ state: 'new' })
  port.finish('u', 'a', { ...ANSWER, body: null })
  now += DAY_MS
  expect(port.begin('u', 'a', 'q')).toEqual({ state: 'done', answer: { ...ANSWER, body: null } })
  now += 1
  expect(port.begin('u', 'a', 'q')).toEqual({ state: 'new' })
})

it('says when a key cannot be written down', () => {
  const said: string[] = []
  const repeats = openRepeats(
    folder(),
    () => 1000,
    (_level, message) => said.push(message),
  )
  repeats.close()
  expect(repeats.port.begin('u', 'a', 'p')).toEqual({ state: 'unavailable' })
  expect(said).toHaveLength(1)
})

it('an answer of a form that did not say to whom is given to nobody', () => {
  const directory = folder()
  const old = openDatabase(join(directory, 'requests.db'))
  old.exec(`CREATE TABLE request (who TEXT NOT NULL, key TEXT NOT NULL, print TEXT NOT NULL, at INTEGER NOT NULL, status INTEGER, headers TEXT,
    body TEXT, PRIMARY KEY (who, key)) STRICT, WITHOUT ROWID;
    INSERT INTO request VALUES ('u', 'a', 'p', 1000, 200, '{}', 'x'); PRAGMA user_version = 1;`)
  old.close()
  for (const key of ['b', 'c']) {
    const { port, close } = openRepeats(directory, () => 2000, silent)
    expect(port.begin('u', 'a', 'p')).toEqual({ state: 'done', answer: { status: 200, headers: {}, rights: '', body: 'x' } })
    expect(port.begin('u', key, 'p')).toEqual({ state: 'new' })
    port.finish('u', key, ANSWER)
    expect(port.begin('u', key, 'p')).toEqual({ state: 'done', answer: ANSWER })
    close()
  }
})

it('keeps to its bytes: the oldest answers go first, a key only after them, what is under way never', () => {
  let now = 1000
  const directory = folder()
  const maxBytes = 150_000
  const { port, close } = openRepeats(directory, () => now, silent, maxBytes)
  onTestFinished(close)
  port.begin('u', 'under way', 'p')
  for (let index = 0; index < 30; index++) {
    now++
    expect(port.begin('u', `k${index}`, 'p')).toEqual({ state: 'new' })
    port.finish('u', `k${index}`, { ...ANSWER, body: 'x'.repeat(20_000) })
  }
  // What was done is not done again, though nobody can say what was answered.
  expect(port.begin('u', 'k0', 'p')).toMatchObject({ state: 'done', answer: { status: 200, body: null } })
  expect(port.begin('u', 'k0', 'another')).toEqual({ state: 'other' })
  expect(port.begin('u', 'k29', 'p')).toMatchObject({ state: 'done', answer: { body: expect.stringMatching(/^x{20000}$/) } })
  expect(port.begin('u', 'under way', 'p')).toEqual({ state: 'under-way' })
  expect(statSync(join(directory, 'requests.db')).size).toBeLessThan(2 * maxBytes)
  for (let index = 0; index < 250; index++) {
    now++
    expect(port.begin('u', `small ${index} ${'k'.repeat(200)}`, 'p')).toEqual({ state: 'new' })
    port.finish('u', `small ${index} ${'k'.repeat(200)}`, { ...ANSWER, body: 'y'.repeat(100) })
  }
  expect(port.begin('u', 'k0', 'p')).toEqual({ state: 'new' })
  expect(port.begin('u', `small 249 ${'k'.repeat(200)}`, 'p')).toMatchObject({ state: 'done', answer: { status: 200 } })
  expect(port.begin('u', 'under way', 'p')).toEqual({ state: 'under-way' })
})

it('one answer that is longer than all of them may be leaves its key', () => {
  const { port, close } = openRepeats(folder(), () => 1000, silent, 30_000)
  onTestFinished(close)
  port.begin('u', 'a', 'p')
  port.finish('u', 'a', { ...ANSWER, body: 'x'.repeat(100_000) })
  expect(port.begin('u', 'a', 'p')).toMatchObject({ state: 'done', answer: { status: 200, body: null } })
})
