import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { BillingFile } from '../../src/billing/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { type RunningGateway, runGateway } from '../support/processes.ts'
import { MONTHS as ALL_MONTHS, billingPlace, pointId } from './billing-book-site.ts'

const CONSUMER = fileURLToPath(new URL('billing-consumer.mjs', import.meta.url))
const MONTHS = ALL_MONTHS.slice(0, 4)
const POINTS = 24
/** More of them only take longer. */
const MOST_KILLS_OF_THE_GATEWAY = 4
const KILLS_OF_THE_CONSUMER = 12
const KILLS_OF_THE_GATEWAY = 3

interface Figures {
  readonly items: readonly { readonly id: number; readonly point: string }[]
}

/** A source of chance that can be had again. */
const chance = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
  return seed / 0x7fffffff
}

it('a consumer killed at random, of a gateway killed at random, ends with exactly the released figures', { timeout: 600_000 }, async () => {
  const seed = Date.now() & 0xffff
  const random = chance(seed)
  const place = await billingPlace(POINTS)
  const books = join(place.directory, 'consumer.db')
  let gateway: RunningGateway = await runGateway(place.file)
  let gatewayKills = 0
  let isOver = false
  let last = ''

  /** Asks until a gateway answers; null: it was killed while it worked on that, and nobody knows how far it came. */
  const ask = async (
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown } | null> => {
    const sent = body ? { method: 'POST', body: JSON.stringify(body) } : {}
    const type: Record<string, string> = body ? { 'content-type': 'application/json' } : {}
    try {
      const answer = await fetch(`${gateway.address}/api/v1${path}`, {
        ...sent,
        headers: { authorization: `Bearer ${place.token}`, ...type, ...headers },
      })
      const said = { status: answer.status, body: await answer.json() }
      last = `${path} ${JSON.stringify(said).slice(0, 400)}`
      // Busy is no answer: the next attempt has one.
      return answer.status === 503 ? null : said
    } catch {
      return null
    }
  }
  let striking: Promise<void> | null = null
  /** Kills the gateway within some time, and starts it again. */
  const strike = (within: number): Promise<void> => {
    if (gatewayKills >= MOST_KILLS_OF_THE_GATEWAY) return Promise.resolve()
    striking ??= (async () => {
      await pause(random() * within)
      await gateway.kill()
      gatewayKills++
      gateway = await runGateway(place.file)
      striking = null
    })()
    return striking
  }
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  const surely = async <T>(what: string, attempt: () => Promise<T | null>): Promise<T> => {
    for (let tries = 0; tries < 1200; tries++) {
      const done = await attempt()
      if (done !== null) {
        if (random() < 0.05) void strike(150)
        return done
      }
      await pause(25)
    }
    throw new Error(`${what} does not come about (seed ${seed}): ${last}`)
  }

  const release = (at: number, key: string, again = false) => {
    const body = { at: new Date(at).toISOString(), note: key, again }
    let isFirst = true
    return surely(`release ${key}`, async () => {
      // The same key is the same release, whoever died in between; what was interrupted goes on.
      const answer = await ask('/billing/releases', body, { 'idempotency-key': key })
      if (answer?.status !== 200) return null
      const { id } = answer.body as { id: number }
      if (isFirst && random() < 0.6) void strike(60)
      isFirst = false
      const state = (await ask(`/billing/releases/${id}`))?.body as { state: string } | undefined
      if (state?.state === 'interrupted') await ask(`/billing/releases/${id}/resume`, {})
      return state?.state === 'done' ? id : null
    })
  }
  /** Ratios of some points are corrected from long ago: what was released of them is wrong. */
  const correct = async (points: readonly string[], ct: string) => {
    const patches = points.map((id) => ({ kind: 'point', id, from: '2025-01-01T00:00:00+08:00', set: { ct } }))
    await surely('the correction of the ledger', async () =>
      (await ask('/ledger/bulk', { patches, why: 'plate' }))?.status === 200 ? true : null,
    )
    await surely('pending corrections', async () => {
      const open = (await ask('/billing/corrections/pending?limit=1000'))?.body as Figures | undefined
      return points.every((point) => open?.items?.some((item) => item.point === point)) ? true : null
    })
  }
  const decide = async (how: 'accept' | 'reject', most: number) => {
    for (let done = 0; done < most; done++) {
      const [first] = await surely(
        'the list of corrections',
        async () => ((await ask('/billing/corrections/pending?limit=1'))?.body as Figures | undefined)?.items ?? null,
      )
      if (!first) return
      // A correction that somebody decided before the gateway died is refused: fine.
      await surely('a decision', async () =>
        (await ask(`/billing/corrections/${first.id}/${how}`, { why: 'looked', whole: true })) ? true : null,
      )
    }
  }
  const withdraw = (at: number, point: string) =>
    surely('a withdrawal', async () =>
      (await ask('/billing/figures/withdraw', { point, at: new Date(at).toISOString(), why: 'disputed' })) ? true : null,
    )

  const work = async () => {
    for (const [month, at] of MONTHS.entries()) {
      await release(at, `month-${month}`)
      await correct([pointId(month), pointId(month + 7), pointId(month + 14)], `${100 + month}/5`)
      await decide(month % 3 === 2 ? 'reject' : 'accept', 12)
      for (const point of [1, 5, 9]) await withdraw(at, pointId((point + month) % POINTS))
      if (month % 2 === 1) await release(at, `again-${month}`, true)
    }
  }
  let consumerKills = 0
  /** Times a consumer began somewhere in the middle. */
  let midway = 0
  const follow = async () => {
    while (!isOver || consumerKills < KILLS_OF_THE_CONSUMER) {
      const child = spawn(process.execPath, [CONSUMER, books, gateway.address, place.token], { stdio: ['ignore', 'pipe', 'pipe'] })
      let said = ''
      child.stderr.on('data', (text: Buffer) => {
        said += text
      })
      const gone = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
      // Somewhere in its work: after some pieces, and a moment more.
      const pieces = Math.floor(random() * 4)
      const far = new Promise<void>((resolve) => {
        let heard = 0
        child.stdout.on('data', (text: Buffer) => {
          if (heard === 0 && !String(text).startsWith('at 0\n')) midway++
          heard += String(text).split('\n').length - 1
          if (heard > pieces) resolve()
        })
      })
      await Promise.race([far, gone, pause(1500)])
      await Promise.race([pause(random() * 30), gone])
      if (child.kill('SIGKILL')) consumerKills++
      const code = await gone
      if (code === 3) throw new Error(`${said} (seed ${seed})`)
    }
  }
  const worked = work()
    .then(async () => {
      while (gatewayKills < KILLS_OF_THE_GATEWAY) await strike(300)
      await striking
    })
    .finally(() => {
      isOver = true
    })
  await Promise.all([worked, follow()])
  // To the end, undisturbed.
  await expect
    .poll(
      () =>
        new Promise((resolve) => {
          spawn(process.execPath, [CONSUMER, books, gateway.address, place.token, '--drain'], { stdio: 'inherit' }).once('exit', resolve)
        }),
      { timeout: 60_000 },
    )
    .toBe(0)
  expect(await gateway.stop()).toBe(0)

  const file = new BillingFile(place.data)
  const standing = MONTHS.flatMap((at) =>
    file.figures.pointsAt(at, '', 1000).flatMap((point) =>
      file.figures
        .current(at, point)
        .filter(({ kind }) => kind !== 'withdrawn')
        .map((one) => [point, new Date(at).toISOString(), one.register, one.version, one.value, one.primary].join(' ')),
    ),
  )
  const all = file.figures.changes(0, 100_000)
  file.close()
  const consumer = openDatabase(books)
  const kept = consumer.prepare('SELECT * FROM figure ORDER BY at, point, register').all() as unknown as Record<string, string | number>[]
  const taken = consumer.prepare('SELECT count(*) AS count, max(seq) AS last FROM taken').get() as unknown as {
    count: number
    last: number
  }
  consumer.close()
  expect(kept.map((row) => [row.point, row.at, row.register, row.version, row.value, row.primary_value].join(' ')).sort()).toEqual(
    standing.sort(),
  )
  expect(taken).toEqual({ count: all.length, last: all.length })
  const kinds = (kind: string) => all.filter((change) => change.kind === kind).length
  expect(kinds('new')).toBeGreaterThan(POINTS * 2 * MONTHS.length - 1)
  expect(kinds('corrected')).toBeGreaterThan(10)
  expect(kinds('withdrawn')).toBeGreaterThan(10)
  expect(midway).toBeGreaterThan(3)
  expect(gatewayKills).toBeGreaterThanOrEqual(KILLS_OF_THE_GATEWAY)
  expect(consumerKills).toBeGreaterThanOrEqual(KILLS_OF_THE_CONSUMER)
})
