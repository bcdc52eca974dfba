import { Type } from 'typebox'
import { SOURCES } from '../core/index.ts'
import { Count, closed, Instant, named, oneOf, ref, Text } from './schema-words.ts'
import { FrameSchema } from './trace-schemas.ts'
import { asPage } from './whole-lists.ts'

const EvidenceId = Type.String({ pattern: '^[1-9][0-9]{0,14}$', description: 'Record.', examples: ['4711'] })
export const EvidenceParams = Type.Object({ id: EvidenceId }, closed)
export const EvidencePackQuery = Type.Object(
  { meter: Type.Optional(Type.String({ maxLength: 200, description: 'Which of its meters; needed where a record has several.' })) },
  closed,
)
export const EvidenceQuery = Type.Object(
  {
    meter: Type.String({ minLength: 1, maxLength: 200, description: 'Meter that was read.', examples: ['M-000000000012'] }),
    measuredAt: Instant('The instant of the reading, to the millisecond as it was given.'),
    source: Type.Optional(oneOf(SOURCES, 'How it came; all of them if not given.')),
  },
  closed,
)

const Part = Type.Object({
  sha256: Text('SHA-256 of these bytes.'),
  frame: Type.Union([ref(FrameSchema), Type.Null()], {
    description: 'The bytes and what each means; null: they carry meters you may not see.',
  }),
})

const EvidenceKeySchema = Type.Object({
  meter: Text('Meter.'),
  measuredAt: Instant('Instant of the reading.'),
  source: oneOf(SOURCES, 'How it came.'),
})

export const EvidenceSchema = named(
  'Evidence',
  Type.Object(
    {
      id: EvidenceId,
      kind: oneOf(['frame', 'message'], 'Frames of an exchange, or one pushed message.'),
      sha256: Text(
        'SHA-256 over the bytes of all parts one behind the other, as kept; of a message over all of it, even where it was cut.',
      ),
      channel: Text('Line, broker or concentrator.', 'rs485-3'),
      protocol: Text('Who spoke.', 'dlt645-2007'),
      about: Text('What was asked, or the topic.', 'day-freeze 1'),
      by: Text('Task, or who asked.', 'task midnight'),
      receivedAt: Instant('When it had come.'),
      wholeSize: Type.Union([Count('Bytes of a message of which only the beginning is kept.'), Type.Null()]),
      parts: Type.Array(Part, { description: 'Requests and replies in order.' }),
      of: Type.Array(EvidenceKeySchema, { description: 'Readings it brought, as far as you may see them, at most 1,000.' }),
    },
    { description: 'What a reading rests on. Passwords are zero and shown as `**`.' },
  ),
)
export const EvidencePage = named(
  'EvidencePage',
  asPage(Type.Object({ items: Type.Array(ref(EvidenceSchema), { description: 'At most 20.' }) })),
)
export const EvidencePackSchema = named(
  'EvidencePack',
  Type.Unsafe<object>({
    type: 'object',
    additionalProperties: true,
    description:
      'Format `gridtally-evidence/1`: gateway, reading, ledger at that instant, profile, mapping, bytes; `sha256` over the canonical JSON of the rest. `gridtally evidence verify` checks it.',
    properties: { format: { type: 'string' }, sha256: { type: 'string' } },
  }),
)
export const EVIDENCE_NAMED = [EvidenceSchema, EvidencePage, EvidencePackSchema]
