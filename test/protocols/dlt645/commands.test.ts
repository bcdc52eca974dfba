import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as commands from '../../../protocols/dlt645/commands.ts'
import type { Frame } from '../../../protocols/dlt645/frame.ts'
import type { Conversation } from '../../../src/core/adapter.ts'
import { frameOf, run, silence } from './help.ts'

const me = '151230011061'
const who = { level: '02', password: '020637', operator: '00000001' }
const until = { year: 2099, month: 12, day: 30, hour: 0, minute: 0, second: 0 }
const now = { year: 2019, month: 12, day: 7, hour: 16, minute: 28, second: 0 }
const accept = ({ control, address }: { control: number; address: string }) => [
  frameOf(address === 'AAAAAAAAAAAA' ? me : address, control | 0x80, ''),
]

const all: readonly (readonly [name: string, talk: () => Conversation<null, Frame>, address: string, control: number, data: string])[] = [
  // The two relay frames and the two time frames were captured from other programs.
  ['trip', () => commands.control(me, 'trip', until, who), me, 0x1c, '02370602010000001A00000000301299'],
  ['allow close', () => commands.control(me, 'allow close', until, who), me, 0x1c, '02370602010000001B00000000301299'],
  ['set time', () => commands.setTime(now), '999999999999', 0x08, '002816071219'],
  ['freeze all now', () => commands.freeze('999999999999', commands.FREEZE_NOW), '999999999999', 0x16, '99999999'],
  ['freeze daily', () => commands.freeze(me, { month: '99', day: '99', hour: '00', minute: '30' }), me, 0x16, '30009999'],
  ['write', () => commands.writeData(me, '04000103', Uint8Array.of(0x15), who), me, 0x14, '0301000402370602' + '0100000015'],
  ['write address', () => commands.writeAddress(me), 'AAAAAAAAAAAA', 0x15, '611001301215'],
  ['change baud', () => commands.changeBaud(me, 9600), me, 0x17, '20'],
  [
    'change password',
    () => commands.changePassword(me, '04000C03', { level: '02', password: '111111' }, { level: '02', password: '222222' }),
    me,
    0x18,
    '030C00040211111102222222',
  ],
  ['clear demand', () => commands.clearDemand(me, who), me, 0x19, '0237060201000000'],
  ['clear meter', () => commands.clearMeter(me, who), me, 0x1a, '0237060201000000'],
  ['clear events', () => commands.clearEvents(me, 'FFFFFFFF', who), me, 0x1b, '0237060201000000FFFFFFFF'],
]

describe('commands', () => {
  it.each(all)('%s', (_, talk, address, control, data) => {
    const { result, heard } = run(talk(), accept)
    expect(heard).toHaveLength(1)
    expect(heard[0]).toMatchObject({ address, control, data })
    expect(heard[0]!.request.writes).toBe(true)
    expect(heard[0]!.request.replyBytes === 0).toBe(address === '999999999999')
    expect(result.ok).toBe(true)
  })

  it.each(all.filter(([, , address]) => address !== '999999999999'))('%s: not authorised is final', (_, talk) => {
    const { result, heard } = run(talk(), ({ control }) => [frameOf(me, control | 0xc0, '04')])
    expect(result).toMatchObject({ ok: false, error: { code: 'DLT645_UNAUTHORISED', recovery: 'stop' } })
    expect(heard).toHaveLength(1)
  })

  it('silence is right after a broadcast, a line that is down is not', () => {
    expect(run(commands.setTime(now), () => null).result.ok).toBe(true)
    const talk = commands.setTime(now)
    talk.next()
    expect(talk.next({ ok: false, error: { ...silence, recovery: 'wait' } }).value).toMatchObject({ ok: false })
  })

  it.each([
    ['a date that is none', commands.setTime({ ...now, month: 2, day: 30 })],
    ['a password of five digits', commands.clearDemand(me, { ...who, password: '12345' })],
    ['a speed that is none', commands.changeBaud(me, 300)],
    ['the broadcast address as own', commands.writeAddress('999999999999')],
    ['too much data', commands.writeData(me, '04000403', new Uint8Array(60), who)],
    ['a freeze without digits', commands.freeze(me, { month: '1', day: '99', hour: '99', minute: '99' })],
  ])('does not send %s', (_, talk) =>
    expect(run(talk, () => null)).toMatchObject({ heard: [], result: { ok: false, error: { code: 'DLT645_COMMAND' } } }),
  )

  it('does not trip every meter at once', () =>
    expect(run(commands.control('999999999999', 'trip', until, who), () => null)).toMatchObject({ heard: [], result: { ok: false } }))

  it('writes numbers the meter can read', () =>
    fc.assert(
      fc.property(fc.nat(99_999_999), (value) => {
        expect(Number(Buffer.from(commands.numberBytes(value, 4)).reverse().toString('hex'))).toBe(value)
      }),
    ))
})
