import { Type } from 'typebox'
import { SOURCES } from '../core/index.ts'
import { Cursor, closed, limitOf, oneOf, Word } from './schema-words.ts'

/** What the routes of points, readings, lines and the outbox are asked: params, queries, bodies. What they answer: schemas.ts. */

export const ReadNowBody = Type.Object(
  {
    registers: Type.Optional(
      Type.Array(Type.String({ maxLength: 20 }), {
        minItems: 1,
        maxItems: 200,
        description: 'OBIS codes, full or short; absent = everything the meter model has.',
        examples: [['1.8.0', '1-0:32.7.0']],
      }),
    ),
    timeoutMs: Type.Optional(
      Type.Integer({ minimum: 100, maximum: 60_000, default: 10_000, description: 'How long to try, waiting for the line included.' }),
    ),
    trace: Type.Optional(Type.Boolean({ default: false, description: 'Give the frames too.' })),
  },
  closed,
)

export const PointParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200, description: 'Metering point.', examples: ['P-7'] }),
})
export const LineParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Line.', examples: ['rs485-3'] }) })
const filter = { area: Word('Only this transformer area.', 'A-1'), line: Word('Only what is read over this line.', 'rs485-3') }

export const PointsQuery = Type.Object(
  { ...filter, text: Word('Part of id, name or meter address.', 'mill'), limit: limitOf(200, 5000), cursor: Cursor },
  closed,
)
export const LatestQuery = Type.Object(
  {
    ...filter,
    registers: Type.Optional(
      Type.String({ maxLength: 4000, description: 'Only these: OBIS codes, full or short, with commas between.', examples: ['1.8.0'] }),
    ),
    limit: limitOf(200, 20_000),
    cursor: Cursor,
  },
  closed,
)
export const DeadLettersQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)

const When = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', description, examples: ['2026-08-15T00:00:00+08:00'] }))

export const ReadingsQuery = Type.Object(
  {
    from: When('From this instant on; 24 hours before `to` if not given. In an address write + as %2B.'),
    to: When('Until before this instant; now if not given.'),
    registers: Type.Optional(
      Type.String({ maxLength: 4000, description: 'OBIS codes, full or short, with commas between.', examples: ['1.8.0,2.8.0'] }),
    ),
    source: Type.Optional(oneOf(SOURCES, 'Only readings that came this way.')),
    measurement: Type.Optional(
      Type.Unsafe<'register' | 'instant' | 'event'>({
        type: 'string',
        enum: ['register', 'instant', 'event'],
        default: 'register',
        description:
          'Cumulative registers and demand, instantaneous values, or what meters said that happened: the name of a value is the event.',
      }),
    ),
    limit: limitOf(1000, 5000),
    cursor: Cursor,
    format: Type.Optional(
      oneOf(['json', 'csv'], 'The same as the header accept. CSV is the whole range at once: `limit` and `cursor` do not apply.'),
    ),
  },
  closed,
)

export const ReplayBody = Type.Object(
  {
    ids: Type.Optional(Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 10_000, description: 'Which.' })),
    all: Type.Optional(Type.Literal(true, { description: 'All of them.' })),
  },
  { ...closed, minProperties: 1, maxProperties: 1, examples: [{ ids: [17] }] },
)
