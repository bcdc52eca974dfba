import type { Conversation, DeviceMemory, MeterTime, ReadPlan, Sample, Selection } from '../../src/core/adapter.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { daysIn, instantOf, isFill, isZero, ordinalOf, readTime, timeText } from './bcd.ts'
import { type Manner, readData } from './conversation.ts'
import { type Dlt645Error, fail } from './errors.ts'
import type { Frame, Variant } from './frame.ts'
import type { Field } from './profile.ts'
import { newTally, plannedValue, readSteps, type Step, stepsOf, type Tally } from './steps.ts'

/** The sample of a tally, or why there is none. */
const sampleOf = (tally: Tally, at: MeterTime | null): Result<readonly Sample[]> => {
  if (tally.raws.every((raw) => raw === null)) {
    const reason = tally.absent?.values().next().value
    if (reason) return { ok: false, error: reason }
  }
  return ok([{ at, raws: tally.raws, scalers: null, absent: tally.absent && tally.absent.size > 0 ? tally.absent : null }])
}

/** Registers and instantaneous values as they are now. */
export const planCurrent = (manner: Manner, fields: readonly Field[], blocks: boolean): ReadPlan<Frame> => {
  const steps = stepsOf(manner.variant, fields, blocks)
  return {
    source: 'live',
    values: fields.map(plannedValue),
    *talk(address, memory) {
      const tally = newTally(fields.length)
      const done = yield* readSteps(address, steps, manner, memory, tally, true)
      return done.ok ? sampleOf(tally, null) : done
    },
  }
}

/** Tries until a set of values and their time agree. */
const TRIES = 2

/**
 * Reads values between two looks at the time they belong to. When the meter froze in between, both are read again.
 *
 * @errors  DLT645_FREEZE_MOVED when the time moves a second time
 */
function* framed(
  address: string,
  steps: readonly Step[],
  size: number,
  manner: Manner,
  memory: DeviceMemory,
  instant: () => Conversation<MeterTime, Frame>,
): Conversation<readonly Sample[], Frame> {
  let before = yield* instant()
  if (!before.ok) return before
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const tally = newTally(size)
    const done = yield* readSteps(address, steps, manner, memory, tally, false)
    if (!done.ok) return done
    const after = yield* instant()
    if (!after.ok) return after
    if (ordinalOf(after.value) === ordinalOf(before.value)) return sampleOf(tally, after.value)
    before = after
  }
  return fail('DLT645_FREEZE_MOVED', `the freeze time moved while it was read, now ${timeText(before.value)}`)
}

const nthHex = (nth: number): string => nth.toString(16).toUpperCase().padStart(2, '0')
const LAST_DAY_FREEZE = 63
const LAST_SETTLEMENT: Readonly<Record<Variant, number>> = { 2007: 12, 1997: 2 }

const checkNth = (selection: Selection, most: number): Result<number, Dlt645Error> => {
  const nth = selection.nth ?? 1
  if (Number.isInteger(nth) && nth >= 1 && nth <= most) return ok(nth)
  return fail('DLT645_PROFILE', `the meter keeps 1 to ${most} of these freezes, not number ${nth}`)
}

/** The n-th last daily freeze (日冻结). Its `at` is the meter's stamp: 2015-10-09 00:00 holds the end of 8 October. */
export const planDayFreeze = (manner: Manner, fields: readonly Field[], time: string, selection: Selection): Result<ReadPlan<Frame>> => {
  const nth = checkNth(selection, LAST_DAY_FREEZE)
  if (!nth.ok) return nth
  const name = (di: string) => di.replace('nn', nthHex(nth.value))
  const steps = stepsOf(manner.variant, fields, false, name)
  const timeDi = name(time)
  return ok({
    source: 'day-freeze',
    values: fields.map(plannedValue),
    talk: (address, memory) => framed(address, steps, fields.length, manner, memory, () => freezeTime(address, timeDi, manner)),
  })
}

function* freezeTime(address: string, di: string, manner: Manner): Conversation<MeterTime, Frame> {
  const reply = yield* readData(address, di, manner, undefined, 5)
  if (!reply.ok) return reply.error.code === 'DLT645_NO_DATA' ? fail('DLT645_NO_FREEZE', `item ${di}: the meter has no such freeze`) : reply
  const data = reply.value
  if (data.length !== 5) return fail('DLT645_LENGTH', `item ${di}: a time of ${data.length} bytes, not 5`)
  if (isFill(data, 0, 5) || isZero(data, 0, 5)) return fail('DLT645_NO_FREEZE', `item ${di}: the meter has not frozen yet`)
  const time = readTime(data, 0, 'mhDMY')
  const at = time && instantOf(time)
  return at ? ok(at) : fail('DLT645_DATE', `item ${di}: the freeze time is no date`)
}

