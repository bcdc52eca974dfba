import { type Static, Type } from 'typebox'
import { AnalysisSchema } from './analysis.ts'
import { BillingSchema } from './billing.ts'
import { ClocksSchema } from './clocks.ts'
import { CollectionSchema } from './collection.ts'
import { ConcentratorsSchema } from './concentrators.ts'
import { EvidenceSchema } from './evidence.ts'
import { ExportsSchema } from './exports.ts'
import { AccessSchema, HttpSchema } from './http.ts'
import { CasesSchema, NotifySchema } from './notify.ts'
import { Amount, Id, object, oneOf, optional, text } from './schema-parts.ts'
import { UnregisteredSchema } from './unregistered.ts'

export * from './ledger-schema.ts'

const Host = Type.String({ minLength: 1, maxLength: 253, description: 'name or address' })
const Duration = text('^[0-9]+(ms|s|m|h)$', 'a number and ms, s, m or h: 500ms, 30s, 15m')
const Every = text('^([0-9]+(s|m|h)|1d|1mo)$', 'a number and s, m or h, or 1d, or 1mo: 15m')
const Secret = Type.String({
  description:
    'secret: write `$' + '{NAME}` to take it from the environment, or `$' + '{file:/path}` from a file; masked wherever it is shown',
  secret: true,
})

const TcpTransport = object({
  kind: Type.Literal('tcp'),
  host: Host,
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  baud: optional(
    Type.Integer({
      minimum: 50,
      maximum: 4_000_000,
      description: 'speed of the bus behind a transparent serial server; time-outs allow for it',
    }),
  ),
})
const SerialTransport = object({
  kind: Type.Literal('serial'),
  path: Type.String({ minLength: 1, description: 'prefer /dev/serial/by-id/…: it survives a reboot' }),
  baud: optional(Type.Integer({ minimum: 50, maximum: 4_000_000, description: 'Modbus mostly 9600, DL/T 645 mostly 2400', default: 9600 })),
  dataBits: optional(Type.Unsafe<7 | 8>({ type: 'integer', enum: [7, 8], default: 8 })),
  parity: optional(oneOf(['none', 'even', 'odd'], 'DL/T 645: even', { default: 'even' })),
  stopBits: optional(Type.Unsafe<1 | 2>({ type: 'integer', enum: [1, 2], default: 1 })),
})

const Line = object(
  {
    id: Id,
    transport: Type.Unsafe<Static<typeof TcpTransport> | Static<typeof SerialTransport>>({
      type: 'object',
      required: ['kind'],
      discriminator: { propertyName: 'kind' },
      oneOf: [TcpTransport, SerialTransport],
      description: 'how to reach the bus or the device',
    }),
    modbus: optional(oneOf(['tcp', 'rtu', 'ascii'], 'framing of Modbus meters here; default tcp over TCP, rtu on a serial port')),
    timeoutMs: optional(
      Type.Integer({
        minimum: 20,
        maximum: 120_000,
        description: 'longest reaction of a meter, the wire time comes on top',
        default: 1000,
      }),
    ),
    quietMs: optional(
      Type.Number({
        minimum: 0,
        maximum: 5000,
        description: 'silence between frames; default 3.5 characters; 20 to 50 helps cheap meters',
      }),
    ),
    pipeline: optional(Type.Integer({ minimum: 1, maximum: 64, description: 'Modbus TCP only: requests under way at once', default: 1 })),
    allowWrites: optional(Type.Boolean({ description: 'lets this line carry requests that change a meter', default: false })),
  },
  'one physical bus, serial server or Modbus TCP device',
)

const MeterFilter = object(
  { lines: optional(Type.Array(Id)), areas: optional(Type.Array(Id)), ids: optional(Type.Array(Id)) },
  'which meters; several conditions must all hold; absent: all',
)

const Task = object(
  {
    id: Id,
    read: oneOf(['current', 'curve', 'day-freeze', 'month-freeze'], 'what to read'),
    every: Every,
    offset: optional(Duration),
    spread: optional(Duration),
    meters: optional(MeterFilter),
    registers: optional(Type.Array(text('^([0-9]{1,3}-[0-9]{1,3}:)?[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$', 'OBIS code: 1.8.0'))),
  },
  'something read again and again, aligned to the wall clock',
)

