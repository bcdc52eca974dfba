import { expect, it } from 'vitest'
import { listenApi } from '../../src/api/index.ts'
import { TURNS } from '../../src/api/turns-hook.ts'
import { api, asOperator, asRole, OPTIONS } from './fake.ts'

const AT = encodeURIComponent('2026-08-01T00:00:00+08:00')

/** Questions that are answered when the test says so. */
const waiting = async () => {
  const { deps } = await api()
  const open: (() => void)[] = []
  const world = await api(
    {
      billingReads: {
        ...deps.billingReads,
        completeness: async (...given) => {
          await new Promise<void>((done) => open.push(done))
          return deps.billingReads.completeness(...given)
        },
      },
    },
    { rateLimit: false },
  )
  const ask = (role: Parameters<typeof asRole>[0] = 'billing', path = `/completeness?at=${AT}`) =>
    world.app.inject({ url: `/api/v1/billing${path}`, headers: asRole(role) })
  const begun = (count: number) => expect.poll(() => open.length).toBe(count)
  return { ...world, ask, open, begun }
}

it('a person has some turns at what looks at everything; others, and what is small, do not wait for him', async () => {
  const { app, ask, open, begun } = await waiting()
  const answers = Array.from({ length: TURNS.perPerson }, () => ask())
  await begun(TURNS.perPerson)
  const refused = await ask()
  expect([refused.statusCode, refused.json().code, refused.headers['retry-after']]).toEqual([503, 'API_TURN', '1'])
  expect((await ask('billing', `/readings?at=${AT}&format=ndjson`)).json()).toMatchObject({ code: 'API_TURN' })
  expect((await ask('billing', `/readings?at=${AT}&state=held`)).json()).toMatchObject({ code: 'API_TURN' })
  expect((await ask('billing', `/readings?at=${AT}`)).statusCode).toBe(200)
  expect((await app.inject({ url: '/api/v1/points', headers: asOperator })).statusCode).toBe(200)
  expect((await app.inject({ url: `/api/v1/ledger/export?format=csv`, headers: asRole('engineer') })).statusCode).toBe(200)
  for (const done of open.splice(0)) done()
  for (const answer of await Promise.all(answers)) expect(answer.statusCode).toBe(200)
  const next = ask()
  await begun(1)
  open[0]?.()
  expect((await next).statusCode).toBe(200)
})

it('what is worked on for somebody who hung up counts until it is done', async () => {
  const { app, open, begun } = await waiting()
  const address = await listenApi(app, OPTIONS)
  const ask = (path: string, signal?: AbortSignal) =>
    fetch(`${address}/api/v1/billing/${path}`, { headers: asRole('billing'), ...(signal ? { signal } : {}) })
  const held = async () => (await ask(`readings?at=${AT}&state=held`)).status
  const stop = new AbortController()
  const answers = Array.from({ length: TURNS.perPerson }, () => ask(`completeness?at=${AT}`, stop.signal).catch(() => null))
  await begun(TURNS.perPerson)
  stop.abort()
  await Promise.all(answers)
  expect(await held()).toBe(503)
  for (const done of open.splice(0)) done()
  await expect.poll(held).toBe(200)
  // Of a long answer, too, that nobody takes to its end.
  for (let turn = 0; turn < 3 * TURNS.perPerson; turn++) {
    const gone = new AbortController()
    const answer = await ask(`readings?at=${AT}&format=ndjson`, gone.signal)
    gone.abort()
    await answer.body?.cancel().catch(() => undefined)
  }
  await expect.poll(held).toBe(200)
})
