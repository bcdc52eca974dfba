import { Type } from 'typebox'
import { RULE_LAYERS } from './rules-deps.ts'
import { Count, closed, Instant, InstantOrNull, limitOf, named, oneOf, pageOf, ref, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const Day = (description: string) => Type.String({ format: 'date', description, examples: ['2026-11-21'] })
const DayOrNull = (description: string) => TextOrNull({ description, examples: ['2026-11-21'] })
const NumberOrNull = (description: string) => Type.Unsafe<number | null>({ type: ['number', 'null'], description })
const Words = (description: string) => Type.Object({ zh: Type.String(), en: Type.String() }, { description })

const ThresholdSchema = Type.Object({
  name: Text('Name of the threshold.', 'pct'),
  value: Type.Number({ description: 'What holds where no narrower layer says otherwise.' }),
  default: Type.Number({ description: 'What holds where nobody said anything.' }),
  op: oneOf(['>=', '>', '<=', '<'], 'The rule holds when the figure stands so to the value: `>=` and `<=` include it.'),
  holds: Text('The same as text, with the closed end.', 'figure ≥ 7 % (7 % itself included)'),
  unit: Text('Unit.', '%'),
  min: Type.Number({ description: 'Least that may be set.' }),
  max: Type.Number({ description: 'Most that may be set.' }),
  meaning: Words('What it is.'),
  source: Text('Where the default comes from.', 'twice the class error of 0.5 S'),
  layers: Type.Array(
    Type.Object({
      layer: oneOf(RULE_LAYERS, 'global, or narrower: zone, class, point. The narrowest that says something holds.'),
      target: Text('Zone, class or point; empty of the global layer.', 'Z-1'),
      value: Type.Number({ description: 'What it says.' }),
    }),
    { description: 'Every layer that says something.' },
  ),
})

export const RuleSchema = named(
  'Rule',
  Type.Object(
    {
      id: Text('Name of the rule.', 'high_loss'),
      version: Type.Integer({ description: 'Grows when the rule would judge the same data otherwise.' }),
      title: Words('What it finds.'),
      thresholds: Type.Array(ThresholdSchema),
    },
    { description: 'A rule of the analysis (规则) with its thresholds (阈值).' },
  ),
)
export const RulesSchema = named(
  'Rules',
  asPage(
    Type.Object({
      version: Type.Integer({ minimum: 0, description: 'Number of the newest change of a threshold: send it as If-Match.' }),
      items: Type.Array(ref(RuleSchema)),
    }),
  ),
)
export const RuleParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100, description: 'Name of the rule.' }) }, closed)
export const ChangeParams = Type.Object({ seq: Type.Integer({ minimum: 1, description: 'Number of the change.' }) }, closed)
export const TrialParams = Type.Object({ trial: Type.Integer({ minimum: 1, description: 'Number of the trial run.' }) }, closed)
export const RuleHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({ maxLength: 100, description: 'ETag of the rules as they were seen; 412 when they changed since.' }),
  ),
})

