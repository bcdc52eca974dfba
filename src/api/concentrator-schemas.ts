import { Type } from 'typebox'
import { CLOCK_STATE_NAMES } from './clock-deps.ts'
import { ARCHIVE_DIFFERENCES, CONCENTRATOR_JOBS, CONCENTRATOR_PROTOCOLS, CONTROL_ACTS, CONTROL_STATES } from './concentrator-deps.ts'
import { Count, FailureSchema, Instant, InstantOrNull, named, nullable, oneOf, pageOf, ref, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

export const Protocol = oneOf(CONCENTRATOR_PROTOCOLS, 'gw3761: Q/GDW 376.1; dlt698: DL/T 698.45.')
const NumberOrNull = (description: string) => nullable(Type.Integer(), { description })

const counts = {
  readAt: Instant('When the archive was read last.'),
  records: Count('Records the concentrator holds.'),
  same: Count('Meters that are as the ledger has them.'),
  onlyInLedger: Count('Meters of the ledger it does not hold.'),
  onlyInConcentrator: Count('Records of meters the ledger does not have here.'),
  differs: Count('Meters that differ in some field.'),
  second: Count('Further records of a meter that is there already.'),
  problems: Count('Meters of the ledger that can be in no archive as they are.'),
}
export const ArchiveCountsSchema = named('ArchiveCounts', Type.Object(counts, { description: 'How ledger and concentrator agree.' }))

export const ConcentratorSchema = named(
  'Concentrator',
  Type.Object(
    {
      id: Text('Concentrator as the ledger names it.', 'C-1'),
      name: Text('Its name.', 'Mill Lane'),
      area: Text('Transformer area (台区).', 'A-1'),
      address: Text('Logical address in the form of its protocol.', '4510-21'),
      protocol: nullable(Protocol, { description: 'Null: the ledger names none that is known.' }),
      allowWrites: Type.Boolean({ description: 'Whether anything that changes something is sent to it.' }),
      problem: TextOrNull({ description: 'Why it cannot be talked to at all; null = it can.' }),
      online: nullable(
        Type.Object({
          peer: Text('Where it dials in from.', '10.7.0.9:40211'),
          listener: Text('Where it dialled in.', 'terminals'),
          since: Instant('When it connected.'),
          lastFrameAt: Instant('When it was heard last.'),
          heartbeatS: Count('Its heartbeat period, seconds.'),
          queued: Count('Jobs that wait for it.'),
          underWay: Count('Requests it has not answered yet.'),
        }),
        { description: 'Its connection; null = it is not connected.' },
      ),
      meters: Count('Meters of the ledger behind it.'),
      figures: nullable(
        Type.Object({
          logins: Count('Logins.'),
          heartbeats: Count('Heartbeats.'),
          reports: Count('What it said by itself.'),
          requests: Count('Requests sent.'),
          answered: Count('Of them answered.'),
          noReply: Count('Not answered in time.'),
          refused: Count('Refused by it.'),
          damagedBytes: Count('Bytes that were no frame.'),
          strangers: Count('Frames that answered nothing.'),
          bytesIn: Count('Bytes received.'),
          bytesOut: Count('Bytes sent.'),
        }),
        { description: 'Since the gateway started; null = it never connected.' },
      ),
      archive: nullable(ref(ArchiveCountsSchema), { description: 'Null = never read.' }),
      clock: nullable(
        Type.Object({
          at: Instant('When it was seen.'),
          driftMs: Type.Integer({ description: 'Concentrator minus ours.' }),
          state: oneOf(CLOCK_STATE_NAMES, 'As of the clocks of meters, with a target of 5 s.'),
        }),
        { description: 'Null = never seen.' },
      ),
    },
    { description: 'A concentrator (集中器) and how its connection fares.' },
  ),
)
export const ConcentratorPage = pageOf('ConcentratorPage', ConcentratorSchema)

const record = {
  number: Type.Integer({ description: 'Archive number (装置序号).', examples: [1] }),
  pn: Type.Integer({ description: 'Measuring point (测量点号).', examples: [1] }),
  address: Text('Communication address.', '000000000012'),
  port: Type.Integer({ description: '1 to 31; 31 = power line carrier (载波).', examples: [31] }),
  baud: Type.Integer({ description: 'Code of the speed; 0 = the port’s own.' }),
  protocol: Text('What the meter speaks.', 'dlt645-2007'),
  tariffs: Type.Integer({ description: 'Tariffs.' }),
  integerDigits: Type.Integer({ description: 'Digits before the point.' }),
  decimals: Type.Integer({ description: 'And behind it.' }),
  collector: Text('Collector (采集器); zeros = none.', '000000000000'),
  userClass: Type.Integer({ description: 'Class of user (大类号).' }),
  userSubclass: Type.Integer({ description: 'And within it (小类号).' }),
}
const Figure = Type.Union([Type.String(), Type.Integer()])
export const ArchiveRecordSchema = named('ArchiveRecord', Type.Object(record, { description: 'A record without its password.' }))
export const ArchiveDifferenceSchema = named(
  'ArchiveDifference',
  Type.Object({
    kind: oneOf(ARCHIVE_DIFFERENCES, 'second: the concentrator has one more record of a meter that is in the ledger.'),
    meter: TextOrNull({ description: 'Meter of the ledger; null = it is not in the ledger.' }),
    address: Text('Communication address.', '000000000012'),
    wanted: nullable(ref(ArchiveRecordSchema), { description: 'What a download would write.' }),
    held: nullable(ref(ArchiveRecordSchema), { description: 'What the concentrator holds.' }),
    fields: Type.Array(Type.Object({ name: Type.String(), wanted: Figure, held: Figure }), { description: 'Where the two are not alike.' }),
    replaces: TextOrNull({ description: 'Address of another meter whose record a download would take.' }),
  }),
)
const Problems = Type.Array(Type.Object({ meter: Type.String(), message: Type.String() }), {
  description: 'Meters of the ledger that can be in no archive as they are.',
})
export const ArchiveDiffSchema = named(
  'ArchiveDiff',
  asPage(Type.Object({ counts: ref(ArchiveCountsSchema), items: Type.Array(ref(ArchiveDifferenceSchema)), problems: Problems })),
)
export const ArchiveSchema = named(
  'Archive',
  asPage(
    Type.Object(
      {
        counts: ref(ArchiveCountsSchema),
        records: Type.Array(Type.Object({ ...record, meter: TextOrNull({ description: 'Meter of the ledger.' }) })),
        differences: Type.Array(ref(ArchiveDifferenceSchema), { description: 'By number.' }),
        problems: Problems,
      },
      { description: 'The meter archive (档案) as it was read last, beside the ledger as it is now.' },
    ),
  ),
)

const RESULT =
  'What came of it. archive-read: counts. archive-download, archive-delete: counts, and one outcome for each record. parameters-…: one outcome ' +
  'for each parameter. clock-read: the drift; clock-set: the act. events: counters and events. routes: figures by meter. read: values by ' +
  'meter. ask: items with their facts.'
export const ConcentratorJobSchema = named(
  'ConcentratorJob',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1, description: 'Number of the job.' }),
      concentrator: Text('Concentrator.', 'C-1'),
      what: oneOf(CONCENTRATOR_JOBS, 'What is done.'),
      who: Text('Name of the token.', 'li.ming'),
      why: Text('The reason given.', 'order 2026-118'),
      startedAt: Instant('Begin.'),
      endedAt: InstantOrNull('End; null = it goes on.'),
      state: oneOf(['running', 'done', 'failed', 'cancelled'], 'How it stands.'),
      done: Count('How much is done.'),
      total: Count('Of how much; 0 = not known.'),
      step: Text('What it does now.', 'records 11 to 20 of 96'),
      result: Type.Unknown({ description: RESULT }),
      error: nullable(FailureSchema, { description: 'Why it failed.' }),
    },
    { description: 'Work through a concentrator: it goes on when nobody waits any more.' },
  ),
)
export const ConcentratorJobPage = pageOf('ConcentratorJobPage', ConcentratorJobSchema)

