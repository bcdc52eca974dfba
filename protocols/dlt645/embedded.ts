import type { Obis } from '../../src/core/obis.ts'
import type { EmbeddedFrame, PushedValue, SkippedField } from '../../src/core/push.ts'
import { digitsText } from './bcd.ts'
import { decodeItem, type FieldValue } from './data.ts'
import { errorOf, refusal } from './errors.ts'
import { addressText, CONTROL, decodeFrame, diText, type Frame, OVERHEAD, type Variant, WAKE_UP } from './frame.ts'
import type { Item } from './item.ts'
import { DI_DIGITS, itemOf } from './items.ts'

/** Function codes of an answer to a read, by variant. @source DL/T 645-2007, 7 application layer; DL/T 645-1997, 6 */
const READ_ANSWERS: Readonly<Record<number, Variant>> = { 17: '2007', 1: '1997' }

/**
 * Decodes an answer that came inside a message of a DTU, as if it had come on a line: the same checks, the same tables. An answer
 * to nobody's question still says who sent it and which data item (数据标识) it is.
 *
 * @param bytes  one frame, wake-up bytes before it allowed
 * @param codes  other OBIS codes for data identifiers: where nobody feeds in, combined energy (00000000) is import
 */
export const embeddedFrame = (bytes: Uint8Array, codes: ReadonlyMap<string, Obis>): EmbeddedFrame => {
  let start = 0
  while (bytes[start] === WAKE_UP) start++
  const heard = bytes.length >= start + OVERHEAD ? addressText(bytes, start + 1) : null
  const result = decodeFrame(bytes, start)
  const head = { protocol: 'dlt645-2007', address: heard, preambleBytes: start, values: [], skipped: [] }
  if (!result.ok) return { ...head, checksumOk: false, error: result.error }
  const { address, control, data } = result.value
  const length = start + OVERHEAD + data.length
  if (length < bytes.length && !bytes.subarray(length).every((byte) => byte === 0xff || byte === WAKE_UP))
    return { ...head, address, checksumOk: true, error: errorOf('DLT645_DELIMITER', `${bytes.length - length} bytes follow the frame`) }
  const variant = READ_ANSWERS[control & CONTROL.function]
  const known = { ...head, address, checksumOk: true, protocol: `dlt645-${variant ?? '2007'}` }
  const error = !(control & CONTROL.response)
    ? errorOf('DLT645_NO_DATA', 'the frame is a question, not an answer')
    : control & CONTROL.abnormal
      ? refusal(control, data, 'the read')
      : variant === undefined
        ? errorOf('DLT645_NO_DATA', 'the answer is none to a read')
        : null
  return error || variant === undefined ? { ...known, error } : { ...known, ...valuesOf(variant, { address, control, data }, codes) }
}

const valuesOf = (
  variant: Variant,
  { control, data }: Frame,
  codes: ReadonlyMap<string, Obis>,
): Pick<EmbeddedFrame, 'values' | 'skipped' | 'error'> => {
  const size = DI_DIGITS[variant] / 2
  if (data.length <= size) return { values: [], skipped: [], error: errorOf('DLT645_LENGTH', `${data.length} data bytes hold no value`) }
  const di = diText(data, size)
  const item = itemOf(variant, di)
  const body = data.subarray(size)
  const decoded = decodeItem(item, body, (control & CONTROL.follow) !== 0)
  if (!decoded.ok) return { values: [], skipped: [], error: decoded.error }
  const values: PushedValue[] = []
  const skipped: SkippedField[] = []
  for (const [at, fields] of decoded.value.groups.entries()) {
    const [field] = fields
    if (!field) continue
    const path = decoded.value.labels ? `${di} ${decoded.value.labels[at] ?? at}` : di
    if (field.error) skipped.push({ path, error: field.error })
    else if (field.raw !== null && field.format.kind === 'number') values.push(pushedValue(item, di, path, at, field, body, codes))
  }
  const none = values.length === 0 && skipped.length === 0
  return { values, skipped, error: none ? errorOf('DLT645_NO_DATA', `data item ${di} holds no register`) : null }
}

const pushedValue = (
  item: Item,
  di: string,
  path: string,
  index: number,
  { raw, at, size, format }: FieldValue,
  body: Uint8Array,
  codes: ReadonlyMap<string, Obis>,
): PushedValue => ({
  path,
  text: digitsText(body, at, size),
  isText: true,
  value: { raw: raw ?? 0, scaler: format.kind === 'number' ? format.scaler : 0 },
  unit: format.kind === 'number' ? format.unit : null,
  obis: codes.get(di) ?? (item.repeat ? item.repeat.obis(index) : item.obis),
  ratio: item.ratio,
  di,
})
