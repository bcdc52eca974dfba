import { Type } from 'typebox'
import { KINDS, STATES, type Value } from '../ledger/kinds.ts'
import { ACTS, CHECK_ITEMS } from '../ledger/types.ts'
import {
  Count,
  Cursor,
  closed,
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
import { asPage } from './whole-lists.ts'

const Scalar = (description: string) => Type.Unsafe<Value>({ type: ['string', 'number', 'boolean', 'null'], description })
const Attributes = (description: string, ...examples: object[]) =>
  Type.Unsafe<Record<string, Value>>({
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
    maxProperties: 100,
    description,
    ...(examples.length > 0 ? { examples } : {}),
  })
const Registers = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string', maxLength: 40 },
    maxProperties: 50,
    description,
    examples: [{ '1.8.0': '12345.67' }],
  })
const Id = Type.String({ minLength: 1, maxLength: 64, examples: ['P-7'] })
const Kind = oneOf(KINDS, 'Kind of the entry.')
const Why = Type.String({ minLength: 1, maxLength: 500, description: 'Why; kept with the change.', examples: ['CT replaced'] })
const WorkOrder = Type.Optional(nullable(Type.String({ maxLength: 100 }), { description: 'Number of the work order (工单).' }))
const From = Type.Optional(
  Type.String({
    format: 'date-time',
    description: 'Since when it holds. Absent: from now on; of a new entry: since always.',
    examples: ['2026-03-01T00:00:00+08:00'],
  }),
)

export const EntitySchema = named(
  'LedgerEntry',
  Type.Object(
    {
      kind: Kind,
      id: Text('Names it for ever.', 'P-7'),
      version: Type.Integer({ description: 'Number of the change that touched it last; the ETag.' }),
      attributes: Attributes('What holds. GET /api/v1/ledger/vocabulary explains each.', { area: 'A-1', ct: '400/5' }),
    },
    { description: 'One entry of the ledger (档案).' },
  ),
)
export const EntityPage = pageOf('LedgerPage', EntitySchema)

export const FactSchema = named(
  'LedgerFact',
  Type.Object({
    name: Text('Attribute.', 'ct'),
    value: Scalar('What it was.'),
    from: Instant('Since then; 1970 = as far back as anybody knows.'),
    to: InstantOrNull('Until then, exclusive; null = still so.'),
    change: Type.Integer({ description: 'Change that wrote it.' }),
  }),
)

export const DiffSchema = named(
  'LedgerDiff',
  Type.Object({
    kind: Kind,
    id: Text('Entry.', 'M-12'),
    from: Instant('Since then.'),
    change: oneOf(['added', 'changed'], 'Added: it was not in the ledger.'),
    attributes: Type.Array(Type.Object({ name: Type.String(), before: Scalar('As it held.'), after: Scalar('As it holds.') })),
    place: TextOrNull({ description: 'Where it was written.' }),
  }),
)

const changeParts = {
  seq: Type.Integer({ description: 'Number; grows, never used twice.' }),
  at: Instant('When it was made.'),
  what: oneOf(ACTS, 'What kind of act.'),
  who: Text('Token or person.', 'office'),
  why: Text('Reason.'),
  workOrder: TextOrNull({ description: 'Work order.' }),
  undoes: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'The change it takes back.' }),
  undoneBy: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'The change that took it back.' }),
  entities: Count('Entries it touched.'),
}
export const ChangeSchema = named('LedgerChange', Type.Object(changeParts, { description: 'One change of the ledger (台账变更).' }))
export const ChangePage = pageOf('LedgerChangePage', ChangeSchema)
export const ChangeDetailSchema = named(
  'LedgerChangeDetail',
  asPage(Type.Object({ ...changeParts, entries: Type.Array(ref(DiffSchema), { description: 'As they were and became.' }) })),
)

export const LedgerProblemSchema = named(
  'LedgerProblem',
  Type.Object({
    code: Text('What is wrong.', 'LEDGER_POINT_TAKEN'),
    place: Text('Where it was written.', 'patches/3'),
    against: TextOrNull({ description: 'The other row, or what is in the ledger, that contradicts it.' }),
    message: Text('In words.'),
    hint: Text('What a person can do.'),
  }),
)

export const PlanSchema = named(
  'LedgerPlan',
  Type.Object({
    added: Count('Entries that are new.'),
    changed: Count('Entries that differ.'),
    unchanged: Count('Entries that are so already.'),
    entries: Type.Array(ref(DiffSchema), { description: 'The first hundred.' }),
    problems: Type.Array(ref(LedgerProblemSchema)),
    problemCount: Count('All problems; nothing can be applied while there is one.'),
  }),
)

