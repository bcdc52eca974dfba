import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decodeEntry, encodeGone, encodeLetter, letterOf } from '../../src/push/letter.ts'
import { type LetterDraft, type LettersOptions, openLetters } from '../../src/push/letters.ts'
import { scratch } from '../support/processes.ts'
import { failure, MoodyDisk, START } from './support.ts'

const opened = async (path: string, options: Omit<LettersOptions, 'path'> = {}) => {
  const letters = await openLetters({ path, ...options })
  if (!letters.ok) throw new Error(letters.error.message)
  onTestFinished(() => letters.value.close())
  return letters.value
}
const draft = (id: number, other: Partial<LetterDraft> = {}): LetterDraft => {
  const payload = new TextEncoder().encode(`{"message": ${id},`)
  return {
    source: `mqtt ${id % 2}`,
    topic: `meters/${id}`,
    payload,
    bytes: payload.length,
    at: START + id,
    error: failure(),
    retained: id % 3 === 0,
    ...other,
  }
}
const ids = (letters: readonly { readonly id: number }[]) => letters.map(({ id }) => id)

describe('what is kept of a letter', () => {
  it.each([
    ['a short payload whole', 4096, 4096, true],
    ['the first 200 bytes of a longer one', 4097, 200, false],
  ])('%s', (_, length, kept, isWhole) => {
    const payload = Uint8Array.from({ length }, (_, at) => at % 251)
    const letter = letterOf(7, draft(7, { payload, bytes: length }))
    expect(letter).toMatchObject({ bytes: length, isWhole })
    expect(letter.payload).toEqual(payload.slice(0, kept))
  })
  it('a copy of the payload: what a Buffer is a part of is not kept', () => {
    const message = Buffer.alloc(100_000, 7)
    for (const length of [9, 300, 50_000]) {
      const { payload } = letterOf(7, draft(7, { payload: message.subarray(0, length), bytes: length }))
      expect(payload.buffer.byteLength).toBe(payload.length)
    }
  })
  it('a payload that came as its beginning is never whole', () => {
    const letter = letterOf(7, draft(7, { payload: new Uint8Array(300), bytes: 301 }))
    expect(letter).toMatchObject({ bytes: 301, isWhole: false })
    expect(letter.payload.length).toBe(200)
  })
  it('the first 1,000 characters of a topic, and then it cannot be replayed', () => {
    const letter = letterOf(7, draft(7, { topic: `${'t'.repeat(999)}\u{1F50C}${'t'.repeat(60_000)}` }))
    expect(letter.topic).toBe('t'.repeat(999))
    expect(letter.isWhole).toBe(false)
    expect(letterOf(7, draft(7, { topic: 't'.repeat(1000) })).isWhole).toBe(true)
  })
  it('comes back from its record as it was', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 300 }), fc.nat(), (topic, payload, id) => {
        const letter = letterOf(id, draft(id, { topic, payload, bytes: payload.length }))
        expect(decodeEntry(encodeLetter(letter, 5))).toEqual({ letter, last: id, dropped: 5 })
      }),
    ))
  it('and anything else is no record', () =>
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeEntry(Buffer.from(bytes))).toBeNull()
      }),
    ))
  it('a list of what is gone is a record too', () =>
    expect(decodeEntry(encodeGone([3, 5], 9, 1))).toEqual({ gone: [3, 5], last: 9, dropped: 1 }))
})

