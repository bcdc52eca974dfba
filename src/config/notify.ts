import { isIP } from 'node:net'
import { type Static, Type } from 'typebox'
import { resolveSecret, type Secret, SecretUrl } from './secret.ts'

const optional = Type.Optional
const object = Type.Object
const closed = (description: string) => ({ additionalProperties: false, description })
const Id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', description: 'letters, digits, dot, dash, underscore; at most 64' })
const TimeOfDay = (description: string, standard: string) =>
  Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description, default: standard })
const oneOf = <const T extends readonly string[]>(values: T, description: string, extra: Record<string, unknown> = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description, ...extra })
const WorkingDays = (standard: number | null) =>
  Type.Unsafe<number | null>({
    ...{ type: ['integer', 'null'], minimum: 0, maximum: 365, default: standard },
    description: 'working days until such a case is overdue; null: never',
  })

export const NOTIFY_SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const
export type NotifySeverity = (typeof NOTIFY_SEVERITIES)[number]
/** What somebody may want to be told of: cases, that figures of billing changed, that a part fails or is well again. */
export const NOTIFY_TOPICS = ['cases', 'billing', 'health'] as const
export type NotifyTopic = (typeof NOTIFY_TOPICS)[number]
/** What of cases. */
export const NOTIFY_EVENTS = [
  ...(['opened', 'grew', 'ended', 'resumed', 'reopened', 'withdrawn', 'acknowledged', 'started', 'explained', 'closed'] as const),
  ...(['assigned', 'commented', 'escalated'] as const),
] as const
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number]
const STANDARD_EVENTS: readonly NotifyEvent[] = ['opened', 'reopened', 'grew', 'withdrawn', 'escalated']

/** `cases` of gateway.yaml: until when a case has to be dealt with. */
export const CasesSchema = object(
  {
    deadlines: optional(
      object(
        {
          critical: optional(WorkingDays(1)),
          high: optional(WorkingDays(3)),
          medium: optional(WorkingDays(5)),
          low: optional(WorkingDays(10)),
          info: optional(WorkingDays(null)),
        },
        closed('by severity; weekends and holidays are those of `unregistered`'),
      ),
    ),
  },
  closed('cases: what was found and has to be dealt with'),
)

const wanted = {
  about: optional(
    Type.Array(
      oneOf(NOTIFY_TOPICS, 'cases; billing: figures were released, corrected or withdrawn; health: a part fails or is well again'),
      {
        minItems: 1,
        description: 'what is told of; cases if not given. What follows narrows cases only',
      },
    ),
  ),
  events: optional(
    Type.Array(oneOf(NOTIFY_EVENTS, 'what happened to a case'), {
      minItems: 1,
      description: `what is told; if not given: ${STANDARD_EVENTS.join(', ')}`,
    }),
  ),
  least: optional(oneOf(NOTIFY_SEVERITIES, 'cases below this severity are not told', { default: 'low' })),
  kinds: optional(Type.Array(Type.String({ minLength: 1, maxLength: 50 }), { description: 'only these kinds of case; absent: all' })),
  zones: optional(Type.Array(Id, { description: 'only cases of these zones; absent: all' })),
}

const Signing = Type.String({
  description: 'signs each message (HMAC-SHA256); write `$' + '{NAME}` to take it from the environment; masked wherever it is shown',
  secret: true,
})

const Webhook = object(
  {
    id: Id,
    url: Type.String({
      pattern: '^(https?://[^@\\s]+|\\$\\{[^}]+\\})$',
      maxLength: 2000,
      description:
        'where to POST, without user and password; write `$' +
        '{NAME}` or `$' +
        '{file:/path}` where it holds a token; path and query are masked wherever it is shown',
      secret: true,
    }),
    secret: optional(Signing),
    allow: optional(
      Type.Array(Type.String({ maxLength: 60 }), {
        description: 'private or local addresses that may be asked all the same: [10.1.2.3, 192.168.7.0/24]; none if not given',
      }),
    ),
    timeoutMs: optional(Type.Integer({ minimum: 100, maximum: 60_000, default: 10_000 })),
    ...wanted,
  },
  closed('an HTTP server that is told'),
)

