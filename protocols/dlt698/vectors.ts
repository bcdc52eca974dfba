import { isDiscarded } from '../../src/core/adapter.ts'
import { bytesOf } from '../../src/core/hex.ts'
import { judgeFrameVector, judgeInvalidFrame, type VectorResult } from '../../src/core/vector.ts'
import { parseApdu } from './apdu.ts'
import { createDeframer } from './deframer.ts'
import { explain } from './explain.ts'

/** Runs one vector: decodes its `hex` and compares every leaf under `expect`. */
export const evaluateVector = (vector: unknown): VectorResult => judgeFrameVector(vector, (hex) => explain(hex, { passwords: true }))

/** Runs one entry of the `invalid` part: passes when the decoder refuses it or waits for more. */
export const evaluateInvalid = (entry: unknown): VectorResult =>
  judgeInvalidFrame(entry, (hex) => {
    const frames = createDeframer()
      .push(bytesOf(hex) ?? new Uint8Array(0))
      .flatMap((item) => (isDiscarded(item) ? [] : [item]))
    return explain(hex).error !== undefined && frames.every((frame) => frame.fragment === null && !parseApdu(frame.apdu).ok)
  })
