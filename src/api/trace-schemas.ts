import { Type } from 'typebox'
import { CAPTURED } from '../capture/index.ts'
import { closed, Instant, named, nullable, oneOf, ref, Text, Word } from './schema-words.ts'

export const TracedFieldSchema = named(
  'TracedField',
  Type.Object({
    offset: Type.Integer({ minimum: 0, description: 'First byte of the frame that belongs to it.' }),
    length: Type.Integer({ minimum: 0, description: 'How many bytes.' }),
    hex: Text('The bytes; `**` where they are hidden.', '33 33 34 33'),
    name: Text('The field.', 'data identifier'),
    meaning: Text('What it says.', '00010000 forward active energy'),
  }),
)

export const FrameSchema = named(
  'TracedFrame',
  Type.Object({
    at: Instant('To the millisecond.'),
    direction: oneOf(['tx', 'rx', 'discarded'], 'Sent, received, or received and no answer.'),
    hex: Text('The bytes; `**` for those of a password.', '68 42 00 15 08 26 20 68 11 04 33 33 34 33 D5 16'),
    description: Text('One line about it.'),
    device: Type.Optional(Text('Whose it is, where known.')),
    what: Type.Optional(oneOf(CAPTURED, 'More exactly than `direction`.')),
    protocol: Type.Optional(Text('Who spoke it.', 'dlt645-2007')),
    tookMs: Type.Optional(Type.Number({ description: 'Of an answer: milliseconds since its request left.' })),
    fields: Type.Optional(Type.Array(ref(TracedFieldSchema), { description: 'With `fields=1`.' })),
    error: Type.Optional(
      nullable(
        Type.Object({
          code: Text('As in the list of errors.', 'DLT645_CHECKSUM'),
          offset: Type.Integer({ minimum: 0, description: 'The byte at fault.' }),
          message: Text('What is wrong.'),
          hint: Text('What a person can do.'),
        }),
        { description: 'With `fields=1`: what is wrong in the frame; null when nothing is.' },
      ),
    ),
  }),
)

export const TraceParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200, description: 'Line, or broker whose messages become readings.', examples: ['rs485-3'] }),
})
export const MeterParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200, description: 'Meter.', examples: ['M-000000000012'] }),
})

export const TRACE_FORMATS = ['sse', 'text', 'plain', 'jsonl', 'pcap'] as const

const shared = {
  format: Type.Optional(
    oneOf(
      TRACE_FORMATS,
      'Server-sent events; `text`: one JSON object an event and line; `plain`, `jsonl`, `pcap`: a capture, for people, for programs, for Wireshark. Each of the three can be replayed.',
    ),
  ),
  direction: Type.Optional(oneOf(['tx', 'rx', 'discarded'], 'Only these.')),
  fields: Type.Optional(oneOf(['0', '1'], '1: with every field of each frame.')),
}
export const TraceQuery = Type.Object({ ...shared, meter: Word('Only frames of this meter.', 'M-000000000012') }, closed)
export const MeterTraceQuery = Type.Object(shared, closed)
