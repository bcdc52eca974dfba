import { hexText } from '../capture/index.ts'
import { iso } from './routes/common.ts'
import type { TracedFrame } from './trace-deps.ts'

/** A frame as the API says it. @param withFields  every field too */
export const frameJson = (frame: TracedFrame, withFields = false) => {
  const { at, direction, bytes, hidden = [], description, device, what, protocol, tookMs } = frame
  const explained = withFields ? (frame.explained?.() ?? null) : null
  return {
    at: iso(at),
    direction,
    hex: hexText({ bytes, hidden }),
    description,
    ...(device === undefined ? {} : { device }),
    ...(what === undefined ? {} : { what }),
    ...(protocol === undefined || protocol === null ? {} : { protocol }),
    ...(tookMs === undefined || tookMs === null ? {} : { tookMs }),
    ...(explained === null ? {} : { fields: explained.fields.map((field) => ({ ...field })), error: explained.error }),
  }
}
