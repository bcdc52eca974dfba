import { Type } from 'typebox'
import { GRADE_WORDS, KEY_REASON_WORDS, KEY_STATES, MOVE_REASON_WORDS, MOVE_WORDS } from './account-list-deps.ts'
import { Count, Cursor, closed, Instant, InstantOrNull, limitOf, named, nullable, oneOf, ref, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const GradeOrNull = (description: string) =>
  Type.Unsafe<(typeof GRADE_WORDS)[number] | null>({ type: ['string', 'null'], enum: [...GRADE_WORDS, null], description })
const KeyOrNull = Type.Unsafe<boolean | null>({ type: ['boolean', 'null'], description: 'Key account; null: cannot be said.' })
const KwhOrNull = (description: string) => TextOrNull({ description, examples: ['48000.00'] })
const Year = Type.Integer({ minimum: 1990, maximum: 2200, description: 'Year of the list.' })

export const KeyRunSchema = named(
  'KeyAccountRun',
  Type.Object(
    {
      year: Type.Integer({ description: 'Year of the list.' }),
      version: Type.Integer({ minimum: 1, description: 'Grows with every list of that year.' }),
      usedYear: Type.Integer({ description: 'Calendar year whose use decided.' }),
      at: Instant('When it was made.'),
      by: Text('By whom.', 'gridtally'),
      why: Text('Why.', 'January'),
      monthlyKwh: Text('Limit of the mean monthly use, kWh.', '4000'),
      inclusive: Type.Boolean({ description: 'The limit itself counts.' }),
      categories: Type.Array(Type.String(), { description: 'Categories that are key accounts whatever they use.' }),
      counts: nullable(
        Type.Object({
          customers: Count('Customers of the ledger.'),
          key: Count('Key accounts.'),
          notComputable: Count('Customers whose year cannot be reckoned.'),
          A: Count('Grade A.'),
          B: Count('Grade B.'),
          C: Count('Grade C.'),
          D: Count('Grade D.'),
        }),
        { description: 'Over all zones; null for whoever sees only some.' },
      ),
    },
    { description: 'A list of key accounts (大客户) that was made. It is never edited: a later one has a higher version.' },
  ),
)

export const KeyAccountSchema = named(
  'KeyAccount',
  Type.Object(
    {
      customer: Text('Customer.', 'C-1'),
      name: TextOrNull({ description: 'Name.' }),
      category: TextOrNull({ description: 'Category.', examples: ['hospital'] }),
      key: KeyOrNull,
      reasons: Type.Array(oneOf(KEY_REASON_WORDS, 'By use, by category, or named in the ledger.'), { description: 'Why.' }),
      state: oneOf(KEY_STATES, '`at-least`: some of the year is not known and what is known is enough.'),
      months: Count('Months in service in that year.'),
      kwh: KwhOrNull('Energy of the year; null while some of it is not known.'),
      knownKwh: Text('Energy of what is known.', '48000.00'),
      meanKwh: KwhOrNull('Mean of a month in service.'),
      grade: GradeOrNull('Grade that counts; null: the year is not known.'),
      rankGrade: GradeOrNull('Grade by rank: A the first 1 %, B the next 4 %, C the next 15 %, D the rest.'),
      given: nullable(
        Type.Object({
          grade: oneOf(GRADE_WORDS, 'Grade.'),
          why: Text('Why.', 'grid code customer'),
          by: Text('By whom.', 'wang'),
          at: Instant('When.'),
        }),
        { description: 'Grade that a person gave.' },
      ),
      notes: Type.Array(Type.Object({ zh: Type.String(), en: Type.String() }), { description: 'What is not known of the year.' }),
    },
    { description: 'A customer on the list of a year.' },
  ),
)
const next = TextOrNull({ description: 'Cursor of the next page; null on the last.' })
export const KeyAccountPage = named(
  'KeyAccountPage',
  Type.Object({ run: ref(KeyRunSchema), items: Type.Array(ref(KeyAccountSchema)), next }),
)
const Side = nullable(Type.Object({ key: KeyOrNull, grade: GradeOrNull('Grade.'), meanKwh: KwhOrNull('Mean of a month.') }))
export const KeyMoverSchema = named(
  'KeyAccountMover',
  Type.Object({
    customer: Text('Customer.', 'C-1'),
    name: TextOrNull({ description: 'Name.' }),
    moves: Type.Array(oneOf(MOVE_WORDS, 'What happened.')),
    reasons: Type.Array(oneOf(MOVE_REASON_WORDS, 'Why.')),
    before: Side,
    after: Side,
  }),
)
export const KeyMoverPage = named(
  'KeyAccountMoverPage',
  Type.Object({
    run: ref(KeyRunSchema),
    against: nullable(ref(KeyRunSchema), {
      description: 'List of the year before; null: there is none, and nobody can be said to have moved.',
    }),
    items: Type.Array(ref(KeyMoverSchema)),
    next,
  }),
)
export const KeyCheckSchema = named(
  'KeyAccountCheck',
  Type.Object({
    customer: Text('Customer.', 'C-1'),
    name: TextOrNull({ description: 'Name.' }),
    checked: Type.Boolean({ description: 'Every point has a good reading of the time; a customer without a point has none.' }),
    points: Type.Array(
      Type.Object({
        point: Text('Metering point.', 'P-12'),
        meter: TextOrNull({ description: 'Meter there now.' }),
        goodAt: InstantOrNull('Newest good reading of the time: read from the meter, whole, neither estimated nor doubtful.'),
        newestAt: InstantOrNull('Newest register of any kind.'),
      }),
    ),
  }),
)
export const KeyCheckPage = named(
  'KeyAccountCheckPage',
  Type.Object({ from: Instant('Begin of the time looked at.'), to: Instant('Its end.'), items: Type.Array(ref(KeyCheckSchema)), next }),
)
export const KeyRunPage = named('KeyAccountRunPage', asPage(Type.Object({ items: Type.Array(ref(KeyRunSchema)) })))

export const KeyListQuery = Type.Object(
  {
    year: Type.Optional({ ...Year, description: 'Year of the list; the newest if not given.' }),
    version: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Version of it; the newest if not given.' })),
    grade: Type.Optional(oneOf(GRADE_WORDS, 'Only this grade.')),
    state: Type.Optional(oneOf(KEY_STATES, 'Only these.')),
    all: Type.Optional(Type.Boolean({ description: 'Everybody; else key accounts and those of whom it cannot be said.' })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const KeyYearParams = Type.Object({ year: Year }, closed)
export const KeyRunsQuery = Type.Object({ limit: limitOf(100, 1000) }, closed)
export const KeyPageQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const KeyCheckQuery = Type.Object(
  {
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 31, description: 'Days looked back; those of the configuration if not given.' }),
    ),
    open: Type.Optional(Type.Boolean({ description: 'Only those that are not checked.' })),
    limit: limitOf(50, 200),
    cursor: Cursor,
  },
  closed,
)
export const KeyRunBody = Type.Object(
  {
    why: Type.Optional(
      Type.String({ minLength: 1, maxLength: 500, description: 'Why it is made anew.', examples: ['late readings of November'] }),
    ),
  },
  closed,
)
export const KeyRunAnswer = Type.Object(
  {
    running: Type.Boolean({ description: 'It takes longer: GET /key-accounts/runs shows it when it is done.' }),
    run: nullable(ref(KeyRunSchema)),
  },
  { description: 'The list, or that it is being made.' },
)
export const KeyCustomerParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Customer.' }) }, closed)
export const KeyGradeBody = Type.Object(
  {
    grade: GradeOrNull('Grade; null: the rank counts again.'),
    why: Type.String({ minLength: 1, maxLength: 500, description: 'Why.', examples: ['supplies the water works'] }),
  },
  closed,
)
export const KEY_NAMED = [
  ...[KeyRunSchema, KeyRunPage, KeyAccountSchema, KeyAccountPage, KeyMoverSchema, KeyMoverPage, KeyCheckSchema, KeyCheckPage],
]
