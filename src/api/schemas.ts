import { Type } from 'typebox'
import { KEY_NAMED } from './account-list-schemas.ts'
import { ACCOUNT_NAMED } from './account-schemas.ts'
import { BILLING_BOOK_NAMED } from './billing-book-schemas.ts'
import { BILLING_READ_NAMED } from './billing-read-schemas.ts'
import { BrokerSchema, PushDevicePage, PushDeviceSchema, RefusedMessagePage, RefusedMessageSchema } from './broker-schemas.ts'
import { CASE_NAMED } from './case-schemas.ts'
import { CLOCK_NAMED } from './clock-schemas.ts'
import { CODEC_NAMED } from './codec-schemas.ts'
import { COLLECTION_NAMED } from './collection-schemas.ts'
import { CONCENTRATOR_NAMED } from './concentrator-schemas.ts'
import { CONFIG_NAMED } from './config-schemas.ts'
import { ENERGY_NAMED } from './energy-schemas.ts'
import { EVIDENCE_NAMED } from './evidence-schemas.ts'
import { EXPORT_NAMED } from './export-schemas.ts'
import { IMPORT_NAMED } from './import-schemas.ts'
import { INTERCHANGE_NAMED } from './interchange-schemas.ts'
import { LEDGER_NAMED, LedgerProblemSchema } from './ledger-schemas.ts'
import { LOSS_NAMED } from './loss-schemas.ts'
import { OUTAGE_NAMED } from './outage-schemas.ts'
import { REPORT_NAMED } from './report-schemas.ts'
import { RULES_NAMED } from './rules-schemas.ts'
import { SCAN_NAMED } from './scan-schemas.ts'
import { Count, FailureSchema, Instant, InstantOrNull, named, nullable, oneOf, pageOf, ref, Text, TextOrNull } from './schema-words.ts'
import { SERIES_NAMED } from './series-schemas.ts'
import { SIGNAL_NAMED } from './signal-schemas.ts'
import { TIER_NAMED } from './tier-schemas.ts'
import { FrameSchema, TracedFieldSchema } from './trace-schemas.ts'
import { UNREGISTERED_NAMED } from './unregistered-schemas.ts'

export { ref } from './schema-words.ts'

export const WrongValueSchema = named(
  'WrongValue',
  Type.Object({
    place: Text('Where the value stood.', 'querystring/from'),
    value: TextOrNull({ description: 'The value as it came, null when it was missing.' }),
    allowed: Text('What would have been accepted.', 'an instant with offset'),
  }),
)

export const ProblemSchema = named(
  'Problem',
  Type.Object(
    {
      type: Text('Always about:blank: `code` tells problems apart.'),
      title: Text('The status in words.', 'Bad Request'),
      status: Type.Integer({ description: 'The HTTP status.', examples: [400] }),
      code: Text('A stable code to search for and to branch on.', 'API_VALUE'),
      detail: Text('What happened.'),
      hint: Text('What a person can do.'),
      recovery: Type.Optional(Text('What the gateway does now, where it does something: retry, resync, skip, split, wait, stop.', 'retry')),
      instance: Text('The path that was asked.', '/api/v1/points/P-7/readings'),
      requestId: Text('Under this the log of the gateway has the rest.'),
      problems: Type.Optional(
        Type.Array(ref(LedgerProblemSchema), { description: 'What is wrong with a change of the ledger; the first hundred.' }),
      ),
      problemCount: Type.Optional(Type.Integer({ description: 'All of them.' })),
      current: Type.Optional(Type.Unknown({ description: 'Of 412: the entry as it is now.' })),
      errors: Type.Optional(Type.Array(ref(WrongValueSchema), { description: 'The values that were refused.' })),
    },
    { description: 'Why a request was not answered (RFC 9457).' },
  ),
)

export const MeterSchema = named(
  'Meter',
  Type.Object({
    id: Text('Meter (电能表) as the ledger names it.', 'M-000000000012'),
    line: Text('Line it is read over.', 'rs485-3'),
    address: Text('Address on the line, leading zeros kept.', '000000000012'),
    profile: Text('Meter model.', 'dlt645-2007/three-phase'),
    ct: Text('Current transformer ratio, decimal text.', '40'),
    pt: Text('Voltage transformer ratio, decimal text.', '100'),
    ratio: Text('CT × PT (综合倍率), decimal text.', '4000'),
    from: Instant('At the point from this instant on.'),
    to: InstantOrNull('Until before this instant; null = still there.'),
  }),
)

export const PointSchema = named(
  'Point',
  Type.Object(
    {
      id: Text('Metering point.', 'P-7'),
      name: Text('Its name.', '3 Mill Lane'),
      area: Text('Transformer area (台区).', 'A-1'),
      areaName: Text('Its name.', 'Mill Lane transformer'),
      role: Text('What the point is in its area.', 'customer'),
      phase: Text('Phases it is connected to.', 'L1'),
      meters: Type.Array(ref(MeterSchema), { description: 'Meters that were and are at the point, newest last.' }),
    },
    { description: 'A metering point (计量点): the place that is billed; meters come and go, the point stays.' },
  ),
)