const Influx = object({
  url: text('^https?://', 'http://host:8086'),
  version: optional(oneOf(['v1', 'v2', 'v3'], 'generation of the server', { default: 'v1' })),
  database: optional(Type.String({ description: 'v1, v3', default: 'gridtally' })),
  retentionPolicy: optional(Type.String({ description: 'v1' })),
  org: optional(Type.String({ description: 'v2' })),
  bucket: optional(Type.String({ description: 'v2' })),
  token: optional(Secret),
  username: optional(Type.String()),
  password: optional(Secret),
  batch: optional(Type.Integer({ minimum: 1, maximum: 50_000, default: 5000 })),
  gzip: optional(Type.Boolean({ default: false })),
  timeoutMs: optional(Type.Integer({ minimum: 100, maximum: 120_000, default: 10_000 })),
  createDatabase: optional(Type.Boolean({ description: 'v1: create the database when it is missing', default: false })),
})

const BrokerMembers = {
  id: Id,
  url: text('^mqtts?://[^@/?#\\s]+/?$', 'mqtt://host:1883 or mqtts://host:8883, without user, password and query'),
  version: optional(oneOf(['3.1.1', '5'], 'protocol version', { default: '3.1.1' })),
  clientId: optional(
    text(
      '^[A-Za-z0-9._-]{1,100}$',
      'fixed, so that the broker keeps messages while we are away; default gridtally-GATEWAY-ID; each connection after the first appends a number',
    ),
  ),
  username: optional(Type.String({ minLength: 1 })),
  password: optional(Secret),
  tls: optional(
    object(
      {
        ca: optional(Type.String({ description: 'PEM file with the CA of the broker; default: the CAs of the system' })),
        cert: optional(Type.String({ description: 'PEM file with our client certificate' })),
        key: optional(Type.String({ description: 'PEM file with its key' })),
        servername: optional(Host),
        insecure: optional(Type.Boolean({ description: 'believes any certificate; for trials only', default: false })),
      },
      'for mqtts',
    ),
  ),
  keepaliveS: optional(Type.Integer({ minimum: 5, maximum: 3600, default: 30 })),
}

const MappingUse = Type.Unsafe<string | { readonly use: string; readonly zone?: string; readonly prefix?: string }>({
  type: ['string', 'object'],
  pattern: '^[a-z0-9][a-z0-9-]{0,63}$',
  properties: {
    use: text('^[a-z0-9][a-z0-9-]{0,63}$', 'id of a mapping'),
    zone: Type.String({ description: 'IANA zone of local times in these messages; default gateway.timezone' }),
    prefix: Type.String({ description: 'put before every topic of the mapping: site-3/' }),
  },
  required: ['use'],
  additionalProperties: false,
  description: 'id of a mapping; `gridtally mapping list` names them',
})

const Mqtt = object(
  {
    ...BrokerMembers,
    mappings: Type.Array(MappingUse, { minItems: 1, description: 'what its messages mean; the first that fits takes a message' }),
    connections: optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        description: 'more than one share the subscriptions; then no retained messages come',
        default: 1,
      }),
    ),
    share: optional(text('^[A-Za-z0-9._-]{1,64}$', 'group of the shared subscription; default gridtally')),
    sessionExpiryS: optional(
      Type.Integer({
        minimum: 0,
        maximum: 4_294_967_295,
        description: 'version 5: how long the broker keeps our messages',
        default: 604_800,
      }),
    ),
    maxPayloadKb: optional(Type.Integer({ minimum: 1, maximum: 16_384, description: 'larger messages are refused', default: 256 })),
    maxInFlight: optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'messages of a connection that are not safe yet', default: 64 }),
    ),
    unregistered: optional(
      oneOf(['keep', 'refuse'], 'meters that are not in the ledger: keep their readings, marked, or put the message aside', {
        default: 'keep',
      }),
    ),
    maxUnregistered: optional(
      Type.Integer({
        minimum: 0,
        maximum: 100_000,
        description: 'more unknown meters than that are turned away: names come from strangers',
        default: 1000,
      }),
    ),
    rebirth: optional(Type.Boolean({ description: 'Sparkplug: ask nodes for their birth when something is missing', default: true })),
  },
  'a broker whose messages become readings; its id is the line of its meters in the ledger',
)