const ViaMqtt = object(
  {
    id: Id,
    broker: Type.String({ description: 'id of a broker under `publish`' }),
    topic: optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        pattern: '^[^#+]+$',
        default: 'gridtally/{gateway}/cases',
        description:
          'topic of messages; {gateway} is filled in, and {zone}: each zone then has a topic and messages of its own (cases alone; `-`: cases of no zone)',
      }),
    ),
    secret: optional(Signing),
    ...wanted,
  },
  closed('a broker that is told, QoS 1'),
)

/** `notify` of gateway.yaml: who is told what, and when not. */
export const NotifySchema = object(
  {
    quietHours: optional(
      object(
        {
          from: optional(TimeOfDay('begin, local time', '22:00')),
          to: optional(TimeOfDay('end, local time', '07:00')),
          breakThrough: optional(
            oneOf([...NOTIFY_SEVERITIES, 'none'] as const, 'cases of this severity and above are told all the same; none: nothing is', {
              default: 'critical',
            }),
          ),
        },
        closed('hours in which nobody is told anything; it is told when they are over'),
      ),
    ),
    digestS: optional(
      Type.Integer({ minimum: 0, maximum: 86_400, default: 60, description: 'seconds over which cases are gathered into one message' }),
    ),
    keepHours: optional(
      Type.Integer({ minimum: 1, maximum: 720, default: 72, description: 'hours after which what could not be told is given up' }),
    ),
    keepMost: optional(
      Type.Integer({
        ...{ minimum: 1, maximum: 1_000_000, default: 10_000 },
        description: 'changes of cases that wait for somebody at most; of more the oldest are given up, which is told',
      }),
    ),
    webhooks: optional(Type.Array(Webhook, { maxItems: 20 })),
    mqtt: optional(Type.Array(ViaMqtt, { maxItems: 20 })),
  },
  closed('notification of cases, changed figures of billing and health'),
)

export interface CasesConfig {
  readonly deadlines: Readonly<Record<NotifySeverity, number | null>>
}

/** What somebody wants to be told. */
export interface Wanted {
  readonly id: string
  readonly about: readonly NotifyTopic[]
  readonly events: readonly NotifyEvent[]
  readonly least: NotifySeverity
  /** Null: all. */
  readonly kinds: readonly string[] | null
  readonly zones: readonly string[] | null
}

export interface WebhookConfig extends Wanted {
  readonly url: SecretUrl
  readonly secret: Secret | null
  readonly allow: readonly string[]
  readonly timeoutMs: number
}

export interface NotifyMqttConfig extends Wanted {
  readonly broker: string
  readonly topic: string
  readonly secret: Secret | null
}

export interface NotifyConfig {
  /** Null: there are none. Minutes since local midnight. */
  readonly quiet: { readonly fromMin: number; readonly toMin: number; readonly breakThrough: NotifySeverity | 'none' } | null
  readonly digestMs: number
  readonly keepMs: number
  /** Changes that wait for one of them at most. */
  readonly keepMost: number
  readonly webhooks: readonly WebhookConfig[]
  readonly mqtt: readonly NotifyMqttConfig[]
}

export const casesOf = (file: Static<typeof CasesSchema> | undefined): CasesConfig => ({
  deadlines: { critical: 1, high: 3, medium: 5, low: 10, info: null, ...file?.deadlines },
})

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

const wantedOf = (file: Static<typeof Webhook> | Static<typeof ViaMqtt>): Wanted => ({
  id: file.id,
  about: file.about ?? ['cases'],
  events: file.events ?? STANDARD_EVENTS,
  least: file.least ?? 'low',
  kinds: file.kinds ?? null,
  zones: file.zones ?? null,
})

/** Whether this is a range: `10.1.2.3`, `192.168.7.0/24`, `fd00::/8`. */
export const isRange = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  return (
    version !== 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)))
  )
}

