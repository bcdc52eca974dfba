import { readFileSync } from 'node:fs'
import { gunzipSync, inflateSync } from 'node:zlib'
import { encodePayload } from '../../../../protocols/mqtt/sparkplug/codec.ts'
import type { Inflate } from '../../../../protocols/mqtt/sparkplug/compressed.ts'
import { emptyMetric, emptyPayload, type Metric, type Payload, type Property } from '../../../../protocols/mqtt/sparkplug/payload.ts'
import { wireOf } from '../../../../protocols/mqtt/sparkplug/value.ts'
import type { Raw } from '../../../../src/core/decimal.ts'
import type { PushMessage } from '../../../../src/core/push.ts'

export interface Vector {
  readonly name: string
  readonly topic: string
  readonly hex?: string
  readonly text?: string
  readonly expect: Readonly<Record<string, unknown>>
}
const file: { readonly vectors: readonly Vector[] } = JSON.parse(
  readFileSync(new URL('../../../vectors/sparkplug.json', import.meta.url), 'utf8'),
)
export const vectors = file.vectors
export const vector = (name: string): Vector => vectors.find((candidate) => candidate.name === name)!
export const payloadsOfVectors = vectors.flatMap(({ name, hex }) => (hex ? [[name, new Uint8Array(Buffer.from(hex, 'hex'))] as const] : []))

export const inflate: Inflate = (bytes, algorithm, maxOutputLength) => {
  try {
    return algorithm === 'GZIP' ? gunzipSync(bytes, { maxOutputLength }) : inflateSync(bytes, { maxOutputLength })
  } catch {
    return null
  }
}

export const text = (value: string): Property => ({ datatype: 12, isNull: false, value: { field: 'string', value } })
export const metric = (about: Partial<Metric>, value?: Raw | boolean | string | Uint8Array): Metric => ({
  ...emptyMetric,
  ...(value !== undefined && { value: wireOf(about.datatype ?? 0, value) }),
  ...about,
})
export const message = (topic: string, payload: Partial<Payload> | string, flags: Partial<PushMessage> = {}): PushMessage => ({
  topic: `spBv1.0/${topic}`,
  payload: typeof payload === 'string' ? new Uint8Array(Buffer.from(payload, 'hex')) : encodePayload({ ...emptyPayload, ...payload }),
  retained: false,
  duplicate: false,
  arrivedAt: 0,
  ...flags,
})
