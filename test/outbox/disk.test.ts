import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { close, directory, drain, MoodySink, type Opened, openHere, readings } from './support.ts'

const mounts: string[] = []
afterAll(() => {
  for (const path of mounts) execFileSync('umount', ['-l', path])
})

/** A small disk of our own, or why there is none. */
const smallDisk = (megabytes: number): string | null => {
  const path = directory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return null
  }
  mounts.push(path)
  return path
}

const fill = async ({ outbox, hands }: Opened, from: number): Promise<number> => {
  for (let id = from; ; id += 500) {
    const put = outbox.put(readings(id, 500))
    await hands.pass(10)
    const result = await put
    if (!result.ok) {
      expect(result.error).toMatchObject({ code: 'OUTBOX_DISK', recovery: 'wait' })
      return id
    }
  }
}

describe('a disk that fills up', () => {
  it('stops taking at the reserve, keeps what it took, and goes on by itself', async ({ skip }) => {
    const disk = smallDisk(24)
    if (!disk) return skip('mounting a tmpfs needs root')
    const sink = new MoodySink('store', 5000)
    sink.mood = 'later'
    const opened = await openHere(join(disk, 'outbox'), [sink], { reserveBytes: 8 << 20 })
    const taken = await fill(opened, 0)
    expect(taken).toBeGreaterThan(10_000)
    expect(opened.outbox.state()).toMatchObject({ ready: false, depth: taken, reason: { code: 'OUTBOX_DISK' } })
    // The rest of the disk is still there for everybody else.
    writeFileSync(join(disk, 'log'), new Uint8Array(5 << 20))
    rmSync(join(disk, 'log'))
    sink.mood = 'ok'
    await drain(opened)
    await opened.hands.pass(10_000)
    expect(opened.outbox.state()).toMatchObject({ ready: true, depth: 0 })
    expect(sink.taken.length).toBe(taken)
    const put = opened.outbox.put(readings(taken, 500))
    await opened.hands.pass(10)
    expect((await put).ok).toBe(true)
    await close(opened)
  })

  it('even without a reserve loses nothing it acknowledged, and promises nothing it cannot keep', async ({ skip }) => {
    const disk = smallDisk(8)
    if (!disk) return skip('mounting a tmpfs needs root')
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, new Uint8Array(2 << 20))
    const away = new MoodySink('store', 5000)
    away.mood = 'later'
    const opened = await openHere(join(disk, 'outbox'), [away])
    const taken = await fill(opened, 0)
    expect(taken).toBeGreaterThan(1000)
    expect(opened.outbox.state().ready).toBe(false)
    rmSync(ballast)
    await opened.hands.pass(10_000)
    expect(opened.outbox.state().ready).toBe(true)
    const more = opened.outbox.put(readings(taken, 500))
    await opened.hands.pass(10)
    expect((await more).ok).toBe(true)
    away.mood = 'ok'
    await drain(opened)
    expect([...new Set(away.taken)].sort((a, b) => a - b)).toEqual(Array.from({ length: taken + 500 }, (_, id) => id))
    expect(opened.outbox.state()).toMatchObject({ damaged: 0, depth: 0 })
    await close(opened)
  })
})
