import { Type } from 'typebox'
import { SHEET_ENCODINGS, SHEET_FORMATS, SHEET_LANGUAGES } from './import-deps.ts'
import { DiffSchema, LedgerProblemSchema } from './ledger-schemas.ts'
import { Count, Cursor, closed, FailureSchema, Instant, limitOf, named, nullable, oneOf, pageOf, Text, Word } from './schema-words.ts'

const Sheet = Type.Object({
  name: Text('Sheet, or file.', '台账'),
  rows: Count('Rows below the heads.'),
  kinds: Type.Array(Type.String(), { description: 'What its rows describe.' }),
})

export const ImportSchema = named(
  'LedgerImport',
  Type.Object({
    id: Text('Names it in the other calls.'),
    name: Text('As the file was called.', 'meters.xlsx'),
    format: oneOf(SHEET_FORMATS, 'Format.'),
    state: oneOf(
      ['checking', 'ready', 'refused', 'applying', 'applied', 'failed'],
      'The dry run is under way; nothing is wrong; something is; it is being written; it is in the ledger; the file cannot be used at all.',
    ),
    by: Text('Token that sent it.'),
    since: Instant('When it came.'),
    rows: Count('Rows read so far.'),
    report: nullable(
      Type.Object({
        sheets: Type.Array(Sheet),
        added: Count('Entries that are new.'),
        changed: Count('Facts that change.'),
        unchanged: Count('What the ledger says already.'),
        problemCount: Count('While there is one, nothing is applied.'),
        warnings: Type.Array(Type.Object({ place: Text('Cell or head.'), message: Text('What was done about it.') })),
      }),
      { description: 'What the dry run found; null until it is over.' },
    ),
    change: nullable(Type.Integer(), {
      description: 'Number of the change in the ledger; null when nothing differed or nothing is applied.',
    }),
    error: nullable(FailureSchema, { description: 'Why the file could not be read, or not be applied.' }),
  }),
)
export const ImportProblemPage = pageOf('LedgerImportProblemPage', LedgerProblemSchema)
export const ImportEntryPage = pageOf('LedgerImportEntryPage', DiffSchema)
export const IMPORT_NAMED = [ImportSchema, ImportProblemPage, ImportEntryPage]

const Language = Type.Optional(oneOf(SHEET_LANGUAGES, 'Language of heads and words; zh if not given.'))

export const ImportQuery = Type.Object(
  {
    format: oneOf(SHEET_FORMATS, 'What the body is.'),
    name: Word('Name of the file, for places and for people.', 'meters.xlsx'),
    encoding: Type.Optional(oneOf(SHEET_ENCODINGS, 'Of a CSV; found out if not given.')),
    from: Word('Since when rows hold that have no date: a day in the zone of the gateway, or an instant.', '2026-03-01'),
  },
  closed,
)
export const ImportParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64, description: 'Import.' }) })
export const ImportListQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const ApplyBody = Type.Object(
  {
    why: Type.String({ minLength: 1, maxLength: 500, description: 'Why; kept with the change.' }),
    workOrder: Type.Optional(Type.String({ maxLength: 100, description: 'Work order.' })),
  },
  closed,
)
export const ExportQuery = Type.Object(
  {
    format: oneOf(SHEET_FORMATS, 'One flat table, a workbook with a sheet for each kind, or a ledger file.'),
    lang: Language,
    asOf: Type.Optional(Type.String({ format: 'date-time', description: 'As it was then; as it is now if not given.' })),
  },
  closed,
)
export const TemplateQuery = Type.Object(
  {
    format: oneOf(['csv', 'xlsx'], 'A workbook has the legend as its second sheet.'),
    lang: Language,
    part: Type.Optional(oneOf(['table', 'legend'], 'Of a CSV: the table to fill in, or its legend.')),
  },
  closed,
)