export const ParametersSchema = named(
  'ConcentratorParameters',
  asPage(
    Type.Object({
      items: Type.Array(
        Type.Object({
          id: Text('Name in the protocol.', 'F1'),
          label: Type.Object({ en: Type.String(), zh: Type.String() }),
          perPoint: Type.Boolean({ description: 'It is one of a measuring point.' }),
          isSettable: Type.Boolean({ description: 'It can be set.' }),
          schema: Type.Unknown({ description: 'JSON Schema of its value.' }),
          known: Type.Array(
            Type.Object({
              pn: NumberOrNull('Measuring point; null = the concentrator’s own.'),
              readAt: Instant('When it was read.'),
              value: Type.Unknown({ description: 'What it was.' }),
            }),
            { description: 'What was read of it last.' },
          ),
        }),
      ),
    }),
  ),
)

export const ConcentratorEventsSchema = named(
  'ConcentratorEvents',
  asPage(
    Type.Object({
      from: Instant('Start.'),
      to: Instant('End, exclusive.'),
      items: Type.Array(
        Type.Object({
          at: Instant('When it happened, by the clock of the meter or concentrator; when it came, where the record does not say.'),
          begin: InstantOrNull('Begin, where the record says it.'),
          end: InstantOrNull('End; null = it lasts, is an instant, or nobody said.'),
          edge: nullable(oneOf(['begin', 'end'], 'Which of the two the record is of.')),
          receivedAt: Instant('When the gateway had it.'),
          meter: Text('Meter; the concentrator itself under its own id.', 'M-1'),
          code: Text('What happened.', 'erc-10'),
          facts: Type.Unknown({ description: 'What its body says, named; null = it has no value.' }),
          raw: Text('The record as it came.', '0A 1C 00 12'),
        }),
        { description: 'Newest first.' },
      ),
    }),
  ),
)