const Topic = Type.String({ minLength: 1, maxLength: 500 })
const Publish = object(
  {
    ...BrokerMembers,
    readings: optional({
      ...Topic,
      description: 'topic of readings; {gateway} {measurement} {meter} {point} {area} {source} are filled in',
    }),
    findings: optional({ ...Topic, description: 'topic of findings and events; also {code}' }),
    health: optional({ ...Topic, description: 'topic of the health of the gateway, retained' }),
    qos: optional(Type.Unsafe<0 | 1>({ type: 'integer', enum: [0, 1], default: 1 })),
    retain: optional(Type.Boolean({ description: 'the broker keeps the last reading of each topic', default: false })),
  },
  'a broker to which the gateway sends; it has a place of its own in the outbox',
)

/** `config/gateway.yaml`: everything but the ledger. The schema is the reference, the check and the form. */
export const GatewaySchema = object({
  version: Type.Literal(1),
  gateway: object({
    id: Id,
    timezone: Type.String({ description: 'IANA name, such as Asia/Shanghai: freezes, days and months are counted in it' }),
    data: optional(Type.String({ description: 'directory for outbox, store and ledger; relative to this file', default: './data' })),
  }),
  clock: optional(
    object(
      {
        start: Type.String({ format: 'date-time' }),
        realStart: Type.String({ format: 'date-time' }),
        speed: Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }),
      },
      'simulations only: the gateway lives in a time that started at `start` when it was `realStart`, and runs `speed` times as fast',
    ),
  ),
  http: optional(HttpSchema),
  access: optional(AccessSchema),
  store: optional(
    object({
      kind: oneOf(['embedded', 'influxdb'], 'where readings end up', { default: 'embedded' }),
      influxdb: optional(Influx),
      retentionMonths: optional(
        Type.Integer({ minimum: 1, maximum: 600, description: 'embedded: older months are deleted; absent: never' }),
      ),
      hotDays: optional(
        Type.Integer({ minimum: 1, maximum: 400, description: 'embedded: days kept as rows before they are packed', default: 7 }),
      ),
    }),
  ),
  outbox: optional(
    object({
      maxMb: optional(Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1024 })),
      whenFull: optional(oneOf(['stop-taking', 'drop-oldest'], 'stop-taking loses nothing that was taken', { default: 'stop-taking' })),
    }),
  ),
  log: optional(
    object({ level: optional(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'least level shown', { default: 'info' })) }),
  ),
  ledger: optional(Type.String({ description: 'ledger file, imported at every start; relative to this file' })),
  profiles: optional(
    Type.String({ description: 'directory with meter profiles of your own, beside the built-in ones; relative to this file' }),
  ),
  mappings: optional(Type.String({ description: 'directory with mappings of your own, beside the built-in ones; relative to this file' })),
  lines: Type.Array(Line),
  mqtt: optional(Type.Array(Mqtt)),
  publish: optional(Type.Array(Publish)),
  concentrators: optional(ConcentratorsSchema),
  tasks: Type.Array(Task),
  clocks: optional(ClocksSchema),
  exchange: optional(
    object(
      {
        toleranceKwh: optional({ ...Amount, default: '1', description: 'as on the face; a decimal number in quotes' }),
        tolerancePercent: optional({ ...Amount, default: '0.5', description: 'of the register; a decimal number in quotes' }),
      },
      'up to the larger of the two a register of an exchange may differ from what the gateway has read without a reason',
    ),
  ),
  unregistered: optional(UnregisteredSchema),
  collection: optional(CollectionSchema),
  evidence: optional(EvidenceSchema),
  exports: optional(ExportsSchema),
  analysis: optional(AnalysisSchema),
  billing: optional(BillingSchema),
  cases: optional(CasesSchema),
  notify: optional(NotifySchema),
})
export type MqttFile = Static<typeof Mqtt>
export type PublishFile = Static<typeof Publish>
export type GatewayFile = Static<typeof GatewaySchema>
export type LineFile = Static<typeof Line>
export type TaskFile = Static<typeof Task>
