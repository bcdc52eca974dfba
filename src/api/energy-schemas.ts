import { Type } from 'typebox'
import { ENERGY_PERIODS } from './energy-deps.ts'
import { Count, closed, Instant, limitOf, named, nullable, oneOf, pageOf, ref, Text, TextOrNull } from './schema-words.ts'

const Ppm = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000_000, description })
const Figure = (description: string, example: string) => TextOrNull({ description, examples: [example] })

const RegisterEnd = nullable(
  Type.Object({
    register: Text('As on the face.', '123456.78'),
    meter: Text('Meter it is of.', 'M-12'),
    read: Type.Boolean({ description: 'A meter said so; false: it lies between two registers that were read.' }),
  }),
)

const EvidenceSchema = Type.Object(
  {
    start: RegisterEnd,
    end: RegisterEnd,
    segments: Type.Array(
      Type.Object({
        from: Instant('Start.'),
        to: Instant('End.'),
        meter: Text('Meter.', 'M-12'),
        ratio: Text('CT × PT in force, as the ledger says now.', '80'),
        delta: Text('Register difference, without the ratio.', '1.25'),
      }),
      { description: 'One for each meter and ratio. The figure is the sum of delta × ratio.' },
    ),
  },
  { description: 'What the figure rests on; only with `detail`.' },
)

export const EnergyItemSchema = named(
  'EnergyItem',
  Type.Object({
    from: Instant('Start.'),
    to: Instant('End.'),
    value: Figure('Primary side, exact. Null = not known, never zero.', '100.00'),
    quality: Type.Array(Type.String({ examples: ['good'] }), { description: 'Quality of the registers it rests on.' }),
    reasons: Type.Array(Type.String({ examples: ['split'] }), { description: 'What stands beside the figure, or why there is none.' }),
    estimatedPpm: Ppm('Share of the figure that rests on no register of its own, millionths.'),
    coveredPpm: Ppm('Share of the time that known registers span, millionths.'),
    version: Type.Integer({ minimum: 0, description: 'Grows with every change of the figure; 0 = never worked out.' }),
    evidence: nullable(EvidenceSchema),
  }),
)

const SeenRegister = nullable(
  Type.Object({ at: Instant('Instant.'), register: Text('As on the face.', '123456.78'), source: Text('Source.', 'curve') }),
)

const FINDING = {
  register: Text('Register.', '1.8.0'),
  code: Text('What cannot be true.', 'read-dip'),
  meter: Text('Meter.', 'M-12'),
  at: Instant('When.'),
  before: SeenRegister,
  after: SeenRegister,
  would: Figure('What booking it would have meant.', '-98211.40'),
  note: Text('Why it is impossible.', 'more than 83 kW, which is what a meter without transformers can carry (100 A)'),
}
const FindingSchema = Type.Object(FINDING, { description: 'A read or an increment that was set aside; only with `detail`.' })

export const EnergySchema = named(
  'Energy',
  Type.Object(
    {
      point: Text('Metering point.', 'P-12'),
      period: oneOf(ENERGY_PERIODS, 'Length of an interval.'),
      from: Instant('Start of the time asked for.'),
      to: Instant('Its end.'),
      zone: Text('Zone of days and months.', 'Asia/Shanghai'),
      pending: Type.Boolean({ description: 'Some of it is being worked out again.' }),
      registers: Type.Array(
        Type.Object({
          register: Text('Short code.', '1.8.0'),
          obis: Text('OBIS code.', '1-0:1.8.0'),
          unit: Text('Unit.', 'kWh'),
          total: Figure('Sum of the intervals that are known; null when none is.', '2400.00'),
          known: Count('Intervals that are known.'),
          due: Count(
            'Intervals in the time asked for; quarter hours and hours of days that have none are no items and count all the same.',
          ),
          estimatedPpm: Ppm('Share of the total that lies in intervals split or estimated, millionths. A longer period has less of it.'),
          items: Type.Array(ref(EnergyItemSchema)),
          findings: Type.Array(FindingSchema),
        }),
      ),
    },
    { description: 'Interval energy (区间电量): register differences times the ratios in force, primary side.' },
  ),
)

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })

export const EnergyParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Metering point.' }) }, closed)
export const EnergyQuery = Type.Object(
  {
    from: Type.Optional(
      When('Start: intervals that begin from then on. A day before `to` if not given, 31 days for `day`, 366 for `month`.'),
    ),
    to: Type.Optional(When('End, exclusive; now if not given.')),
    period: Type.Optional(oneOf(ENERGY_PERIODS, 'Length of an interval; `day` if not given.')),
    detail: Type.Optional(
      Type.Boolean({ description: 'With the registers behind each figure and what was set aside; at most 7 days, no months.' }),
    ),
  },
  closed,
)

