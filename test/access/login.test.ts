import { describe, expect, it } from 'vitest'
import { floodGate, hashPassword, type LoginTry, loginOf, loginThrottle, sessionsOf, usersOf, verifyAudit } from '../../src/access/index.ts'
import { ACT, CHEAP, GOOD, good, MINUTE, storeIn, T0 } from './support.ts'

const house = async () => {
  const { store, log, directory } = storeIn()
  const users = usersOf(store)
  const sessions = sessionsOf(store, users)
  const user = good(users.add('li.na', { roles: ['operator'], zones: null, customer: null, expiresAt: null }, ACT, T0))
  good(await users.setPassword('li.na', GOOD, ACT, T0, (password) => hashPassword(password, CHEAP)))
  const time = { ms: 0 }
  const flood = floodGate()
  const parts = {
    store,
    users,
    sessions,
    throttle: loginThrottle(),
    log,
    flood,
    now: () => T0 + time.ms,
    monotonic: () => time.ms,
    cost: CHEAP,
  }
  const login = loginOf(parts)
  const attempt = (change: Partial<LoginTry> = {}) => login({ name: 'li.na', password: GOOD, address: '10.0.0.1', device: null, ...change })
  const told = () => good(log.list({ limit: 10_000 })).filter(({ what }) => what.startsWith('login'))
  return { users, sessions, log, flood, time, attempt, told, user, directory, parts }
}

it('opens a session and marks the device', async () => {
  const { attempt, sessions, told } = await house()
  const { session, device, principal } = good(await attempt())
  expect(principal).toMatchObject({ name: 'li.na', roles: ['operator'] })
  expect(sessions.find(session, T0)?.principal).toEqual(principal)
  expect(good(await attempt({ device })).device).toBe(device)
  expect(told()).toMatchObject([{ what: 'login' }, { what: 'login', who: { name: 'li.na' }, from: '10.0.0.1', outcome: 'done' }])
})

it('says the same of a wrong password, an unknown name and an account out of use', async () => {
  const { attempt, users, told } = await house()
  good(users.add('no.password', { roles: ['viewer'], zones: null, customer: null, expiresAt: null }, ACT, T0))
  good(users.add('gone', { roles: ['viewer'], zones: null, customer: null, expiresAt: null }, ACT, T0))
  good(await users.setPassword('gone', GOOD, ACT, T0, (password) => hashPassword(password, CHEAP)))
  good(users.disable('gone', true, ACT, T0))
  const answers = await Promise.all([
    attempt({ password: 'something else' }),
    ...['nobody', 'no.password', 'gone'].map((name, at) => attempt({ name, address: `10.0.1.${at}` })),
  ])
  const [first] = answers
  expect(first).toMatchObject({ ok: false, error: { code: 'ACCESS_LOGIN' } })
  for (const answer of answers) expect(answer).toEqual(first)
  // What was typed as a name that is none may be a password: it is not written down.
  expect(
    told()
      .map(({ who }) => who.name)
      .sort(),
  ).toEqual(['(unknown name)', 'gone', 'li.na', 'no.password'])
})

it('who cannot be recorded does not come in', async () => {
  const { parts, sessions, user } = await house()
  const login = loginOf({
    ...parts,
    log: { append: () => ({ ok: false, error: { code: 'AUDIT_WRITE', message: 'full', recovery: 'stop', hint: '', context: {} } }) },
  })
  expect(await login({ name: 'li.na', password: GOOD, address: 'x', device: null })).toMatchObject({ error: { code: 'AUDIT_WRITE' } })
  expect(sessions.of(user.id, T0)).toEqual([])
})

it('a password is hashed again when the cost has grown', async () => {
  const { parts, users } = await house()
  const login = loginOf({ ...parts, cost: { ...CHEAP, logN: 5 } })
  const { session } = good(await login({ name: 'li.na', password: GOOD, address: 'x', device: null }))
  expect(users.passwordOf('li.na', T0)?.password).toMatch(/^\$scrypt\$ln=5,/)
  expect(parts.sessions.find(session, T0)).not.toBeNull()
})

describe.each([1, 100])('5,000 tries in a minute from %i addresses', (addresses) => {
  it('are a summary in the log, and the user still gets in', async () => {
    const { attempt, time, told, flood, log, directory } = await house()
    const { device } = good(await attempt({ address: '10.9.9.9' }))
    for (let at = 0; at < 5000; at++) {
      time.ms = at * 12
      const tried = await attempt({ password: `guess number ${at}`, address: `127.0.${1 + (at % addresses)}.1` })
      expect(tried.ok).toBe(false)
    }
    good(await attempt({ device }))
    time.ms += MINUTE
    for (const summary of flood.due(T0 + time.ms)) good(log.append(summary))
    const lines = told()
    expect(lines.length).toBeLessThan(15)
    const counted = lines.filter(({ what }) => what === 'login-refused').reduce((sum, { count }) => sum + count, 0)
    expect(counted).toBe(5000)
    expect(lines[0]).toMatchObject({ who: { kind: 'house' }, count: 4995, since: T0, after: { accounts: { 'li.na': 4995 } } })
    expect(verifyAudit(directory).isWhole).toBe(true)
  })
})

it('names that are made up are not as many lines either', () => {
  const gate = floodGate()
  let written = 0
  for (let at = 0; at < 5000; at++) if (gate.take('login-refused', `x${at}`, `10.0.${at >> 8}.${at & 255}`, at * 12).isWritten) written++
  const [summary] = gate.due(0, true)
  expect(written).toBe(20)
  expect(summary).toMatchObject({ count: 4980 })
  expect(JSON.stringify(summary).length).toBeLessThan(2000)
  expect(gate.due(0, true)).toEqual([])
})

it('tries that wait are bounded, and a known device goes before them', async () => {
  const { parts, attempt, users } = await house()
  const { device } = good(await attempt())
  const cost = { logN: 14, r: 8, p: 1 }
  good(await users.setPassword('li.na', GOOD, ACT, T0, (password) => hashPassword(password, cost)))
  const login = loginOf({ ...parts, mostWaiting: 8, cost })
  const ended: string[] = []
  const tries = Array.from({ length: 12 }, async (_, at) => {
    const tried = await login({ name: `nobody ${at}`, password: 'x', address: `10.1.${at}.1`, device: null })
    ended.push('other')
    return tried
  })
  const own = login({ name: 'li.na', password: GOOD, address: '10.0.0.1', device }).then((tried) => {
    ended.push('own')
    return tried
  })
  const codes = (await Promise.all(tries)).map((tried) => (tried.ok ? 'ok' : tried.error.code))
  good(await own)
  // Two are computed, eight wait, two are sent away; the device goes before those that wait: two run at once, so one or so of them may
  // still be faster.
  expect(codes.filter((code) => code === 'ACCESS_THROTTLED')).toHaveLength(2)
  expect(ended.indexOf('own')).toBeLessThan(8)
})
