import { spawn } from 'node:child_process'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { DamagedPage, digestOf, type EvidenceDraft, EvidenceFile, evidenceKey, MOST_KEPT } from '../../src/evidence/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { scratch } from '../support/processes.ts'

const DAY = 86_400_000
const T = Date.UTC(2026, 10, 20, 16)
const SETTINGS = { windowMs: 3_600_000, keepDays: 30, maxBytes: 1 << 30 }

const frames = (meter: string, measuredAt = T, text = meter): EvidenceDraft => ({
  ...{ kind: 'frame', channel: 'l1', protocol: 'dlt645-2007', about: 'day-freeze 1', by: 'task day', receivedAt: T + 5000 },
  selection: { kind: 'day-freeze', nth: 1 },
  parts: [
    { at: T + 4000, direction: 'tx', bytes: Uint8Array.of(0x68, 1, 2) },
    { at: T + 5000, direction: 'rx', bytes: Buffer.from(`answer of ${text}`) },
  ],
  of: [{ meter, measuredAt, source: 'day-freeze' }],
})

const open = (directory = scratch(), settings = SETTINGS, now = () => T) => {
  const file = new EvidenceFile(directory, settings, now)
  onTestFinished(() => {
    try {
      file.close()
    } catch {
      // The test has closed it.
    }
  })
  return { file, directory }
}

it('gives back every byte with its hash, and of readings that nothing is kept of it says nothing', () => {
  const { file } = open()
  file.add([frames('M1'), { ...frames('M2'), of: ['M2', 'M3'].map((meter) => ({ meter, measuredAt: T, source: 'day-freeze' as const })) }])
  const keys = ['M1', 'M2', 'M3', 'M4'].map((meter) => ({ meter, measuredAt: T, source: 'day-freeze' as const }))
  const refs = file.refs(keys)
  expect([...refs.keys()]).toEqual(keys.slice(0, 3).map(evidenceKey))
  const first = refs.get(evidenceKey(keys[0]!))
  const item = file.item(first?.id ?? '')
  expect(item).toMatchObject({ meter: 'M1', measuredAt: T, source: 'day-freeze', by: 'task day', channel: 'l1', kind: 'frame' })
  expect(item?.parts.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))).toEqual(['h\u0001\u0002', 'answer of M1'])
  expect(first?.sha256).toBe(Buffer.from(digestOf([Buffer.from('h\u0001\u0002answer of M1')])).toString('hex'))
  expect(refs.get(evidenceKey(keys[1]!))?.id).toBe(refs.get(evidenceKey(keys[2]!))?.id)
  expect(file.keysOf(refs.get(evidenceKey(keys[1]!))?.id ?? '', 10).map(({ meter }) => meter)).toEqual(['M2', 'M3'])
  expect([file.item('77'), file.item('0'), file.item('x'), file.item("1' OR 1")]).toEqual([null, null, null, null])
  expect(file.check()).toEqual([])
})

it('keeps what was read again beside what was read before, the newest first', () => {
  const { file } = open()
  file.add([frames('M1', T, 'first')])
  file.add([frames('M1', T, 'second')])
  const all = file.of({ meter: 'M1', measuredAt: T, source: 'day-freeze' })
  expect(all.map(({ id }) => Buffer.from(file.item(id)?.parts[1]?.bytes ?? []).toString())).toEqual(['answer of second', 'answer of first'])
  expect(file.of({ meter: 'M1', measuredAt: T, source: 'live' })).toEqual([])
})

it('of a payload that is too long it keeps the beginning, and the hash of all of it', () => {
  const { file } = open()
  const payload = Buffer.alloc(MOST_KEPT + 5, 'x')
  file.add([{ ...frames('M1'), kind: 'message', protocol: 'mqtt', parts: [{ at: T, direction: 'rx', bytes: payload }] }])
  const [ref] = file.of({ meter: 'M1', measuredAt: T, source: 'day-freeze' })
  const item = file.item(ref?.id ?? '')
  expect([item?.wholeSize, item?.parts[0]?.bytes.length]).toEqual([MOST_KEPT + 5, MOST_KEPT])
  expect(ref?.sha256).toBe(Buffer.from(digestOf([payload])).toString('hex'))
})

