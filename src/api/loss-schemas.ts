import { Type } from 'typebox'
import { LOSS_FAULTS, LOSS_STATES, PHASE_FAULTS, WATCHES } from '../anomaly/index.ts'
import { LOSS_STEPS } from './loss-deps.ts'
import { Count, Cursor, closed, Instant, limitOf, named, nullable, oneOf, pageOf, ref, Text, TextOrNull, Word } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const Kwh = (description: string, example = '100.00') =>
  TextOrNull({ description: `${description} Exact, kWh; null = not known.`, examples: [example] })
const Percent = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description: `${description} Null = not known.` })
const Ppm = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000_000, description })

const Number4 = (description: string) => Type.Unsafe<number | null>({ type: ['number', 'null'], description })
const PhaseLossSchema = Type.Object(
  {
    phase: oneOf(['A', 'B', 'C'], 'Phase.'),
    state: oneOf(['computed', 'not-computable'], 'Whether its loss is known.'),
    faults: Type.Array(oneOf(PHASE_FAULTS, 'Why it is not.')),
    because: Type.Array(Type.String(), { description: 'Points because of which it is not.' }),
    supplyKwh: Number4('Its part of the supply, kWh: registers split by voltage times current of each quarter hour.'),
    soldKwh: Number4('Sold on it, kWh.'),
    lossKwh: Number4('supplyKwh - soldKwh.'),
    lossPct: Number4('Per cent of supplyKwh.'),
    errorKwh: Number4('Half width of the 95 % interval of lossKwh: what the split may be wrong by.'),
  },
  { description: 'Line loss of one phase (分相线损).' },
)

export const LossItemSchema = named(
  'LossItem',
  Type.Object(
    {
      from: Instant('Start.'),
      to: Instant('End.'),
      supply: Kwh('Import of the gateways (供电).'),
      reverse: Kwh('Back through the gateways (反向).', '0.00'),
      generation: Kwh('What customers and generators feed in (上网).', '0.00'),
      measured: Kwh('Sold by the meters that are known.', '96.00'),
      sold: Kwh('Sold (售电), what meters that are missing usually use included; null while the loss is not computable.', '96.00'),
      loss: Kwh('supply + generation - reverse - sold.', '4.00'),
      rates: Type.Object(
        {
          ofInput: Percent('loss / (supply + generation), %.'),
          ofNet: Percent('loss / (supply + generation - reverse), %: 线损率 of reports.'),
        },
        {
          description:
            'The same loss over both denominators. The state is judged on `ofInput`: the other one grows without end when power flows back.',
        },
      ),
      coverage: Type.Object({
        meters: Count('Meters that sell or feed in.'),
        good: Count('Of them, those with registers read at both ends.'),
        meterPpm: Ppm('Share of meters with good data at both ends, millionths.'),
        energyPpm: Type.Unsafe<number | null>({
          type: ['integer', 'null'],
          description: 'Their share of last week’s energy, millionths; null = nobody knows it.',
        }),
      }),
      estimatedPpm: Ppm('Share of the sold energy that is estimated, millionths.'),
      state: oneOf(LOSS_STATES, 'What the loss is judged to be; `not-judged`: below what the gateway register resolves.'),
      grade: TextOrNull({ description: '`very-high`, `small-negative` (below zero and tolerated), or null.' }),
      judgedIn: TextOrNull({ description: '`%`, `kWh` in small areas, null when not judged.' }),
      faults: Type.Array(oneOf(LOSS_FAULTS, 'Why it is not computable, or what is odd in the archive.')),
      missing: Type.Array(Type.String(), { description: 'Points without energy.' }),
      bound: nullable(
        Type.Object({ low: nullable(Type.Number()), likely: nullable(Type.Number()), high: Type.Number() }, { description: 'kWh.' }),
        {
          description:
            'The loss when missing meters used their most, the usual, nothing. Never a headline. Null while the gateway is not known; open below (low and likely null) while nobody knows what a missing meter usually uses.',
        },
      ),
      stepKwh: Type.Number({ description: 'Step of the gateway registers times their ratio, kWh: what a difference cannot resolve.' }),
      watches: Type.Array(oneOf(WATCHES, 'Watch lists it is on.')),
      version: Type.Integer({ minimum: 0, description: 'Grows with every change; 0 = never worked out.' }),
      sumOfDays: nullable(
        Type.Object({
          loss: Kwh('Sum of the losses of computable days.'),
          sold: Kwh('Likewise.'),
          supply: Kwh('Likewise.'),
          days: Count('Days that are computable.'),
          of: Count('Days of the month.'),
          notComputable: Type.Array(Type.String(), { description: 'The other days: why both methods differ.' }),
        }),
        { description: 'Only of months: the second method. The figures above are month-end less month-start registers.' },
      ),
      phases: Type.Optional(
        nullable(Type.Array(PhaseLossSchema), {
          description: 'With `phases=true`; null: nothing is kept of that day that tells phases apart.',
        }),
      ),
    },
    { description: 'Line loss (线损) of an area over one time.' },
  ),
)

