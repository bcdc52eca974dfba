import { pair, readTime, type TimeParts, timeText, writeTime } from './formats.ts'
import type { Frame } from './frame.ts'

/** Time tag (时间标签 Tp). */
export interface TimeTag {
  /** Frame counter (启动帧帧序号计数器 PFC), 0 to 255. */
  readonly pfc: number
  /** When it was sent: day, hour, minute, second; null when these are no time. */
  readonly sent: TimeParts | null
  /** The same in words, even where it is no time, as the zeros of a terminal that never had one; null when these are no digits. */
  readonly text: string | null
  /** Minutes the command may be under way; 0 = as long as it takes. A terminal drops an older one without a word. */
  readonly delay: number
}

export const TP_SIZE = 6
export const EC_SIZE = 2
/** Message authentication code (消息认证码 PW). @source Q/GDW 376.1-2009, 5.5; Q/GDW 130-2005 had a password of two bytes */
export const PW_SIZE = 16
export const OLD_PW_SIZE = 2

/** AFNs whose requests carry a PW. */
const GUARDED: ReadonlySet<number> = new Set([0x01, 0x04, 0x05, 0x06, 0x0f, 0x10])

const textAt = (bytes: Uint8Array, at: number): string | null => {
  const [second = 0, minute = 0, hour = 0, day = 0] = [0, 1, 2, 3].map((index) => pair(bytes[at + index]))
  return Number.isNaN(second + minute + hour + day) ? null : timeText({ day, hour, minute, second })
}

export const readTp = (bytes: Uint8Array, at: number): TimeTag => ({
  pfc: bytes[at] ?? 0,
  sent: readTime(bytes, at + 1, 'A.16'),
  text: textAt(bytes, at + 1),
  delay: bytes[at + 5] ?? 0,
})

/** @param time  day, hour, minute, second count */
export const writeTp = (pfc: number, time: TimeParts, delay: number): Uint8Array =>
  Uint8Array.of(pfc & 0xff, ...writeTime(time, 'A.16'), delay & 0xff)

/** Whether a request of this AFN carries a PW in front of Tp. */
export const wantsPassword = (afn: number): boolean => GUARDED.has(afn)

/** Event counters (事件计数器 EC) of a terminal's frame, both modulo 256. */
export interface EventCounters {
  readonly important: number
  readonly normal: number
}

/** What stands behind the data units, by place in `frame.data`; size 0 = not there. */
export interface AuxPlaces {
  /** Where the data units end at the latest. */
  readonly limit: number
  readonly ec: number | null
  readonly tp: number | null
}

/** EC and Tp from the end of the frame, as its ACD and TpV bits announce them; a frame too short for what it announces has none. */
export const auxPlaces = ({ data, acd, dir, seq }: Frame): AuxPlaces => {
  let limit = data.length
  const tp = seq.tpv && limit >= TP_SIZE ? limit - TP_SIZE : null
  if (tp !== null) limit = tp
  const ec = dir === 'up' && acd && limit >= EC_SIZE ? limit - EC_SIZE : null
  if (ec !== null) limit = ec
  return { limit, ec, tp }
}

/** Event counters of a frame with ACD; null without. */
export const countersOf = (frame: Frame): EventCounters | null => {
  const { ec } = auxPlaces(frame)
  return ec === null ? null : { important: frame.data[ec]!, normal: frame.data[ec + 1]! }
}

/** Time tag of a frame with TpV; null without. */
export const tagOf = (frame: Frame): TimeTag | null => {
  const { tp } = auxPlaces(frame)
  return tp === null ? null : readTp(frame.data, tp)
}

/** Whether a tag's bytes can be one: four BCD pairs that make a time of day. */
export const looksLikeTp = (bytes: Uint8Array, at: number): boolean => pair(bytes[at + 1]) < 60 && readTime(bytes, at + 1, 'A.16') !== null