describe('dead letters', () => {
  it('have rising ids and are listed oldest first, page by page, by source', async () => {
    const letters = await opened(join(scratch(), 'letters'))
    const added = await Promise.all(Array.from({ length: 10 }, (_, id) => letters.add(draft(id))))
    expect(added).toEqual(added.map((_, at) => ({ ok: true, value: at + 1 })))
    expect(ids(letters.list({ after: 0, limit: 4 }))).toEqual([1, 2, 3, 4])
    expect(ids(letters.list({ after: 4, limit: 100 }))).toEqual([5, 6, 7, 8, 9, 10])
    expect(ids(letters.list({ after: 0, limit: 3, source: 'mqtt 1' }))).toEqual([2, 4, 6])
    expect(letters.count()).toBe(10)
  })

  it('are there after a restart, without those that went, and ids go on rising', async () => {
    const path = join(scratch(), 'letters')
    const before = await opened(path)
    for (let id = 0; id < 6; id++) await before.add(draft(id))
    expect(await before.discard([2, 6, 6, 77])).toEqual({ ok: true, value: 2 })
    await before.close()
    const after = await opened(path)
    expect(after.list({ after: 0, limit: 9 })).toEqual([1, 3, 4, 5].map((id) => letterOf(id, draft(id - 1))))
    expect(await after.discard('all')).toEqual({ ok: true, value: 4 })
    await after.close()
    const empty = await opened(path)
    expect(empty.count()).toBe(0)
    expect(await empty.add(draft(0))).toEqual({ ok: true, value: 7 })
  })

  it('keep the newest and count the others', async () => {
    const path = join(scratch(), 'letters')
    const letters = await opened(path, { maxLetters: 5 })
    for (let id = 0; id < 12; id++) await letters.add(draft(id))
    expect(ids(letters.list({ after: 0, limit: 99 }))).toEqual([8, 9, 10, 11, 12])
    expect(letters.dropped).toBe(7)
    await letters.close()
    const again = await opened(path, { maxLetters: 5 })
    expect(ids(again.list({ after: 0, limit: 99 }))).toEqual([8, 9, 10, 11, 12])
    expect(again.dropped).toBe(7)
  })

  it('are bounded in bytes, and what is listed is on the disk', async () => {
    const path = join(scratch(), 'letters')
    const letters = await opened(path, { maxBytes: 20_000 })
    const payload = new Uint8Array(1000)
    for (let id = 0; id < 100; id++) {
      await letters.add(draft(id, { payload, bytes: 1000 }))
      if (id % 7 === 0) await letters.discard([id])
    }
    const kept = ids(letters.list({ after: 0, limit: 999 }))
    expect(kept.length).toBeGreaterThan(10)
    expect(kept.length).toBeLessThanOrEqual(20)
    expect(kept.at(-1)).toBe(100)
    await letters.close()
    const again = await opened(path, { maxBytes: 20_000 })
    expect(ids(again.list({ after: 0, limit: 999 }))).toEqual(kept)
    expect(again.dropped).toBe(letters.dropped)
  })

  it('are taken for a replay once, and stay until it is done', async () => {
    const path = join(scratch(), 'letters')
    const letters = await opened(path)
    for (let id = 0; id < 3; id++) await letters.add(draft(id))
    await letters.add(draft(3, { payload: new Uint8Array(200), bytes: 9000 }))
    const taken = letters.take([1, 2, 4, 99])
    expect(ids(taken.letters)).toEqual([1, 2])
    expect(taken.left).toEqual([
      { id: 4, why: 'cut' },
      { id: 99, why: 'gone' },
    ])
    expect(letters.take([2, 3])).toMatchObject({ letters: [{ id: 3 }], left: [{ id: 2, why: 'busy' }] })
    expect(letters.count()).toBe(4)
    expect(await taken.done([1, 3])).toEqual({ ok: true, value: 1 })
    expect(ids(letters.list({ after: 0, limit: 9 }))).toEqual([2, 3, 4])
    expect(ids(letters.take([2]).letters)).toEqual([2])
    await letters.close()
    expect((await opened(path)).count()).toBe(3)
  })

  it('can be taken again when a replay ends without a word', async () => {
    const letters = await opened(join(scratch(), 'letters'))
    for (let id = 0; id < 3; id++) await letters.add(draft(id))
    const first = letters.take([1, 2])
    first.release()
    const second = letters.take([1, 2, 3])
    expect(ids(second.letters)).toEqual([1, 2, 3])
    // What has ended takes nothing away from whoever came after it.
    first.release()
    expect(await first.done([1])).toEqual({ ok: true, value: 0 })
    expect(letters.take([1, 2]).left).toMatchObject([{ why: 'busy' }, { why: 'busy' }])
    expect(await second.done([1])).toEqual({ ok: true, value: 1 })
    const third = letters.take([2, 3])
    second.release()
    expect(ids(third.letters)).toEqual([2, 3])
    expect(letters.take([3]).left).toEqual([{ id: 3, why: 'busy' }])
  })

  it('are not promised while the disk refuses, and not listed either', async () => {
    const disk = new MoodyDisk()
    const letters = await opened(join(scratch(), 'letters'), { openFile: disk.open })
    await letters.add(draft(0))
    disk.refuses = 'writes'
    expect(await letters.add(draft(1))).toMatchObject({ ok: false, error: { code: 'PUSH_DISK' } })
    expect(await letters.discard('all')).toMatchObject({ ok: false, error: { code: 'PUSH_DISK' } })
    expect(letters.count()).toBe(1)
    disk.refuses = 'nothing'
    expect((await letters.add(draft(2))).ok).toBe(true)
    expect(letters.list({ after: 0, limit: 9 }).map(({ topic }) => topic)).toEqual(['meters/0', 'meters/2'])
  })

  it('survive a damaged file: the letter that was hit is gone, the others are not', async () => {
    const path = join(scratch(), 'letters')
    const letters = await opened(path)
    for (let id = 0; id < 9; id++) await letters.add(draft(id))
    await letters.close()
    const file = readFileSync(path)
    file[file.indexOf('meters/3')]! ^= 1
    writeFileSync(path, file)
    const again = await opened(path)
    expect(ids(again.list({ after: 0, limit: 99 }))).toEqual([1, 2, 3, 5, 6, 7, 8, 9])
    expect(again.found.damagedBytes).toBeGreaterThan(200)
    await again.close()
    writeFileSync(path, file.fill(0, 0, 16))
    const anew = await opened(path)
    expect(anew.count()).toBe(0)
    expect(anew.found.setAside).toEqual([`${path}.damaged`])
    expect((await anew.add(draft(0))).ok).toBe(true)
  })
})
