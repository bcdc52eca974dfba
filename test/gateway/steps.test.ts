import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Steps, type StepsOptions } from '../../src/gateway/steps.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const made = (step: StepsOptions['step'], more: Partial<StepsOptions> = {}) => {
  const failed: unknown[] = []
  return {
    failed,
    steps: new Steps({ step, idleMs: 100, retryMs: 1000, pauseMs: () => 10, failed: (thrown) => failed.push(thrown), ...more }),
  }
}

it('goes on at once while there is more, then looks once in a while, and not after its end', async () => {
  const at: number[] = []
  const began = Date.now()
  const { steps } = made(() => Promise.resolve(at.push(Date.now() - began) < 3))
  steps.start(5)
  await vi.advanceTimersByTimeAsync(250)
  expect(at).toEqual([5, 15, 25, 125, 225])
  await steps.stop()
  await vi.advanceTimersByTimeAsync(1000)
  expect([at.length, await steps.alone()]).toEqual([5, false])
})

it('runs one step at a time, whoever asks', async () => {
  let running = 0
  let most = 0
  let left = 4
  const { steps } = made(async () => {
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
    return --left > 0
  })
  await Promise.all([steps.settle(), steps.alone(), steps.alone()])
  expect([most, left <= 0]).toEqual([1, true])
})

it('tells what was thrown, and tries again later', async () => {
  let calls = 0
  const { steps, failed } = made(() => (++calls === 1 ? Promise.reject(new Error('disk full')) : Promise.resolve(false)))
  steps.start(1)
  await vi.advanceTimersByTimeAsync(900)
  expect([calls, failed]).toEqual([1, [new Error('disk full')]])
  await vi.advanceTimersByTimeAsync(200)
  expect(calls).toBe(2)
  await steps.stop()
})

it('looks soon when asked, also during a look, and never twice over', async () => {
  let calls = 0
  const { steps } = made(() => {
    calls++
    if (calls === 1) steps.soon()
    return Promise.resolve(false)
  })
  steps.soon()
  await vi.advanceTimersByTimeAsync(50)
  expect(calls).toBe(0)
  steps.start(1)
  await vi.advanceTimersByTimeAsync(5)
  expect(calls).toBe(2)
  steps.soon()
  await vi.advanceTimersByTimeAsync(5)
  expect(calls).toBe(3)
  // One chain of looks: one each 100 ms.
  await vi.advanceTimersByTimeAsync(1000)
  expect(calls).toBeLessThanOrEqual(13)
  await steps.stop()
})
