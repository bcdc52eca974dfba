import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { expect, it, onTestFinished, vi } from 'vitest'
import { AnsweringThread, answerQuestions, type ThreadOptions } from '../../src/core/thread.ts'
import { workerUrl } from '../../src/core/worker.ts'

interface Calls {
  add: { request: number; answer: number }
  first: { request: null; answer: number }
  bytes: { request: object; answer: number }
  fail: { request: string; answer: never }
  say: { request: string; answer: null }
  hang: { request: number; answer: null }
  die: { request: null; answer: null }
  close: { request: null; answer: null }
}
interface Failure {
  readonly code: string
  readonly message: string
}

const failed = (code: string) => (message: string) => ({ ok: false, error: { code, message } }) as const

const open = (options: Partial<ThreadOptions<Failure>> = {}) => {
  const directory = mkdtempSync(join(tmpdir(), 'thread-'))
  const state = { started: 0, first: 0, said: [] as Failure[] }
  const refusesWhile = join(directory, 'refuses')
  const module = workerUrl(new URL('../../src/core/thread.ts', import.meta.url).href, 'thread').href
  const thread = new AnsweringThread<Calls, Failure>({
    name: 'the adder',
    start: () => {
      state.started++
      const workerData = { module, directory, refusesWhile, first: state.first }
      return new Worker(new URL('./thread-worker.mjs', import.meta.url), { workerData })
    },
    failures: { slow: failed('SLOW'), ended: failed('ENDED') },
    log: (error) => state.said.push(error),
    ...options,
  })
  onTestFinished(async () => {
    await thread.close()
    rmSync(directory, { recursive: true })
  })
  return { thread, state, refusesWhile, isOpen: () => existsSync(join(directory, 'lock')) }
}

it('is started by the first question, and answers one after the other', async () => {
  const { thread, state, isOpen } = open()
  expect(state.started).toBe(0)
  const answers = await Promise.all([thread.ask('add', 1), thread.ask('add', 2), thread.ask('add', 3)])
  expect(answers).toEqual([1, 3, 6].map((value) => ({ ok: true, value })))
  expect(state.started).toBe(1)
  expect(isOpen()).toBe(true)
})

it('gives what was thrown as a value, and goes on', async () => {
  const { thread, state } = open()
  expect(await thread.ask('fail', 'no such page')).toEqual({ ok: false, error: { code: 'FILE', message: 'no such page' } })
  expect(await thread.ask('add', 1)).toEqual({ ok: true, value: 1 })
  expect(state).toMatchObject({ started: 1, said: [] })
})

it('hands buffers over; what cannot be sent is a failure of that question only', async () => {
  const { thread } = open()
  const bytes = new Uint8Array(10)
  expect(await thread.ask('bytes', bytes, { transfer: [bytes.buffer] })).toEqual({ ok: true, value: 10 })
  expect(bytes.byteLength).toBe(0)
  expect(await thread.ask('bytes', { byteLength: () => 10 })).toMatchObject({ ok: false, error: { code: 'ENDED' } })
  expect(await thread.ask('add', 1)).toEqual({ ok: true, value: 1 })
})

it('passes on what the thread says besides', async () => {
  const { thread, state } = open()
  await thread.ask('say', 'a page was damaged')
  expect(state.said).toEqual([{ code: 'SAID', message: 'a page was damaged' }])
})

it('answers a question that takes too long with that, and later ones as ever', async () => {
  const { thread } = open()
  expect(await thread.ask('hang', 300, { deadlineMs: 1 })).toEqual({
    ok: false,
    error: { code: 'SLOW', message: 'the adder: hang took longer than 0.001 s' },
  })
  expect(await thread.ask('add', 1)).toEqual({ ok: true, value: 1 })
})

it('goes by the deadline of the thread where a question has none', async () => {
  const { thread } = open({ deadlineMs: 1 })
  expect(await thread.ask('hang', 300)).toMatchObject({ ok: false, error: { code: 'SLOW' } })
})

it('tells everyone who waits that the thread died, and starts another one with the next question', async () => {
  const { thread, state } = open()
  const [added, died, lost] = await Promise.all([thread.ask('add', 1), thread.ask('die', null), thread.ask('add', 1)])
  expect(added).toEqual({ ok: true, value: 1 })
  const ended = { code: 'ENDED', message: 'the adder ended: exit code 3' }
  expect([died, lost]).toEqual([ended, ended].map((error) => ({ ok: false, error })))
  expect(state.said).toEqual([ended])
  expect(await thread.ask('add', 5)).toEqual({ ok: true, value: 5 })
  expect(state.started).toBe(2)
})

