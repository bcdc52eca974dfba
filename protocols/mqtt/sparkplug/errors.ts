import { failWith, type GatewayError } from '../../../src/core/result.ts'

/** Every way a Sparkplug B message, or one metric of it, fails, and what happens next. */
const table = {
  SPARKPLUG_TRUNCATED: {
    recovery: 'skip',
    hint: 'the payload stops inside a field: compare its length at the publisher and at the broker',
  },
  SPARKPLUG_WIRE: {
    recovery: 'skip',
    hint: 'no Sparkplug B payload: the publisher uses another schema or writes something else to this topic',
  },
  SPARKPLUG_VARINT: { recovery: 'skip', hint: 'a broken number in the payload: the publisher or a bridge damaged it' },
  SPARKPLUG_UTF8: { recovery: 'skip', hint: 'text must be UTF-8: correct the encoding of metric names at the edge node' },
  SPARKPLUG_LIMIT: { recovery: 'skip', hint: 'larger than we take: split the message at the edge node, or raise the limit' },
  SPARKPLUG_COMPRESSION: { recovery: 'skip', hint: 'switch compression off at the edge node, or to DEFLATE or GZIP' },
  SPARKPLUG_TOPIC: { recovery: 'skip', hint: 'the topic must be spBv1.0/<group>/<type>/<node>[/<device>]' },
  SPARKPLUG_STATE: { recovery: 'skip', hint: 'host state is ONLINE, OFFLINE or {"online":...,"timestamp":...}' },
  SPARKPLUG_SEQ: { recovery: 'skip', hint: 'the edge node must count seq from 0 to 255 over itself and all its devices' },
  SPARKPLUG_BDSEQ: { recovery: 'skip', hint: 'NBIRTH and the will must carry the same bdSeq, else its going cannot be told' },
  SPARKPLUG_GAP: { recovery: 'wait', hint: 'messages were lost: check the link between edge node and broker; a rebirth was due' },
  SPARKPLUG_UNBORN: {
    recovery: 'wait',
    hint: 'the edge node must publish its birth: allow the gateway to write NCMD, or restart the edge node',
  },
  SPARKPLUG_ALIAS: { recovery: 'wait', hint: 'an alias counts only after the birth that gave it; a rebirth cures it' },
  SPARKPLUG_DATATYPE: { recovery: 'skip', hint: 'the metric needs a datatype, in the message or in its birth' },
  SPARKPLUG_VALUE: {
    recovery: 'skip',
    hint: 'the metric is no number: give it another datatype at the edge node, or leave it out of the mapping',
  },
  SPARKPLUG_RANGE: { recovery: 'skip', hint: 'the number does not fit its datatype: correct the datatype at the edge node' },
  SPARKPLUG_NULL: { recovery: 'skip', hint: 'the edge node has no value for this metric: look at the device behind it' },
  SPARKPLUG_NAN: { recovery: 'skip', hint: 'the device answered with no number: look at the device behind the edge node' },
  SPARKPLUG_TRANSIENT: {
    recovery: 'skip',
    hint: 'the edge node marks the metric as not to be kept: clear is_transient if it is to be stored',
  },
  SPARKPLUG_OBIS: { recovery: 'skip', hint: 'the property obis must be an OBIS code such as 1-0:1.8.0' },
  SPARKPLUG_SNAPSHOT: { recovery: 'skip', hint: 'the kept births cannot be used; the edge nodes are asked again' },
} as const satisfies Record<string, { recovery: GatewayError['recovery']; hint: string }>

export type SparkplugCode = keyof typeof table
export type SparkplugError = GatewayError<SparkplugCode>

/** Makes a failed result out of a code of the table. */
export const fail = failWith(table)

/** The error itself, for lists of what was skipped. */
export const errorOf = (code: SparkplugCode, message: string, context: GatewayError['context'] = {}): SparkplugError =>
  fail(code, message, context).error
