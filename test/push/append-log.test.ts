import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { lossOf, type OpenFile, openAppendLog } from '../../src/push/append-log.ts'
import { encodeRecord, FILE_HEAD, fileHead, RECORD_LIMIT, scanRecords } from '../../src/push/records.ts'
import { scratch } from '../support/processes.ts'
import { MoodyDisk } from './support.ts'

const opened = async (path: string, options: { maxBytes?: number; openFile?: OpenFile } = {}) => {
  const records: string[] = []
  const log = await openAppendLog({ path, maxBytes: 1e9, replay: (record) => void records.push(String(record)), ...options })
  if (!log.ok) throw new Error(log.error.message)
  onTestFinished(() => log.value.close())
  return { log: log.value, records }
}
const text = (word: string) => new TextEncoder().encode(word)
const words = (from: number, count: number) => Array.from({ length: count }, (_, at) => `word ${from + at}`)

describe('records', () => {
  const salt = 0xdeadbeef
  const fileOf = (records: readonly Uint8Array[]) => Buffer.concat([fileHead(salt), ...records.map((one) => encodeRecord(one, salt))])
  const read = (file: Buffer) => {
    const taken: string[] = []
    const scan = scanRecords(file, salt, (bytes) => void taken.push(bytes.toString('hex')))
    return { taken, scan }
  }
  const someRecords = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 12 })
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

  it('gives back what was written', () =>
    fc.assert(
      fc.property(someRecords, (records) => {
        const file = fileOf(records)
        expect(read(file)).toEqual({ taken: records.map(hex), scan: { end: file.length, records: records.length, damaged: 0 } })
      }),
    ))

  it('gives exactly the whole records of a file cut anywhere', () =>
    fc.assert(
      fc.property(someRecords, fc.nat(), (records, where) => {
        const whole = fileOf(records)
        const file = whole.subarray(0, FILE_HEAD + (where % (whole.length - FILE_HEAD)))
        const ends = records.map((_, at) => fileOf(records.slice(0, at + 1)).length)
        const expected = records.filter((_, at) => ends[at]! <= file.length)
        expect(read(file).taken).toEqual(expected.map(hex))
        expect(read(file).scan.end).toBe(fileOf(expected).length)
      }),
    ))

  it('loses to a flipped bit the record it sits in and no other', () =>
    fc.assert(
      fc.property(someRecords, fc.nat(), (records, where) => {
        const file = fileOf(records)
        const bit = FILE_HEAD * 8 + (where % ((file.length - FILE_HEAD) * 8))
        file[bit >> 3]! ^= 1 << (bit & 7)
        const hit = records.findIndex((_, at) => bit >> 3 < fileOf(records.slice(0, at + 1)).length)
        expect(read(file).taken).toEqual(records.toSpliced(hit, 1).map(hex))
      }),
    ))

  it('takes nothing inside a damaged record for one that a stranger put there', () => {
    const forged = encodeRecord(text('forged'), 0)
    const file = fileOf([forged, text('after')])
    file[FILE_HEAD + 5]! ^= 1
    expect(read(file).taken).toEqual([hex(text('after'))])
  })
})

