import { type TSchema, Type } from 'typebox'
import { CONTROL_ACTS } from './concentrator-deps.ts'
import { Protocol } from './concentrator-schemas.ts'
import { Cursor, closed, limitOf, nullable, oneOf, Word } from './schema-words.ts'

/** What the routes of concentrators are asked: params, queries, bodies. What they answer: concentrator-schemas.ts. */

const Id = Type.String({ minLength: 1, maxLength: 200, description: 'Concentrator.', examples: ['C-1'] })
const Positive = (description: string) => Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description })
export const ConcentratorParams = Type.Object({ id: Id })
export const ConcentratorJobParams = Type.Object({ id: Id, job: Positive('Number of the job.') })
export const ConcentratorControlParams = Type.Object({ id: Id, act: Positive('Number of the act.') })
export const JobQuery = Type.Object(
  { waitS: Type.Optional(Type.Integer({ minimum: 0, maximum: 5, default: 0, description: 'Wait so long for its end, seconds.' })) },
  closed,
)
export const ConcentratorsQuery = Type.Object(
  {
    area: Word('Only of this transformer area.', 'A-1'),
    protocol: Type.Optional(Protocol),
    online: Type.Optional(Type.Boolean({ description: 'Only those that are connected, or are not.' })),
    text: Word('Part of id, name or address.', 'mill'),
    limit: limitOf(100, 500),
    cursor: Cursor,
  },
  closed,
)
export const NewestQuery = Type.Object({ limit: limitOf(50, 500), cursor: Cursor }, closed)
const When = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', description, examples: ['2026-11-20T00:00:00+08:00'] }))
export const ConcentratorEventsQuery = Type.Object(
  {
    from: When('From this instant on; seven days before `to` if not given. In an address write + as %2B.'),
    to: When('Until before this instant; now if not given.'),
    meter: Word('Only of this meter; the id of the concentrator for its own.', 'M-1'),
    limit: limitOf(200, 2000),
    cursor: Cursor,
  },
  closed,
)

const Why = Type.String({ minLength: 3, maxLength: 500, pattern: '\\S', description: 'The reason, for the record.' })
const LooseWhy = Type.Optional(Type.String({ maxLength: 500, description: 'The reason, for the record.' }))
const Meters = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
    minItems: 1,
    maxItems: 2040,
    description: 'Meters by ledger id or address; absent: all.',
  }),
)
const body = <Members extends Readonly<Record<string, TSchema>>>(members: Members) => Type.Object(members, closed)

export const WhyBody = body({ why: LooseWhy })
export const DownloadBody = body({ why: Why, meters: Meters })
export const DeleteBody = body({
  why: Why,
  numbers: Type.Array(Type.Integer({ minimum: 1, maximum: 2040 }), { minItems: 1, maxItems: 2040, description: 'Archive numbers.' }),
  alsoInLedger: Type.Optional(Type.Boolean({ default: false, description: 'Records of meters the ledger has here, too.' })),
})
const Name = {
  id: Type.String({ minLength: 1, maxLength: 40, description: 'Name in the protocol.', examples: ['F1'] }),
  pn: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 2040 }), { description: 'Measuring point, where it is one of a point.' })),
  ask: Type.Optional(Type.Unknown({ description: 'What of a list is wanted: ports, classes, tasks.' })),
}
const items = <Item extends TSchema>(item: Item) => Type.Array(item, { minItems: 1, maxItems: 500, description: 'Which.' })
export const ParametersReadBody = body({ why: LooseWhy, items: items(body(Name)) })
export const ParametersCompareBody = body({
  why: LooseWhy,
  items: items(body({ ...Name, value: Type.Optional(Type.Unknown({ description: 'What is wanted; not with `like`.' })) })),
  like: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'What this concentrator has is wanted.' })),
})
export const ParametersSetBody = body({
  why: Why,
  items: items(body({ ...Name, value: Type.Unknown({ description: 'What it is to be.' }) })),
})
export const ConcentratorClockSetBody = body({
  why: Why,
  secondToken: Type.Optional(
    Type.String({ maxLength: 200, description: 'Token of a second person who may do the same. It is checked and not kept.' }),
  ),
  acceptCrossing: Type.Optional(
    Type.Boolean({ description: 'For a drift whose correction crosses an hour or midnight at every time of day.' }),
  ),
})
const Counter = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 255, description }))
export const EventsAskBody = body({
  why: LooseWhy,
  level: Type.Optional(oneOf(['important', 'normal'], 'Which of the two lists; important if not given.')),
  from: Counter('Counter of the first; ten before `to` if not given.'),
  to: Counter('Counter behind the last; the newest if not given.'),
})
export const RoutesReadBody = body({ why: LooseWhy, meters: Meters })
const Wall = (description: string) =>
  Type.Optional(
    Type.String({ maxLength: 19, description: `${description} Wall clock of the concentrator.`, examples: ['2026-11-21T00:15'] }),
  )