export const ConcentratorRoutesSchema = named(
  'ConcentratorRoutes',
  asPage(
    Type.Object({
      readAt: InstantOrNull('When they were read; null = never.'),
      items: Type.Array(
        Type.Object({
          meter: TextOrNull({ description: 'Meter of the ledger.' }),
          address: TextOrNull({ description: 'Communication address.' }),
          pn: NumberOrNull('Measuring point.'),
          facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Null()]), {
            description: 'Signal, phase, hops, last read …; null = the concentrator has no value.',
          }),
        }),
      ),
    }),
  ),
)

export const ControlSchema = named(
  'ConcentratorControl',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1, description: 'Number of the act.' }),
      concentrator: Text('Concentrator.', 'C-1'),
      act: oneOf(CONTROL_ACTS, 'What is switched.'),
      target: Text('What it is switched at.', 'turn 3'),
      why: Text('The reason given.', 'order 2026-118'),
      state: oneOf(
        CONTROL_STATES,
        'requested: waits for its second person. expired: nobody confirmed it within ten minutes. not-sent: no byte left. unknown: sent, and nobody can say what became of it.',
      ),
      requestedBy: Text('Who asked for it.', 'li.ming'),
      requestedAt: Instant('When.'),
      until: Instant('Until when it can be confirmed.'),
      confirmedBy: TextOrNull({ description: 'Who confirmed it.' }),
      steps: Type.Array(Type.Object({ at: Instant('When.'), step: Type.String(), who: Type.String(), text: Type.String() }), {
        description: 'Everything that was done with it; only ever added to.',
      }),
      frames: Type.Array(Type.String(), { description: 'What went over the wire, by its head.' }),
    },
    { description: 'Remote trip or close (遥控) by two persons; kept for good.' },
  ),
)
export const ControlPage = pageOf('ConcentratorControlPage', ControlSchema)

export const UnknownTerminalsSchema = named(
  'UnknownTerminals',
  asPage(
    Type.Object({
      items: Type.Array(
        Type.Object({
          protocol: Protocol,
          address: Text('Logical address.', '4510-22'),
          peer: Text('Where it dialled in from.', '10.7.0.9:40211'),
          firstSeen: Instant('First login.'),
          lastSeen: Instant('Last login.'),
          count: Count('Logins.'),
        }),
        { description: 'Who called last comes first; at most 1,000.' },
      ),
    }),
  ),
)

/** Schemas with a name, in the order in which they refer to each other. */
export const CONCENTRATOR_NAMED = [
  ...[
    ArchiveCountsSchema,
    ConcentratorSchema,
    ConcentratorPage,
    ArchiveRecordSchema,
    ArchiveDifferenceSchema,
    ArchiveDiffSchema,
    ArchiveSchema,
  ],
  ...[ConcentratorJobSchema, ConcentratorJobPage, ParametersSchema, ConcentratorEventsSchema, ConcentratorRoutesSchema],
  ...[ControlSchema, ControlPage, UnknownTerminalsSchema],
]
