import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openArrivals } from '../../src/push/arrivals.ts'
import { openLetters } from '../../src/push/letters.ts'
import { scratch } from '../support/processes.ts'
import { START } from './support.ts'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))
const MAX_BYTES = 200_000

/** Lets the child work until it has acknowledged so much, then kills it. @returns what it acknowledged, line by line */
const workUntilDead = async (mode: 'arrivals' | 'letters', path: string, first: number, enough: number): Promise<string[]> => {
  const child = spawn(process.execPath, [CHILD, mode, path, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = new Promise<NodeJS.Signals | null>((done) => child.once('close', (_, signal) => done(signal)))
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'ready') lines.push(line)
    if (lines.length >= enough) child.kill('SIGKILL')
  }
  expect(await gone).toBe('SIGKILL')
  return lines
}
const rounds = Array.from({ length: 8 }, (_, round) => 30 + ((round * 7919) % 400))

describe('kill -9 at random moments', () => {
  it('every instant that was given is given again', async () => {
    const path = join(scratch(), 'arrivals')
    const given: number[] = []
    for (const enough of rounds) {
      const lines = await workUntilDead('arrivals', path, 1_000_000 * rounds.indexOf(enough), enough)
      for (const line of lines) given.push(Number(line))
    }
    expect(given.length).toBeGreaterThan(1000)
    const arrivals = await openArrivals({ path, maxBytes: MAX_BYTES })
    if (!arrivals.ok) throw new Error(arrivals.error.message)
    expect(arrivals.value.found.damagedBytes).toBe(0)
    const wrong: number[] = []
    // Two generations of the file hold the last ten thousand and more; nobody asks for what is older.
    for (const id of given.slice(-5000)) {
      const payload = new TextEncoder().encode(`{"message": ${id}`)
      const instant = await arrivals.value.assign(`mqtt ${id}`, 'power', payload, START - 1, true)
      if (!instant.ok || instant.value !== START + id) wrong.push(id)
    }
    await arrivals.value.close()
    expect(wrong).toEqual([])
  })

  it('every letter that was promised is there, and none that went', async () => {
    const path = join(scratch(), 'letters')
    const promised = new Map<number, number>()
    const gone = new Set<number>()
    let highest = 0
    for (const enough of rounds) {
      const before = highest
      for (const line of await workUntilDead('letters', path, 1_000_000 * rounds.indexOf(enough), enough)) {
        const [id, word] = line.split(' ')
        if (word === 'gone') gone.add(Number(id))
        else promised.set(Number(id), Number(word))
        if (word !== 'gone') {
          expect(Number(word)).toBeGreaterThan(before)
          highest = Math.max(highest, Number(word))
        }
      }
    }
    expect(promised.size).toBeGreaterThan(1000)
    const opened = await openLetters({ path, maxBytes: MAX_BYTES })
    if (!opened.ok) throw new Error(opened.error.message)
    const letters = opened.value
    expect(letters.found.damagedBytes).toBe(0)
    const there = new Map(letters.list({ after: 0, limit: 1e6 }).map(({ id, topic, at }) => [id, { topic, at }]))
    const oldest = Math.min(...there.keys())
    // Older ones have made room; what is kept is whole.
    expect(letters.dropped).toBeGreaterThan(0)
    expect(there.size).toBeGreaterThan(400)
    for (const [id, letter] of promised) {
      if (letter < oldest || id % 10 === 0) continue
      expect(there.get(letter)).toEqual({ topic: `meters/${id}`, at: id })
    }
    for (const id of gone) expect(there.has(promised.get(id)!)).toBe(false)
    await letters.close()
  })
})
