import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openRepeats } from '../../src/gateway/repeats.ts'

const DAY_MS = 86_400_000
const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-repeats-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
const silent = () => undefined
const ANSWER = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"replayed":2}' }

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
