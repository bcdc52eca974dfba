import { Type } from 'typebox'
import {
  Count,
  Cursor,
  closed,
  FailureSchema,
  Instant,
  InstantOrNull,
  limitOf,
  named,
  nullable,
  oneOf,
  pageOf,
  Text,
  TextOrNull,
  Word,
} from './schema-words.ts'

const CountsSchema = Type.Object({
  received: Count('Messages that came, the too large ones included.'),
  acknowledged: Count('Messages acknowledged: what they brought is on disk, or they lie with the refused ones.'),
  oversize: Count('Messages with a payload larger than allowed.'),
  used: Count('Messages that brought at least one value.'),
  refused: Count('Messages that could not be used.'),
  readings: Count('Readings made of them.'),
  values: Count('Values in them.'),
  duplicates: Count('Readings that were there already.'),
  conflicts: Count('Values that differ from the one kept for the same instant.'),
  late: Count('Readings older than the newest of their series.'),
  unmapped: Count('Values nobody said the meaning of; they are not stored.'),
  answers: Count('Answers sent to devices that want one.'),
  putAside: Type.Array(Type.Object({ reason: Type.String({ examples: ['no-rule'] }), count: Type.Integer({ minimum: 0 }) }), {
    description: 'Messages put aside without being wrong, most frequent reason first.',
  }),
})

export const BrokerSchema = named(
  'Broker',
  Type.Object(
    {
      id: Text('Broker. For `in` its id is the line of its meters in the ledger.', 'plant'),
      direction: oneOf(['in', 'out'], '`in`: its messages become readings. `out`: the gateway sends to it.'),
      address: Text('Where it is.', 'mqtts://10.0.0.9:8883'),
      state: oneOf(['up', 'partly', 'connecting', 'down'], 'Partly: some connections are up. Connecting: none was tried to the end yet.'),
      connections: Type.Array(
        Type.Object({
          clientId: Text('Name of the session at the broker.', 'gridtally-plant'),
          state: oneOf(['connecting', 'up', 'down'], 'It connects again by itself.'),
          since: Instant('Up since then; when it is not up, since when.'),
          error: nullable(FailureSchema, { description: 'Why it is not up.' }),
          reconnects: Count('How often it came up again.'),
          inFlight: Count('Messages that came and are not safe yet.'),
        }),
      ),
      subscriptions: Type.Array(
        Type.Object({
          filter: Text('Topic filter.', 'tele/+/SENSOR'),
          granted: Type.Boolean({ description: 'Every connection that is up has it.' }),
          reason: TextOrNull({ description: 'Why the broker refuses it.' }),
        }),
      ),
      counts: nullable(CountsSchema, { description: 'Since the start; null for `out`, which stands under /outbox.' }),
      lastMessageAt: InstantOrNull('Last message that was no stored one; null = none since the start.'),
      meters: nullable(
        Type.Object({
          registered: Count('Meters of the ledger that were heard of.'),
          unregistered: Count('Other names that were heard of.'),
          inLedger: Count('Meters the ledger has at this broker.'),
        }),
        { description: 'Who was heard; null for `out`.' },
      ),
      unmatched: Type.Array(Type.Object({ topic: Type.String(), count: Type.Integer({ minimum: 1 }) }), {
        description: 'Topics that came and that no rule of a mapping took.',
      }),
      sink: TextOrNull({ description: 'For `out`: its sink under /outbox; null when only health is sent.', examples: ['publish-cloud'] }),
    },
    { description: 'An MQTT broker (消息代理) the gateway listens or sends to.' },
  ),
)

