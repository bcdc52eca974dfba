import { Type } from 'typebox'
import { closed, named, nullable, oneOf, Text, TextOrNull } from './schema-words.ts'
import { COUNT_WORDS, MONTH_SOURCES, RULE_REASONS, TIER_TOPICS } from './tier-deps.ts'

const Day = (description: string) => Type.String({ format: 'date', description, examples: ['2026-10-02'] })
const DayOrNull = (description: string) => TextOrNull({ format: 'date', description, examples: ['2026-10-02'] })
const Month = (description: string) => Text(description, '2026-10')
const Kwh = (description: string) => Text(description, '180')
const KwhOrNull = (description: string) => TextOrNull({ description, examples: ['120.00'] })
const Limits = (description: string) => Type.Array(Type.String({ examples: ['540'] }), { description })
const BothWords = { zh: Text('In Chinese.', '第一档'), en: Text('In English.', 'tier one') }
const CountOf = (description: string) => oneOf(COUNT_WORDS, description)

const RegisterEnd = nullable(
  Type.Object({
    day: Day('Local day.'),
    register: Text('As on the face.', '123456.78'),
    read: Type.Boolean({ description: 'A read says it; false: worked out between reads.' }),
  }),
)

export const TierSplitSchema = named(
  'TierSplit',
  Type.Object(
    {
      customer: TextOrNull({ description: 'Customer; null: the point is nobody’s.' }),
      points: Type.Array(Type.String(), { description: 'Points that are counted together.' }),
      year: Type.Integer({ description: 'Tiers begin anew on 1 January.' }),
      from: Day('First local day whose energy counts.'),
      until: Day('Last one, included.'),
      zone: Text('Zone of days and months.', 'Asia/Shanghai'),
      table: Type.Object(
        {
          ...BothWords,
          id: Text('Id in the configuration.', 'homes'),
          source: Text('Document it comes from.', 'example'),
          versions: Type.Array(
            Type.Object({ from: Day('Holds from then on.'), upTo: Limits('Upper ends of all tiers but the last, kWh a month.') }),
          ),
        },
        { description: 'Tier table.' },
      ),
      rules: Type.Object(
        {
          countFrom: CountOf('From when months are counted.'),
          begunMonth: oneOf(['whole', 'by-day'], 'How a month counts that is only begun.'),
          allowance: oneOf(['to-date', 'year'], 'Up to when months are counted.'),
        },
        { description: 'Rules of the configuration.' },
      ),
      beginnings: Type.Object(
        {
          registered: DayOrNull('Entered in the ledger; null: there since always.'),
          energised: DayOrNull('Energised; null: not known.'),
          firstSeen: DayOrNull('First heard or read; null: never.'),
        },
        { description: 'Days on which use began, as far as anybody knows.' },
      ),
      inForce: CountOf('The count that holds.'),
      why: oneOf(RULE_REASONS, 'Why it is this one: configured; the configured day is not known; the earliest day counts.'),
      differ: Type.Boolean({ description: 'The counts lead to different allowances.' }),
      kwh: KwhOrNull('Energy of the whole time; null while some of it is not known, never zero for that.'),
      knownKwh: Kwh('Energy of what is known.'),
      estimatedPpm: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Share of it that is estimated, millionths.' }),
      missing: Type.Array(Type.String(), { description: 'Months whose energy is not known.' }),
      pending: Type.Boolean({ description: 'Some of it is being worked out again.' }),
      months: Type.Array(
        Type.Object({
          month: Month('Month.'),
          lastMonth: Month('Last month of it, where only the sum of several is known.'),
          kwh: KwhOrNull('Energy; null: not known.'),
          estimatedPpm: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Share that is estimated, millionths.' }),
          source: oneOf(MONTH_SOURCES, 'Interval energy, readings kept before the registration, or the start register.'),
          notes: Type.Array(Type.Object(BothWords), { description: 'What is not known of it.' }),
        }),
      ),
      registers: Type.Array(
        Type.Object({
          point: Text('Metering point.', 'P-12'),
          meter: Text('Meter.', 'M-12'),
          from: RegisterEnd,
          to: RegisterEnd,
          multiplier: Text('CT × PT.', '1'),
          difference: TextOrNull({ description: 'Null where registers are missing or went past their last digit.' }),
          kwh: KwhOrNull('Difference times multiplier.'),
        }),
        {
          description:
            'Registers at the ends of the time at every exchange, and wherever the ledger has another meter or ratio from: at the begin of `from.day`, at the end of `to.day`.',
        },
      ),
      counts: Type.Array(
        Type.Object({
          from: CountOf('From when.'),
          begin: DayOrNull('The day; null: since always.'),
          months: Text('Months in service.', '3'),
          counted: Type.Array(
            Type.Object({
              month: Month('Month.'),
              days: Type.Integer({ description: 'Days that count.' }),
              of: Type.Integer({ description: 'Days it has.' }),
              upTo: Limits('Monthly standard in force.'),
            }),
          ),
          upTo: Limits('Allowance: upper ends of all tiers but the last.'),
          tiers: Type.Array(
            Type.Object({
              tier: Type.Integer({ minimum: 1 }),
              above: Kwh('It begins above so many kWh.'),
              upTo: KwhOrNull('And ends there; null: no end.'),
              kwh: KwhOrNull('Energy in it; null: not known.'),
            }),
            { description: 'Empty where no month is in service: then nothing can be split by this count.' },
          ),
          next: nullable(Type.Object({ tier: Type.Integer({ minimum: 2 }), left: Kwh('What is left until it begins.') })),
        }),
        { description: 'The same energy by every way to count.' },
      ),
      notes: Type.Array(Type.Object(BothWords), { description: 'What the ledger does not say well enough.' }),
      explanation: Type.Array(Type.Object({ ...BothWords, topic: oneOf(TIER_TOPICS, 'What it is about.') }), {
        description: 'Sentences to be read out.',
      }),
    },
    { description: 'Tiers of a year (阶梯电量): allowance = months of actual use × monthly standard.' },
  ),
)

const IdOf = (description: string) => Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description }) }, closed)
export const TierPointParams = IdOf('Metering point.')
export const TierCustomerParams = IdOf('Customer.')
const YEAR = {
  year: Type.Optional(
    Type.Integer({ minimum: 1990, maximum: 2200, description: 'Year; that of `until`, or the one that goes on, if not given.' }),
  ),
  until: Type.Optional(
    Type.String({
      format: 'date',
      description: 'Last local day, included: `2026-12-31`; the last one that is known if not given.',
      examples: ['2026-12-31'],
    }),
  ),
}
export const TierQuery = Type.Object(
  { ...YEAR, lang: Type.Optional(oneOf(['zh', 'en'], 'Language of the page; zh if not given. JSON has both.')) },
  closed,
)
export const TIER_NAMED = [TierSplitSchema]
