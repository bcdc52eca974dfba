import { type Static, Type } from 'typebox'
import { durationMs } from './duration.ts'

const duration = (description: string, otherwise: string) =>
  Type.Optional(Type.String({ pattern: '^[0-9]+(ms|s|m|h)$', description, default: otherwise }))
const count = (minimum: number, maximum: number, otherwise: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, description, default: otherwise }))

export const TERMINAL_KINDS = ['gw3761', 'dlt698'] as const

const Listener = Type.Object(
  {
    id: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description: 'letters, digits, dot, dash, underscore; at most 64',
    }),
    host: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description: 'address to listen on; terminals outside this machine need one of its own, or 0.0.0.0',
        default: '127.0.0.1',
      }),
    ),
    port: Type.Integer({ minimum: 0, maximum: 65_535, description: '0: any that is free' }),
    protocols: Type.Optional(
      Type.Array(Type.Unsafe<(typeof TERMINAL_KINDS)[number]>({ type: 'string', enum: [...TERMINAL_KINDS] }), {
        minItems: 1,
        maxItems: 2,
        description: 'spoken there; two are told apart by the first bytes; default both',
      }),
    ),
    maxSessions: count(1, 100_000, 2000, 'connections at once; more are turned away'),
    maxPerPeer: count(1, 100_000, 2000, 'connections at once from one address: carriers put a whole province behind one'),
    firstFrame: duration('a connection that has sent no whole frame by then is closed', '30s'),
    frame: duration('a frame that began must be whole by then', '20s'),
    heartbeat: duration(
      'heartbeat period of terminals that do not say theirs; after two and a half without a frame one is taken for gone',
      '15m',
    ),
    admitUnknown: Type.Optional(
      Type.Boolean({
        description: 'terminals that are in no ledger are answered and kept connected; they are listed either way',
        default: false,
      }),
    ),
  },
  { additionalProperties: false, description: 'a port where concentrators dial in; nothing listens unless it stands here' },
)

/** Concentrators (集中器) that dial in. */
export const ConcentratorsSchema = Type.Object(
  {
    listeners: Type.Optional(Type.Array(Listener)),
    masterAddress: count(1, 127, 1, 'number of this master (主站地址 MSA, client address CA), as the terminals know it'),
    answer: duration('a terminal that has not answered out of its own memory by then is asked again', '15s'),
    fieldAnswer: duration('the same where it has to ask a meter first: a power line takes its time', '90s'),
    control: Type.Optional(
      Type.Boolean({
        description: 'trip and close (遥控) may be ordered by two persons, at concentrators whose allowWrites is on',
        default: false,
      }),
    ),
    farOff: duration('values of a concentrator whose clock is wrong by more are marked as doubtful', '5m'),
  },
  { additionalProperties: false },
)

export interface ListenerConfig {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly protocols: readonly (typeof TERMINAL_KINDS)[number][]
  readonly maxSessions: number
  readonly maxPerPeer: number
  readonly firstFrameMs: number
  readonly frameMs: number
  readonly heartbeatMs: number
  readonly admitUnknown: boolean
}

/** What a running gateway takes up by itself. */
export interface TerminalRules {
  readonly answerMs: number
  readonly fieldAnswerMs: number
  readonly farOffMs: number
  /** Remote control is possible at all. */
  readonly control: boolean
}

export interface ConcentratorsConfig {
  readonly listeners: readonly ListenerConfig[]
  readonly masterAddress: number
}

export const concentratorsOf = (file: Static<typeof ConcentratorsSchema> = {}): ConcentratorsConfig => ({
  listeners: (file.listeners ?? []).map((listener) => ({
    id: listener.id,
    host: listener.host ?? '127.0.0.1',
    port: listener.port,
    protocols: listener.protocols ?? [...TERMINAL_KINDS],
    maxSessions: listener.maxSessions ?? 2000,
    maxPerPeer: listener.maxPerPeer ?? 2000,
    firstFrameMs: durationMs(listener.firstFrame ?? '30s'),
    frameMs: durationMs(listener.frame ?? '20s'),
    heartbeatMs: durationMs(listener.heartbeat ?? '15m'),
    admitUnknown: listener.admitUnknown ?? false,
  })),
  masterAddress: file.masterAddress ?? 1,
})

export const terminalRulesOf = (file: Static<typeof ConcentratorsSchema> = {}): TerminalRules => ({
  answerMs: durationMs(file.answer ?? '15s'),
  fieldAnswerMs: durationMs(file.fieldAnswer ?? '90s'),
  farOffMs: durationMs(file.farOff ?? '5m'),
  control: file.control ?? false,
})
