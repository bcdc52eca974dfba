import { describe, expect, it } from 'vitest'
import { ACT, good } from '../access/support.ts'
import { accessSite, browser, filesOf, rights } from './access-site.ts'

const TRIES = 300
const AT_ONCE = 40

describe.each([1, 100])('%i addresses that guess passwords', (addresses) => {
  it('get ten checks at most, keep nobody out and fill no log', async () => {
    const { address, data, gateway } = await accessSite({ http: { port: 0, trustProxy: ['127.0.0.1'] } })
    const { addUser, tokens, log } = filesOf(data)
    await addUser('admin', { roles: ['secadm'] })
    const { text } = good(tokens.add('scada', rights(), ACT, Date.now()))
    const own = browser(address, { 'x-forwarded-for': '10.9.9.9' })
    expect((await own.logIn('admin')).status).toBe(200)
    const scada = browser(address, { 'x-forwarded-for': '10.1.1.1', authorization: `Bearer ${text}` })

    const statuses = new Map<number, number>()
    const codes = new Set<unknown>()
    const attack = async (from: number) => {
      for (let at = from; at < TRIES; at += AT_ONCE) {
        const attacker = browser(address, { 'x-forwarded-for': `127.0.${1 + (at % addresses)}.1` })
        const { status, body, headers } = await attacker.logIn('admin', `guess number ${at}`)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        codes.add(body.code)
        if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
        // Everybody else goes on.
        if (at % 100 === 0) expect((await scada.get('/api/v1/points')).status).toBe(200)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, (_, from) => attack(from)))
    expect([...codes].sort()).toEqual(['ACCESS_LOGIN', 'ACCESS_THROTTLED'])
    expect(statuses.get(401)).toBeLessThanOrEqual(10)
    expect((statuses.get(401) ?? 0) + (statuses.get(429) ?? 0)).toBe(TRIES)
    // The administrator at the device he uses.
    expect((await own.logIn('admin')).status).toBe(200)

    await gateway.close()
    const refused = good(log.list({ limit: 1000 })).filter(({ what }) => what === 'login-refused')
    expect(refused.length).toBeLessThan(15)
    expect(refused.reduce((sum, { count }) => sum + count, 0)).toBe(TRIES)
  })
})

it('says the same of a name that is none, a wrong password and an account out of use', async () => {
  const { address, data } = await accessSite({ http: { port: 0, trustProxy: ['127.0.0.1'] } })
  const { addUser, users } = filesOf(data)
  await addUser('li.na')
  await addUser('gone')
  good(users.disable('gone', true, ACT, Date.now()))
  const answers = await Promise.all(
    ['li.na', 'gone', 'nobody', "' OR 1=1 --", '李娜'].map(async (name, at) => {
      const { status, body } = await browser(address, { 'x-forwarded-for': `10.0.${at}.1` }).logIn(name, 'not the password')
      const { requestId: _, ...said } = body
      return { status, said }
    }),
  )
  expect(answers[0]).toMatchObject({ status: 401, said: { code: 'ACCESS_LOGIN' } })
  for (const answer of answers) expect(answer).toEqual(answers[0])
})
