import { closeSync, openSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { openOutbox } from '../../src/outbox/index.ts'
import { close, directory, drain, imageOf, MoodySink, openHere, readings } from './support.ts'

const TOTAL = 400

/** An outbox with 400 readings in chunks of many sizes, none delivered to one sink, half to the other, and a dead letter. */
const filled = async (kind: 'closed' | 'killed'): Promise<string> => {
  const path = directory()
  const away = new MoodySink('away')
  away.mood = 'later'
  const half = new MoodySink('half', 1)
  const opened = await openHere(path, [away, half])
  for (let from = 0, size = 1; from < TOTAL; from += size, size = (size % 23) + 1) {
    if (from > TOTAL / 2) half.mood = 'later'
    else half.mood = from === 10 ? 'dead' : 'ok'
    const put = opened.outbox.put(readings(from, Math.min(size, TOTAL - from)))
    await opened.hands.pass(300)
    await put
  }
  if (kind === 'closed') await close(opened)
  const image = imageOf(path)
  if (kind === 'killed') await opened.port.call('close', null, 0)
  return image
}

/** Opens whatever is left, delivers it, and opens it once more. */
const outcome = async (path: string) => {
  const away = new MoodySink('away', 50)
  const half = new MoodySink('half', 50)
  const lines: string[] = []
  const log = { info: () => {}, warn: () => {}, error: (fields: object, text: string) => lines.push(`${text} ${JSON.stringify(fields)}`) }
  const opened = await openHere(path, [away, half], { log })
  await drain(opened)
  const { damaged, depth, ready } = opened.outbox.state()
  const put = opened.outbox.put(readings(TOTAL, 3))
  await opened.hands.pass(10)
  expect(await put).toMatchObject({ ok: true })
  await drain(opened)
  await close(opened)
  const again = await openHere(path, [away, half], {})
  expect(again.outbox.state()).toMatchObject({ damaged, depth: 0, ready: true })
  await close(again)
  expect([away.wrong, half.wrong]).toEqual([[], []])
  expect(away.taken.slice(-3)).toEqual([TOTAL, TOTAL + 1, TOTAL + 2])
  const got = new Set(away.taken)
  const lost = Array.from({ length: TOTAL }, (_, id) => id).filter((id) => !got.has(id))
  return { lost, damaged, depth, ready, lines, kept: readdirSync(path).filter((name) => name.includes('.damaged-')) }
}

/** Every reading is delivered or counted; nothing is silent. */
const expectHonest = ({ lost, damaged, depth, ready, lines, kept }: Awaited<ReturnType<typeof outcome>>) => {
  expect(damaged).toBeGreaterThanOrEqual(lost.length)
  expect({ depth, ready }).toEqual({ depth: 0, ready: true })
  if (damaged > 0) expect(lines.length).toBeGreaterThan(0)
  return { lost: lost.length, kept: kept.length }
}

/** A place in a file, as a part of its length: every place as likely as any other. */
const anywhere = fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((millionths) => millionths / 1e6)

const flip = (path: string, at: number, bits: number): void => {
  const bytes = readFileSync(path)
  bytes[at % bytes.length]! ^= bits
  writeFileSync(path, bytes)
}

describe.each(['closed', 'killed'] as const)('an outbox that was %s', (kind) => {
  let sound: string
  const files = () => ['outbox.db', 'outbox.db-wal', 'outbox.mark'].filter((name) => readdirSync(sound).includes(name))

  beforeAll(async () => {
    sound = await filled(kind)
  })

  it('delivers everything when nothing is wrong', async () => {
    expect(await outcome(imageOf(sound))).toMatchObject({ lost: [], damaged: 0, kept: [], lines: [] })
  })

  it('survives 60 flipped bytes, one at a time: no more than the entry they hit is missing, and that is said', async () => {
    const results: { lost: number; name: string }[] = []
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files()), anywhere, fc.integer({ min: 1, max: 255 }), async (name, where, bits) => {
        const image = imageOf(sound)
        flip(join(image, name), Math.floor(where * statSync(join(image, name)).size), bits)
        const { lost } = expectHonest(await outcome(image))
        results.push({ lost, name })
        expect(lost).toBeLessThanOrEqual(1)
      }),
      // Found once: a blob that became a text of the same bytes.
      { numRuns: 60, examples: [['outbox.db', 0.772166, 130]] },
    )
  }, 300_000)

  it('survives 20 flipped bytes in the first page of the file and of the log', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files()),
        fc.oneof(fc.nat(100), fc.noBias(fc.nat(8191))),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, bits) => {
          const image = imageOf(sound)
          flip(join(image, name), at, bits)
          const { lost } = expectHonest(await outcome(image))
          expect(lost).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 20 },
    )
  }, 300_000)

  it('survives 15 cuts: what is in front of the cut is delivered, what was behind it is counted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files()), anywhere, async (name, where) => {
        const image = imageOf(sound)
        truncateSync(join(image, name), Math.floor(where * statSync(join(image, name)).size))
        expectHonest(await outcome(image))
      }),
      { numRuns: 15 },
    )
  }, 300_000)

  it('survives the loss of any of its files', async () => {
    for (const name of files()) {
      const image = imageOf(sound)
      truncateSync(join(image, name), 0)
      const result = await outcome(image)
      if (name === 'outbox.mark') expect(result).toMatchObject({ lost: [], damaged: 0 })
      else expectHonest(result)
    }
  })
})

it('survives damage that comes while it runs: no restart, no acknowledgement for what is not safe', async () => {
  const path = directory()
  const away = new MoodySink('away', 5000)
  away.mood = 'later'
  // More than SQLite keeps in memory.
  const total = 100_000
  const before = await openHere(path, [away])
  for (let from = 0; from < total; from += 1000) {
    const put = before.outbox.put(readings(from, 1000))
    await before.hands.pass(10)
    await put
  }
  await close(before)
  const opened = await openOutbox({ directory: path, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [away] })
  if (!opened.ok) throw new Error(opened.error.message)
  const outbox = opened.value
  const file = join(path, 'outbox.db')
  const bytes = readFileSync(file)
  bytes.fill(0xee, bytes.length >> 1, (bytes.length >> 1) + 20_000)
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, bytes.length >> 1, 20_000, bytes.length >> 1)
  closeSync(handle)
  away.mood = 'ok'
  expect(await outbox.drained(30_000)).toBe(true)
  const { damaged, ready } = outbox.state()
  const got = new Set(away.taken)
  expect(ready).toBe(true)
  expect(damaged).toBeGreaterThan(0)
  expect(got.size + damaged).toBe(total)
  expect(readdirSync(path).filter((name) => name.includes('.damaged-')).length).toBeGreaterThan(0)
  expect(away.wrong).toEqual([])
  expect(await outbox.put(readings(total, 5))).toMatchObject({ ok: true })
  expect(await outbox.drained(30_000)).toBe(true)
  await outbox.close()
})
