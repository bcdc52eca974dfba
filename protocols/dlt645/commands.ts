import type { Conversation, MeterTime, TimeTeller } from '../../src/core/adapter.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { instantOf, readTime, writeBcd, writeTime } from './bcd.ts'
import { FUNCTIONS, isBroadcast, join, MANNER, type Manner, requestOf } from './conversation.ts'
import { fail, refusal } from './errors.ts'
import { BROADCAST, CONTROL, diBytes, type Frame, parseAddress, WILDCARD } from './frame.ts'

/** Who writes: password level and password (PA P0 P1 P2), operator code (C0 to C3). Never logged. */
export interface Credentials {
  /** Two digits, `02`; 98 and 99 are levels with ciphers, which a gateway without the utility's keys cannot use. */
  readonly level: string
  /** Six digits, most significant first. */
  readonly password: string
  /** Eight digits, most significant first. */
  readonly operator: string
}

/** Longest data field of a write. @source DL/T 645-2007, 5.2 frame format; from one source, not confirmed by captures */
const MAX_WRITE = 50

const digits = (text: string, size: number): Uint8Array | null => (new RegExp(`^\\d{${size * 2}}$`).test(text) ? diBytes(text) : null)

const passwordBytes = (who: Pick<Credentials, 'level' | 'password'>): Uint8Array | null => {
  const [level, password] = [digits(who.level, 1), digits(who.password, 3)]
  return level && password ? join([level, password]) : null
}

const signature = (who: Credentials): Uint8Array | null => {
  const [password, operator] = [passwordBytes(who), digits(who.operator, 4)]
  return password && operator ? join([password, operator]) : null
}

const refuse = (message: string) => fail('DLT645_COMMAND', message)
const BAD_CREDENTIALS = 'credentials need a level of 2 digits, a password of 6 and an operator code of 8'

/** One command and its answer; nobody answers a broadcast. */
function* command(
  address: string,
  fn: number,
  data: Uint8Array,
  what: string,
  manner: Manner,
  remake?: (wireMs: number) => Uint8Array,
): Conversation<Uint8Array, Frame> {
  if (data.length > MAX_WRITE) return refuse(`${what}: ${data.length} data bytes, at most ${MAX_WRITE}`)
  const silent = isBroadcast(address)
  const reply = yield requestOf({ address, control: fn, data }, manner.wakeUps, {
    replyData: silent ? null : 6,
    writes: true,
    ...(remake && { remake }),
  })
  // Silence after a broadcast is what we asked for; a line that is down or would not send is not.
  if (silent) return reply.ok || reply.error.recovery === 'retry' ? ok(new Uint8Array(0)) : reply
  if (!reply.ok) return reply
  if (reply.value.control & CONTROL.abnormal) return { ok: false, error: refusal(reply.value.control, reply.value.data, what) }
  return ok(reply.value.data)
}

const target = (address: string): Result<string> => (address === BROADCAST ? ok(address) : parseAddress(address))

/**
 * Sets the clock (校时) by function 08: to every meter at once, or to one. Meters take small corrections only, and nobody confirms.
 *
 * @param later  tells the time at the moment the frame leaves; absent = `time` as it is
 * @source       DL/T 645-2007, 7 application layer, broadcast time
 */
export function* setTime(time: MeterTime, manner: Manner = MANNER['2007'], later?: TimeTeller): Conversation<null, Frame> {
  const data = writeTime(time, 'smhDMY')
  const read = readTime(data, 0, 'smhDMY')
  if (!read || !instantOf(read) || time.year < 2000 || time.year > 2099) return refuse('time set: no such date between 2000 and 2099')
  const done = yield* command(BROADCAST, 0x08, data, 'time set', manner, later && ((wireMs) => writeTime(later(wireMs), 'smhDMY')))
  return done.ok ? ok(null) : done
}

/** When to freeze: every part as two digits, `99` = every. All 99 = now. */
export interface FreezePattern {
  readonly month: string
  readonly day: string
  readonly hour: string
  readonly minute: string
}
export const FREEZE_NOW: FreezePattern = { month: '99', day: '99', hour: '99', minute: '99' }

/** Orders a freeze (冻结命令). @param address one meter, or `999999999999` for all @source DL/T 645-2007, 7 application layer, freeze */
export function* freeze(address: string, pattern: FreezePattern, manner: Manner = MANNER['2007']): Conversation<null, Frame> {
  const to = target(address)
  if (!to.ok) return to
  const data = digits(`${pattern.month}${pattern.day}${pattern.hour}${pattern.minute}`, 4)
  if (!data) return refuse('freeze: month, day, hour and minute need two digits each')
  const done = yield* command(to.value, 0x16, data, 'freeze', manner)
  return done.ok ? ok(null) : done
}

/**
 * Writes a data item (写数据).
 *
 * @param data   the item's bytes, low byte first
 * @param later  makes them anew, of the same length, at the moment the frame leaves
 * @errors       DLT645_UNAUTHORISED: do not try again, meters lock
 * @source       DL/T 645-2007, 7 application layer, write data
 */
export function* writeData(
  address: string,
  di: string,
  data: Uint8Array,
  who: Credentials,
  manner: Manner = MANNER['2007'],
  later?: (wireMs: number) => Uint8Array,
): Conversation<null, Frame> {
  const to = parseAddress(address)
  if (!to.ok) return to
  const signed = manner.variant === '2007' ? signature(who) : passwordBytes(who)
  if (!signed) return refuse(BAD_CREDENTIALS)
  const whole = (bytes: Uint8Array) => join([diBytes(di), signed, bytes])
  const remake = later && ((wireMs: number) => whole(later(wireMs)))
  const done = yield* command(to.value, FUNCTIONS[manner.variant].write, whole(data), `write ${di}`, manner, remake)
  return done.ok ? ok(null) : done
}

