import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dlt6451997, dlt6452007 } from '../../../protocols/dlt645/adapter.ts'
import { ordinalOf, timeOfOrdinal } from '../../../protocols/dlt645/bcd.ts'
import { clockOf } from '../../../protocols/dlt645/clock.ts'
import { MANNER } from '../../../protocols/dlt645/conversation.ts'
import { decodeFrame } from '../../../protocols/dlt645/frame.ts'
import type { MeterTime } from '../../../src/core/adapter.ts'
import { ok } from '../../../src/core/result.ts'
import { frameOf, meter, run } from './help.ts'

const me = '202608150042'
const who = { level: '02', password: '123456', operator: '00000007' }
const at = (text: string): MeterTime => {
  const [year, month, day, hour, minute, second] = text.split(/[- :]/).map(Number) as [number, number, number, number, number, number]
  return { year, month, day, hour, minute, second }
}
const two = (value: number) => String(value).padStart(2, '0')
/** Both items as a meter sends them, written here by hand: WW DD MM YY and ss mm hh. */
const items = (time: MeterTime, weekday = 1) => ({
  date: `${two(weekday)} ${two(time.day)} ${two(time.month)} ${two(time.year % 100)}`,
  time: `${two(time.second)} ${two(time.minute)} ${two(time.hour)}`,
})
const clock2007 = clockOf(MANNER['2007'])

describe('reading a clock', () => {
  it('takes what public programs recorded: 2016-01-11 and 21:53:55', () => {
    const { result, heard } = run(clock2007.read(me, new Map()), meter(me, { '04000101': '01 11 01 16', '04000102': '55 53 21' }))
    expect(result).toEqual(ok(at('2016-01-11 21:53:55')))
    expect(heard.map(({ request }) => request.timed ?? false)).toEqual([false, true])
  })

  it('asks a meter of 1997 for C010 and C011', () => {
    const { result, heard } = run(clockOf(MANNER['1997']).read(me, new Map()), meter(me, { C010: '01 11 01 16', C011: '55 53 21' }, true))
    expect(result).toEqual(ok(at('2016-01-11 21:53:55')))
    expect(heard.map(({ data }) => data)).toEqual(['10C0', '11C0'])
  })

  it('is not a day off when midnight passes between the two items', () => {
    // The meter walks on by any time up to nine minutes with each question.
    fc.assert(
      fc.property(fc.integer({ min: -900_000, max: 900_000 }), fc.integer({ min: 0, max: 240_000 }), (start, step) => {
        let now = ordinalOf(at('2026-11-22 00:00:00')) + start
        let shown = 0
        const { result } = run(clock2007.read(me, new Map()), ({ data }) => {
          now += step
          const said = items(timeOfOrdinal(now))
          if (data === '02010004') shown = now - (((now % 1000) + 1000) % 1000)
          return [frameOf(me, 0x91, data + (data === '02010004' ? said.time : said.date).replaceAll(' ', ''))]
        })
        expect(result).toEqual(ok(timeOfOrdinal(shown)))
      }),
    )
  })

  it.each([
    ['FF fill', { '04000101': 'FF FF FF FF', '04000102': '55 53 21' }, 'DLT645_ABSENT'],
    ['a date of zeros after a dead battery', { '04000101': '00 00 00 00', '04000102': '00 00 00' }, 'DLT645_DATE'],
    ['the thirtieth of February', { '04000101': '01 30 02 26', '04000102': '55 53 21' }, 'DLT645_DATE'],
    ['an hour of 25', { '04000101': '01 11 01 16', '04000102': '55 53 25' }, 'DLT645_DATE'],
    ['a byte too many', { '04000101': '01 11 01 16', '04000102': '55 53 21 00' }, 'DLT645_LENGTH'],
    ['no such item', { '04000101': '01 11 01 16' }, 'DLT645_NO_DATA'],
  ])('refuses %s', (_, answers, code) =>
    expect(run(clock2007.read(me, new Map()), meter(me, answers)).result).toMatchObject({ ok: false, error: { code } }),
  )

  it('belongs to profiles of both editions', () => {
    const profile = (protocol: string) => ({ id: 'p', protocol, source: 'test', registers: [] })
    expect(dlt6452007.clock?.(profile('dlt645-2007'))).not.toBeNull()
    expect(dlt6451997.clock?.(profile('dlt645-1997'))).not.toBeNull()
  })
})

describe('setting a clock', () => {
  const now = at('2026-11-22 02:41:07')
  const accept = ({ control }: { control: number }) => [frameOf(me, control | 0x80, '')]
  const set = clock2007.set!

  it('writes the time alone when the date is right', () => {
    const { result, heard } = run(
      set(me, () => now, at('2026-11-22 02:21:00'), who),
      accept,
    )
    expect(result.ok).toBe(true)
    expect(heard.map(({ control, data }) => [control, data])).toEqual([[0x14, '02010004' + '02563412' + '07000000' + '074102']])
    expect(heard[0]!.request.writes).toBe(true)
  })

  it('writes the date first when it is another one', () => {
    const { heard } = run(
      set(me, () => now, at('2026-11-20 02:21:00'), who),
      accept,
    )
    // 2026-11-22 is a Sunday.
    expect(heard.map(({ data }) => data)).toEqual([
      '01010004' + '02563412' + '07000000' + '00221126',
      '02010004' + '02563412' + '07000000' + '074102',
    ])
  })

  it('stops at a refused password: one frame, and no second', () => {
    const { result, heard } = run(
      set(me, () => now, at('2026-11-20 02:21:00'), who),
      ({ control }) => [frameOf(me, control | 0xc0, '04')],
    )
    expect(result).toMatchObject({ ok: false, error: { code: 'DLT645_UNAUTHORISED' } })
    expect(heard).toHaveLength(1)
  })

  it('is told the time at the moment the frame leaves, with the time it takes on the wire', () => {
    let later = 0
    const teller = (inMs: number) => ({ ...now, second: now.second + later + Math.round(inMs / 1000) })
    const step = clock2007.broadcast!(teller).next()
    if (step.done) throw new Error('nothing is sent')
    later = 5
    const fresh = step.value.remake!(2000)
    expect(fresh).toHaveLength(step.value.bytes.length)
    const sent = decodeFrame(fresh, 4)
    expect(sent).toMatchObject({ ok: true, value: { address: '999999999999', control: 0x08 } })
    if (sent.ok) expect(Buffer.from(sent.value.data).toString('hex')).toBe('144102221126')
    expect(step.value.replyBytes).toBe(0)
    expect(step.value.writes).toBe(true)
  })

  it('makes a write anew as well, password and all', () => {
    let second = 7
    const step = set(me, () => ({ ...now, second }), at('2026-11-22 02:21:00'), who).next()
    if (step.done) throw new Error('nothing is sent')
    second = 9
    const sent = decodeFrame(step.value.remake!(0), 4)
    if (!sent.ok) throw new Error(sent.error.message)
    expect(Buffer.from(sent.value.data).toString('hex')).toBe('02010004' + '02563412' + '07000000' + '094102')
  })
})
