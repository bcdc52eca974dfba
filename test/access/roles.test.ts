import { expect, it } from 'vitest'
import {
  ALL_PERMISSIONS,
  FORMER_GRANTS,
  hasExpired,
  isTokenRole,
  mayDo,
  maySee,
  type Principal,
  permissionsOf,
  personOf,
  ROLES,
  rolesProblem,
  scopeOf,
} from '../../src/access/index.ts'

/** Role and permission, committed: a change of who may do what has to be made here too. Columns as in ROLES. */
const TABLE = `
                    viewer operator engineer installer secadm auditor analyst billing customer
readings:read       x      x        x        x         .      .       x       x       .
lines:read          x      x        x        x         .      .       x       .       .
trace:read          .      .        x        x         .      .       .       .       .
ledger:read         x      x        x        x         .      .       x       x       .
ledger:write        .      .        x        .         .      .       .       .       .
personal:read       .      x        x        .         .      .       .       x       .
cases:read          x      x        x        .         .      .       x       .       .
cases:act           .      x        .        .         .      .       .       .       .
collection:read     x      x        x        .         .      .       x       x       .
collection:act      .      x        x        .         .      .       .       .       .
rules:read          x      x        x        .         .      .       x       .       .
rules:write         .      .        x        .         .      .       .       .       .
commissioning:act   .      .        x        x         .      .       .       .       .
read-now            .      x        x        x         .      .       .       .       .
lines:act           .      .        x        x         .      .       .       .       .
writes:meters       .      .        x        .         .      .       .       .       .
concentrators:act   .      .        x        .         .      .       .       .       .
control:request     .      .        x        .         .      .       .       .       .
control:confirm     .      x        x        .         .      .       .       .       .
config:read         .      .        x        .         x      .       .       .       .
system:read         x      x        x        .         .      .       x       .       .
config:write        .      .        x        .         .      .       .       .       .
users:admin         .      .        .        .         x      .       .       .       .
audit:read          .      .        .        .         .      x       .       .       .
evidence:read       .      .        x        .         .      .       .       x       .
export              .      .        x        .         .      .       x       x       .
billing:read        .      .        .        .         .      .       .       x       .
billing:acknowledge .      .        x        .         .      .       .       x       .
billing:release     .      .        .        .         .      .       .       x       .
own:read            .      .        .        .         .      .       .       .       x
`

const someone = (change: Partial<Principal>): Principal => ({
  ...{ kind: 'user', id: 'u-1', name: 'li.na', roles: [], former: null, zones: null, customer: null, expiresAt: null },
  ...change,
})

it('every role and permission is as committed', () => {
  const [head = '', ...lines] = TABLE.trim().split('\n')
  expect(head.trim().split(/ +/)).toEqual(ROLES)
  const rows = lines.map((line) => line.trim().split(/ +/))
  expect(rows.map(([permission]) => permission)).toEqual(ALL_PERMISSIONS)
  const real = ALL_PERMISSIONS.map((permission) => [
    permission,
    ...ROLES.map((role) => (mayDo({ roles: [role], former: null }, permission) ? 'x' : '.')),
  ])
  expect(rows).toEqual(real)
})

it('nothing is allowed to nobody, and several roles add up', () => {
  expect(ALL_PERMISSIONS.filter((permission) => mayDo(someone({}), permission))).toEqual([])
  expect(permissionsOf(someone({ roles: ['installer', 'analyst'] }))).toEqual(
    expect.arrayContaining(['commissioning:act', 'export', 'cases:read']),
  )
})

it('who gives rights, who uses them and who checks are three people', () => {
  expect(rolesProblem(['engineer', 'operator'])).toBeNull()
  expect(rolesProblem(['secadm', 'engineer'])).toMatch(/^secadm is not held together/)
  expect(rolesProblem(['viewer', 'auditor'])).toMatch(/^auditor is not held together/)
  expect(rolesProblem(['customer', 'viewer'])).toMatch(/^customer is not held together/)
  expect(rolesProblem([])).toMatch(/no role/)
  expect(rolesProblem(['viewer', 'viewer'])).toMatch(/twice/)
  expect(rolesProblem(['root'])).toMatch(/^"root" is no role: there are viewer, /)
  expect(rolesProblem(['toString'])).toMatch(/is no role/)
  expect(ROLES.filter((role) => !isTokenRole(role))).toEqual(['secadm'])
})

it('tokens of before do what they did, and nothing that is new', () => {
  const fresh = ['users:admin', 'audit:read', 'billing:read', 'billing:release', 'own:read']
  expect(ALL_PERMISSIONS.filter((permission) => !mayDo({ roles: [], former: 'operate' }, permission))).toEqual(fresh)
  expect([...FORMER_GRANTS.read].filter((permission) => !FORMER_GRANTS.operate.includes(permission))).toEqual([])
  const acts = FORMER_GRANTS.read.filter((permission) => !permission.endsWith(':read'))
  expect(acts).toEqual(['export'])
  expect(FORMER_GRANTS.read).not.toContain('personal:read')
})

it('sees its zones and what lies in them', () => {
  const north = { zones: ['N-2', 'N', 'ALL'], customer: null }
  expect(maySee(someone({ roles: ['viewer'] }), north)).toBe(true)
  expect(maySee(someone({ roles: ['viewer'] }), { zones: [], customer: null })).toBe(true)
  expect(maySee(someone({ roles: ['viewer'], zones: ['N'] }), north)).toBe(true)
  expect(maySee(someone({ roles: ['viewer'], zones: ['N-1', 'S'] }), north)).toBe(false)
  expect(maySee(someone({ roles: ['viewer'], zones: ['N'] }), { zones: [], customer: null })).toBe(false)
  expect(maySee(someone({ roles: ['viewer'], zones: [] }), north)).toBe(false)
})

it('a customer sees his own and nothing else', () => {
  const customer = someone({ roles: ['customer'], customer: 'C-7' })
  expect(maySee(customer, { zones: ['N'], customer: 'C-7' })).toBe(true)
  expect(maySee(customer, { zones: ['N'], customer: 'C-8' })).toBe(false)
  expect(maySee(customer, { zones: ['N'], customer: null })).toBe(false)
  expect(maySee(someone({ roles: ['customer'] }), { zones: [], customer: null })).toBe(false)
  expect(scopeOf(customer)).toEqual({ zones: [], customer: 'C-7' })
  expect(scopeOf(someone({ roles: ['viewer'], zones: ['N'] }))).toEqual({ zones: ['N'], customer: null })
  expect(scopeOf(someone({ roles: ['customer'] }))).toEqual({ zones: [], customer: null })
})

it('tells persons apart, not their tokens', () => {
  const li = someone({ id: 'u-1' })
  const [his, hers, machine] = [{ owner: 'u-1' }, { owner: 'u-2' }, {}].map((change, at) =>
    someone({ kind: 'token', id: `t-${at}`, ...change }),
  )
  expect([his, hers, machine].map((each) => each && personOf(each) === personOf(li))).toEqual([true, false, false])
  expect(personOf(someone({ kind: 'token', id: 'u-1' }))).not.toBe(personOf(li))
})

it('a right runs out at its instant', () => {
  expect([999, 1000, 1001].map((now) => hasExpired(someone({ expiresAt: 1000 }), now))).toEqual([false, true, true])
  expect(hasExpired(someone({}), Number.MAX_SAFE_INTEGER)).toBe(false)
})