/** Fills in what was left out. A setting that cannot be is told to `wrong`. @param brokers  ids under `publish` */
export const notifyOf = (
  file: Static<typeof NotifySchema> | undefined,
  brokers: readonly string[],
  environment: NodeJS.ProcessEnv,
  wrong: (path: readonly (string | number)[], message: string) => void,
): NotifyConfig => {
  const { quietHours, digestS = 60, keepHours = 72, keepMost = 10_000, webhooks = [], mqtt = [] } = file ?? {}
  const ids = new Set<string>()
  for (const [kind, list] of [['webhooks', webhooks] as const, ['mqtt', mqtt] as const])
    for (const [at, { id }] of list.entries()) {
      if (ids.has(id)) wrong(['notify', kind, at, 'id'], `is "${id}", which is there twice: whoever is told needs a name of their own`)
      ids.add(id)
    }
  for (const [at, { broker }] of mqtt.entries())
    if (!brokers.includes(broker))
      wrong(
        ['notify', 'mqtt', at, 'broker'],
        `is "${broker}", which is no broker under publish: expected ${brokers.join(', ') || 'one, and there is none'}`,
      )
  for (const [at, { topic = '', about = ['cases'] }] of mqtt.entries()) {
    const unknown = /\{(?!(?:gateway|zone)\})[^{}]*\}?|(?<!\{(?:gateway|zone))\}/.exec(topic)?.[0]
    const place = ['notify', 'mqtt', at, 'topic']
    if (unknown !== undefined) wrong(place, `is "${topic}", where "${unknown}" is nothing that is filled in: {gateway} and {zone} are`)
    if (topic.startsWith('$')) wrong(place, `is "${topic}": topics that begin with $ belong to the broker`)
    if (topic.includes('{zone}') && about.some((what) => what !== 'cases'))
      wrong(place, `is "${topic}", and billing and health are of no zone: leave {zone} out, or tell of cases alone`)
  }
  const [fromMin, toMin] = [minutesOf(quietHours?.from ?? '22:00'), minutesOf(quietHours?.to ?? '07:00')]
  if (quietHours && fromMin === toMin)
    wrong(['notify', 'quietHours', 'to'], 'is the same as from: quiet hours that begin and end at once are none, or all; leave them out')
  const resolved = (text: string | undefined, path: readonly (string | number)[]): Secret | null => {
    if (text === undefined) return null
    const found = resolveSecret(text, environment)
    if (typeof found !== 'string') return found
    wrong(path, found)
    return null
  }
  return {
    quiet: quietHours ? { fromMin, toMin, breakThrough: quietHours.breakThrough ?? 'critical' } : null,
    ...{ digestMs: digestS * 1000, keepMs: keepHours * 3_600_000, keepMost },
    webhooks: webhooks.map((one, at) => {
      const place = ['notify', 'webhooks', at]
      const isWritten = !one.url.startsWith('$')
      const url = isWritten ? one.url : resolved(one.url, [...place, 'url'])?.reveal()
      // What came from elsewhere is not shown, even where it is wrong.
      if (url !== undefined && (!/^https?:\/\/[^@\s]+$/.test(url) || !URL.canParse(url)))
        wrong(
          [...place, 'url'],
          `is ${isWritten ? `"${url}", which is ` : ''}no URL: expected https://host/path, without user and password`,
        )
      for (const [number, range] of (one.allow ?? []).entries())
        if (!isRange(range))
          wrong([...place, 'allow', number], `is "${range}", which is no address and no range: expected 10.1.2.3 or 192.168.7.0/24`)
      return {
        ...wantedOf(one),
        ...{ url: new SecretUrl(url ?? ''), secret: resolved(one.secret, [...place, 'secret']) },
        ...{ allow: one.allow ?? [], timeoutMs: one.timeoutMs ?? 10_000 },
      }
    }),
    mqtt: mqtt.map((one, at) => ({
      ...wantedOf(one),
      ...{ broker: one.broker, topic: one.topic ?? 'gridtally/{gateway}/cases' },
      secret: resolved(one.secret, ['notify', 'mqtt', at, 'secret']),
    })),
  }
}
