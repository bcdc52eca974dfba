import { Type } from 'typebox'
import { CLOCK_REASONS, CLOCK_STATE_NAMES } from './clock-deps.ts'
import {
  Cursor,
  closed,
  FailureSchema,
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

const STATE =
  'good: within 10 s (concentrators 5 s). fair: within a minute. off: more than a minute. far-off: more than 15 minutes. ' +
  'faulty: set twice in a month and still more than 5 minutes off. unknown: never read. no-clock: the model has none that can be read.'

const point = {
  at: Instant('When the meter looked at its clock, by ours.'),
  driftMs: Type.Integer({ description: 'Meter minus ours, milliseconds: the meter is ahead when positive.', examples: [90_500] }),
  uncertaintyMs: Type.Integer({ description: 'The true drift lies within this of it.', examples: [512] }),
}
const Point = Type.Object(point)

const members = {
  meter: Text('Meter as the ledger names it.', 'M-000000000012'),
  kind: oneOf(['meter', 'concentrator'], 'Whose clock it is.'),
  point: Text('Metering point.', 'P-7'),
  area: Text('Transformer area (台区).', 'A-1'),
  line: Text('Line it is read over.', 'rs485-3'),
  state: oneOf(CLOCK_STATE_NAMES, STATE),
  newest: nullable(Point, { description: 'Newest reading; null = never read.' }),
  rate: nullable(
    Type.Object({
      msPerDay: Type.Integer({ description: 'Milliseconds gained in a day; negative: it loses.' }),
      uncertaintyMs: Type.Integer({ minimum: 0 }),
      isOver: Type.Boolean({ description: 'More than half a second a day for sure.' }),
    }),
    { description: 'Daily drift (日计时误差) over at least three days since it was last set; null while nobody can say.' },
  ),
  triedAt: InstantOrNull('When it was last asked, with or without success.'),
  error: nullable(FailureSchema, { description: 'Why the last try failed; null when it did not.' }),
  isLocked: Type.Boolean({ description: 'It refused a password: nothing is written to it until a person clears it.' }),
}

export const ClockSchema = named('Clock', Type.Object(members, { description: 'The clock (时钟) of a meter against ours.' }))

export const ClockActSchema = named(
  'ClockAct',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      at: Instant('When it began.'),
      kind: oneOf(
        ['broadcast', 'set', 'clear'],
        'broadcast: to every meter on the line. set: one meter, by password. clear: may be written to again.',
      ),
      line: Text('Line.', 'rs485-3'),
      meter: TextOrNull({ description: 'Meter; null for a broadcast.' }),
      who: Text('Name of the token, or `sweep`.', 'li.ming'),
      second: TextOrNull({ description: 'Second person.' }),
      why: Text('The reason given.', 'replaced battery, order 2026-118'),
      result: oneOf(
        ['pending', 'done', 'refused', 'failed', 'unknown'],
        'failed: nothing was sent. unknown: sent, and nobody can say what the meter made of it.',
      ),
      code: TextOrNull({ description: 'Why it was refused or failed.' }),
      message: TextOrNull({ description: 'The same for people.' }),
      meters: Type.Array(
        Type.Object({
          meter: Type.String(),
          before: nullable(Point, { description: 'What it showed before.' }),
          after: nullable(Point, { description: 'And after; null when it could not be read again.' }),
        }),
        { description: 'The meters whose clock it was meant for.' },
      ),
    },
    { description: 'Something that was done to clocks; kept for good.' },
  ),
)

export const ClockDetailSchema = named(
  'ClockDetail',
  Type.Object({
    ...members,
    history: Type.Array(Type.Object({ ...point, why: oneOf(CLOCK_REASONS, 'What it was read for; back: the meter had been silent.') }), {
      description: 'Newest first; the newest 400 are kept.',
    }),
    acts: Type.Array(ref(ClockActSchema), { description: 'Newest first.' }),
  }),
)

export const ClockPage = pageOf('ClockPage', ClockSchema)

export const ClockParams = Type.Object({ meter: Type.String({ minLength: 1, maxLength: 200, description: 'Meter.' }) })
export const ClockLineParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Line.' }) })
export const ClocksQuery = Type.Object(
  {
    state: Type.Optional(oneOf(CLOCK_STATE_NAMES, STATE)),
    line: Word('Only meters on this line.', 'rs485-3'),
    area: Word('Only meters of this transformer area.', 'A-1'),
    limit: limitOf(100, 500),
    cursor: Cursor,
  },
  closed,
)

const Why = Type.String({ minLength: 3, maxLength: 500, description: 'The reason, for the record.' })
const SecondToken = Type.Optional(
  Type.String({ maxLength: 200, description: 'Token of a second person who may do the same. It is checked and not kept.' }),
)
export const ClockWhyBody = Type.Object({ why: Why }, closed)
export const ClockSetBody = Type.Object(
  {
    why: Why,
    secondToken: SecondToken,
    acceptCrossing: Type.Optional(
      Type.Boolean({
        description:
          'For a drift whose correction crosses an hour or midnight at every time of day: the meter may skip or repeat that freeze.',
      }),
    ),
  },
  closed,
)

/** Schemas with a name, in the order in which they refer to each other. */
export const CLOCK_NAMED = [ClockSchema, ClockActSchema, ClockDetailSchema, ClockPage]