export const AppliedSchema = named(
  'LedgerApplied',
  Type.Object({
    change: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Number of the change; null: nothing differed.' }),
    added: Count('Entries that were new.'),
    changed: Count('Entries that differed.'),
    unchanged: Count('Entries that were so already.'),
  }),
)

const ProposedSchema = Type.Object({
  registers: Registers('Registers by full OBIS code.'),
  measuredAt: Instant('When the meter had them.'),
  source: Text('How they were read.', 'day-freeze'),
})
export const ProposalSchema = named(
  'ExchangeProposal',
  Type.Object({
    oldMeter: TextOrNull({ description: 'The meter that hung there then.' }),
    end: nullable(ProposedSchema, { description: 'Its newest reading up to the instant.' }),
    start: nullable(ProposedSchema, { description: 'The first reading of the new meter after it.' }),
  }),
)

export const ExchangeSchema = named(
  'Exchange',
  Type.Object(
    {
      id: Type.Integer(),
      kind: oneOf(['meter', 'ct', 'pt'], 'What was exchanged.'),
      point: Text('Metering point.', 'P-7'),
      at: Instant('When the old one ended and the new one began.'),
      oldMeter: TextOrNull({}),
      newMeter: TextOrNull({}),
      oldRatio: TextOrNull({}),
      newRatio: TextOrNull({}),
      end: Registers('End registers of the old one, as on the face.'),
      start: Registers('Start registers of the new one.'),
      proposed: Type.Object(
        { end: nullable(Registers('')), start: nullable(Registers('')) },
        { description: 'What the gateway had read.' },
      ),
      by: Type.Array(Type.String(), { description: 'Who did it and who checked it.' }),
      reason: Text('Why it was exchanged.'),
      deviation: TextOrNull({ description: 'Why the registers differ from what the gateway had read.' }),
      change: Type.Integer({ description: 'Change of the ledger that holds it.' }),
      acknowledged: nullable(Type.Object({ by: Type.String(), at: Instant('When.'), note: Type.String() }), {
        description: 'Billing has taken notice.',
      }),
      undoneBy: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Change that took it back.' }),
      ageS: Count('Seconds since the exchange.'),
    },
    { description: 'An exchange of a meter, CT or PT (换表, 换互感器).' },
  ),
)
export const ExchangePage = pageOf('ExchangePage', ExchangeSchema)

export const ChecklistSchema = named(
  'Checklist',
  Type.Object({
    point: Text('Metering point.'),
    state: oneOf(STATES, 'Commissioning state (投运状态).'),
    complete: Type.Boolean(),
    items: Type.Array(
      Type.Object({
        item: oneOf(CHECK_ITEMS, 'What must be right.'),
        done: Type.Boolean(),
        missing: TextOrNull({ description: 'What is missing; null when done.' }),
        evidence: Type.Object(
          { good: Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] }), text: Type.String() },
          { description: 'What the gateway knows.' },
        ),
        confirmed: nullable(Type.Object({ good: Type.Boolean(), who: Type.String(), at: Instant('When.'), note: Type.String() })),
      }),
    ),
  }),
)

export const KindParams = Type.Object({ kind: Kind })
export const EntityParams = Type.Object({ kind: Kind, id: Id })
export const SeqParams = Type.Object({ seq: Type.Integer({ minimum: 1 }) })
export const ChangeQuery = Type.Object({ limit: limitOf(1000, 1000), cursor: Cursor }, closed)
export const ExchangeParams = Type.Object({ id: Type.Integer({ minimum: 1 }) })
export const PointParams = Type.Object({ id: Id })
export const ItemParams = Type.Object({ id: Id, item: oneOf(CHECK_ITEMS, 'Item of the check-list.') })

