import { Type } from 'typebox'
import { Count, Cursor, closed, Instant, limitOf, named, oneOf, pageOf, Text, TextOrNull } from './schema-words.ts'

/** Characters of a frame: 16 kB, more than any protocol allows. */
const MOST_HEX = 50_000
/** Of a message, base64: as large as a message may be. */
const MOST_BASE64 = 360_000

export const ProfileSchema = named(
  'Profile',
  Type.Object(
    {
      id: Text('What the ledger and `gridtally read` name it by.', 'dlt645-2007-single-phase'),
      protocol: Text('Protocol of its meters.', 'dlt645'),
      manufacturer: TextOrNull({ description: 'Maker; null = the standard itself.' }),
      models: Type.Array(Type.String(), { description: 'Names on the plate.' }),
      registers: Count('Lines of its register map.'),
    },
    closed,
  ),
)
export const ProfilePage = pageOf('ProfilePage', ProfileSchema)
export const ProfilesQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const ProfileParams = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'Id of the model; a slash in it as %2F.',
    examples: ['dlt645-2007-single-phase'],
  }),
})
export const ProfileFile = Type.Record(Type.String(), Type.Unknown(), {
  description: 'The model as its file has it: docs/profiles.md has the members; each line of the register map names its source.',
})

export const MappingSchema = named(
  'Mapping',
  Type.Object(
    {
      id: Text('Name of its file without the ending.', 'tasmota'),
      title: Text('What sends such messages.'),
      topics: Type.Array(Type.String(), { description: 'Topic filters it takes.' }),
      brokers: Type.Array(Type.String(), { description: 'Brokers of this gateway that use it.' }),
    },
    closed,
  ),
)
export const MappingParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200, description: 'Id of the mapping.', examples: ['tasmota'] }),
})
export const MappingTryBody = Type.Object(
  {
    topic: Type.String({ minLength: 1, maxLength: 65_535, description: 'Topic of the message.', examples: ['tele/plug-7/SENSOR'] }),
    payload: Type.Optional(
      Type.String({ maxLength: 262_144, description: 'The message, where it is text. One of `payload` and `base64`.' }),
    ),
    base64: Type.Optional(Type.String({ maxLength: MOST_BASE64, description: 'Its bytes as base64, where it is not.' })),
    retained: Type.Optional(Type.Boolean({ default: false, description: 'As if the broker had kept it.' })),
    at: Type.Optional(Instant('When it arrived; now if not given.')),
  },
  closed,
)
export const MappingTried = Type.Record(Type.String(), Type.Unknown(), {
  description:
    'What the message becomes: `rule` that took it, `records` with their values, `skipped` fields with the reason, `refused` when it cannot be used. The same as `gridtally mapping try --json`.',
})

export const DecodeBody = (protocols: readonly string[]) =>
  Type.Object(
    {
      protocol: oneOf(protocols, 'What the frame is.'),
      hex: Type.String({
        minLength: 2,
        maxLength: MOST_HEX,
        description: 'Its bytes: pairs of hexadecimal digits; blanks, commas, colons between them do not count.',
        examples: ['68 11 11 11 11 11 11 68 11 04 33 33 34 33 18 16'],
      }),
      direction: Type.Optional(oneOf(['request', 'response'], 'Of Modbus, where the bytes alone do not tell.')),
    },
    closed,
  )
export const DecodedSchema = named(
  'DecodedFrame',
  Type.Object(
    {
      ok: Type.Boolean({ description: 'It is a whole and sound frame.' }),
      text: Text('The explanation for people, line by line.'),
      explanation: Type.Record(Type.String(), Type.Unknown(), {
        description:
          'The same as `gridtally decode --json`: every field with its bytes and meaning, and `error` or `errors` with the place.',
      }),
    },
    closed,
  ),
)

export const CODEC_NAMED = [ProfileSchema, ProfilePage, MappingSchema, DecodedSchema] as const
