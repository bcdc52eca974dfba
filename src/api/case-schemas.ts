import { Type } from 'typebox'
import { CASE_EVENTS, CASE_OUTCOMES, CASE_STATES, FINDING_KINDS } from '../anomaly/index.ts'
import { CASE_SORT_NAMES } from './case-deps.ts'
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

const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const
const LEVELS = ['meter', 'bus', 'concentrator', 'backhaul', 'area', 'zone'] as const
const MEASUREMENTS = ['register', 'instant', 'interval', 'area', 'comm', 'event'] as const
const STATE =
  'open: nobody has looked. acknowledged. in-work. explained: there is a cause and nothing is to be done. closed: what was to be done is ' +
  'done. withdrawn: data that came late took it back.'

const OUTCOME =
  'confirmed: what was claimed was found. other-cause: something else was wrong. false-alarm: nothing was wrong. not-checked: nobody has looked.'

const WordsSchema = (description: string) => Type.Object({ zh: Type.String(), en: Type.String() }, { description })
const EstimateSchema = nullable(Type.Object({ value: Type.Number(), low: Type.Number(), high: Type.Number() }), {
  description:
    'Energy not recorded since `from`, kWh, with what it may be at least and at most; negative: recorded too much. Null: there is no such thing.',
})
const Score = Type.Number({ minimum: 0, maximum: 1, description: '0 to 1; from 0.5 on an alarm.' })
const Figures = Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Null()]), {
  description: 'What an engineer can check, by name with its unit.',
})

const members = {
  id: Type.Integer({ minimum: 1 }),
  key: Text('Cause key: the same for the same fault.', 'theft/M-12'),
  occurrence: Type.Integer({ minimum: 1, description: '2: the same came again after the first was over and settled.' }),
  kind: oneOf(FINDING_KINDS, 'What it is.'),
  target: Text('Meter or point, bus, concentrator, area or zone.', 'P-12'),
  area: Text('Transformer area; empty for a zone.', 'A-1'),
  zone: TextOrNull({ description: 'Zone.' }),
  level: oneOf(LEVELS, 'What the target is.'),
  state: oneOf(CASE_STATES, STATE),
  severity: oneOf(SEVERITIES, 'How bad it is.'),
  detectedAt: Text('Day on which it was first an alarm; never changes.', '2026-11-21'),
  score: Score,
  peak: Type.Number({ minimum: 0, maximum: 1, description: 'The highest score it ever had.' }),
  cause: TextOrNull({ description: 'Cause as far as the rules tell.' }),
  from: InstantOrNull('Start of the fault as far as it can be told.'),
  to: InstantOrNull('Its end; null: it goes on.'),
  kwh: EstimateSchema,
  trueArea: TextOrNull({ description: 'Area that feeds it, where it is listed in a wrong one.' }),
  truePhase: TextOrNull({ description: 'Phase it hangs on, where it is listed on a wrong one.' }),
  suggestedMultiplier: nullable(Type.Number(), { description: 'Ratio that would be right.' }),
  why: WordsSchema('Why, in a sentence.'),
  action: WordsSchema('What to do next.'),
  rule: Text('Rule that found it.', 'balance'),
  ruleVersion: Type.Integer(),
  owner: TextOrNull({ description: 'Who deals with it.' }),
  dueAt: InstantOrNull('Until when.'),
  overdue: Type.Boolean({ description: 'It should be settled by now.' }),
  workOrder: TextOrNull({ description: 'Work order.' }),
  silentUntil: InstantOrNull('Nobody is told of it until then.'),
  parent: nullable(Type.Integer(), { description: 'Case it belongs to and is dealt with in.' }),
  belongs: TextOrNull({ description: '`member` of a flood, `consequence` of a cause.' }),
  members: Count('Cases of a flood; list them with `parent`.'),
  withdrawn: nullable(WordsSchema('Why it was taken back.')),
  settled: nullable(
    Type.Object({
      ...{ at: Instant('When.'), who: Type.String(), cause: Type.String(), text: Type.String(), analysis: TextOrNull({}) },
      outcome: TextOrNull({ description: `${OUTCOME} Null: not said.` }),
    }),
    { description: 'How it was explained or closed.' },
  ),
  raisedAt: Instant('When it was written first.'),
  changedAt: Instant('When it changed last.'),
  version: Type.Integer({ minimum: 1, description: 'Grows with every change; the ETag.' }),
}

