import { Type } from 'typebox'
import { PERMISSIONS, ROLES } from '../access/roles.ts'
import {
  Count,
  Cursor,
  closed,
  Instant,
  InstantOrNull,
  limitOf,
  named,
  nullable,
  oneOf,
  pageOf,
  ref,
  Text,
  TextOrNull,
  Word,
} from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const ROLE = 'What somebody is there for; docs/access.md says what each may do.'
const ZONES = 'Ids of zones (供电所) with all that lies in them; null: every zone.'
const roles = Type.Array(oneOf(ROLES, ROLE), { minItems: 1, maxItems: ROLES.length, description: ROLE })
const Zone = Type.String({ minLength: 1, maxLength: 64, examples: ['Z1'] })
const zones = nullable(Type.Array(Zone, { minItems: 1, maxItems: 1000 }), { description: ZONES })
const customer = TextOrNull({ minLength: 1, maxLength: 64, description: 'Customer whose points are seen, for the role customer alone.' })

const rightsSeen = {
  roles: Type.Array(oneOf(ROLES, ROLE)),
  zones: nullable(Type.Array(Type.String()), { description: ZONES }),
  customer: TextOrNull({ description: 'Sees nothing but the points of this customer.' }),
  expiresAt: InstantOrNull('When it ends; null: it does not.'),
}
const rightsAsked = {
  roles,
  zones: Type.Optional(zones),
  customer: Type.Optional(customer),
  expiresAt: Type.Optional(InstantOrNull('When it ends; null or absent: it does not.')),
}
const why = Type.Optional(Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description: 'The reason; stays in the audit log.' }))
const Name = Type.String({ minLength: 1, maxLength: 64, description: 'User name; capitals make no difference.', examples: ['li.na'] })
// Longer ones are taken, and refused as a password: what is typed by mistake must cost nothing.
const Password = (description: string) => Type.String({ minLength: 1, maxLength: 1024, description })

export const SessionSchema = named(
  'Session',
  Type.Object(
    {
      id: Text('Names the log-in without opening it.', '5f0c2b9a11d4e876'),
      createdAt: Instant('When it began.'),
      seenAt: Instant('When it was used last.'),
      idleAt: Instant('When it ends if it is not used.'),
      endsAt: Instant('When it ends in any case.'),
      address: Text('Where it was begun from.', '10.0.0.7'),
      isCurrent: Type.Boolean({ description: 'Whether this request came with it.' }),
    },
    { description: 'A log-in that goes on.' },
  ),
)

export const MeSchema = named(
  'Me',
  Type.Object(
    {
      kind: oneOf(['user', 'token'], 'A person who has logged in, or a machine with a token.'),
      id: Text('Stays the same as long as the account.'),
      name: Text('Name.', 'li.na'),
      ...rightsSeen,
      former: nullable(oneOf(['read', 'operate'], 'Kind of the token.'), { description: 'A token of before roles.' }),
      permissions: Type.Array(Type.String(), { description: 'All that may be done.', examples: [Object.keys(PERMISSIONS).slice(0, 3)] }),
      session: nullable(ref(SessionSchema), { description: 'The log-in of this request; null: it came with a token.' }),
    },
    { description: 'Who asks, and what he may.' },
  ),
)

export const UserSchema = named(
  'User',
  Type.Object(
    {
      id: Text('Stays the same as long as the account.', 'u-5f0c2b9a11d4e876'),
      name: Text('Name.', 'li.na'),
      ...rightsSeen,
      state: oneOf(['in-use', 'no-password', 'disabled', 'expired'], 'no-password: a one-time link has to be used first.'),
      createdAt: Instant('When it was made.'),
      disabledAt: InstantOrNull('Out of use since; null: in use.'),
      passwordAt: InstantOrNull('When the password was set; null: there is none yet.'),
      sessions: Count('Log-ins that go on.'),
    },
    { description: 'A person with an account.' },
  ),
)
const link = {
  link: Text('Secret that sets a password once; shown here and never again.', 'gl_…'),
  until: Instant('When it stops working.'),
}
export const LinkSchema = named('OneTimeLink', Type.Object(link, { description: 'A one-time link: its holder sets the password.' }))
export const NewUserSchema = named(
  'NewUser',
  Type.Object({ user: ref(UserSchema), ...link }, { description: 'The new account, and the link its holder sets a password with.' }),
)
export const UserPage = pageOf('UserPage', UserSchema)
export const SessionList = named('SessionList', asPage(Type.Object({ items: Type.Array(ref(SessionSchema)) })))
export const EndedSchema = named('EndedSessions', Type.Object({ ended: Count('Log-ins that were ended.') }))

export const MachineTokenSchema = named(
  'MachineToken',
  Type.Object(
    {
      id: Text('Names the token without opening it.', 't-5f0c2b9a11d4e876'),
      name: Text('Name.', 'billing'),
      ...rightsSeen,
      former: nullable(oneOf(['read', 'operate'], 'Kind of the token.'), {
        description: 'A token of before roles; null: the roles say it all.',
      }),
      owner: TextOrNull({ description: 'User it belongs to; it ends with the account.' }),
      source: oneOf(['made', 'configuration', 'environment'], 'Where it stands; only one that was made can be revoked here.'),
      state: oneOf(['valid', 'revoked', 'expired'], 'Whether it is accepted.'),
      createdAt: InstantOrNull('When it was made.'),
      revokedAt: InstantOrNull('When it was revoked.'),
    },
    { description: 'A machine’s right to come in. The secret itself is nowhere.' },
  ),
)
export const NewTokenSchema = named(
  'NewMachineToken',
  Type.Object({
    token: ref(MachineTokenSchema),
    text: Text('The secret, for the header Authorization: shown here and never again.', 'gt_…'),
  }),
)
export const MachineTokenPage = pageOf('MachineTokenPage', MachineTokenSchema)