const EDIT = {
  layer: Type.Optional(oneOf(RULE_LAYERS, 'Layer it is set in; `global` if not given.')),
  target: Type.Optional(Type.String({ maxLength: 200, description: 'Zone, class (customer category) or point; not of the global layer.' })),
  set: Type.Record(Type.String({ maxLength: 100 }), NumberOrNull('New value; null = as the next wider layer says.'), {
    minProperties: 1,
    maxProperties: 50,
    description: 'Thresholds of this rule by name.',
  }),
}
const Why = Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description: 'Why; kept with the change.' })
export const ThresholdBody = Type.Object({ ...EDIT, why: Why }, closed)
export const UndoBody = Type.Object({ why: Why }, closed)
export const TrialBody = Type.Object(
  {
    ...EDIT,
    areas: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 1000, description: 'Areas it runs on; all if not given.' }),
    ),
    from: Day('First day that is judged.'),
    to: Day('Last day that is judged.'),
  },
  closed,
)
export const ThresholdChangeSchema = named(
  'ThresholdChange',
  Type.Object({
    seq: Type.Integer({ minimum: 1 }),
    at: Instant('When.'),
    who: Text('Name of the token.', 'li'),
    why: Text('Why.', 'half the old feeders lose 8 % in the wires'),
    rule: Text('Rule.', 'high_loss'),
    name: Text('Threshold.', 'pct'),
    layer: oneOf(RULE_LAYERS, 'Layer.'),
    target: Text('Zone, class or point.', 'Z-1'),
    before: NumberOrNull('What that layer said; null = nothing.'),
    after: NumberOrNull('What it says since; null = nothing.'),
    undoes: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Change that it takes back.' }),
  }),
)
export const ThresholdChangePage = pageOf('ThresholdChangePage', ThresholdChangeSchema)
export const HistoryQuery = Type.Object(
  {
    rule: Type.Optional(Type.String({ maxLength: 100, description: 'Only of this rule.' })),
    cursor: Type.Optional(Type.String({ maxLength: 2000, description: '`next` of the page before, unchanged.' })),
    limit: limitOf(100, 1000),
  },
  closed,
)
const TrialCase = Type.Object({
  key: Text('Names the cause.', 'theft/P-12'),
  kind: Text('Kind of finding.', 'theft'),
  target: Text('What it is about.', 'P-12'),
  area: Text('Area.', 'A-1'),
  detectedAt: Day('Day on which it would have been raised.'),
  score: Type.Number({ description: '0 to 1.' }),
  kwh: NumberOrNull('Energy not recorded.'),
})
const TrialObject = Type.Object(
  {
    id: Type.Integer({ minimum: 1 }),
    rule: Text('Rule.', 'high_loss'),
    layer: oneOf(RULE_LAYERS, 'Layer tried.'),
    target: Text('Zone, class or point.', 'Z-1'),
    set: Type.Record(Type.String(), NumberOrNull('Value tried.'), { description: 'What is tried.' }),
    from: Day('First day.'),
    to: Day('Last day.'),
    state: oneOf(['running', 'done', 'failed', 'cancelled'], 'How far it is.'),
    done: Count('Areas that are done.'),
    areas: Count('Areas in all.'),
    error: TextOrNull({ description: 'Why it failed.' }),
    come: Type.Array(TrialCase, { description: 'Alarms that would come.' }),
    go: Type.Array(TrialCase, { description: 'Alarms that would not be raised any more.' }),
    stay: Count('Alarms that are the same.'),
  },
  { description: 'A trial run of thresholds on days that are over; it changes nothing.' },
)
export const TrialSchema = named('Trial', TrialObject)
export const TrialPage = named('TrialPage', asPage(TrialObject))
export const TrialsSchema = named('Trials', asPage(Type.Object({ items: Type.Array(ref(TrialSchema)) })))

export const AnalysisSchemaView = named(
  'Analysis',
  asPage(
    Type.Object(
      {
        enabled: Type.Boolean({ description: 'Whether areas are judged.' }),
        at: Text('When a day is judged even if data are missing, local time.', '07:00'),
        windowDays: Count('Days looked at together.'),
        workers: Count('Threads that judge.'),
        waitingDays: Count('Days of areas whose data are to be put together.'),
        judgedSinceStart: Count('Days of areas judged since the start.'),
        areas: Type.Array(
          Type.Object({
            area: Text('Area.', 'A-1'),
            state: oneOf(['no-readings', 'waiting', 'judging', 'judged', 'failed'], 'Where it stands.'),
            judged: DayOrNull('Newest day that was judged.'),
            judgedAt: InstantOrNull('When.'),
            tookMs: Count('How long it took, milliseconds.'),
            next: DayOrNull('Day that is judged next; null = up to date.'),
            waitsFor: TextOrNull({ description: 'What keeps it from being judged.' }),
            failure: TextOrNull({ description: 'What went wrong last time.' }),
            alarms: Count('Findings at the alarm level on the newest day.'),
            days: Count('Days that are kept; many rules say nothing before two weeks of them.'),
          }),
        ),
      },
      { description: 'The daily analysis: how far each area is.' },
    ),
  ),
)
export const AnalysisQuery = Type.Object(
  {
    area: Type.Optional(Type.String({ maxLength: 64, description: 'Only of this area.' })),
    failed: Type.Optional(Type.Boolean({ description: 'Only areas where something went wrong.' })),
  },
  closed,
)
export const AnalysisAgainBody = Type.Object(
  {
    areas: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 1000, description: 'Areas; all if not given.' }),
    ),
    from: Day('First day; at most the last seven judged days are judged again.'),
    to: Type.Optional(Day('Last day whose data are put together anew; yesterday if not given.')),
    rebuild: Type.Optional(Type.Boolean({ description: 'Put the days together anew from the store.', default: false })),
    why: Why,
  },
  closed,
)
export const RULES_NAMED = [
  RuleSchema,
  RulesSchema,
  ThresholdChangeSchema,
  ThresholdChangePage,
  TrialSchema,
  TrialPage,
  TrialsSchema,
  AnalysisSchemaView,
]
