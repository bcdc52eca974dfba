import { expect, it, onTestFinished } from 'vitest'
import { makeToken } from '../../src/api/index.ts'
import { openAccess } from '../../src/gateway/start-access.ts'
import { ACT, good } from '../access/support.ts'
import { scratch } from '../support/processes.ts'
import { filesOf, rights } from './access-site.ts'

it('knows with which rights somebody stands now, whatever he showed', async () => {
  const directory = scratch()
  const { log, users, tokens, addUser } = filesOf(directory)
  const { hash } = makeToken()
  const access = openAccess({
    config: {
      dataDirectory: directory,
      http: {
        ...{ host: '', port: 0, tls: null, publicMetrics: false, requestsPerMinute: 60, repeatsMaxBytes: 1, trustProxy: null },
        tokens: [{ name: 'old', sha256: hash, permission: 'read' }],
      },
      access: { auditHead: null, session: { idleMs: 1e6, longestMs: 1e6, perUser: 1 } },
    },
    ...{ environment: {}, audit: { log }, scopeOf: () => ({ all: true, sees: () => true }), say: () => undefined },
  })
  onTestFinished(() => access.close())
  const standing = (kind: 'user' | 'token', id: string) =>
    access.standing({ kind, id, name: '', roles: [], former: null, zones: null, customer: null, expiresAt: null })
  await addUser('ann', { roles: ['analyst'], zones: ['Z1', 'Z2'] })
  const ann = users.list()[0]?.id ?? ''
  const { token } = good(tokens.add('script', rights(), ACT, Date.now(), 'ann'))
  expect(standing('user', ann)).toMatchObject({ kind: 'user', name: 'ann', roles: ['analyst'], zones: ['Z1', 'Z2'] })
  await expect.poll(() => standing('token', token.id)).toMatchObject({ kind: 'token', name: 'script', owner: ann })
  good(users.setRights('ann', rights({ zones: ['Z1'] }), ACT, Date.now()))
  expect(standing('user', ann)).toMatchObject({ zones: ['Z1'] })
  good(users.disable('ann', true, ACT, Date.now()))
  expect([standing('user', ann), standing('token', token.id)]).toEqual([null, null])
  good(users.disable('ann', false, ACT, Date.now()))
  good(tokens.revoke('script', ACT, Date.now()))
  await expect.poll(() => standing('token', token.id)).toBeNull()
  expect([standing('user', 'nobody'), standing('token', 'nothing')]).toEqual([null, null])
})
