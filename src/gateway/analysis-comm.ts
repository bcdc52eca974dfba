import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { CommDay } from '../anomaly/index.ts'

/** One day of communication of an area, as its block keeps it. */
export type PackedComm = Pick<CommDay, 'start' | 'hours' | 'targets'>

const COLUMNS = ['polls', 'ok', 'timeouts', 'crcErrors', 'addrErrors', 'latencyMs', 'snrDb', 'rssiDbm'] as const
const WIDTH = 4

/** Names first, then every column as it stands in memory: most are small counts or nothing, which packs well. */
export const commBytes = ({ start, hours, targets }: PackedComm): Uint8Array => {
  const head = Buffer.from(JSON.stringify({ start, hours, targets: targets.map(({ id, kind }) => ({ id, kind })) }))
  const values = new Float32Array(targets.length * COLUMNS.length * hours)
  for (const [at, target] of targets.entries())
    for (const [column, name] of COLUMNS.entries()) values.set(target[name], (at * COLUMNS.length + column) * hours)
  const whole = Buffer.alloc(WIDTH + head.length + values.byteLength)
  whole.writeUInt32LE(head.length)
  whole.set(head, WIDTH)
  whole.set(new Uint8Array(values.buffer), WIDTH + head.length)
  return deflateRawSync(whole, { level: 3 })
}

export const commOf = (packed: Uint8Array): PackedComm => {
  const whole = inflateRawSync(packed)
  const length = whole.readUInt32LE()
  const head: { start: number; hours: number; targets: { id: string; kind: CommDay['targets'][number]['kind'] }[] } = JSON.parse(
    whole.toString('utf8', WIDTH, WIDTH + length),
  )
  const { start, hours } = head
  // A copy of its own: columns must begin at a whole number.
  const values = new Float32Array(Uint8Array.from(whole.subarray(WIDTH + length)).buffer)
  const targets = head.targets.map(({ id, kind }, at) => {
    const column = (index: number) => values.subarray((at * COLUMNS.length + index) * hours, (at * COLUMNS.length + index + 1) * hours)
    return {
      ...{ id, kind, polls: column(0), ok: column(1), timeouts: column(2), crcErrors: column(3) },
      ...{ addrErrors: column(4), latencyMs: column(5), snrDb: column(6), rssiDbm: column(7) },
    }
  })
  return { start, hours, targets }
}
