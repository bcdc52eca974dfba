import type { Conversation, MeterClock, MeterCredentials, MeterTime, TimeTeller } from '../../src/core/adapter.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { instantOf, isFill, readTime, type TimeOrder, type TimeParts, writeTime } from './bcd.ts'
import { setTime, writeData } from './commands.ts'
import { type Manner, readData } from './conversation.ts'
import { fail } from './errors.ts'
import type { Frame, Variant } from './frame.ts'

/** Date and time of day are two items of a meter. @source DL/T 645-2007, Annex A, table A.5; DL/T 645-1997, Annex A */
const ITEMS: Readonly<Record<Variant, { readonly date: string; readonly time: string }>> = {
  2007: { date: '04000101', time: '04000102' },
  1997: { date: 'C010', time: 'C011' },
}
const DATE = { order: 'WDMY', bytes: 4 } as const satisfies { order: TimeOrder; bytes: number }
const TIME = { order: 'smh', bytes: 3 } as const satisfies { order: TimeOrder; bytes: number }

/**
 * So long after its midnight a date that was read before the time may be the one of yesterday, and is read again. Longer than two
 * exchanges take, slow lines and repetitions included.
 */
const MINUTES_OF_DOUBT = 10

/** One of the two items. @errors DLT645_LENGTH, DLT645_ABSENT, DLT645_DATE */
function* part(
  address: string,
  di: string,
  manner: Manner,
  { order, bytes }: typeof DATE | typeof TIME,
  timed = false,
): Conversation<TimeParts, Frame> {
  const read = yield* readData(address, di, manner, undefined, bytes, timed)
  if (!read.ok) return read
  if (read.value.length !== bytes) return fail('DLT645_LENGTH', `item ${di}: ${read.value.length} bytes, not ${bytes}`)
  if (isFill(read.value, 0, bytes)) return fail('DLT645_ABSENT', `item ${di}: the meter says nothing about its clock`)
  const parts = readTime(read.value, 0, order)
  return parts ? ok(parts) : fail('DLT645_DATE', `item ${di}: no such ${order === 'smh' ? 'time of day' : 'date'}`)
}

const whole = (date: TimeParts, time: TimeParts): Result<MeterTime> => {
  const both = instantOf({ ...date, ...time })
  return both ? ok(both) : fail('DLT645_DATE', 'the date of the meter clock is no date')
}

/**
 * Reads the clock (时钟) of a meter: date, time, and after its midnight the date once more, because it may have changed between the
 * two. A date read before a time late in the day is of the same day.
 *
 * @errors  DLT645_ABSENT, DLT645_DATE, DLT645_LENGTH, a refusal, and what the line says
 * @source  DL/T 645-2007, Annex A, table A.5
 */
export function* readClock(address: string, manner: Manner): Conversation<MeterTime, Frame> {
  const items = ITEMS[manner.variant]
  const date = yield* part(address, items.date, manner, DATE)
  if (!date.ok) return date
  const time = yield* part(address, items.time, manner, TIME, true)
  if (!time.ok) return time
  const { hour = 0, minute = 0 } = time.value
  if (hour !== 0 || minute >= MINUTES_OF_DOUBT) return whole(date.value, time.value)
  const again = yield* part(address, items.date, manner, DATE)
  return again.ok ? whole(again.value, time.value) : again
}

/**
 * Writes the clock of one meter by password: the date when it is another one, then the time of day as it will be when the last byte
 * arrives. Stops at the first refusal.
 *
 * @errors  DLT645_UNAUTHORISED: never try again, meters lock
 * @source  DL/T 645-2007, 7 application layer, write data
 */
export function* writeClock(
  address: string,
  teller: TimeTeller,
  shows: MeterTime,
  who: MeterCredentials,
  manner: Manner,
): Conversation<null, Frame> {
  const items = ITEMS[manner.variant]
  const now = teller(0)
  if (now.year !== shows.year || now.month !== shows.month || now.day !== shows.day) {
    const date = yield* writeData(address, items.date, writeTime(now, DATE.order), who, manner)
    if (!date.ok) return date
  }
  return yield* writeData(address, items.time, writeTime(now, TIME.order), who, manner, (wireMs) => writeTime(teller(wireMs), TIME.order))
}

/** The clock of the meters of one manner of speaking. */
export const clockOf = (manner: Manner): MeterClock<Frame> => ({
  read: (address) => readClock(address, manner),
  set: (address, teller, shows, who) => writeClock(address, teller, shows, who, manner),
  broadcast: (teller) => setTime(teller(0), manner, teller),
})