const ThresholdSchema = Type.Object({
  rule: Text('Rule.', 'high_loss'),
  name: Text('Threshold.', 'high_pct'),
  value: Type.Number(),
  op: oneOf(['>=', '>', '<=', '<'], 'The rule holds when `figure op value`: with `>` the value itself passes.'),
  unit: Text('Unit.', '%'),
  layer: Text('Who says so: default, global, zone, class or point.', 'default'),
  meaning: Type.Object({ zh: Type.String(), en: Type.String() }),
  source: Text('Where the default comes from.'),
})

export const LossSchema = named(
  'Loss',
  asPage(
    Type.Object({
      area: Text('Transformer area.', 'A-07'),
      step: oneOf(LOSS_STEPS, 'Length of an item.'),
      from: Instant('Start of the time asked for.'),
      to: Instant('Its end.'),
      zone: Text('Zone of days and months.', 'Asia/Shanghai'),
      pending: Type.Boolean({ description: 'Some of it is being worked out again.' }),
      thresholds: Type.Object({
        version: Type.Integer({ minimum: 0, description: 'Version of the thresholds in force now; 0 = nobody set any.' }),
        inForce: Type.Array(ThresholdSchema),
      }),
      items: Type.Array(ref(LossItemSchema)),
    }),
  ),
)

const RegisterEnd = nullable(
  Type.Object({
    at: Instant('Instant.'),
    meter: Text('Meter.', 'M-12'),
    register: Text('As on the face.', '123456.78'),
    read: Type.Boolean({ description: 'A meter said so; false: it lies between two registers that were read.' }),
  }),
)

export const LossMemberSchema = named(
  'LossMember',
  Type.Object(
    {
      point: Text('Metering point.', 'P-12'),
      role: oneOf(['gateway', 'customer', 'generation'], 'Part in the sum.'),
      ratio: TextOrNull({
        description: 'CT × PT the ledger has for the end of the time; null = nothing that is a number.',
        examples: ['80'],
      }),
      imported: Kwh('Energy imported.'),
      exported: Kwh('Energy exported.'),
      hasExport: Type.Boolean({ description: 'It has an export register; without one, null is no gap.' }),
      good: Type.Boolean({ description: 'Registers at both ends were read.' }),
      estimatedPpm: Ppm('Share that rests on no register of its own, millionths.'),
      quality: Type.Array(Type.String()),
      reasons: Type.Array(Type.String(), { description: 'What stands beside the energy, or why there is none: words of interval energy.' }),
      days: Count('Days of the time it was a member.'),
      unknownDays: Count('Of them, days without a figure.'),
      usual: nullable(Type.Object({ value: Type.Number(), low: Type.Number(), high: Type.Number() }), {
        description: 'What it usually uses in a day, kWh: what coverage weighs it by, and the bound when it is missing.',
      }),
      start: RegisterEnd,
      end: RegisterEnd,
      evidence: Text('Where the readings behind it are.', '/api/v1/points/P-12/energy?period=day&detail=true'),
    },
    { description: 'One metering point of the balance of an area.' },
  ),
)

export const BalanceSchema = named(
  'Balance',
  asPage(
    Type.Object({
      area: Text('Transformer area.', 'A-07'),
      from: Instant('Start: midnight of the first day.'),
      to: Instant('End: midnight after the last day.'),
      zone: Text('Zone of days.', 'Asia/Shanghai'),
      pending: Type.Boolean({ description: 'Some of it is being worked out again.' }),
      balance: ref(LossItemSchema, 'Sum of the members.'),
      members: Type.Array(ref(LossMemberSchema)),
    }),
  ),
)