export const EnergyExportSchema = named(
  'EnergyExport',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      who: Text('Who took the figures.', 'billing'),
      point: TextOrNull({ description: 'Metering point; null = all.' }),
      from: Instant('Start of what was taken.'),
      to: Instant('Its end.'),
      note: Text('Note.', 'November run'),
      at: Instant('When.'),
    },
    { description: 'Somebody has taken figures away: a change of them from then on is a correction.' },
  ),
)
export const EnergyExportPage = pageOf('EnergyExportPage', EnergyExportSchema)
export const EnergyExportBody = Type.Object(
  {
    who: Type.String({ minLength: 1, maxLength: 200, description: 'Who takes the figures.' }),
    point: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()], { description: 'Metering point; all if not given.' }),
    ),
    from: When('Start of what is taken.'),
    to: When('Its end.'),
    note: Type.Optional(Type.String({ maxLength: 500, description: 'Anything worth knowing later.' })),
  },
  closed,
)
export const EnergyAgainBody = Type.Object(
  {
    point: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()], { description: 'Metering point; all if not given.' }),
    ),
    from: When('First instant of the first day.'),
    to: When('End of the last day.'),
    why: Type.String({ minLength: 1, maxLength: 200, description: 'Stands as the reason beside corrections that come of it.' }),
  },
  closed,
)

export const EnergyCorrectionSchema = named(
  'EnergyCorrection',
  Type.Object(
    {
      seq: Type.Integer({ minimum: 1, description: 'Strictly rising.' }),
      point: Text('Metering point.', 'P-12'),
      register: Text('Register.', '1.8.0'),
      period: oneOf(ENERGY_PERIODS, 'Length of the interval.'),
      from: Instant('Start of the interval.'),
      to: Instant('Its end.'),
      before: Figure('What was given out.', '100.00'),
      after: Figure('What holds now.', '150.00'),
      version: Type.Integer({ minimum: 1, description: 'Version of what holds now.' }),
      reason: Text('What made it change.', 'ledger change 17'),
      at: Instant('When it changed.'),
      export: Type.Integer({ minimum: 1, description: 'Newest export that holds the old figure.' }),
    },
    { description: 'A figure that changed after somebody had taken it away.' },
  ),
)
export const EnergyCorrectionPage = named(
  'EnergyCorrectionPage',
  Type.Object({
    items: Type.Array(ref(EnergyCorrectionSchema)),
    next: Type.Union([Type.Integer(), Type.Null()], { description: 'Pass it as `since`; null when there is no more now.' }),
  }),
)
export const EnergyFindingSchema = named(
  'EnergyFinding',
  Type.Object(
    {
      seq: Type.Integer({ minimum: 1, description: 'Strictly rising.' }),
      point: Text('Metering point.', 'P-12'),
      seenAt: Instant('When it was first found.'),
      ...FINDING,
    },
    { description: 'A read, or an increment, that cannot be true: kept, not booked.' },
  ),
)
export const EnergyFindingPage = named(
  'EnergyFindingPage',
  Type.Object({
    items: Type.Array(ref(EnergyFindingSchema)),
    next: Type.Union([Type.Integer(), Type.Null()], { description: 'Pass it as `since`; null when there is no more now.' }),
  }),
)
const Since = Type.Optional(
  Type.Integer({
    ...{ minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    description: 'Only what has a greater `seq`; 0 if not given. Beyond the newest number it is refused (BILLING_SEQ).',
  }),
)
export const SinceQuery = Type.Object(
  {
    since: Since,
    limit: limitOf(100, 1000),
  },
  closed,
)
export const FindingsQuery = Type.Object(
  {
    point: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only of this metering point.' })),
    since: Since,
    limit: limitOf(100, 1000),
  },
  closed,
)
export const EnergyStateSchema = named(
  'EnergyState',
  Type.Object(
    {
      dirty: Count('Days of points to be worked out. Today counts as long as it goes on.'),
      oldest: TextOrNull({ description: 'The oldest of them; a month as 2026-11.', examples: ['2026-11-21'] }),
      waitingForStore: Count('Of them, those whose readings the store does not have yet.'),
      points: Count('Points of which every day from some day on is to be worked out.'),
      worked: Count('Days of points worked out since the start.'),
      corrections: Count('Corrections of figures that had been taken away, ever.'),
    },
    { description: 'How far interval energy is.' },
  ),
)
export const ENERGY_NAMED = [
  EnergyItemSchema,
  EnergySchema,
  EnergyExportSchema,
  EnergyExportPage,
  EnergyCorrectionSchema,
  EnergyCorrectionPage,
  EnergyFindingSchema,
  EnergyFindingPage,
  EnergyStateSchema,
]