export const LoginBody = Type.Object({ name: Name, password: Password('Password.') }, closed)
export const PasswordBody = Type.Object({ password: Password('The present one.'), next: Password('The new one.') }, closed)
const Secret = Type.String({ minLength: 1, maxLength: 200, description: 'The text of the link, gl_….' })
export const LookBody = Type.Object({ link: Secret }, closed)
export const RedeemBody = Type.Object(
  {
    link: Secret,
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'For the first administrator: the name he takes.' })),
    password: Password('12 characters or more.'),
  },
  closed,
)
export const LinkLookSchema = named(
  'LinkLook',
  Type.Object({
    kind: oneOf(['first-admin', 'password'], 'What it does: make the first administrator, or set a password.'),
    name: TextOrNull({ description: 'Whose password.' }),
  }),
)
export const UserParams = Type.Object({ name: Name })
export const UserSessionParams = Type.Object({
  name: Name,
  id: Type.String({ minLength: 1, maxLength: 64, description: 'Id of the log-in.' }),
})
export const SessionParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64, description: 'Id of the log-in.' }) })
export const TokenParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100, description: 'Id of the token.' }) })
export const UsersQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const UserBody = Type.Object({ name: Name, ...rightsAsked, why }, closed)
export const RightsBody = Type.Object({ ...rightsAsked, why }, closed)
export const WhyBody = Type.Object({ why }, closed)
export const TokensQuery = Type.Object(
  {
    valid: Type.Optional(Type.Boolean({ description: 'Only those that are accepted, or only those that are not.' })),
    ...UsersQuery.properties,
  },
  closed,
)
export const TokenBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64, description: 'Name of the machine.', examples: ['billing'] }),
    ...rightsAsked,
    owner: Type.Optional(TextOrNull({ minLength: 1, maxLength: 64, description: 'User it belongs to; it ends with the account.' })),
    why,
  },
  closed,
)

const Anything = (description: string) => Type.Unknown({ description })
export const AuditRecordSchema = named(
  'AuditRecord',
  Type.Object(
    {
      seq: Type.Integer({ minimum: 1, description: 'Number; none is left out.' }),
      at: Instant('When.'),
      what: Text('What sort of thing was done.', 'login-refused'),
      who: Type.Object({
        kind: oneOf(['user', 'token', 'command', 'house', 'nobody'], 'command: the command line; house: the gateway itself.'),
        id: TextOrNull({ description: 'Id of the account or token.' }),
        name: Text('Name.', 'li.na'),
      }),
      from: Text('Address of the other side; local: on this machine.', '10.0.0.7'),
      on: TextOrNull({ description: 'What it was done to.', examples: ['meter:M-1'] }),
      outcome: Text('asked: about to be done; done, refused or failed.', 'done'),
      before: Anything('State before; secrets are masked.'),
      after: Anything('State after, or what was asked for; secrets are masked.'),
      why: TextOrNull({ description: 'Reason.' }),
      count: Count('Of a summary: how many.'),
      since: InstantOrNull('Of a summary: since when.'),
    },
    { description: 'A line of the audit log.' },
  ),
)
export const AuditPage = pageOf('AuditPage', AuditRecordSchema)
export const AuditHeadSchema = named(
  'AuditHead',
  Type.Object(
    {
      log: Text('Which log: 32 hexadecimal digits.'),
      count: Count('Records.'),
      hash: Text('Hash of the last record: SHA-256, 64 hexadecimal digits.'),
      anchor: Text('The same as one line, to be kept elsewhere.', 'gridtally-audit 5c0d…e1 1841 9f3a…07'),
    },
    { description: 'The present end of the audit log.' },
  ),
)
export const AuditVerdictSchema = named(
  'AuditVerdict',
  Type.Object(
    {
      isWhole: Type.Boolean({ description: 'Whether nothing was found.' }),
      records: Count('Records in the log.'),
      beyondHead: Count('Records after the last one audit.head knows.'),
      faults: Type.Array(
        Type.Object({
          kind: Text('Kind of fault.', 'edited'),
          at: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Number of the record.' }),
          text: Text('What was found.'),
        }),
        { description: 'In the order of the log; the first hundred.' },
      ),
      head: nullable(ref(AuditHeadSchema)),
    },
    { description: 'What verifying the whole audit log found.' },
  ),
)
export const AuditQuery = Type.Object(
  {
    what: Word('Only this sort.', 'login-refused'),
    who: Word('Only what this user or token did.', 'li.na'),
    on: Word('Only what was done to it.', 'meter:M-1'),
    from: Type.Optional(Instant('Only since then. In an address write + as %2B.')),
    to: Type.Optional(Instant('Only before then.')),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const VerifyBody = Type.Object(
  {
    anchors: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        maxItems: 100,
        description: 'Ends of the log that were kept elsewhere.',
      }),
    ),
  },
  closed,
)

export const ACCOUNT_NAMED = [
  ...[SessionSchema, MeSchema, UserSchema, LinkSchema, NewUserSchema, UserPage, SessionList, EndedSchema, MachineTokenSchema],
  ...[NewTokenSchema, MachineTokenPage, LinkLookSchema, AuditRecordSchema, AuditPage, AuditHeadSchema, AuditVerdictSchema],
]
