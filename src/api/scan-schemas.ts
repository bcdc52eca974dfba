import { Type } from 'typebox'
import { SCAN_MODES, SCAN_STATES } from './scan-deps.ts'
import { Count, closed, FailureSchema, Instant, named, nullable, oneOf, ref, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const Reason = Type.Object({
  what: Text('What was judged.', 'frequency'),
  value: Text('What the meter said.', '50.02 Hz'),
  limit: Text('What is believable.', '45 to 65'),
  verdict: oneOf(['for', 'against', 'not-judged'], 'What it says about the profile.'),
  text: Text('The whole in a sentence.', 'register 1.8.0 grew 0.03 kWh in 20 s at 5.2 kW: expected 0.02889 kWh'),
})

const Meter = Type.Object({
  protocol: Text('How it was spoken to.', 'modbus-rtu'),
  address: Text('Unit, or twelve digits.', '202608150042'),
  known: TextOrNull({ description: 'Meter of the ledger at this address; such a one was not asked.' }),
  profile: TextOrNull({ description: 'Profile that fits best and alone; null when none or several fit.' }),
  tie: Type.Array(Type.String(), { description: 'Profiles that fit equally well.' }),
  candidates: Type.Array(
    Type.Object({
      profile: Type.String(),
      score: Type.Number({ description: 'Points for minus points against.' }),
      reasons: Type.Array(Reason),
    }),
    { description: 'Best first.' },
  ),
  values: Type.Array(Type.Object({ obis: Type.String(), unit: Type.String(), place: Type.String(), text: Type.String() }), {
    description: 'What the best profile reads.',
  }),
  identity: Type.Record(Type.String(), Type.String(), { description: 'What it says of itself.' }),
  notes: Type.Array(Type.String(), { description: 'Of a device that no profile fits: what answers there.' }),
  proofs: Type.Array(Type.Object({ what: Type.String(), tx: Type.String(), rx: Type.String(), says: Type.String() }), {
    description: 'The frames, as hexadecimal pairs.',
  }),
})

export const ScanSchema = named(
  'Scan',
  Type.Object(
    {
      id: Count('Number of the scan.'),
      line: Text('Line.', 'rs485-3'),
      mode: oneOf(SCAN_MODES, 'How thorough it is.'),
      state: oneOf(SCAN_STATES, 'Whether it is under way.'),
      startedAt: Instant('When it began.'),
      tookMs: Count('Milliseconds so far.'),
      share: Type.Number({ minimum: 0, maximum: 1, description: 'How far it is.' }),
      what: Text('What is being asked.'),
      questions: Count('Questions asked.'),
      meters: Type.Array(Meter),
      notes: Type.Array(Type.String()),
      error: nullable(FailureSchema, { description: 'Why it failed; null when it did not.' }),
    },
    { description: 'A scan (搜表) of a line: who answers there, and which profile fits.' },
  ),
)

export const ScanListSchema = named('ScanList', asPage(Type.Object({ items: Type.Array(ref(ScanSchema)) })))

export const ScanEventsSchema = named(
  'ScanEvents',
  asPage(
    Type.Object({
      items: Type.Array(
        Type.Object({
          nth: Count('Number of the event.'),
          at: Instant('When.'),
          kind: oneOf(['found', 'judged', 'note', 'end'], 'What happened.'),
          text: Text('It in words.'),
        }),
      ),
    }),
  ),
)

export const ScanAcceptedSchema = named(
  'ScanAccepted',
  Type.Object({
    change: nullable(Type.Integer(), { description: 'Change of the ledger; null: it knew all of it.' }),
    meters: Type.Array(Type.Object({ meter: Type.String(), point: Type.String(), address: Type.String(), profile: Type.String() })),
    left: Type.Array(Type.Object({ address: Type.String(), why: Type.String() }), { description: 'Found and not taken over.' }),
  }),
)

export const ScanParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: 2 ** 31, description: 'Number of the scan.' }) })
export const ScanLineParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Line.' }) })
export const ScanEventsQuery = Type.Object(
  { after: Type.Optional(Type.Integer({ minimum: 0, default: 0, description: 'Only events with a greater number.' })) },
  closed,
)
export const ScanBody = Type.Object(
  {
    mode: Type.Optional(oneOf(SCAN_MODES, 'How thorough; normal if not given.')),
    units: Type.Optional(Type.String({ maxLength: 500, description: 'Modbus units; all if not given.', examples: ['1-32,100'] })),
  },
  closed,
)
const Id = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 100, description }))
export const ScanAcceptBody = Type.Object(
  {
    why: Type.String({ minLength: 1, maxLength: 500, description: 'Why, for the change of the ledger.' }),
    workOrder: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Work order.' })),
    prefix: Id('Ids of new meters begin with it; the id of the line if not given.'),
    rows: Type.Optional(
      Type.Array(
        Type.Object(
          {
            address: Type.String({ minLength: 1, maxLength: 12 }),
            profile: Id('Instead of the one that was found.'),
            point: Id('Point; a new one if not given.'),
            meter: Id('Id of the meter.'),
          },
          closed,
        ),
        { maxItems: 1000, description: 'Only these; everything that has a profile if not given.' },
      ),
    ),
  },
  closed,
)

export const SCAN_NAMED = [ScanSchema, ScanListSchema, ScanEventsSchema, ScanAcceptedSchema]