export const CaseSchema = named('Case', Type.Object(members, { description: 'One cause of something wrong (案件).' }))
const LINE = {
  seq: Type.Integer({ minimum: 1, description: 'Strictly rising over all cases.' }),
  at: Instant('When.'),
  what: oneOf(CASE_EVENTS, 'What happened.'),
  who: Text('Name of the token; `gridtally`: what the analysis found.'),
  why: WordsSchema('Why.'),
}
export const CaseDetailSchema = named(
  'CaseDetail',
  Type.Object({ ...members, history: Type.Array(Type.Object(LINE), { description: 'Oldest first; only ever added to.' }) }),
)
export const CasePage = pageOf('CasePage', CaseSchema)

const EvidenceOf = (description: string) =>
  Type.Object(
    {
      rule: Text('Rule.', 'balance'),
      ruleVersion: Type.Integer({ description: 'Version of the rule that judged.' }),
      score: Score,
      severity: oneOf(SEVERITIES, 'How bad it was.'),
      from: InstantOrNull('Start of the fault.'),
      to: InstantOrNull('Its end; null: it went on.'),
      kwh: EstimateSchema,
      cause: TextOrNull({ description: 'Cause.' }),
      numbers: Figures,
      thresholds: Type.Record(Type.String(), Type.Number(), { description: 'Thresholds then in force, `rule.name`.' }),
      ruledOut: Type.Array(WordsSchema('Looked at, and not the cause.')),
      why: WordsSchema('Why.'),
      series: Type.Array(
        Type.Object({
          measurement: oneOf(MEASUREMENTS, 'What it is a series of.'),
          id: Type.String(),
          fields: Type.Array(Type.String()),
          from: InstantOrNull('Start.'),
          to: InstantOrNull('End.'),
          url: TextOrNull({ description: 'Where this API answers with it; null: nowhere.' }),
        }),
        { description: 'The readings behind it.' },
      ),
    },
    { description },
  )
export const CaseEvidenceSchema = named(
  'CaseEvidence',
  Type.Object(
    {
      case: Type.Integer({ minimum: 1 }),
      newest: EvidenceOf('As it was last judged.'),
      raised: EvidenceOf('As it was when the case was opened; never changes.'),
      grown: Type.Array(Type.Object({ day: Type.String(), score: Score, kwh: nullable(Type.Number()) }), {
        description: 'How it grew, by judged day.',
      }),
    },
    { description: 'What a case rests on.' },
  ),
)

export const SuspicionsSchema = named(
  'Suspicions',
  asPage(
    Type.Object({
      items: Type.Array(
        Type.Object({
          day: Text('Day it was judged on.', '2026-11-21'),
          kind: oneOf(FINDING_KINDS, 'What it would be.'),
          target: Type.String(),
          score: Score,
          kwh: EstimateSchema,
          why: WordsSchema('Why it stands where it stands.'),
          numbers: Figures,
        }),
        { description: 'Highest score first; none of them is an alarm.' },
      ),
    }),
  ),
)

const Why = (description: string, examples: readonly string[] = []) =>
  Type.String({ minLength: 1, maxLength: 4000, pattern: '\\S', description, examples: [...examples] })
const Note = Type.Optional(Type.String({ maxLength: 4000, description: 'Anything worth knowing later.' }))
const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-24T18:00:00+08:00'] })
const Order = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S', description: 'Number of the work order.', examples: ['W-118'] })

export const CaseParams = Type.Object({ id: Type.Integer({ minimum: 1, description: 'Case.' }) })
export const CaseHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ maxLength: 100, description: 'ETag of what was seen: refused with 412 when it changed since.' })),
})
const filter = {
  kind: Type.Optional(oneOf(FINDING_KINDS, 'Only these.')),
  state: Type.Optional(oneOf([...CASE_STATES, 'unsettled'] as const, `${STATE} unsettled: the first three.`)),
  severity: Type.Optional(oneOf(SEVERITIES, 'This and above.')),
  area: Word('Only of this transformer area.', 'A-1'),
  zone: Word('Only of this zone.', 'Z-1'),
  target: Word('Only at this target.', 'P-12'),
  owner: Word('Only of this person; empty: nobody’s.', 'wang'),
  overdue: Type.Optional(Type.Boolean({ description: 'Only those past their deadline.' })),
  since: Type.Optional(When('Only those that changed at or after this instant. In an address write + as %2B.')),
  text: Word('Part of target, reason, cause, owner or work order; upper and lower case alike.', 'bypass'),
  parent: Type.Optional(Type.Integer({ minimum: 1, description: 'Only those that belong to this case.' })),
  all: Type.Optional(Type.Boolean({ description: 'Members of floods and consequences too.' })),
  sort: Type.Optional(
    oneOf(CASE_SORT_NAMES, 'The newest, the worst, the most energy, the surest, the most urgent first; newest if not given.'),
  ),
}
export const CasesQuery = Type.Object({ ...filter, limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const CasesCsvQuery = Type.Object(
  { ...filter, language: Type.Optional(oneOf(['zh', 'en'], 'Language of reason and action; zh if not given.')) },
  closed,
)
export const SuspicionsQuery = Type.Object(
  { area: Type.String({ minLength: 1, maxLength: 200, description: 'Transformer area.' }) },
  closed,
)
export const CaseStreamQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Number of the last change that was seen; the header Last-Event-ID says the same. Not given: from now on.',
      }),
    ),
  },
  closed,
)

