import { Type } from 'typebox'
import { Instant, named, nullable, oneOf, Text, TextOrNull } from './schema-words.ts'
import { SERIES_BUCKETS, SERIES_COMPARES, SERIES_FNS, SERIES_KINDS } from './series-deps.ts'

const List = <Item extends ReturnType<typeof Type.Unsafe>>(item: Item, description: string) => Type.Array(item, { description })
const Shares = (description: string) => List(Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0, maximum: 1 }), description)
const Figures = (description: string) => List(TextOrNull({}), description)

const LineSchema = Type.Object(
  {
    id: Text('Point, or area.', 'P-12'),
    code: Text('OBIS code, or figure of an area.', '1-0:1.8.0'),
    name: Text('What it is, with unit and whether the ratio is applied.', 'active import energy kWh (ratio applied)'),
    unit: Text('Unit.', 'kWh'),
    direction: Text('`import`, `export`, or empty.', 'import'),
    ratioApplied: Type.Boolean({ description: 'Whether CT and PT are in the figures.' }),
    values: Figures('A figure for each bucket, exact; null: not known, a gap.'),
    coverage: Shares('Share of the values due that were there and good; null: not known how many were due.'),
    quality: List(TextOrNull({}), 'Worst quality of what was used; null: nothing was.'),
    count: Type.Array(Type.Integer({ minimum: 0 }), { description: 'Values used.' }),
    excluded: Type.Array(Type.Integer({ minimum: 0 }), { description: 'Values not used: quarantined, or of a doubtful clock.' }),
    before: Type.Optional(
      Type.Object(
        {
          values: Figures('A figure for each bucket compared with.'),
          coverage: Shares('Its coverage.'),
          difference: Figures('Value less the one before; null when either is not known.'),
          percent: Figures('The same per cent of the one before; null too when that is 0.'),
        },
        { description: 'Only with `compare`.' },
      ),
    ),
  },
  { description: 'One register, quantity or figure of one point or area.' },
)

const SpanList = (description: string) => Type.Array(Instant('Instant.'), { description })
export const SeriesSchema = named(
  'Series',
  Type.Union(
    [
      Type.Object({
        ...{
          from: Instant('Start of the first bucket.'),
          to: Instant('End of the last one.'),
          zone: Text('Zone of days and months.', 'Asia/Shanghai'),
        },
        ...{
          kind: oneOf(SERIES_KINDS, 'Of what.'),
          bucket: oneOf(SERIES_BUCKETS, 'Length of a bucket.'),
          fn: oneOf(SERIES_FNS, 'What was made of its values.'),
        },
        ...{ quality: oneOf(['good', 'any'], 'What was used.'), compare: oneOf(SERIES_COMPARES, 'What it stands beside.') },
        starts: SpanList('Start of each bucket.'),
        ends: SpanList('End of each bucket.'),
        beforeStarts: Type.Array(nullable(Instant('Instant.')), {
          description: 'Start of each bucket compared with; null: the calendar has none.',
        }),
        series: Type.Array(LineSchema),
      }),
      Type.Object({
        columns: Type.Array(Type.Object({ name: Type.String(), title: Type.String(), type: Type.String() }), {
          description: 'Of a row, in order.',
        }),
        rows: Type.Array(Type.Array(Type.Unknown()), { description: 'Raw values; decimals are strings.' }),
      }),
    ],
    { description: 'Series by buckets, column by column; raw values row by row.' },
  ),
)
export const SERIES_NAMED = [SeriesSchema]