it('takes away what is too old, and of a file that is too large the oldest, and says so', () => {
  let now = T
  const { file } = open(scratch(), { ...SETTINGS, maxBytes: 400_000 }, () => now)
  file.add([frames('old')])
  now = T + 31 * DAY
  file.add([frames('new', now)])
  expect(file.tidy(now)).toBe(1)
  expect(file.of({ meter: 'old', measuredAt: T, source: 'day-freeze' })).toEqual([])
  expect(file.of({ meter: 'new', measuredAt: now, source: 'day-freeze' })).toHaveLength(1)
  expect(file.state()).toMatchObject({ records: 1, oldestAt: now, isShort: false })
  const noise = (at: number) => Buffer.from(Array.from({ length: 4000 }, (_, n) => (n * (at + 7) * 2_654_435_761) % 251).map(Number))
  for (let at = 0; at < 200; at++)
    file.add([{ ...frames(`N${at}`, now), parts: [{ at: now, direction: 'rx', bytes: Buffer.concat([noise(at), noise(at * 31 + 5)]) }] }])
  for (let gone = 1; gone > 0; ) gone = file.tidy(now)
  expect(file.state().bytes).toBeLessThan(400_000)
  expect(file.state().isShort).toBe(true)
  expect(file.of({ meter: 'N199', measuredAt: now, source: 'day-freeze' })).toHaveLength(1)
  expect(file.of({ meter: 'new', measuredAt: now, source: 'day-freeze' })).toEqual([])
})

it('puts a damaged file beside and goes on with a new one', () => {
  const { file, directory } = open()
  file.add([frames('M1')])
  file.close()
  for (const end of ['-wal', '-shm']) rmSync(join(directory, `evidence.db${end}`), { force: true })
  writeFileSync(join(directory, 'evidence.db'), Buffer.alloc(8192, 0x55))
  const { file: again } = open(directory)
  expect(again.state().setAside).toHaveLength(1)
  expect(readdirSync(directory).filter((name) => name.startsWith('evidence-damaged-'))).not.toEqual([])
  again.add([frames('M2')])
  expect(again.of({ meter: 'M2', measuredAt: T, source: 'day-freeze' })).toHaveLength(1)
})

it('a byte that was changed behind its back shows, and nothing can be changed by its own tables', () => {
  const { file, directory } = open()
  file.add([frames('M1')])
  file.add([frames('M2')])
  const database = openDatabase(join(directory, 'evidence.db'))
  onTestFinished(() => database.close())
  expect(() => database.exec('UPDATE pages SET at = 0')).toThrow(/never changed/)
  expect(() => database.exec("UPDATE records SET sha256 = x'00'")).toThrow(/never changed/)
  database.exec('DROP TRIGGER records_stay; DROP TRIGGER pages_stay')
  database.exec("UPDATE records SET sha256 = x'00' WHERE id = 1; UPDATE pages SET body = x'0102' WHERE id = 2")
  expect(() => file.item('1')).toThrow(DamagedPage)
  expect(() => file.item('2')).toThrow(DamagedPage)
  expect(file.check()).toEqual([2])
})

const CHILD = `
import { EvidenceFile } from ${JSON.stringify(fileURLToPath(new URL('../../dist/src/evidence/index.js', import.meta.url)))}
const file = new EvidenceFile(process.argv[1], { windowMs: 0, keepDays: 30, maxBytes: 1e9 }, Date.now)
for (let at = 0; ; at++) {
  file.add([{ kind: 'frame', channel: 'l', protocol: 'modbus-tcp', about: '', by: '', receivedAt: 0, selection: null,
    parts: [{ at: 0, direction: 'rx', bytes: Buffer.from('frame ' + at) }], of: [{ meter: 'M' + at, measuredAt: 1, source: 'live' }] }])
  process.stdout.write(at + '\\n')
}`

it('a kill loses nothing that was committed', async () => {
  const directory = scratch()
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (text: Buffer) => {
    said += text
    if (said.length > 2000) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  const last = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))
  expect(last).toBeGreaterThan(100)
  const { file } = open(directory)
  for (let at = 0; at <= last; at++) {
    const [ref] = file.of({ meter: `M${at}`, measuredAt: 1, source: 'live' })
    expect(Buffer.from(file.item(ref?.id ?? '')?.parts[0]?.bytes ?? []).toString()).toBe(`frame ${at}`)
  }
  expect(file.state().setAside).toEqual([])
  expect(file.check()).toEqual([])
  expect(statSync(join(directory, 'evidence.db')).size).toBeGreaterThan(0)
})