export const PushDeviceSchema = named(
  'PushDevice',
  Type.Object(
    {
      name: Text('Name at the broker, as it came; at most 200 characters of it.', 'boiler house/meter 3'),
      registered: Type.Boolean({ description: 'The ledger had a meter behind it when it was last heard.' }),
      meter: TextOrNull({ description: 'Meter of the ledger; null when there is none.', examples: ['M-000000000012'] }),
      point: TextOrNull({ description: 'Its metering point.', examples: ['P-7'] }),
      firstSeen: Instant('First heard.'),
      lastSeen: InstantOrNull('Last sign of life; null: only stored messages and wills so far.'),
      lastTopic: Text('Topic of the last message.', 'tele/boiler/SENSOR'),
      rule: TextOrNull({ description: 'Mapping and rule that took the last one.', examples: ['tasmota/sensor'] }),
      presence: oneOf(['online', 'offline', 'unknown'], 'What the device, or its will, said of itself.'),
      presenceSince: InstantOrNull('Since when; null while unknown.'),
      signal: nullable(
        Type.Object({
          at: Instant('When it was told.'),
          figures: Type.Unsafe<Record<string, number>>({
            type: 'object',
            additionalProperties: { type: 'number' },
            description: 'Names as the source has them.',
            examples: [{ rssi: -71, snr: 8.5 }],
          }),
        }),
        { description: 'How well it is heard.' },
      ),
      messages: Count('Messages.'),
      values: Count('Values with a meaning.'),
      duplicates: Count('Readings that were there already.'),
      conflicts: Count('Values that differ from the one kept for the same instant.'),
      late: Count('Readings older than the newest of their series.'),
      skipped: Type.Array(Type.Object({ code: Type.String(), count: Type.Integer({ minimum: 0 }), hint: Type.String() }), {
        description: 'Fields that became no value, most frequent first.',
      }),
      failures: Type.Array(Type.Object({ item: Type.String(), code: Type.String(), count: Type.Integer({ minimum: 0 }) }), {
        description: 'Items the source itself could not read, with its last reason.',
      }),
      unmapped: Type.Array(Type.Object({ path: Type.String(), text: Type.String() }), {
        description: 'Values nobody said the meaning of, as they were written last.',
      }),
      finding: nullable(Type.Object({ code: Type.String(), message: Type.String(), at: Instant('When.') }), {
        description: 'The last claim about it that a person should see.',
      }),
    },
    { description: 'A device (设备) that pushes: a meter, or a gateway that speaks for some.' },
  ),
)

export const RefusedMessageSchema = named(
  'RefusedMessage',
  Type.Object({
    id: Type.Integer({ minimum: 1 }),
    broker: Text('Broker it came from.', 'plant'),
    topic: Text('Its topic; at most 1,000 characters of it.', 'tele/boiler/SENSOR'),
    bytes: Count('Length of the payload.'),
    head: Type.Object(
      {
        text: TextOrNull({ description: 'Clean text; null when it is none.' }),
        hex: TextOrNull({ description: 'The bytes, when they are no clean text.' }),
      },
      { description: 'The first 200 bytes of the payload. Text has no control characters but tab and line ends.' },
    ),
    at: Instant('When it came.'),
    retained: Type.Boolean({ description: 'It was a stored message of the broker.' }),
    replayable: Type.Boolean({ description: 'Kept whole: up to 4,096 bytes are.' }),
    error: Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }, { description: 'Why it could not be used.' }),
  }),
)

export const PushDevicePage = pageOf('PushDevicePage', PushDeviceSchema)
export const RefusedMessagePage = pageOf('RefusedMessagePage', RefusedMessageSchema)

const broker = Type.String({ minLength: 1, maxLength: 200, description: 'Broker whose messages become readings.', examples: ['plant'] })
export const BrokerParams = Type.Object({ id: broker })
export const PushDeviceParams = Type.Object({
  id: broker,
  name: Type.String({ maxLength: 200, description: 'Name of the device; write / as %2F.', examples: ['boiler house/meter 3'] }),
})

export const PushDevicesQuery = Type.Object(
  {
    registered: Type.Optional(Type.Boolean({ description: 'Only what has a meter in the ledger, or only the others.' })),
    presence: Type.Optional(oneOf(['online', 'offline', 'unknown'], 'Only devices that said so of themselves.')),
    text: Word('Part of the name; upper and lower case differ.', 'boiler'),
    silentForS: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 315_360_000, description: 'Only devices without a sign of life for so many seconds.' }),
    ),
    after: Type.Optional(Type.String({ maxLength: 200, description: 'Only names behind this one; `cursor` goes before it.' })),
    limit: limitOf(100, 500),
    cursor: Cursor,
  },
  closed,
)

export const RefusedMessagesQuery = Type.Object(
  {
    broker: Word('Only what came from this broker.', 'plant'),
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'Only ids above this one; `cursor` goes before it.' })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
