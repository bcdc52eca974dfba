import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type AuditLog,
  hashPassword,
  linksOf,
  mayDo,
  openAccessStore,
  type Rights,
  readAudit,
  sessionsOf,
  tokensOf,
  tokenView,
  usersOf,
} from '../../src/access/index.ts'
import { makeToken } from '../../src/api/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { ACT, CHEAP, codeOf, GOOD, good, HOUR, MINUTE, scratch, storeIn, T0 } from './support.ts'

const rights = (change: Partial<Rights> = {}): Rights => ({ roles: ['viewer'], zones: null, customer: null, expiresAt: null, ...change })
const cheap = (password: string) => hashPassword(password, CHEAP)

const house = () => {
  const { store, directory, log } = storeIn()
  const users = usersOf(store)
  return { store, directory, log, users, sessions: sessionsOf(store, users), tokens: tokensOf(store), links: linksOf(store, users) }
}
const whats = (log: Pick<AuditLog, 'list'>) =>
  good(log.list({ limit: 100 }))
    .map(({ what, on }) => `${what} ${on}`)
    .reverse()

it('lets nobody else on the machine read digests and records, also in files of before', () => {
  const { directory, log, store } = storeIn()
  const modes = () => ['access.db', 'access.db-wal', 'audit.db', 'audit.db-wal'].map((name) => statSync(join(directory, name)).mode & 0o077)
  expect(modes()).toEqual([0, 0, 0, 0])
  for (const name of ['access.db', 'access.db-wal', 'audit.db']) chmodSync(join(directory, name), 0o644)
  storeIn(directory)
  expect(modes()).toEqual([0, 0, 0, 0])
  expect([log.head().ok, store.rows('SELECT * FROM user')]).toEqual([true, []])
})