export const ValueSchema = named(
  'Value',
  Type.Object({
    obis: Text('OBIS code in full.', '1-0:1.8.0'),
    name: Text('What it is.', 'active import energy'),
    unit: Text('Unit of `value` and `primary`.', 'kWh'),
    value: Text('Exact decimal text. Registers are as displayed, instantaneous values primary.', '123456.78'),
    primary: TextOrNull({
      description: 'Exact decimal text in primary units: registers of energy and power times `ratio`. Null where the ratio is not known.',
      examples: ['493827120'],
    }),
  }),
)

export const AbsentSchema = named(
  'Absent',
  Type.Object({
    obis: Text('OBIS code in full.', '1-0:2.8.0'),
    name: Text('What it is.', 'active export energy'),
    code: Text('Why it is absent.', 'DLT645_BCD'),
    hint: Text('What a person can do.'),
  }),
)

export const ReadingSchema = named(
  'Reading',
  Type.Object(
    {
      point: Text('Metering point.', 'P-7'),
      meter: Text('Meter that said it.', 'M-000000000012'),
      measurement: Text('`register`, `instant` or `event`.', 'register'),
      source: Text('How it came: live, day-freeze, month-freeze, curve, push, manual, estimated.', 'day-freeze'),
      measuredAt: Instant("The meter's time, or the instant of its freeze."),
      receivedAt: Instant("The gateway's time when it had come."),
      ratio: Text('CT × PT in force, decimal text.', '4000'),
      quality: Type.Array(Type.String(), { description: '`good`, or everything that is doubtful.', examples: [['good']] }),
      values: Type.Array(ref(ValueSchema)),
      absent: Type.Array(ref(AbsentSchema), { description: 'What should be there and is not: never zero.' }),
    },
    { description: 'What one meter said about one instant.' },
  ),
)

const Reasons = Type.Array(Type.Object({ code: Type.String(), count: Type.Integer({ minimum: 0 }), hint: Type.String() }), {
  description: 'How exchanges failed, most frequent first, each with what to do.',
})

const counts = {
  due: Count('Reads that were due since the start.'),
  read: Count('Read.'),
  firstTry: Count('Read without a second try.'),
  late: Count('Not read in time, had since: by a later reading of the load record or a re-read of the gap.'),
  missed: Count('Not read in time, and not had since; live values are of their instant only.'),
  reasons: Reasons,
}

const line = {
  id: Text('Line.', 'rs485-3'),
  address: Text('Where it leads.', 'tcp://10.0.0.7:502'),
  state: oneOf(['up', 'opening', 'down'], 'Opening: the first attempt has not ended. Down: also while it is tried again.'),
  quarantined: Type.Boolean({ description: 'Held after a time-out until no late answer can come any more.' }),
  since: Instant('In this state since.'),
  busyShare: Type.Number({ minimum: 0, maximum: 1, description: 'Share of the last minute in which the wire was in use.' }),
  queue: Count('Jobs that wait.'),
  devices: Count('Devices on the line.'),
  error: nullable(FailureSchema, { description: 'Why it is not up.' }),
  ...counts,
}

export const LineSchema = named('Line', Type.Object(line, { description: 'A bus, or one host and port: one exchange at a time.' }))

export const DeviceSchema = named(
  'Device',
  Type.Object({
    address: Text('Address on the line.', '12'),
    meter: Text('Meter.', 'M-000000000012'),
    point: Text('Metering point.', 'P-7'),
    lastAnswerAt: InstantOrNull('When it last answered; null = never since the start.'),
    consecutiveFailures: Count('Failures since it last answered.'),
    backedOff: Type.Boolean({ description: 'Silent: only a cheap probe is sent until it answers.' }),
    reasons: Reasons,
  }),
)

export const LineDetailSchema = named('LineDetail', Type.Object({ ...line, health: Type.Array(ref(DeviceSchema)) }))

export const TaskSchema = named(
  'Task',
  Type.Object({
    id: Text('Task.', 'houses-current'),
    group: Text('Group of meters.', 'houses'),
    kind: Text('What it reads.', 'current'),
    everyS: Type.Number({ description: 'Seconds between two runs.' }),
    lastRunAt: InstantOrNull('Last run; null = none yet.'),
    nextRunAt: InstantOrNull('Next run; null = none planned.'),
    ...counts,
  }),
)

export const SinkSchema = named(
  'Sink',
  Type.Object({
    id: Text('Sink.', 'influx'),
    state: oneOf(['storing', 'waiting', 'stopped'], 'Waiting: it tries again by itself. Stopped: a person has to act.'),
    behind: Count('Entries it has not taken yet.'),
    stored: Count('Readings stored since the start.'),
    deadLetters: Count('Readings it refused for good.'),
    lastStoredAt: InstantOrNull('When it last stored something; null = not since the start.'),
    error: nullable(FailureSchema, { description: 'Why it is not storing.' }),
  }),
)

