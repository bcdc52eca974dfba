import { Type } from 'typebox'
import { EXPORT_FORMATS } from '../export/index.ts'
import { EXPORT_RESTARTS, EXPORT_STATES } from './export-deps.ts'
import { Count, Cursor, closed, Instant, InstantOrNull, limitOf, named, nullable, oneOf, pageOf, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

export const LANGUAGES = ['en', 'zh'] as const
const Question = Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())]), {
  description: 'As in an address.',
  examples: [{ from: '2026-11-01T00:00:00+08:00', to: '2026-12-01T00:00:00+08:00' }],
})

/** How a file is wanted, beside the question. */
export const FILE_MEMBERS = {
  format: Type.Optional(oneOf(EXPORT_FORMATS, 'Form of the file; `csv` if not given.')),
  language: Type.Optional(oneOf(LANGUAGES, 'Language of the heads; `en` if not given.')),
}
export const AnyResultQuery = Type.Object(FILE_MEMBERS, { additionalProperties: Type.Unsafe<string | readonly string[]>({}) })
export const ResultParams = Type.Object(
  {
    result: Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Name of a result: GET /api/v1/results lists them.',
      examples: ['cases'],
    }),
  },
  closed,
)

export const ResultSchema = named(
  'Result',
  Type.Object(
    {
      name: Text('Name.', 'readings'),
      summary: Text('What it is.'),
      description: Text('More of it.'),
      permission: Text('What seeing it takes, beside `export`.', 'readings:read'),
      query: Type.Unknown({ description: 'JSON schema of the members a question may have.' }),
    },
    { description: 'A table whose rows can be had as a file.' },
  ),
)
export const ResultList = named('ResultList', asPage(Type.Object({ items: Type.Array(Type.Unsafe<object>({ $ref: 'Result#' })) })))

export const ExportSchema = named(
  'Export',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      result: Text('What of.', 'readings'),
      query: Question,
      format: oneOf(EXPORT_FORMATS, 'Form of the file.'),
      language: oneOf(LANGUAGES, 'Language of the heads.'),
      by: Text('Who asked for it.', 'analyst'),
      state: oneOf(EXPORT_STATES, 'How far it is. `cancelled` and `failed` have no file.'),
      rows: Count('Rows written.'),
      bytes: Count('Bytes written.'),
      expected: nullable(Type.Integer({ minimum: 0 }), { description: 'Rows in all; null: not known before they are written.' }),
      percent: nullable(Type.Number({ minimum: 0, maximum: 100 }), {
        description:
          'How much of the time (readings) or of the points or areas (all other tables) is in the file. Null for lists, which do not know their length before their end, and before the first row.',
      }),
      createdAt: Instant('When it was asked for.'),
      firstRowAt: InstantOrNull('When its first row was asked for: what the file holds was read from then until `endedAt`.'),
      startedAt: InstantOrNull('When it was begun, or gone on with, last.'),
      endedAt: InstantOrNull('When it ended.'),
      expiresAt: InstantOrNull('When the file is deleted.'),
      starts: Count('How often it was begun or gone on with. More than once: the gateway was restarted meanwhile.'),
      keptRows: Count('Rows that were in the file already when it was gone on with last; 0: it was begun from its first row.'),
      restart: nullable(oneOf(EXPORT_RESTARTS, 'Why it was begun again from its first row after the last restart of the gateway.'), {
        description:
          '`changed`: what its rows come from had changed. `other-points`: the question chooses other points now, or the program is another. `format`, `result`: these cannot be gone on with. `old`: it was cut off more than a quarter of an hour ago, and nobody watched what its rows come from. `no-part`: nothing was safe on disk yet, or not as it was written. Null: it was not.',
      }),
      changed: nullable(Type.Boolean(), {
        description:
          'Readings or energy of what was in the file already came or changed while it was written: the file does not have them; ask again for one that does. Null: nobody watches this result.',
      }),
      file: nullable(
        Type.Object({
          ...{
            name: Text('Name of the file.', 'readings-20261122-101500.parquet'),
            type: Text('Its media type.', 'text/csv; charset=utf-8'),
          },
          ...{ sha256: Text('SHA-256 of the whole file, hexadecimal.'), url: Text('Where it is fetched.', '/api/v1/exports/7/file') },
        }),
      ),
      error: nullable(Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }), { description: 'Why it failed.' }),
    },
    { description: 'A file that is made in the background.' },
  ),
)
export const ExportPage = pageOf('ExportPage', ExportSchema)
export const ExportParams = Type.Object(
  { id: Type.Integer({ minimum: 1, maximum: 2 ** 53 - 1, description: 'Number of the export.' }) },
  closed,
)
export const ExportBody = Type.Object(
  {
    result: Type.String({ minLength: 1, maxLength: 100, description: 'Name of a result: GET /api/v1/results lists them.' }),
    query: Type.Optional(
      Type.Record(
        Type.String({ maxLength: 100 }),
        Type.Union([
          Type.String({ maxLength: 4000 }),
          Type.Number(),
          Type.Boolean(),
          Type.Array(Type.String({ maxLength: 200 }), { maxItems: 5000 }),
        ]),
        { description: 'The question: the same members as in an address.' },
      ),
    ),
    ...FILE_MEMBERS,
  },
  {
    ...closed,
    examples: [{ result: 'readings', query: { from: '2026-11-01T00:00:00+08:00', to: '2026-12-01T00:00:00+08:00' }, format: 'parquet' }],
  },
)
export const ExportListQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)

export const ExportLogSchema = named(
  'ExportLogLine',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      at: Instant('When it began.'),
      who: Text('Who took it.', 'analyst'),
      kind: oneOf(['user', 'token'], 'A person or a machine.'),
      job: nullable(Type.Integer({ minimum: 1 }), { description: 'Number of the export; null: handed out at once.' }),
      result: Text('What of.', 'readings'),
      query: Question,
      format: oneOf(EXPORT_FORMATS, 'Form of the file.'),
      language: oneOf(LANGUAGES, 'Language of the heads.'),
      outcome: oneOf(
        ['under-way', 'done', 'failed', 'cancelled', 'broken-off'],
        'How it ended. `broken-off`: the client, or the gateway, went away.',
      ),
      rows: Count('Rows.'),
      bytes: Count('Bytes.'),
      sha256: TextOrNull({ description: 'SHA-256 of the whole file; null: there was none.' }),
      endedAt: InstantOrNull('When it ended.'),
    },
    { description: 'Rows that somebody took away.' },
  ),
)
export const ExportLogPage = pageOf('ExportLogPage', ExportLogSchema)
export const EXPORT_NAMED = [ResultSchema, ResultList, ExportSchema, ExportPage, ExportLogSchema, ExportLogPage]
