import { Type } from 'typebox'
import { ENERGY_PERIODS } from './energy-deps.ts'
import { CIM_CONTENTS, CIM_SIDES, MESSAGE_FORMATS } from './interchange-deps.ts'
import { Cursor, closed, limitOf, named, oneOf, pageOf, Text } from './schema-words.ts'

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })
const Id = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 200, description }))

export const CimQuery = Type.Object(
  {
    from: When('Start.'),
    to: When('End, exclusive; at most 366 days later.'),
    point: Type.Optional(
      Type.String({ minLength: 1, maxLength: 6000, description: 'Metering points, with commas between; all that fit if not given.' }),
    ),
    area: Id('Only points of this transformer area.'),
    zone: Id('Only points of areas of this zone.'),
    content: Type.Optional(
      Type.String({
        maxLength: 100,
        description: `What to hand out, with commas between: ${CIM_CONTENTS.join(', ')}; \`registers\` if not given.`,
        examples: ['registers,intervals'],
      }),
    ),
    period: Type.Optional(oneOf(ENERGY_PERIODS, 'Length of the intervals; `day` if not given.')),
    side: Type.Optional(
      oneOf(CIM_SIDES, 'Registers times CT × PT (`primary`, if not given; the comment of a reading shows both), or as on the face.'),
    ),
    format: Type.Optional(oneOf(MESSAGE_FORMATS, '`xml` if not given.')),
  },
  closed,
)

export const UsagePointSchema = named(
  'UsagePoint',
  Type.Object(
    {
      id: Text('Metering point.', 'P-12'),
      uuid: Text('Its id in every feed, always the same.', '4b6dd86c-4007-5000-b786-e085ca4f6ea5'),
      feed: Text('Where its feed is.', '/api/v1/interchange/espi/usage-points/P-12/feed.xml'),
    },
    { description: 'A metering point as Green Button names it.' },
  ),
)
export const UsagePointPage = pageOf('UsagePointPage', UsagePointSchema)
export const UsagePointsQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)

export const FeedParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Metering point.' }) }, closed)
export const FeedQuery = Type.Object(
  {
    from: Type.Optional(When('Start; 31 days before `to` if not given.')),
    to: Type.Optional(When('End, exclusive, at most 366 days later; now if not given.')),
    period: Type.Optional(oneOf(ENERGY_PERIODS, 'Length of an interval; `1h` if not given.')),
  },
  closed,
)

export const INTERCHANGE_NAMED = [UsagePointSchema, UsagePointPage] as const