const AsOf = Type.Optional(Type.String({ format: 'date-time', description: 'As of this instant; absent: by everything written.' }))
export const AsOfQuery = Type.Object({ asOf: AsOf }, closed)
export const EntitiesQuery = Type.Object(
  {
    where: Word('Attributes with a value, `name:value`, several with commas; `name:` = not there.', 'area:A-1,phase:L1'),
    text: Word('Part of the id or of any text.', '000012'),
    dueBefore: Type.Optional(
      Type.String({
        pattern: '^\\d{4}-\\d{2}-\\d{2}$',
        description: 'Only what has to be verified before this day.',
        examples: ['2026-12-01'],
      }),
    ),
    asOf: AsOf,
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const ChangesQuery = Type.Object(
  {
    kind: Type.Optional(Kind),
    id: Type.Optional(Id),
    who: Word('Only by this token or person.', 'office'),
    workOrder: Word('Only under this work order.', 'WO-12'),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const SetBody = Type.Object(
  { set: Attributes('Attributes; null ends one.', { ct: '600/5' }), from: From, why: Why, workOrder: WorkOrder },
  closed,
)
export const WhyBody = Type.Object({ why: Why, workOrder: WorkOrder, dryRun: Type.Optional(Type.Boolean()) }, closed)
export const BulkBody = Type.Object(
  {
    patches: Type.Array(Type.Object({ kind: Kind, id: Id, from: From, set: Attributes('Attributes; null ends one.') }, closed), {
      minItems: 1,
      maxItems: 10_000,
    }),
    why: Why,
    workOrder: WorkOrder,
    dryRun: Type.Optional(Type.Boolean({ description: 'Only says what it would change.' })),
  },
  closed,
)
export const ExchangeBody = Type.Object(
  {
    kind: oneOf(['meter', 'ct', 'pt'], 'What is exchanged.'),
    point: Id,
    at: Instant('When the old one ended and the new one began.'),
    meter: Type.Optional(
      Type.Object(
        {
          id: Id,
          set: Type.Optional(Attributes('What is known of it; line and profile as the old one unless given.', { address: '000000000099' })),
        },
        closed,
      ),
    ),
    ratio: Type.Optional(Type.String({ maxLength: 40, description: 'The new ratio; CT and PT.', examples: ['600/5'] })),
    end: Registers('End registers of the old one.'),
    start: Type.Optional(Registers('Start registers of the new one; CT and PT: as `end` when absent.')),
    by: Type.Array(Type.String({ maxLength: 100 }), {
      minItems: 2,
      maxItems: 2,
      description: 'Who did it and who checked it.',
      examples: [['Wang', 'Li']],
    }),
    reason: Type.String({ minLength: 1, maxLength: 500 }),
    deviation: Type.Optional(Type.String({ maxLength: 500, description: 'Why the registers differ from what the gateway had read.' })),
    workOrder: WorkOrder,
    dryRun: Type.Optional(Type.Boolean({ description: 'Only says what it would change, and what the gateway proposes.' })),
  },
  closed,
)
export const ExchangesQuery = Type.Object(
  {
    point: Type.Optional(Id),
    unacknowledged: Type.Optional(Type.Boolean({ description: 'Only those that billing has not acknowledged.' })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const ProposalQuery = Type.Object({ point: Id, at: Instant('Instant of the exchange.'), meter: Type.Optional(Id) }, closed)
export const AcknowledgeBody = Type.Object(
  {
    by: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Who; the token when absent.' })),
    note: Type.Optional(Type.String({ maxLength: 500 })),
  },
  closed,
)
export const ConfirmBody = Type.Object(
  {
    good: Type.Boolean({ description: 'False: it was looked at and is wrong.' }),
    by: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Who looked; the token when absent.' })),
    note: Type.Optional(Type.String({ maxLength: 500 })),
  },
  closed,
)
export const StateBody = Type.Object(
  {
    state: oneOf(STATES, 'The state to go to: one step forward, or back, or archived.'),
    from: From,
    set: Type.Optional(Attributes('Attributes that belong to the step.', { energisedOn: '2026-08-15', startRegister: '0.00' })),
    why: Why,
    workOrder: WorkOrder,
  },
  closed,
)

const AttributeSchema = Type.Object({
  name: Type.String(),
  type: Type.String({ examples: ['ratio'] }),
  en: Type.String(),
  zh: Type.String(),
  choices: Type.Array(Type.String(), { description: 'Allowed values of a choice.' }),
  refers: TextOrNull({ description: 'Kind that a reference leads to.' }),
  required: Type.Boolean(),
})
export const VocabularySchema = named(
  'LedgerVocabulary',
  Type.Object({ kinds: Type.Array(Type.Object({ kind: Kind, attributes: Type.Array(AttributeSchema) })) }),
)

export const LEDGER_NAMED = [
  EntitySchema,
  EntityPage,
  FactSchema,
  DiffSchema,
  ChangeSchema,
  ChangePage,
  ChangeDetailSchema,
  LedgerProblemSchema,
  PlanSchema,
  AppliedSchema,
  ProposalSchema,
  ExchangeSchema,
  ExchangePage,
  ChecklistSchema,
  VocabularySchema,
]