describe('an append log', () => {
  it('has everything after it was opened again, in order', async () => {
    const path = join(scratch(), 'log')
    const { log } = await opened(path)
    const all = words(0, 100)
    expect((await Promise.all(all.map((word) => log.append(text(word))))).every(({ ok }) => ok)).toBe(true)
    await log.close()
    const again = await opened(path)
    expect(again.records).toEqual(all)
    expect(again.log.found).toEqual({ records: 100, cutBytes: 0, damagedBytes: 0, setAside: [] })
    expect(lossOf(path, again.log.found)).toBeNull()
    await again.log.close()
    expect(await again.log.append(text('late'))).toMatchObject({ ok: false, error: { code: 'PUSH_CLOSED' } })
  })

  it('resolves after the sync, and syncs once for all that came meanwhile', async () => {
    const disk = new MoodyDisk()
    const { log } = await opened(join(scratch(), 'log'), { openFile: disk.open })
    let release = () => {}
    disk.held = new Promise((resolve) => {
      release = resolve
    })
    const before = disk.syncs
    let done = 0
    const first = log.append(text('first')).then(() => done++)
    await expect.poll(() => disk.syncs).toBe(before + 1)
    const others = words(0, 500).map((word) => log.append(text(word)).then(() => done++))
    expect(done).toBe(0)
    release()
    await Promise.all([first, ...others])
    expect(disk.syncs).toBe(before + 2)
    await log.close()
  })

  it('cuts off a torn tail, counts it and writes on', async () => {
    const path = join(scratch(), 'log')
    const { log } = await opened(path)
    await log.append(text('one'))
    await log.append(text('two'))
    await log.close()
    writeFileSync(path, readFileSync(path).subarray(0, -2))
    const torn = await opened(path)
    expect(torn.records).toEqual(['one'])
    expect(torn.log.found).toMatchObject({ records: 1, cutBytes: 17, damagedBytes: 0 })
    await torn.log.append(text('three'))
    await torn.log.close()
    const after = await opened(path)
    expect(after.records).toEqual(['one', 'three'])
    expect(after.log.found.cutBytes).toBe(0)
    await after.log.close()
  })

  it('never throws at what it finds, and keeps what comes afterwards', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(200), fc.option(fc.nat(), { nil: null }), async (length, flip) => {
        const path = join(scratch(), 'log')
        const { log } = await opened(path)
        await Promise.all(words(0, 5).map((word) => log.append(text(word))))
        await log.close()
        const file = readFileSync(path).subarray(0, length)
        if (flip !== null && file.length > 0) file[flip % file.length]! ^= 0x10
        writeFileSync(path, file)
        const broken = await opened(path)
        expect(broken.records).toEqual(words(0, 5).filter((word) => broken.records.includes(word)))
        if (flip === null) expect(broken.records).toEqual(words(0, Math.min(5, Math.max(0, Math.floor((length - FILE_HEAD) / 22)))))
        expect(await broken.log.append(text('after'))).toEqual({ ok: true, value: undefined })
        await broken.log.close()
        const again = await opened(path)
        expect(again.records).toEqual([...broken.records, 'after'])
        await again.log.close()
      }),
      { numRuns: 60 },
    ))

  it('sets aside a file that is none of ours', async () => {
    const path = join(scratch(), 'log')
    writeFileSync(path, 'somebody else wrote this, and it is longer than a head')
    const { log, records } = await opened(path)
    expect(records).toEqual([])
    expect(log.found.setAside).toEqual([`${path}.damaged`])
    expect(lossOf(path, log.found)).toMatchObject({ code: 'PUSH_DAMAGED', message: expect.stringContaining(`${path}.damaged`) })
    expect((await log.append(text('mine'))).ok).toBe(true)
    await log.close()
    expect(readFileSync(`${path}.damaged`, 'utf8')).toContain('somebody else')
    expect((await opened(path)).records).toEqual(['mine'])
  })

  it('keeps two generations', async () => {
    const path = join(scratch(), 'log')
    const { log } = await opened(path, { maxBytes: 1000 })
    for (const word of words(0, 200)) await log.append(text(word))
    await log.close()
    const { records, log: again } = await opened(path, { maxBytes: 1000 })
    expect(records).toEqual(words(200 - records.length, records.length))
    expect(records.length).toBeGreaterThan(1000 / 26)
    expect(records.length).toBeLessThan((2 * 1100) / 20)
    await again.close()
  })

  it('goes on when the process died between the two steps of a turn', async () => {
    const path = join(scratch(), 'log')
    const { log } = await opened(path, { maxBytes: 100 })
    for (const word of words(0, 12)) await log.append(text(word))
    await log.close()
    rmSync(path)
    const { records, log: again } = await opened(path, { maxBytes: 100 })
    expect(records.length).toBeGreaterThan(2)
    expect((await again.append(text('more'))).ok).toBe(true)
    await again.close()
    expect((await opened(path)).records).toEqual([...records, 'more'])
  })

  it.each(['writes', 'syncs'] as const)('answers an error while the disk refuses %s, and goes on by itself', async (what) => {
    const path = join(scratch(), 'log')
    const disk = new MoodyDisk()
    const { log } = await opened(path, { openFile: disk.open })
    await log.append(text('before'))
    disk.refuses = what
    expect(await log.append(text('a word that is lost'))).toMatchObject({ ok: false, error: { code: 'PUSH_DISK', recovery: 'wait' } })
    disk.refuses = 'everything'
    expect((await log.append(text('lost'))).ok).toBe(false)
    disk.refuses = 'nothing'
    expect(await log.append(text('after'))).toEqual({ ok: true, value: undefined })
    await log.close()
    const again = await opened(path)
    expect(again.records).toEqual(['before', 'after'])
    expect(again.log.found).toMatchObject({ cutBytes: 0, damagedBytes: 0 })
    await again.log.close()
  })

  it('answers an error on a full disk, and goes on when there is room', async ({ skip }) => {
    const at = scratch()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', at], { stdio: 'pipe' })
    } catch {
      return skip('mounting a tmpfs needs root')
    }
    onTestFinished(() => void execFileSync('umount', ['-l', at]))
    const path = join(at, 'log')
    const { log } = await opened(path)
    writeFileSync(join(at, 'ballast'), new Uint8Array(128 << 10))
    const record = new Uint8Array(10_000).fill(65)
    let taken = 0
    while ((await log.append(record)).ok) taken++
    expect(taken).toBeGreaterThan(3)
    rmSync(join(at, 'ballast'))
    expect((await log.append(record)).ok).toBe(true)
    await log.close()
    expect((await opened(path)).records.length).toBe(taken + 1)
  })

  it('refuses a record beyond a megabyte, and more waiting than memory should hold', async () => {
    const disk = new MoodyDisk()
    const { log } = await opened(join(scratch(), 'log'), { openFile: disk.open })
    expect(await log.append(new Uint8Array(RECORD_LIMIT + 1))).toMatchObject({ ok: false, error: { code: 'PUSH_TOO_LARGE' } })
    let release = () => {}
    disk.held = new Promise((resolve) => {
      release = resolve
    })
    const large = new Uint8Array(RECORD_LIMIT)
    const answers = Array.from({ length: 40 }, () => log.append(large))
    expect(await answers.at(-1)).toMatchObject({ ok: false, error: { code: 'PUSH_BUSY', recovery: 'wait' } })
    release()
    expect((await answers[0]!).ok).toBe(true)
    await log.close()
  })

  it('says at once that a directory cannot be used', async () => {
    const at = scratch()
    writeFileSync(join(at, 'file'), '')
    const log = await openAppendLog({ path: join(at, 'file', 'log'), maxBytes: 1, replay: () => {} })
    expect(log).toMatchObject({ ok: false, error: { code: 'PUSH_DISK', message: expect.stringContaining(join(at, 'file', 'log')) } })
    expect(existsSync(join(at, 'file', 'log'))).toBe(false)
  })
})