export const ConcentratorReadBody = body({
  why: LooseWhy,
  meters: Meters,
  read: oneOf(['current', 'curve', 'day-freeze', 'month-freeze'], 'What to read.'),
  registers: Type.Optional(
    Type.Array(Type.String({ maxLength: 20 }), { minItems: 1, maxItems: 200, description: 'OBIS codes; absent: all the profile has.' }),
  ),
  nth: Type.Optional(Type.Integer({ minimum: 1, maximum: 400, description: 'Freezes: how many back; 1, the last, if not given.' })),
  since: Wall('Curves: the first point.'),
  until: Wall('Curves: the last point.'),
  profile: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Profile that is read; absent: each meter’s own.' })),
  way: Type.Optional(
    oneOf(
      ['own', 'forward'],
      'own: what the concentrator has. forward: the meter itself, its bytes passed through. Absent: as the profile has it.',
    ),
  ),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 31, description: 'forward: port; as the archive has it if not given.' })),
  baud: Type.Optional(
    Type.Unsafe<300 | 600 | 1200 | 2400 | 4800 | 7200 | 9600 | 19200>({
      ...{ type: 'integer', enum: [300, 600, 1200, 2400, 4800, 7200, 9600, 19200], description: 'forward: speed; 2400 if not given.' },
    }),
  ),
  waitMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 90_000, description: 'forward: how long the concentrator waits.' })),
})
export const AskBody = body({
  why: LooseWhy,
  item: Type.String({ minLength: 1, maxLength: 40, description: 'AFN and Fn, or OAD. Only what reads.', examples: ['0C F25', '00100200'] }),
  meter: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Meter; absent: the concentrator itself.' })),
  at: Wall('Day or month of a freeze, first point of a curve.'),
  points: Type.Optional(Type.Integer({ minimum: 1, maximum: 255, description: 'Points of a curve.' })),
  minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1440, description: 'Minutes between two of them.' })),
})
export const ControlBody = body({
  why: Why,
  act: oneOf(CONTROL_ACTS, 'What is to be switched.'),
  meter: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Meter by ledger id or address, where the protocol switches meters: 376.1 switches turns.',
    }),
  ),
  point: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 2040, description: 'Turn (控制轮次); 0, the concentrator itself, if neither is given.' }),
  ),
})
export const WithdrawBody = body({ why: Why })
export const AdoptTerminalBody = body({
  protocol: Protocol,
  address: Type.String({ minLength: 1, maxLength: 100, description: 'Its address, as the list has it.', examples: ['4510-22'] }),
  id: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S', description: 'How the ledger is to name it.', examples: ['C-2'] }),
  name: Type.Optional(Type.String({ maxLength: 200, description: 'Its name.' })),
  area: Type.Optional(Type.String({ maxLength: 200, description: 'Transformer area it stands in.' })),
  why: Why,
  workOrder: Type.Optional(Type.String({ maxLength: 200, description: 'Work order.' })),
})
