import { expect, it } from 'vitest'
import { giveBackMemory } from '../../src/cli/memory.ts'

it('gives back what nothing needs any more', async () => {
  let garbage: unknown[] = Array.from({ length: 300_000 }, (_, at) => ({ at, text: `entry ${at}` }))
  const before = process.memoryUsage().heapUsed
  expect(garbage.length).toBe(300_000)
  garbage = []
  await giveBackMemory()
  expect(before - process.memoryUsage().heapUsed).toBeGreaterThan(20e6)
})
