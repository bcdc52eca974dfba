import type { Raw } from '../../../src/core/decimal.ts'
import type { PushedAnswer } from '../../../src/core/push.ts'
import { encodePayload } from './codec.ts'
import { emptyMetric, emptyPayload, type Payload } from './payload.ts'
import { commandTopic } from './topic.ts'
import { interpret, TYPE } from './value.ts'

/** Number of the session, in a birth or a will; it comes as Int64 or UInt64. */
export const bdSeqOf = ({ metrics }: Payload): Raw | null => {
  const metric = metrics.find(({ name }) => name === 'bdSeq')
  const value = metric?.value ? interpret(metric.value, metric.datatype || TYPE.UINT64) : null
  return value?.ok && value.value.kind === 'number' ? value.value.decimal.raw : null
}

/** Whether a session came after another; the number returns to 0 after 255. @source Sparkplug B 3.0, 6.4.20 NBIRTH, bdSeq */
export const isLater = (bdSeq: Raw | null, than: Raw | null): boolean => {
  if (bdSeq === null || than === null) return false
  const ahead = Number(BigInt.asUintN(8, BigInt(bdSeq) - BigInt(than)))
  return bdSeq > 255 || than > 255 ? bdSeq > than : ahead > 0 && ahead < 128
}

/** @source Sparkplug B 3.0, 6.4.22 NCMD: Node Control/Rebirth */
export const rebirthOf = (group: string, node: string, now: number): PushedAnswer => ({
  topic: commandTopic(group, node),
  payload: encodePayload({
    ...emptyPayload,
    timestamp: now,
    metrics: [{ ...emptyMetric, name: 'Node Control/Rebirth', datatype: TYPE.BOOLEAN, value: { field: 'boolean', value: true } }],
  }),
})