it('tells why it could not begin, and tries again', async () => {
  const { thread, refusesWhile } = open()
  writeFileSync(refusesWhile, '')
  const refused = { ok: false, error: { code: 'FILE', message: 'the disk is full' } }
  expect(await Promise.all([thread.ask('add', 1), thread.ask('add', 1)])).toEqual([refused, refused])
  expect(await thread.ask('add', 1)).toEqual(refused)
  rmSync(refusesWhile)
  expect(await thread.ask('add', 1)).toEqual({ ok: true, value: 1 })
})

it('tells that it cannot be started at all', async () => {
  const { thread } = open({
    start: () => {
      throw new Error('worker.js is missing')
    },
  })
  const error = { code: 'ENDED', message: 'the adder cannot be asked for add: worker.js is missing' }
  expect(await thread.ask('add', 1)).toEqual({ ok: false, error })
})

it('answers what was asked before it closes, and nothing after', async () => {
  const { thread, state, isOpen } = open()
  const before = [thread.ask('hang', 20), thread.ask('add', 1)]
  const closing = thread.close()
  expect(await thread.ask('add', 1)).toEqual({ ok: false, error: { code: 'ENDED', message: 'the adder is closed' } })
  expect(await Promise.all(before)).toEqual([null, 1].map((value) => ({ ok: true, value })))
  await Promise.all([closing, thread.close()])
  expect(isOpen()).toBe(false)
  expect(state).toMatchObject({ started: 1, said: [] })
})

it('closes without a thread where nobody ever asked, and where it could not begin', async () => {
  const { thread, state } = open()
  await thread.close()
  expect(state.started).toBe(0)
  const other = open()
  writeFileSync(other.refusesWhile, '')
  await other.thread.ask('add', 1)
  await other.thread.close()
  expect(other.state).toMatchObject({ started: 1, said: [] })
})

it('stops at once when it is told to: who waits is told', async () => {
  const { thread, state } = open()
  await thread.ask('first', null)
  const waiting = thread.ask('hang', 3_600_000)
  await thread.stop()
  expect(await waiting).toEqual({ ok: false, error: { code: 'ENDED', message: 'the adder is closed' } })
  expect(state.said).toEqual([])
})

it('starts anew with what is known by then: the old one answers what it was asked, and is gone before the new one opens', async () => {
  const { thread, state } = open()
  const before = [thread.ask('hang', 20), thread.ask('first', null)]
  state.first = 100
  thread.restart()
  // The lock of the old one would refuse this.
  const after = [thread.ask('first', null), thread.ask('add', 1)]
  expect(await Promise.all(before)).toEqual([null, 0].map((value) => ({ ok: true, value })))
  expect(await Promise.all(after)).toEqual([100, 101].map((value) => ({ ok: true, value })))
  expect(state).toMatchObject({ started: 2, said: [] })
})

it('closes while a thread ends for which others wait: they are answered first', async () => {
  const { thread, isOpen } = open()
  await thread.ask('add', 1)
  thread.restart()
  const waiting = thread.ask('add', 7)
  await thread.close()
  expect(await waiting).toEqual({ ok: true, value: 7 })
  expect(isOpen()).toBe(false)
})

it('gives back the memory of a thread that nobody asks', async () => {
  const { thread, state, isOpen } = open({ idleMs: 1 })
  expect(await thread.ask('add', 1)).toEqual({ ok: true, value: 1 })
  await vi.waitFor(() => expect(isOpen()).toBe(false), { timeout: 60_000 })
  expect(await thread.ask('add', 1)).toEqual({ ok: true, value: 1 })
  expect(state).toMatchObject({ said: [] })
})

it('answers a kind that nobody knows with a failure', async () => {
  const { port1: ours, port2: theirs } = new MessageChannel()
  onTestFinished(() => ours.close())
  answerQuestions(
    theirs,
    (thrown) => ({ message: String(thrown) }),
    () => ({ known: () => 1 }),
  )
  const posted: unknown[] = []
  ours.on('message', (message) => posted.push(message))
  ours.postMessage({ id: 1, kind: 'unknown', request: null })
  ours.postMessage({ id: 2, kind: 'known', request: null })
  await vi.waitFor(() => expect(posted).toHaveLength(2), { timeout: 60_000 })
  expect(posted).toEqual([
    { id: 1, answer: { ok: false, error: { message: 'Error: nobody answers unknown' } }, isEnding: false },
    { id: 2, answer: { ok: true, value: 1 }, isEnding: false },
  ])
})
