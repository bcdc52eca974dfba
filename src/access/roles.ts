/**
 * What may be done, and by which role. Everything is denied that is not in the table.
 *
 * @source roles: IEC 62351-8 (VIEWER, OPERATOR, ENGINEER, INSTALLER, SECADM, SECAUD); the separation of administrator, security
 * administrator and auditor (三权分立): GB/T 22239
 */

/** One thing that can be done each; what a route or a command declares. */
export const PERMISSIONS = {
  'readings:read': 'readings, energy, line loss, last values',
  'lines:read': 'lines, brokers, concentrators, clocks, signal: the state of the field side',
  'trace:read': 'frames and messages as they passed on a line',
  'ledger:read': 'meters, points, areas and their history, without what says something of a person',
  'ledger:write': 'changes, imports and exchanges in the ledger',
  'personal:read': 'names, addresses and telephone numbers of customers',
  'cases:read': 'cases and their evidence',
  'cases:act': 'acknowledge, assign, explain, close cases',
  'collection:read': 'gaps, figures of collection, outages',
  'collection:act': 'read gaps again, enter or waive them, keep the outage calendar',
  'rules:read': 'rules and thresholds of the analysis',
  'rules:write': 'thresholds, trials, a new run of the analysis',
  'commissioning:act': 'check lists and states of points',
  'read-now': 'ask a meter or a concentrator now; changes nothing in it',
  'lines:act': 'scan lines, replay or discard messages, send a test notice',
  'writes:meters': 'set clocks and registers of meters',
  'concentrators:act': 'archives, parameters and clocks of concentrators',
  'control:request': 'ask for a trip or close of a relay',
  'control:confirm': 'confirm a trip or close that somebody else asked for',
  'config:read': 'the configuration, secrets masked',
  'system:read': 'outbox, tasks, counters: the gateway itself',
  'config:write': 'change or reload the configuration',
  'users:admin': 'users, their roles, tokens, sessions',
  'audit:read': 'the audit log',
  'evidence:read': 'frames and messages that readings rest on, as they are kept',
  export: 'results as files, all rows',
  'billing:read': 'figures for billing',
  'billing:acknowledge': 'take notice of exchanges, say which figures were taken away',
  'billing:release': 'release, hold and correct figures for billing',
  'own:read': 'readings and energy of one’s own points',
} as const

export type Permission = keyof typeof PERMISSIONS
const isPermission = (text: string): text is Permission => Object.hasOwn(PERMISSIONS, text)
export const ALL_PERMISSIONS: readonly Permission[] = Object.keys(PERMISSIONS).filter(isPermission)

export const ROLES = ['viewer', 'operator', 'engineer', 'installer', 'secadm', 'auditor', 'analyst', 'billing', 'customer'] as const
/** viewer 监视, operator 值班, engineer 工程, installer 安装, secadm 安全管理员, auditor 审计员, analyst 分析, billing 核算, customer 用户. */
export type Role = (typeof ROLES)[number]
export const isRole = (text: unknown): text is Role => ROLES.some((role) => role === text)

const SEE = [
  'readings:read',
  'lines:read',
  'ledger:read',
  'cases:read',
  'collection:read',
  'rules:read',
  'system:read',
] as const satisfies readonly Permission[]

/** Role and permission: the whole of it. */
export const GRANTS: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: SEE,
  operator: [...SEE, 'personal:read', 'read-now', 'cases:act', 'collection:act', 'control:confirm'],
  engineer: [
    ...SEE,
    ...([
      'trace:read',
      'personal:read',
      'ledger:write',
      'collection:act',
      'rules:write',
      'commissioning:act',
      'read-now',
      'lines:act',
    ] as const),
    ...([
      'writes:meters',
      'concentrators:act',
      'control:request',
      'control:confirm',
      'config:read',
      'config:write',
      'evidence:read',
      'export',
    ] as const),
    'billing:acknowledge',
  ],
  installer: ['readings:read', 'lines:read', 'trace:read', 'ledger:read', 'commissioning:act', 'read-now', 'lines:act'],
  secadm: ['config:read', 'users:admin'],
  auditor: ['audit:read'],
  analyst: [...SEE, 'export'],
  billing: [
    'readings:read',
    'ledger:read',
    'personal:read',
    'collection:read',
    'evidence:read',
    'export',
    'billing:read',
    'billing:acknowledge',
    'billing:release',
  ],
  customer: ['own:read'],
}

/** Roles that nobody holds together with any other but those named: who gives rights does not use them, who checks does neither. */
const ALONE: readonly { readonly role: Role; readonly because: string }[] = [
  { role: 'secadm', because: 'who gives rights does not use them' },
  { role: 'auditor', because: 'who checks acts does not act' },
  { role: 'customer', because: 'a customer sees nothing but his own' },
]

/** Why roles cannot be held together or are none; null: they can. */
export const rolesProblem = (roles: readonly string[]): string | null => {
  const strange = roles.find((role) => !isRole(role))
  if (strange !== undefined) return `"${strange}" is no role: there are ${ROLES.join(', ')}`
  if (roles.length === 0) return 'there is no role: nothing would be allowed'
  if (new Set(roles).size < roles.length) return 'a role is named twice'
  const alone = ALONE.find(({ role }) => roles.length > 1 && roles.includes(role))
  return alone ? `${alone.role} is not held together with another role: ${alone.because}` : null
}

/** Roles a machine token may have: whoever gives rights is a person who has logged in. */
export const isTokenRole = (role: Role): boolean => role !== 'secadm'

/** The two permissions tokens have had so far. */
export const FORMER = ['read', 'operate'] as const
export type Former = (typeof FORMER)[number]

const FORMER_READ = [...SEE, 'trace:read', 'evidence:read', 'config:read', 'export'] as const satisfies readonly Permission[]

/**
 * What those two mean in the words of this table: exactly what they open today. What is new (users, audit log, billing) they do not open.
 */
export const FORMER_GRANTS: Readonly<Record<Former, readonly Permission[]>> = {
  read: FORMER_READ,
  operate: [
    ...FORMER_READ,
    ...([
      'personal:read',
      'ledger:write',
      'cases:act',
      'collection:act',
      'rules:write',
      'commissioning:act',
      'read-now',
      'lines:act',
    ] as const),
    ...(['writes:meters', 'concentrators:act', 'control:request', 'control:confirm', 'config:write', 'billing:acknowledge'] as const),
  ],
}