export const OutboxSchema = named(
  'Outbox',
  Type.Object({
    depth: Count('Entries at least one sink has not taken yet.'),
    bytes: Count('Size on disk.'),
    limitBytes: Count('At this size it stops taking.'),
    oldestAt: InstantOrNull('When the oldest entry came; null when none waits.'),
    taking: Type.Boolean({ description: 'False: nothing is read until there is room again.' }),
    error: nullable(FailureSchema, { description: 'Why it takes nothing.' }),
    damaged: Count('Entries that could not be read back and were set aside.'),
    sinks: Type.Array(ref(SinkSchema)),
  }),
)

export const DeadLetterSchema = named(
  'DeadLetter',
  Type.Object({
    id: Type.Integer({ minimum: 1 }),
    sink: Text('Who refused it.', 'influx'),
    at: Instant('When.'),
    code: Text('Why, as a code.', 'INFLUX_REFUSED'),
    message: Text("The server's words."),
    hint: Text('What a person can do.'),
    reading: nullable(ref(ReadingSchema), { description: 'Null when the entry itself cannot be read.' }),
  }),
)

export const HealthSchema = named(
  'Health',
  Type.Object({
    status: oneOf(['ready', 'not-ready'], 'Not ready: readings cannot be taken, or would be lost.'),
    parts: Type.Array(
      Type.Object({
        part: Text('Part of the gateway.', 'outbox'),
        state: oneOf(['ok', 'degraded', 'failed'], 'Degraded: the work goes on, somebody should look.'),
        sentence: Text('How it is, in a sentence.', '12 entries wait, the oldest for 3 s.'),
        cure: TextOrNull({ description: 'What to do; null when nothing is wrong.' }),
      }),
    ),
  }),
)

export const PointPage = pageOf('PointPage', PointSchema)
export const ReadingPage = pageOf('ReadingPage', ReadingSchema)
export const DeadLetterPage = pageOf('DeadLetterPage', DeadLetterSchema)

const LatestItem = {
  point: Text('Metering point.', 'P-7'),
  name: Text('Its name.', '3 Mill Lane'),
  area: Text('Transformer area.', 'A-1'),
  readings: Type.Array(ref(ReadingSchema), { description: 'The newest reading of each series; empty when nothing was ever read.' }),
}
export const LatestSchema = named('Latest', Type.Object({ asOf: Instant('Time of the gateway at this answer.'), ...LatestItem }))
export const LatestPage = named(
  'LatestPage',
  Type.Object({
    asOf: Instant('Time of the gateway at this answer.'),
    items: Type.Array(Type.Object(LatestItem)),
    next: TextOrNull({ description: 'Cursor of the next page; null on the last.' }),
  }),
)

export const ReadNowSchema = named(
  'ReadNow',
  Type.Object({
    point: Text('Metering point.', 'P-7'),
    tookMs: Type.Number({ description: 'From the question to the last byte.' }),
    readings: Type.Array(ref(ReadingSchema)),
    frames: Type.Optional(Type.Array(ref(FrameSchema), { description: 'With `trace: true`.' })),
  }),
)

/** Schemas with a name, in the order in which they refer to each other. */
export const NAMED = [
  WrongValueSchema,
  ...LEDGER_NAMED,
  ...IMPORT_NAMED,
  ProblemSchema,
  MeterSchema,
  PointSchema,
  ValueSchema,
  AbsentSchema,
  ReadingSchema,
  LineSchema,
  DeviceSchema,
  LineDetailSchema,
  TracedFieldSchema,
  FrameSchema,
  TaskSchema,
  SinkSchema,
  OutboxSchema,
  DeadLetterSchema,
  HealthSchema,
  PointPage,
  ReadingPage,
  DeadLetterPage,
  LatestSchema,
  LatestPage,
  ReadNowSchema,
  BrokerSchema,
  PushDeviceSchema,
  PushDevicePage,
  RefusedMessageSchema,
  RefusedMessagePage,
  ...CLOCK_NAMED,
  ...CONCENTRATOR_NAMED,
  ...SCAN_NAMED,
  ...UNREGISTERED_NAMED,
  ...COLLECTION_NAMED,
  ...OUTAGE_NAMED,
  ...CODEC_NAMED,
  ...CONFIG_NAMED,
  ...ENERGY_NAMED,
  ...BILLING_BOOK_NAMED,
  ...BILLING_READ_NAMED,
  ...EXPORT_NAMED,
  ...SERIES_NAMED,
  ...TIER_NAMED,
  ...KEY_NAMED,
  ...REPORT_NAMED,
  ...EVIDENCE_NAMED,
  ...INTERCHANGE_NAMED,
  ...CASE_NAMED,
  ...SIGNAL_NAMED,
  ...LOSS_NAMED,
  ...RULES_NAMED,
  ...ACCOUNT_NAMED,
]