/** Identifiers of date, time and settlement day. */
const CLOCK: Readonly<Record<Variant, { readonly date: string; readonly time: string; readonly settlement: string | null }>> = {
  2007: { date: '04000101', time: '04000102', settlement: '04000B01' },
  1997: { date: 'C010', time: 'C011', settlement: null },
}
interface SettlementDay {
  readonly day: number
  readonly hour: number
}
/** What a meter without item 04000B01 is taken to have. */
const USUAL_SETTLEMENT: SettlementDay = { day: 1, hour: 0 }

/**
 * The n-th last settlement day (结算日): the registers that were copied there. The meter does not say when that was, so `at` is worked out from
 * its first settlement day and its own date.
 */
export const planMonthFreeze = (manner: Manner, fields: readonly Field[], selection: Selection): Result<ReadPlan<Frame>> => {
  const { variant } = manner
  const nth = checkNth(selection, LAST_SETTLEMENT[variant])
  if (!nth.ok) return nth
  const name = (di: string) => (variant === '2007' ? di.replace('nn', nthHex(nth.value)) : olderMonth(di, nth.value))
  const steps = stepsOf(variant, fields, false, name)
  return ok({
    source: 'month-freeze',
    values: fields.map(plannedValue),
    *talk(address, memory) {
      const settlement = yield* settlementDay(address, manner)
      if (!settlement.ok) return settlement
      return yield* framed(address, steps, fields.length, manner, memory, () =>
        settlementInstant(address, manner, settlement.value, nth.value),
      )
    },
  })
}

/** 1997: second digit 4 or 5 = last month, 8 or 9 = the one before. */
const olderMonth = (di: string, nth: number): string => {
  const second = (Number.parseInt(di[1]!, 16) & 0b0011) | (nth === 1 ? 4 : 8)
  return `${di[0]}${second.toString(16).toUpperCase()}${di.slice(2)}`
}

function* settlementDay(address: string, manner: Manner): Conversation<SettlementDay, Frame> {
  const di = CLOCK[manner.variant].settlement
  if (di === null) return ok(USUAL_SETTLEMENT)
  const reply = yield* readData(address, di, manner, undefined, 2)
  if (!reply.ok) return reply.error.code === 'DLT645_NO_DATA' || reply.error.code === 'DLT645_REFUSED' ? ok(USUAL_SETTLEMENT) : reply
  const time = reply.value.length === 2 ? readTime(reply.value, 0, 'hD') : null
  return ok(time?.day === undefined ? USUAL_SETTLEMENT : { day: time.day, hour: time.hour ?? 0 })
}

/** The n-th last instant of a settlement day at or before `now`. A month that is too short settles on its last day. */
export const settlementBefore = (now: MeterTime, { day, hour }: SettlementDay, nth: number): MeterTime => {
  const inMonth = (back: number): MeterTime => {
    const months = now.year * 12 + now.month - 1 - back
    const [year, month] = [Math.floor(months / 12), (months % 12) + 1]
    return { year, month, day: Math.min(day, daysIn(year, month)), hour, minute: 0, second: 0 }
  }
  return inMonth(ordinalOf(inMonth(0)) <= ordinalOf(now) ? nth - 1 : nth)
}

function* settlementInstant(address: string, manner: Manner, settlement: SettlementDay, nth: number): Conversation<MeterTime, Frame> {
  const clock = CLOCK[manner.variant]
  const date = yield* readData(address, clock.date, manner, undefined, 4)
  if (!date.ok) return date
  const today = date.value.length === 4 ? readTime(date.value, 0, 'WDMY') : null
  const now = today && instantOf(today)
  if (!now) return fail('DLT645_DATE', `item ${clock.date}: the date of the meter is none`)
  if (now.day !== Math.min(settlement.day, daysIn(now.year, now.month)) || settlement.hour === 0)
    return ok(settlementBefore(now, settlement, nth))
  const time = yield* readData(address, clock.time, manner, undefined, 3)
  if (!time.ok) return time
  const hour = time.value.length === 3 ? readTime(time.value, 0, 'smh')?.hour : undefined
  if (hour === undefined) return fail('DLT645_DATE', `item ${clock.time}: the time of the meter is none`)
  return ok(settlementBefore({ ...now, hour }, settlement, nth))
}
