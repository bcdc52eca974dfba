import type {
  AccessCounts,
  AccountDeps,
  AccountPort,
  AuditRecordView,
  MachineTokenView,
  SessionView,
  UserView,
} from '../../src/api/index.ts'
import { err, failWith, ok, type Result } from '../../src/core/index.ts'

const T0 = Date.parse('2026-08-15T12:00:00Z')
const failure = failWith({
  ACCESS_LOGIN: { recovery: 'skip', hint: 'an administrator can make a new link' },
  ACCESS_UNKNOWN: { recovery: 'skip', hint: 'look at the list' },
  ACCESS_LINK: { recovery: 'skip', hint: 'the newest one is the one that counts' },
  ACCESS_ANCHOR: { recovery: 'skip', hint: 'unchanged' },
})
export const ACCESS_COUNTS: AccessCounts = {
  ...{ logins: { in: 3, refused: 40, throttled: 900 }, isAuditWritten: true, auditDiskUsed: 0.25, tlsExpiresAt: T0 + 86_400_000 },
}

const rights = { roles: ['viewer' as const], zones: null, customer: null, expiresAt: null }
const user: UserView = {
  ...{ id: 'u-1', name: 'li.na', ...rights, createdAt: T0, disabledAt: null, passwordAt: T0, sessions: 1, state: 'in-use' },
}
const token: MachineTokenView = {
  ...{ id: 't-1', name: 'billing', ...rights, former: null, owner: null, source: 'made', createdAt: T0, revokedAt: null, state: 'valid' },
}
const session: SessionView = { id: 's-1', createdAt: T0, seenAt: T0, idleAt: T0 + 9e5, endsAt: T0 + 4e7, address: '10.0.0.7' }
const record = (seq: number): AuditRecordView => ({
  ...{ seq, at: T0 + seq, what: 'login', who: { kind: 'user', id: 'u-1', name: 'li.na' }, from: '10.0.0.7', on: 'user:li.na' },
  ...{ outcome: 'done', before: null, after: null, why: null, count: 1, since: null },
})
const of = <T>(name: string, value: T): Result<T> =>
  name === user.name ? ok(value) : failure('ACCESS_UNKNOWN', `there is no user ${name}`)

/** One user, one token and seven lines of the log; nobody logs in. */
export const fakeAccounts = (change: Partial<AccountPort> = {}): AccountDeps => ({
  accounts: {
    login: async () => failure('ACCESS_LOGIN', 'the log-in is refused'),
    logout: () => ok(null),
    session: () => null,
    changePassword: async () => failure('ACCESS_LOGIN', 'the log-in is refused'),
    sessions: (name) => of(name, [session]),
    ownSessions: () => [session],
    endSessions: (name) => of(name, 1),
    users: (_who, after) => (after === null ? [user] : []),
    user: (name) => of(name, user),
    addUser: (name) => ok({ user: { ...user, name }, link: { text: 'gl_x', until: T0 } }),
    setRights: (name, wanted) => of(name, { ...user, ...wanted }),
    setDisabled: (name, isDisabled) => of(name, { ...user, disabledAt: isDisabled ? T0 : null }),
    makeLink: (name) => of(name, { text: 'gl_x', until: T0 }),
    lookLink: () => failure('ACCESS_LINK', 'this link does not work'),
    redeem: async () => failure('ACCESS_LINK', 'this link does not work'),
    tokens: (_who, _valid, after) => (after === null ? [token] : []),
    addToken: (name) => ok({ token: { ...token, name }, text: 'gt_x' }),
    revokeToken: (id) => (id === token.id ? ok({ ...token, state: 'revoked' }) : failure('ACCESS_UNKNOWN', 'there is no such token')),
    ...change,
  },
  auditReads: {
    list: async ({ before = 8, limit }) =>
      ok(
        Array.from({ length: 7 }, (_, at) => record(7 - at))
          .filter(({ seq }) => seq < before)
          .slice(0, limit),
      ),
    head: async () => ok({ log: 'a'.repeat(32), count: 7, hash: 'b'.repeat(64), anchor: 'gridtally-audit' }),
    verify: async (anchors) =>
      anchors.length > 0
        ? err(failure('ACCESS_ANCHOR', 'that is no anchor').error)
        : ok({ isWhole: true, records: 7, beyondHead: 0, faults: [], head: null }),
  },
})
