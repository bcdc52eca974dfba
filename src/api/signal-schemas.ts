import { Type } from 'typebox'
import { SIGNAL_BANDS, SIGNAL_LEVELS } from '../anomaly/index.ts'
import {
  Count,
  Cursor,
  closed,
  Instant,
  InstantOrNull,
  limitOf,
  named,
  oneOf,
  pageOf,
  ref,
  Text,
  TextOrNull,
  Word,
} from './schema-words.ts'
import { SIGNAL_STEPS } from './signal-deps.ts'
import { asPage } from './whole-lists.ts'

const Figure = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description: `${description} Null = not known.` })

const figures = {
  polls: Count('Reads that were due and came to their end.'),
  read: Count('Of them, those that came.'),
  readPct: Figure('read / polls, %.'),
  firstTryPct: Figure('Without any repeat, %.'),
  completeHoursPct: Figure('Hours in which every poll was read, of the hours in which one was due, %.'),
  timeouts: Count('Attempts without any answer.'),
  crcErrors: Count('Attempts with a damaged answer.'),
  foreignAnswers: Count('Attempts that only somebody else answered.'),
  latencyP50Ms: Figure('Median of the hourly mean response times, ms.'),
  latencyP95Ms: Figure('95 % of them are below, ms.'),
  snrDb: Figure('Signal-to-noise ratio, dB.'),
  rssiDbm: Figure('Received power, dBm.'),
  band: oneOf(SIGNAL_BANDS, 'By signal where it is known, else by the share of failed attempts.'),
  zoneMedianPct: Figure('Median read rate of its zone at this level, %.'),
  belowZonePct: Figure('How far its read rate is below that, percentage points.'),
  kindMedianDb: Figure('Median signal of the channels of its kind in its zone.'),
  belowKindDb: Figure('How far its signal is below that, dB.'),
}

export const SignalRowSchema = named(
  'SignalRow',
  Type.Object(
    {
      rank: Type.Integer({ minimum: 1, description: '1 = the farthest below the median of its zone.' }),
      level: oneOf(SIGNAL_LEVELS, 'What it is.'),
      id: Text('Metering point, bus (line), concentrator, area or zone.', 'P-12'),
      area: TextOrNull({ description: 'Transformer area; null: of several.' }),
      zone: TextOrNull({ description: 'Zone; null: of several, or nobody said.' }),
      link: TextOrNull({ description: 'Kind of channel; null: of several kinds.' }),
      bus: TextOrNull({ description: 'Bus (line) it hangs on.' }),
      concentrator: TextOrNull({ description: 'Concentrator it hangs on.' }),
      meters: Count('Meters behind it that were heard of.'),
      ...figures,
    },
    { description: 'How well something is heard.' },
  ),
)

export const SignalPage = pageOf('SignalPage', SignalRowSchema)

const words = (description: string) => Type.Object({ zh: Type.String(), en: Type.String() }, { description })

export const SignalSchema = named(
  'Signal',
  asPage(
    Type.Object({
      from: Instant('Start of the time shown.'),
      to: Instant('Its end.'),
      step: oneOf(SIGNAL_STEPS, 'Length of an item.'),
      figures: ref(SignalRowSchema, 'All of the time together; `rank` says nothing here.'),
      items: Type.Array(Type.Object({ from: Instant('Start.'), to: Instant('End.'), ...figures }), {
        description: 'Hour by hour or day by day; times without any poll are missing.',
      }),
      marks: Type.Array(
        Type.Object({ at: Instant('From then on.'), channel: Text('Line.', 'rs485-3'), note: Text('What was done.', 'new modem') }),
        {
          description: 'Change marks of the lines it goes through, from the ledger.',
        },
      ),
      findings: Type.Array(
        Type.Object({
          level: Type.String({ description: 'meter, bus, concentrator, backhaul or area.' }),
          target: Text('What is broken.', 'rs485-3'),
          cause: TextOrNull({ description: 'Cause.' }),
          from: Instant('Since when.'),
          to: InstantOrNull('Until when; null: it goes on.'),
          score: Type.Number({ minimum: 0, maximum: 1, description: 'From 0.5 on an alarm.' }),
          numbers: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()]), {
            description: 'What it rests on.',
          }),
          why: words('Why.'),
          action: words('What to do.'),
        }),
        { description: 'What is wrong on its way by the end of that time, the one that explains most lost reads first.' },
      ),
    }),
  ),
)

const Span = {
  from: Type.Optional(Instant('From then on; 7 days back unless said.')),
  to: Type.Optional(Instant('Until then; now unless said.')),
}

export const SignalQuery = Type.Object(
  {
    level: Type.Optional(oneOf(SIGNAL_LEVELS, 'What is listed; `meter` unless said.')),
    ...Span,
    area: Type.Optional(Word('Of one area.', 'A-1')),
    zone: Type.Optional(Word('Of one zone.', 'Z-1')),
    bus: Type.Optional(Word('On one bus (line).', 'rs485-3')),
    concentrator: Type.Optional(Word('Under one concentrator.', 'C-1')),
    link: Type.Optional(Word('Of one kind of channel.', 'dlt645')),
    band: Type.Optional(oneOf(SIGNAL_BANDS, 'In one band.')),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)

export const SignalParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 200, description: 'Metering point, bus (line), concentrator, area or zone.' }) },
  closed,
)
export const SignalOneQuery = Type.Object(
  {
    level: Type.Optional(oneOf(SIGNAL_LEVELS, 'What it is; `meter` unless said.')),
    ...Span,
    step: Type.Optional(oneOf(SIGNAL_STEPS, 'Length of an item; `hour` unless said.')),
  },
  closed,
)

export const SIGNAL_NAMED = [SignalRowSchema, SignalPage, SignalSchema]
