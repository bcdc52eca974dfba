import { ok, type Result } from '../../../src/core/result.ts'
import { decodePayload } from './codec.ts'
import { fail, type SparkplugError } from './errors.ts'
import { LIMITS, type Limits, type Payload } from './payload.ts'

export type Algorithm = 'DEFLATE' | 'GZIP'

/**
 * Decompression, handed in by whoever has it.
 *
 * @param maxBytes  longest result; more is a bomb
 * @returns         null when the bytes are damaged or become longer
 */
export type Inflate = (bytes: Uint8Array, algorithm: Algorithm, maxBytes: number) => Uint8Array | null

const COMPRESSED = 'SPBV1.0_COMPRESSED'
const MAX_INFLATED_BYTES = 2 * 1024 * 1024

/**
 * Decodes a payload, and the one inside it where it is compressed: `uuid` says so, `body` holds it, the metric `algorithm` names how.
 * Without that metric it is DEFLATE.
 *
 * @errors  those of {@link decodePayload}, and SPARKPLUG_COMPRESSION
 * @source  Eclipse Tahu, PayloadCompressor: SPBV1.0_COMPRESSED
 */
export function unpack(bytes: Uint8Array, inflate: Inflate | null, limits: Limits = LIMITS): Result<Payload, SparkplugError> {
  const outer = decodePayload(bytes, limits)
  if (!outer.ok || outer.value.uuid !== COMPRESSED) return outer
  const { body, metrics, seq, timestamp } = outer.value
  const named = metrics.find(({ name }) => name === 'algorithm')?.value
  const algorithm = named?.field === 'string' ? named.value.toUpperCase() : 'DEFLATE'
  if (algorithm !== 'DEFLATE' && algorithm !== 'GZIP')
    return fail('SPARKPLUG_COMPRESSION', `algorithm ${algorithm.slice(0, 40)} is not known`, { algorithm: algorithm.slice(0, 40) })
  if (body === null) return fail('SPARKPLUG_COMPRESSION', 'a compressed payload without a body', { algorithm })
  if (inflate === null) return fail('SPARKPLUG_COMPRESSION', `no decompression for ${algorithm} is at hand`, { algorithm })
  const plain = inflate(body, algorithm, MAX_INFLATED_BYTES)
  if (plain === null)
    return fail('SPARKPLUG_COMPRESSION', `the body is damaged, or longer than ${MAX_INFLATED_BYTES} bytes`, {
      algorithm,
      bytes: body.length,
    })
  const inner = decodePayload(plain, limits)
  if (!inner.ok) return inner
  if (inner.value.uuid === COMPRESSED) return fail('SPARKPLUG_COMPRESSION', 'a compressed payload inside a compressed one', { algorithm })
  return ok({ ...inner.value, seq: inner.value.seq ?? seq, timestamp: inner.value.timestamp ?? timestamp })
}