/** Gives the only meter on a line its address (写通信地址). @source DL/T 645-2007, 7 application layer, write address */
export function* writeAddress(address: string, manner: Manner = MANNER['2007']): Conversation<null, Frame> {
  const data = digits(address, 6)
  if (!data || address === BROADCAST) return refuse('write address: 12 decimal digits, not the broadcast address')
  const done = yield* command(WILDCARD, FUNCTIONS[manner.variant].address, data, 'write address', manner)
  return done.ok ? ok(null) : done
}

/** Code of each speed in the change of baud rate; one bit each. @source DL/T 645-2007, 7 application layer, change baud rate */
export const BAUD_CODES: Readonly<Record<number, number>> = { 600: 0x02, 1200: 0x04, 2400: 0x08, 4800: 0x10, 9600: 0x20, 19200: 0x40 }

/** Changes the speed (更改通信速率). The answer still comes at the old speed. */
export function* changeBaud(address: string, baud: number, manner: Manner = MANNER['2007']): Conversation<null, Frame> {
  const to = target(address)
  if (!to.ok) return to
  const code = BAUD_CODES[baud]
  if (code === undefined) return refuse(`baud rate ${baud}; allowed: ${Object.keys(BAUD_CODES).join(', ')}`)
  const done = yield* command(to.value, FUNCTIONS[manner.variant].baud, Uint8Array.of(code), 'change baud rate', manner)
  return done.ok ? ok(null) : done
}

/** Changes a password (修改密码). @source DL/T 645-2007, 7 application layer, change password */
export function* changePassword(
  address: string,
  di: string,
  old: Pick<Credentials, 'level' | 'password'>,
  fresh: Pick<Credentials, 'level' | 'password'>,
  manner: Manner = MANNER['2007'],
): Conversation<null, Frame> {
  const to = parseAddress(address)
  if (!to.ok) return to
  const [before, after] = [passwordBytes(old), passwordBytes(fresh)]
  if (!before || !after) return refuse('change password: levels of 2 digits, passwords of 6')
  const data = manner.variant === '2007' ? join([diBytes(di), before, after]) : join([before, after])
  const done = yield* command(to.value, FUNCTIONS[manner.variant].password, data, 'change password', manner)
  return done.ok ? ok(null) : done
}

function* clear(address: string, fn: number, what: string, who: Credentials, extra: Uint8Array, manner: Manner): Conversation<null, Frame> {
  const to = target(address)
  if (!to.ok) return to
  const signed = signature(who)
  if (!signed) return refuse(BAD_CREDENTIALS)
  const done = yield* command(to.value, fn, join([signed, extra]), what, manner)
  return done.ok ? ok(null) : done
}

const NOTHING = new Uint8Array(0)

/** Clears the maximum demand (最大需量清零). @source DL/T 645-2007, 7 application layer, clear maximum demand */
export const clearDemand = (address: string, who: Credentials, manner: Manner = MANNER['2007']): Conversation<null, Frame> =>
  clear(address, FUNCTIONS[manner.variant].clearDemand, 'clear maximum demand', who, NOTHING, manner)

/** Clears the registers of a meter (电表清零): what was consumed is lost. @source DL/T 645-2007, 7 application layer, clear meter */
export const clearMeter = (address: string, who: Credentials, manner: Manner = MANNER['2007']): Conversation<null, Frame> =>
  clear(address, 0x1a, 'clear meter', who, NOTHING, manner)

/** Clears events (事件清零). @param di FFFFFFFF = all events; else DI3 DI2 DI1 FF of one kind @source DL/T 645-2007, 7 application layer, clear events */
export const clearEvents = (address: string, di: string, who: Credentials, manner: Manner = MANNER['2007']): Conversation<null, Frame> =>
  clear(address, 0x1b, 'clear events', who, diBytes(di), manner)

/** Commands of function 1C by name. @source DL/T 645-2007 amendment 2009, relay, alarm, keep-power */
export const RELAY_COMMANDS = {
  trip: 0x1a,
  'allow close': 0x1b,
  'close directly': 0x1c,
  alarm: 0x2a,
  'alarm off': 0x2b,
  'keep power': 0x3a,
  'keep power off': 0x3b,
} as const
export type RelayCommand = keyof typeof RELAY_COMMANDS

/**
 * Opens or allows to close the relay, switches alarm or keep-power (跳合闸、报警、保电). Confirm by reading 04000503, bit 4.
 *
 * @param until  the meter refuses the command after this time
 */
export function* control(
  address: string,
  order: RelayCommand,
  until: MeterTime,
  who: Credentials,
  manner: Manner = MANNER['2007'],
): Conversation<null, Frame> {
  const to = parseAddress(address)
  if (!to.ok) return to
  const signed = signature(who)
  if (!signed) return refuse(BAD_CREDENTIALS)
  const data = join([signed, Uint8Array.of(RELAY_COMMANDS[order], 0), writeTime(until, 'smhDMY')])
  const done = yield* command(to.value, 0x1c, data, order, manner)
  return done.ok ? ok(null) : done
}

/** Number as an item's bytes, for {@link writeData}. */
export const numberBytes = writeBcd
