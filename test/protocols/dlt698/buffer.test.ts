import { expect, it } from 'vitest'
import { createDeframer } from '../../../protocols/dlt698/deframer.ts'
import { C, encodeFrame, singleAddress } from '../../../protocols/dlt698/frame.ts'
import { isDiscarded } from '../../../src/core/index.ts'

it('a frame out of a Buffer of the system keeps its own bytes, and leaves those of the Buffer alone', () => {
  const bytes = encodeFrame({
    control: C.request,
    sa: singleAddress('451000000002'),
    ca: 16,
    apdu: Uint8Array.of(5, 1, 1, 0x40, 0, 2, 0, 0),
  })
  const lent = Buffer.from(bytes)
  const [frame] = createDeframer().push(lent)
  expect(Buffer.from(lent).equals(bytes)).toBe(true)
  lent.fill(0)
  expect(frame && !isDiscarded(frame) && Buffer.from(frame.raw).equals(bytes)).toBe(true)
})
