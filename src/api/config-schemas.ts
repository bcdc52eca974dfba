import { Type } from 'typebox'
import { Count, closed, Instant, named, nullable, oneOf, ref, Text } from './schema-words.ts'

const Effect = oneOf(
  ['at-once', 'reopens', 'restart'],
  'at-once: within seconds; reopens: one line is closed and opened again, no other notices; restart: the gateway has to be started again.',
)

export const ConfigChangeSchema = named(
  'ConfigChange',
  Type.Object(
    {
      path: Text('Where; lists of things with an id go by id.', 'lines/bus-2/timeoutMs'),
      before: Type.Unknown({ description: 'Any JSON value; null = not there. Secrets are masked.' }),
      after: Type.Unknown({ description: 'Any JSON value; null = not there. Secrets are masked.' }),
      effect: Effect,
      does: Text('What happens.', 'line bus-2 ends its exchange and is opened anew; no other line notices'),
    },
    closed,
  ),
)

export const ConfigVersionSchema = named(
  'ConfigVersion',
  Type.Object(
    {
      version: Type.Integer({ minimum: 0, description: 'Grows by one with every change.' }),
      at: Instant('When it was taken up.'),
      sha256: Text('Of the bytes of gateway.yaml.'),
      bytes: Count('Size of gateway.yaml.'),
      because: Text('Why it was read.', 'file changed'),
      changes: Text('What it changed.', '1 change: tasks/current/period'),
    },
    closed,
  ),
)

const ConfigProblem = Type.Object(
  {
    file: Text('The file.'),
    line: Type.Integer({ minimum: 1 }),
    column: Type.Integer({ minimum: 1 }),
    path: Text('Where in the file.', '/lines/0/transport/port'),
    message: Text('What stands there, and what may stand there.'),
  },
  closed,
)

export const ConfigSchema = named(
  'Config',
  Type.Object(
    {
      version: Type.Integer({ minimum: 0 }),
      loadedAt: Instant('When the files were read last and used.'),
      file: Text('gateway.yaml.'),
      config: Type.Record(Type.String(), Type.Unknown(), {
        description: 'What holds, everything filled in, durations in milliseconds, secrets masked; lines of the ledger among the others.',
      }),
      pending: Type.Array(ref(ConfigChangeSchema), { description: 'What gateway.yaml says that only a restart will bring.' }),
      wrong: nullable(Type.Object({ at: Instant('When they were looked at.'), problems: Type.Array(ConfigProblem) }, closed), {
        description: 'Why the files as they are now are not used; null = they are.',
      }),
      lineProblems: Type.Array(Type.String(), { description: 'Lines of the ledger that are not opened, and why.' }),
    },
    closed,
  ),
)

export const ConfigReloadSchema = named(
  'ConfigReload',
  Type.Object(
    {
      version: Type.Integer({ minimum: 0 }),
      changes: Type.Array(ref(ConfigChangeSchema), { description: 'What holds now and did not before.' }),
      pending: Type.Array(ref(ConfigChangeSchema), { description: 'What only a restart will bring.' }),
      ledger: Type.Object(
        { added: Count('Entries that are new.'), changed: Count('Entries that are changed.') },
        { ...closed, description: 'What the ledger file brought.' },
      ),
    },
    closed,
  ),
)

export const ConfigVersionParams = Type.Object({
  version: Type.Integer({ minimum: 1, maximum: 999_999_999, description: 'Number of the version.', examples: [3] }),
})

/** Schemas of these routes that have a name. */
export const CONFIG_NAMED = [ConfigChangeSchema, ConfigVersionSchema, ConfigSchema, ConfigReloadSchema] as const