export const CaseNoteBody = Type.Object({ text: Note }, closed)
export const CaseTextBody = Type.Object({ text: Why('For the record.', ['nobody was at home']) }, closed)
export const CaseStartBody = Type.Object({ text: Note, workOrder: Type.Optional(Order) }, closed)
export const CaseSettleBody = Type.Object(
  {
    cause: Type.String({ minLength: 1, maxLength: 200, pattern: '\\S', description: 'The cause in a few words.', examples: ['bypass'] }),
    text: Why('What was found and done.', ['bypass before the meter, removed; new seal 7731']),
    analysis: Type.Optional(Type.String({ maxLength: 10_000, description: 'What was used for what, and why; owed of a key account.' })),
    outcome: Type.Optional(oneOf(CASE_OUTCOMES, OUTCOME)),
  },
  closed,
)
export const CaseAssignBody = Type.Object(
  {
    owner: nullable(Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' }), { description: 'Who deals with it; null: nobody.' }),
    text: Note,
  },
  closed,
)
export const CasePlanBody = Type.Object(
  {
    dueAt: Type.Optional(nullable(When('Until when; null: no deadline.'))),
    workOrder: Type.Optional(nullable(Order)),
    text: Note,
  },
  closed,
)
export const CaseSilenceBody = Type.Object({ until: nullable(When('Until when; null: heard again.')), text: Why('Why.') }, closed)
export const CasesAcknowledgeBody = Type.Object(
  { ids: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 1000, description: 'Cases.' }), text: Note },
  closed,
)
export const CasesDoneSchema = named(
  'CasesDone',
  Type.Object({
    done: Type.Array(Type.Integer(), { description: 'Those that were.' }),
    refused: Type.Array(Type.Object({ id: Type.Integer(), code: Type.String(), message: Type.String() }), {
      description: 'Those that could not be.',
    }),
  }),
)

export const CaseOutcomesQuery = Type.Object(
  { since: Type.Optional(When('Only those settled at or after this instant. In an address write + as %2B.')) },
  closed,
)
export const CaseOutcomesSchema = named(
  'CaseOutcomes',
  asPage(
    Type.Object(
      {
        items: Type.Array(
          Type.Object({
            kind: oneOf(FINDING_KINDS, 'What it was said to be.'),
            confirmed: Count('What was claimed was found.'),
            otherCause: Count('Something else was wrong.'),
            falseAlarm: Count('Nothing was wrong.'),
            notChecked: Count('Nobody has looked.'),
            notSaid: Count('Settled without an outcome.'),
            precision: nullable(Type.Number(), { description: 'Confirmed of the first three; null: none of them.' }),
          }),
          { description: 'By kind.' },
        ),
      },
      { description: 'What became of cases that people settled.' },
    ),
  ),
)

export const NotifyParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64, description: 'Id under notify.' }) })
export const NotifyTargetSchema = named(
  'NotifyTarget',
  Type.Object(
    {
      id: Text('Id under notify.', 'ops'),
      kind: oneOf(['webhook', 'mqtt'], 'How.'),
      to: Text('Where to.', 'https://hooks.example/gridtally'),
      about: Type.Array(oneOf(['cases', 'billing', 'health'], 'Topic.'), { description: 'What it is told of.' }),
      waiting: Count('Changes of cases it still has to be told.'),
      sent: Count('Messages that were taken since the start.'),
      failed: Count('Tries that failed since the start.'),
      dropped: Count('Changes of cases given up since the start: they waited for too long, or were too many.'),
      lastSentAt: InstantOrNull('When a message was last taken.'),
      error: nullable(Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }), {
        description: 'Why the last try failed; null: it did not.',
      }),
    },
    { description: 'Somebody who is told.' },
  ),
)
export const NotifyTargetsSchema = asPage(
  Type.Object({ items: Type.Array(ref(NotifyTargetSchema)) }, { description: 'Webhooks and brokers.' }),
)

export const CASE_NAMED = [
  ...[
    CaseSchema,
    CaseDetailSchema,
    CasePage,
    CaseEvidenceSchema,
    SuspicionsSchema,
    CasesDoneSchema,
    CaseOutcomesSchema,
    NotifyTargetSchema,
  ],
]