export const AreaSchema = named(
  'Area',
  Type.Object(
    {
      id: Text('Transformer area.', 'A-07'),
      name: Text('Name.', '新村1号台区'),
      zone: TextOrNull({ description: 'Zone (供电所).' }),
      feeder: TextOrNull({ description: 'Line (线路).' }),
      responsible: TextOrNull({ description: 'Person in charge.' }),
      day: TextOrNull({ description: 'Newest day that is over and was worked out.', examples: ['2026-11-21'] }),
      latest: nullable(ref(LossItemSchema)),
    },
    { description: 'A transformer area (台区) and how its loss is.' },
  ),
)
export const AreaPage = pageOf('AreaPage', AreaSchema)

const FlowItem = Type.Object({
  from: Instant('Start of the day.'),
  to: Instant('Its end.'),
  in: Kwh('What goes in.'),
  out: Kwh('What comes out.'),
  difference: Kwh('in - out.'),
  pct: Percent('difference / in, %.'),
  limitPct: Type.Number({ description: 'Largest |pct| that passes; the limit itself passes.' }),
  state: Text('qualified, high or negative of a line; balanced or unbalanced of a bus; not-computable.', 'balanced'),
  missing: Type.Array(Type.String(), { description: 'Points and areas without energy.' }),
  flows: Type.Array(
    Type.Object({
      id: Text('Point or area.', 'P-1'),
      kind: oneOf(['point', 'area'], 'What it is.'),
      direction: oneOf(['in', 'out'], 'Into the line or bus, or out of it.'),
      kwh: Kwh('Energy.'),
    }),
  ),
})
export const FlowSchema = named(
  'FlowBalance',
  asPage(
    Type.Object(
      {
        id: Text('Line or bus.', 'F-1'),
        from: Instant('Start of the time asked for.'),
        to: Instant('Its end.'),
        zone: Text('Zone of days.', 'Asia/Shanghai'),
        voltageKv: Percent('Voltage, kV.'),
        items: Type.Array(FlowItem),
      },
      { description: 'What goes into a line or a bus and comes out, day by day.' },
    ),
  ),
)

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })
export const AreaParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Transformer area.' }) }, closed)
export const FeederParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Line of the ledger.' }) }, closed)
export const BusParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 200, description: 'Bus, as points and feeders name it.' }) },
  closed,
)
export const AreasQuery = Type.Object(
  {
    zone: Word('Only areas of this zone.', 'Z-1'),
    feeder: Word('Only areas on this line.', 'F-1'),
    state: Type.Optional(oneOf(LOSS_STATES, 'Only areas whose newest day is this.')),
    limit: limitOf(100, 500),
    cursor: Cursor,
  },
  closed,
)
export const LossQuery = Type.Object(
  {
    from: Type.Optional(When('Start: items that begin from then on. A day before `to` if not given, 31 days for `day`, 366 for `month`.')),
    to: Type.Optional(When('End, exclusive; now if not given.')),
    step: Type.Optional(oneOf(LOSS_STEPS, 'Length of an item; `day` if not given.')),
    phases: Type.Optional(Type.Boolean({ description: 'With the loss of each phase; of days alone, 31 at most.' })),
  },
  closed,
)
export const BalanceQuery = Type.Object(
  {
    from: Type.Optional(When('Its day is the first; yesterday if not given.')),
    to: Type.Optional(When('Exclusive; the day before this instant is the last; today’s midnight if not given.')),
    registers: Type.Optional(Type.Boolean({ description: 'With the registers at both ends, read from the store; true if not given.' })),
  },
  closed,
)
export const FlowQuery = Type.Object(
  { from: Type.Optional(When('Start; 31 days before `to` if not given.')), to: Type.Optional(When('End, exclusive; now if not given.')) },
  closed,
)
export const LOSS_NAMED = [LossItemSchema, LossSchema, LossMemberSchema, BalanceSchema, AreaSchema, AreaPage, FlowSchema]