describe('users', () => {
  it('are added, changed, disabled; each act is in the log with before and after', async () => {
    const { users, log } = house()
    good(users.add('Li.Na', rights(), ACT, T0))
    good(users.setRights('li.na', rights({ roles: ['operator'], zones: ['N'] }), ACT, T0))
    good(await users.setPassword('li.na', GOOD, ACT, T0, cheap))
    good(users.disable('li.na', true, ACT, T0 + 1))
    expect(users.byName('LI.NA')).toMatchObject({ name: 'Li.Na', roles: ['operator'], zones: ['N'], disabledAt: T0 + 1, passwordAt: T0 })
    expect(whats(log)).toEqual([
      'user-added user:Li.Na',
      'user-changed user:li.na',
      'password-changed user:li.na',
      'user-disabled user:li.na',
    ])
    const [, , changed] = good(log.list({ limit: 10 }))
    expect(changed).toMatchObject({
      before: { roles: ['viewer'], zones: null },
      after: { roles: ['operator'], zones: ['N'] },
      why: 'tests',
      from: '10.0.0.7',
    })
    expect(JSON.stringify(good(log.list({ limit: 10 })))).not.toMatch(/scrypt|violet/)
  })

  it.each<[string, Partial<Rights>, string]>([
    ['a', {}, 'ACCESS_NAME'],
    ['with blank', {}, 'ACCESS_NAME'],
    ['line\nfeed', {}, 'ACCESS_NAME'],
    ['TAKEN', {}, 'ACCESS_NAME'],
    ['x1', { roles: [] }, 'ACCESS_ROLES'],
    ['x1', { roles: ['secadm', 'engineer'] }, 'ACCESS_ROLES'],
    ['x1', { zones: [] }, 'ACCESS_SCOPE'],
    ['x1', { zones: ['N', 'N'] }, 'ACCESS_SCOPE'],
    ['x1', { zones: ['a b'] }, 'ACCESS_SCOPE'],
    ['x1', { roles: ['customer'] }, 'ACCESS_SCOPE'],
    ['x1', { customer: 'C-1' }, 'ACCESS_SCOPE'],
    ['x1', { roles: ['customer'], customer: 'C-1', zones: ['N'] }, 'ACCESS_SCOPE'],
    ['x1', { expiresAt: T0 }, 'ACCESS_EXPIRY'],
    ['x1', { expiresAt: Number.NaN }, 'ACCESS_EXPIRY'],
  ])('"%s" with %j is refused as %s', (name, change, code) => {
    const { users, log } = house()
    good(users.add('taken', rights(), ACT, T0))
    expect(codeOf(users.add(name, rights(change), ACT, T0))).toBe(code)
    expect(users.list().map((user) => user.name)).toEqual(['taken'])
    expect(whats(log)).toEqual(['user-added user:taken'])
  })

  it('always have a security administrator once there is one', async () => {
    const { users } = house()
    const admin = rights({ roles: ['secadm'] })
    good(users.add('root', admin, ACT, T0))
    good(await users.setPassword('root', GOOD, ACT, T0, cheap))
    expect(codeOf(users.disable('root', true, ACT, T0))).toBe('ACCESS_LAST_ADMIN')
    expect(codeOf(users.setRights('root', rights(), ACT, T0))).toBe('ACCESS_LAST_ADMIN')
    expect(codeOf(users.setRights('root', { ...admin, expiresAt: T0 + 1 }, ACT, T0))).toBe('ACCESS_LAST_ADMIN')
    expect(codeOf(users.setRights('root', { ...admin, zones: ['Z1'] }, ACT, T0))).toBe('ACCESS_LAST_ADMIN')
    // One without a password cannot log in and does not count.
    good(users.add('second', admin, ACT, T0))
    expect(codeOf(users.disable('root', true, ACT, T0))).toBe('ACCESS_LAST_ADMIN')
    good(await users.setPassword('second', GOOD, ACT, T0, cheap))
    // One who is limited to zones cannot bring back everybody.
    good(users.setRights('second', { ...admin, zones: ['Z1'] }, ACT, T0))
    expect(codeOf(users.disable('root', true, ACT, T0))).toBe('ACCESS_LAST_ADMIN')
    good(users.setRights('second', admin, ACT, T0))
    good(users.disable('root', true, ACT, T0))
    expect(users.admins(T0).map(({ name }) => name)).toEqual(['second'])
  })

  it('a change that cannot be recorded is not made', async () => {
    const directory = scratch()
    const log: Pick<AuditLog, 'append'> = {
      append: () => ({ ok: false, error: { code: 'AUDIT_WRITE', message: 'disk full', recovery: 'stop', hint: '', context: {} } }),
    }
    const store = openAccessStore(directory, log)
    const users = usersOf(store)
    expect(codeOf(users.add('li.na', rights(), ACT, T0))).toBe('AUDIT_WRITE')
    expect(codeOf(tokensOf(store).add('billing', rights(), ACT, T0))).toBe('AUDIT_WRITE')
    expect(codeOf(linksOf(store, users).makeFirst(ACT, T0))).toBe('AUDIT_WRITE')
    expect([users.list(), tokensOf(store).list(), store.rows('SELECT * FROM link')]).toEqual([[], [], []])
    store.close()
  })

  it('a file of the first version is taken up as it is', () => {
    const { directory, store, log } = storeIn()
    const { text } = good(tokensOf(store).add('scada', rights(), ACT, T0))
    store.run('ALTER TABLE token DROP COLUMN owner')
    store.run('PRAGMA user_version = 1')
    const again = openAccessStore(directory, log)
    expect(tokensOf(again).list()).toMatchObject([{ name: 'scada', owner: null }])
    expect(tokenView(again, tokensOf(again), () => 0).find(text, T0)).toMatchObject({ name: 'scada', owner: null })
    again.close()
  })

  it('a file of a later version is refused', () => {
    const { directory, store, log } = storeIn()
    store.run('PRAGMA user_version = 9')
    expect(() => openAccessStore(directory, log)).toThrow(/later version of the gateway \(format 9/)
  })

  it('a role that is none gives nothing', () => {
    const { users, store } = house()
    good(users.add('li.na', rights(), ACT, T0))
    store.run(`UPDATE user SET roles = '["root","viewer","__proto__"]'`)
    expect(users.byName('li.na')?.roles).toEqual(['viewer'])
  })
})

describe('sessions', () => {
  const begun = async () => {
    const all = house()
    const user = good(all.users.add('li.na', rights({ roles: ['operator'] }), ACT, T0))
    const { text } = good(all.sessions.begin(user.id, '10.0.0.1', T0))
    return { ...all, user, text }
  }

  it('are found by their text alone, which is kept nowhere', async () => {
    const { sessions, text, directory } = await begun()
    expect(text).toMatch(/^gs_[A-Za-z0-9_-]{43}$/)
    expect(sessions.find(text, T0)).toMatchObject({ principal: { kind: 'user', name: 'li.na', roles: ['operator'] } })
    for (const wrong of ['', text.slice(0, -1), `${text}x`, text.toUpperCase(), text.replace('gs_', 'gt_'), `${text} `])
      expect(sessions.find(wrong, T0)).toBeNull()
    const bytes = ['access.db', 'access.db-wal', 'audit.db', 'audit.db-wal']
      .map((name) => readFileSync(`${directory}/${name}`, 'latin1'))
      .join('')
    expect(bytes).not.toContain(text.slice(3))
  })

  it('end after 15 minutes without use', async () => {
    const { sessions, text } = await begun()
    expect(sessions.find(text, T0 + 15 * MINUTE - 1)).not.toBeNull()
    expect(sessions.find(text, T0 + 29 * MINUTE)).not.toBeNull()
    expect(sessions.find(text, T0 + 44 * MINUTE)).toBeNull()
  })

  it('what a page does by itself keeps none awake', async () => {
    const { sessions, text } = await begun()
    for (let at = 1; at < 15; at++) expect(sessions.find(text, T0 + at * MINUTE, false)).not.toBeNull()
    expect(sessions.find(text, T0 + 15 * MINUTE, false)).toBeNull()
  })

  it('end after 12 hours of use, and when the clock is set back', async () => {
    const { sessions, text, user } = await begun()
    let at = T0
    while (at + 10 * MINUTE < T0 + 12 * HOUR) {
      at += 10 * MINUTE
      expect(sessions.find(text, at)).not.toBeNull()
    }
    expect(sessions.find(text, T0 + 12 * HOUR)).toBeNull()
    const { text: other } = good(sessions.begin(user.id, '10.0.0.1', T0))
    expect(sessions.find(other, T0 - HOUR)).toBeNull()
  })

  it('are at most five: the one unused for longest ends', async () => {
    const { sessions, text, user } = await begun()
    const more = [1, 2, 3, 4].map((at) => good(sessions.begin(user.id, `10.0.0.${at}`, T0 + at)).text)
    sessions.find(text, T0 + 10)
    good(sessions.begin(user.id, '10.0.0.9', T0 + 20))
    expect([text, ...more].map((each) => sessions.find(each, T0 + 21) !== null)).toEqual([true, false, true, true, true])
    expect(sessions.of(user.id, T0 + 21)).toHaveLength(5)
  })

  it('follow the rights of their user at once, and end with him', async () => {
    const { sessions, users, text } = await begun()
    good(users.setRights('li.na', rights({ zones: ['N'] }), ACT, T0))
    expect(sessions.find(text, T0)?.principal).toMatchObject({ roles: ['viewer'], zones: ['N'] })
    good(users.setRights('li.na', rights({ expiresAt: T0 + 5 }), ACT, T0))
    expect([sessions.find(text, T0 + 4) !== null, sessions.find(text, T0 + 5)]).toEqual([true, null])
    good(users.disable('li.na', true, ACT, T0))
    good(users.disable('li.na', false, ACT, T0))
    expect(sessions.find(text, T0 + 1)).toBeNull()
    expect(codeOf(sessions.begin('u-none', '10.0.0.1', T0))).toBe('ACCESS_UNKNOWN')
  })

  it('are ended one by one, all together, and by a new password', async () => {
    const { sessions, users, text, user } = await begun()
    const second = good(sessions.begin(user.id, 'x', T0))
    expect([sessions.end(second.session.hash, T0), sessions.end(second.session.hash, T0), sessions.find(second.text, T0)]).toEqual([
      true,
      false,
      null,
    ])
    good(await users.setPassword('li.na', GOOD, ACT, T0, cheap))
    expect(sessions.find(text, T0)).toBeNull()
    good(sessions.begin(user.id, 'x', T0))
    expect(sessions.endAll(user.id, T0)).toBe(1)
  })
})

describe('tokens', () => {
  it('have roles, zones and an expiry; their text is shown once', () => {
    const { tokens, log } = house()
    const { text, token } = good(tokens.add('billing', rights({ roles: ['billing'], zones: ['N'], expiresAt: T0 + HOUR }), ACT, T0))
    expect(text).toMatch(/^gt_[A-Za-z0-9_-]{43}$/)
    const view = tokenView({ version: () => '1' }, tokens, () => 0)
    expect(view.find(text, T0)).toEqual({
      ...{
        kind: 'token',
        id: token.id,
        name: 'billing',
        roles: ['billing'],
        former: null,
        zones: ['N'],
        customer: null,
        owner: null,
        expiresAt: T0 + HOUR,
      },
    })
    expect([view.find(text, T0 + HOUR - 1) !== null, view.find(text, T0 + HOUR)]).toEqual([true, null])
    for (const wrong of ['', text.slice(0, -1), text.toUpperCase(), `${text}x`, text.replace('gt_', 'gs_')])
      expect(view.find(wrong, T0)).toBeNull()
    expect(JSON.stringify([tokens.list(), log.list({ limit: 9 })])).not.toContain(text)
    expect(codeOf(tokens.add('billing', rights(), ACT, T0))).toBe('ACCESS_NAME')
    expect(codeOf(tokens.add('admin', rights({ roles: ['secadm'] }), ACT, T0))).toBe('ACCESS_ROLES')
  })

  it('may belong to a user, and be of the two kinds of before', () => {
    const { tokens, users } = house()
    const user = good(users.add('li.na', rights(), ACT, T0))
    good(tokens.add('script', rights(), ACT, T0, 'Li.Na'))
    expect(codeOf(tokens.add('old way', { former: 'operate', expiresAt: null }, ACT, T0))).toBe('ACCESS_NAME')
    const { text } = good(tokens.add('scada', { former: 'read', expiresAt: null }, ACT, T0))
    expect(
      tokens
        .list()
        .map(({ name, former, owner }) => [name, former, owner])
        .sort(),
    ).toEqual([
      ['scada', 'read', null],
      ['script', null, user.id],
    ])
    expect(codeOf(tokens.add('other', rights(), ACT, T0, 'nobody'))).toBe('ACCESS_UNKNOWN')
    expect(codeOf(tokens.add('other', { former: 'read', expiresAt: T0 }, ACT, T0))).toBe('ACCESS_EXPIRY')
    const who = tokenView({ version: () => '1' }, tokens, () => 0).find(text, T0)
    expect(who && [mayDo(who, 'readings:read'), mayDo(who, 'ledger:write')]).toEqual([true, false])
  })

  it('a revocation by another process holds within a second', () => {
    const { tokens, store, directory, log } = house()
    const { text } = good(tokens.add('scada', rights(), ACT, T0))
    let at = 0
    const view = tokenView(store, tokens, () => at)
    expect(view.find(text, T0)).not.toBeNull()
    const other = openAccessStore(directory, log)
    good(tokensOf(other).revoke('scada', ACT, T0))
    other.close()
    at = 999
    expect(view.find(text, T0)).toBeNull()
    expect(codeOf(tokens.revoke('scada', ACT, T0))).toBe('ACCESS_UNKNOWN')
  })

  it('one of our own holds at once', () => {
    const { tokens, store } = house()
    const view = tokenView(store, tokens, () => 0)
    expect(view.find(makeToken().text, T0)).toBeNull()
    const { text } = good(tokens.add('scada', rights(), ACT, T0))
    view.refresh()
    expect(view.find(text, T0)).not.toBeNull()
    good(tokens.revoke('scada', ACT, T0))
    view.refresh()
    expect(view.find(text, T0)).toBeNull()
  })

  it('of tokens.json are taken up as they are, again and again', () => {
    const { tokens, store, log } = house()
    const made = [
      { name: 'seer', permission: 'read', revokedAt: null, ...makeToken() },
      { name: 'doer', permission: 'operate', revokedAt: null, ...makeToken() },
      { name: 'gone', permission: 'read', revokedAt: T0, ...makeToken() },
    ]
    const [seer = '', doer = '', gone = ''] = made.map(({ text }) => text)
    const text = (revoked: string | null = null) =>
      JSON.stringify(
        made.map(({ name, permission, revokedAt, hash }, at) => ({
          ...{ id: `own-${at + 1}`, name, hash, permission, expiresAt: null, revokedAt: name === revoked ? T0 : revokedAt },
        })),
      )
    expect(good(tokens.importFormer(text(), ACT, T0))).toEqual({ added: 3, revoked: 0 })
    const lines = whats(log).length
    expect(good(tokens.importFormer(text(), ACT, T0))).toEqual({ added: 0, revoked: 0 })
    expect(whats(log)).toHaveLength(lines)
    const view = tokenView(store, tokens, () => Number.POSITIVE_INFINITY)
    const can = (shown: string) => {
      const who = view.find(shown, T0 + 1)
      return who === null ? null : [who.name, mayDo(who, 'readings:read'), mayDo(who, 'ledger:write'), mayDo(who, 'users:admin')]
    }
    expect([can(seer), can(doer), can(gone)]).toEqual([['seer', true, false, false], ['doer', true, true, false], null])
    expect(good(tokens.importFormer(text('doer'), ACT, T0))).toEqual({ added: 0, revoked: 1 })
    expect(whats(log).at(-1)).toBe('tokens-imported tokens.json')
  })

  it.each(['', '{}', '[1]', '[{"id":"a","name":"n","hash":"x","permission":"read","expiresAt":null,"revokedAt":null}]', '[{"id":"a"}]'])(
    'of a file that is none nothing is taken: %s',
    (text) => {
      const { tokens } = house()
      expect(codeOf(tokens.importFormer(text, ACT, T0))).toBe('ACCESS_IMPORT')
      expect(tokens.list()).toEqual([])
    },
  )
})

describe('links', () => {
  it('make the first administrator, once', async () => {
    const { links, users, log } = house()
    const text = good(links.makeFirst(ACT, T0))
    expect(text).toMatch(/^gl_[A-Za-z0-9_-]{43}$/)
    expect(good(links.look(text, T0))).toEqual({ kind: 'first-admin', name: null })
    expect(codeOf(await links.useFirst(text, 'root', 'short', '10.0.0.1', T0, cheap))).toBe('ACCESS_PASSWORD')
    expect(codeOf(await links.useFirst(text, '!', GOOD, '10.0.0.1', T0, cheap))).toBe('ACCESS_NAME')
    expect(good(await links.useFirst(text, 'root', GOOD, '10.0.0.1', T0, cheap))).toMatchObject({ name: 'root', roles: ['secadm'] })
    expect(codeOf(await links.useFirst(text, 'evil', GOOD, '10.0.0.1', T0, cheap))).toBe('ACCESS_LINK')
    expect(codeOf(links.makeFirst(ACT, T0))).toBe('ACCESS_HAS_ADMIN')
    expect(users.list().map(({ name }) => name)).toEqual(['root'])
    expect(whats(log)).toEqual(['link-made first administrator', 'link-used user:root'])
    expect(JSON.stringify(log.list({ limit: 9 }))).not.toContain(text)
  })

  it('of two at once only one wins', async () => {
    const { links, users } = house()
    const text = good(links.makeFirst(ACT, T0))
    const both = await Promise.all(['one', 'two'].map((name) => links.useFirst(text, name, GOOD, 'x', T0, cheap)))
    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    expect(users.list()).toHaveLength(1)
  })

  it('work for 24 hours, and not before the clock was set back; a newer one takes their place', async () => {
    const { links } = house()
    const old = good(links.makeFirst(ACT, T0))
    const at = (text: string, now: number) => codeOf(links.look(text, now))
    expect([at(old, T0 + 24 * HOUR - 1), at(old, T0 + 24 * HOUR), at(old, T0 - 1)]).toEqual(['ok', 'ACCESS_LINK', 'ACCESS_LINK'])
    const fresh = good(links.makeFirst(ACT, T0 + 1))
    expect([at(old, T0 + 2), at(fresh, T0 + 2), at('gl_x', T0), at(fresh.slice(0, -1), T0 + 2)]).toEqual([
      'ACCESS_LINK',
      'ok',
      'ACCESS_LINK',
      'ACCESS_LINK',
    ])
  })

  it('set a password, end the sessions of the user and do nothing else', async () => {
    const { links, users, sessions } = house()
    const user = good(users.add('li.na', rights(), ACT, T0))
    const text = good(links.makeFor('li.na', ACT, T0))
    expect(good(links.look(text, T0))).toEqual({ kind: 'password', name: 'li.na' })
    const session = good(sessions.begin(user.id, 'x', T0))
    expect(codeOf(await links.useFirst(text, 'evil', GOOD, 'x', T0, cheap))).toBe('ACCESS_LINK')
    expect(users.passwordOf('li.na', T0)).toBeNull()
    good(await links.usePassword(text, GOOD, 'x', T0, cheap))
    expect(users.passwordOf('li.na', T0)).not.toBeNull()
    expect(sessions.find(session.text, T0)).toBeNull()
    expect(codeOf(await links.usePassword(text, GOOD, 'x', T0, cheap))).toBe('ACCESS_LINK')
    const later = good(links.makeFor('li.na', ACT, T0))
    good(users.disable('li.na', true, ACT, T0))
    expect([codeOf(links.look(later, T0)), codeOf(links.makeFor('li.na', ACT, T0))]).toEqual(['ACCESS_LINK', 'ACCESS_UNKNOWN'])
  })
})

it('no account is there before somebody makes one', () => {
  const { store, directory } = storeIn()
  expect(usersOf(store).list()).toEqual([])
  expect(tokensOf(store).list()).toEqual([])
  expect(good(readAudit(directory, { limit: 1 }))).toEqual([])
  const database = openDatabase(`${directory}/access.db`)
  expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
  database.close()
})
