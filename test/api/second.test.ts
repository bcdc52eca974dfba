import { expect, it } from 'vitest'
import type { Principal } from '../../src/access/index.ts'
import { anotherPerson } from '../../src/api/second.ts'

const someone = (change: Partial<Principal>): Principal => ({
  ...{ kind: 'token', id: 't-1', name: 'day', roles: ['engineer'], former: null, zones: null, customer: null, expiresAt: null },
  ...change,
})
const LI = someone({ kind: 'user', id: 'u-1', name: 'li.na' })
/** What each text lets in. */
const KNOWN: Readonly<Record<string, Principal>> = {
  machine: someone({ id: 't-7', name: 'night' }),
  hers: someone({ id: 't-2', name: 'script', owner: 'u-2' }),
  his: someone({ id: 't-3', name: 'script of li', owner: 'u-1' }),
  alias: someone({ id: 't-4', name: 'li.na' }),
  viewer: someone({ id: 't-5', name: 'wall', roles: ['viewer'] }),
}

it.each([
  ['machine', 'night'],
  ['hers', 'script'],
  ['his', null],
  ['alias', null],
  ['viewer', null],
  ['nothing', null],
])('the second person by the token %s: %s', (text, name) => {
  const deps = {
    authenticate: ({ kind, text: shown }: { kind: string; text: string }) => (kind === 'bearer' ? (KNOWN[shown] ?? null) : null),
  }
  expect(anotherPerson(deps, LI, text, 'writes:meters')?.name ?? null).toBe(name)
})

it('two tokens of one user are one person, and nobody has a second', () => {
  const deps = { authenticate: () => KNOWN.his ?? null }
  expect(anotherPerson(deps, someone({ owner: 'u-1' }), 'x', 'writes:meters')).toBeNull()
  expect(anotherPerson(deps, null, 'x', 'writes:meters')).toBeNull()
})
