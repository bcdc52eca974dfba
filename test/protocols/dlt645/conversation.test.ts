import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detectVersion, MANNER, ping, readAddress, readData } from '../../../protocols/dlt645/conversation.ts'
import type { Frame } from '../../../protocols/dlt645/frame.ts'
import { frameOf, meter, run, silence } from './help.ts'

const me = '202608150042'
const manner = MANNER['2007']
const read = (di: string) => readData(me, di, manner)

describe('reading', () => {
  it('asks and takes the data behind the identifier', () => {
    const { result, heard } = run(read('00010000'), meter(me, { '00010000': '78 56 34 12' }))
    expect(result).toEqual({ ok: true, value: Uint8Array.of(0x78, 0x56, 0x34, 0x12) })
    expect(heard[0]).toMatchObject({ address: me, control: 0x11, data: '00000100' })
    expect(heard[0]!.request.replyBytes).toBeGreaterThanOrEqual(20)
    expect(heard[0]!.request.writes).toBeUndefined()
  })

  const follow = (control: number, seq: string, rest: string): Frame => frameOf(me, control, `00FF0100${rest}${seq}`)
  it('joins follow-up frames without identifier and sequence number', () => {
    const { result, heard } = run(read('0001FF00'), ({ control }, turn) =>
      control === 0x11
        ? [follow(0xb1, '', '01000000')]
        : [follow(turn === 2 ? 0xb2 : 0x92, turn === 2 ? '01' : '02', turn === 2 ? '02000000' : '03000000')],
    )
    expect(result).toEqual({ ok: true, value: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0) })
    expect(heard.map(({ control, data }) => [control, data])).toEqual([
      [0x11, '00FF0100'],
      [0x12, '00FF010001'],
      [0x12, '00FF010002'],
    ])
    expect(heard.map(({ request }) => request.follows)).toEqual([undefined, true, true])
  })

  it('passes over a part with the wrong number: a late copy of the part before', () => {
    const { result, strangers } = run(read('0001FF00'), ({ control }, turn) => {
      if (control === 0x11) return [follow(0xb1, '', '01000000')]
      return turn === 2 ? [follow(0xb2, '01', '02000000')] : [follow(0xb2, '01', '02000000'), follow(0x92, '02', '03000000')]
    })
    expect(strangers).toBe(1)
    expect(result).toMatchObject({ ok: true, value: { length: 12 } })
  })

  it('fails when the right part never comes', () => {
    const { result } = run(read('0001FF00'), ({ control }) =>
      control === 0x11 ? [follow(0xb1, '', '01000000')] : [follow(0x92, '07', '02000000')],
    )
    expect(result).toEqual({ ok: false, error: silence })
  })

  it.each([
    ['another meter', frameOf('202608150043', 0x91, '0000010078563412')],
    ['another item', frameOf(me, 0x91, '0000020078563412')],
    ['another function', frameOf(me, 0x94, '')],
    ['the 1997 answer', frameOf(me, 0x81, '109078563412')],
    ['an echo of the request', frameOf(me, 0x11, '00000100')],
    ['an answer shorter than its identifier', frameOf(me, 0x91, '0000')],
    ['a follow-up nobody asked for', frameOf(me, 0x92, '000001007856341201')],
  ])('passes over %s', (_, stranger) => {
    const { result, strangers } = run(read('00010000'), () => [stranger, frameOf(me, 0x91, '0000010078563412')])
    expect(strangers).toBe(1)
    expect(result.ok).toBe(true)
  })

  it('takes the true address to a wildcard, and the wildcard echoed', () => {
    const wild = () => readData('AAAAAAAAAAAA', '00010000', manner)
    expect(run(wild(), () => [frameOf(me, 0x91, '0000010078563412')]).result.ok).toBe(true)
    expect(run(read('00010000'), () => [frameOf('AAAAAAAAAAAA', 0x91, '0000010078563412')]).result.ok).toBe(true)
  })

  it.each([
    ['02', 'DLT645_NO_DATA', 'no requested data'],
    ['04', 'DLT645_UNAUTHORISED', 'password wrong or not authorised'],
    ['06', 'DLT645_UNAUTHORISED', 'no requested data, password wrong or not authorised'],
    ['41', 'DLT645_REFUSED', 'other error, number of tariffs exceeded'],
    ['00', 'DLT645_REFUSED', 'refused without a reason'],
    ['0100', 'DLT645_UNAUTHORISED', 'SERR 0001H'],
  ])('error byte %s is %s', (byte, code, words) =>
    expect(run(read('00010000'), () => [frameOf(me, 0xd1, byte)]).result).toMatchObject({
      ok: false,
      error: { code, message: expect.stringContaining(words) },
    }),
  )

  it('stops when the meter refuses a later part', () => {
    const { result } = run(read('0001FF00'), ({ control }) => [control === 0x11 ? follow(0xb1, '', '01000000') : frameOf(me, 0xd2, '02')])
    expect(result).toMatchObject({ ok: false, error: { code: 'DLT645_NO_DATA' } })
  })

  it('follows a 1997 meter without numbers', () => {
    const { result, heard } = run(readData(me, '901F', MANNER['1997']), ({ control }) => [
      control === 0x01 ? frameOf(me, 0xa1, '1F9001000000') : frameOf(me, 0x82, '1F9002000000AA'),
    ])
    expect(heard.map(({ control, data }) => [control, data])).toEqual([
      [0x01, '1F90'],
      [0x02, '1F90'],
    ])
    expect(result).toMatchObject({ ok: true, value: { length: 9 } })
  })
})

describe('finding a meter', () => {
  it('asks the only meter for its address', () => {
    const { result, heard } = run(readAddress(), () => [frameOf(me, 0x93, '420015082620')])
    expect(result).toEqual({ ok: true, value: me })
    expect(heard[0]).toMatchObject({ address: 'AAAAAAAAAAAA', control: 0x13, data: '' })
  })
  it('does not take an address of five bytes', () =>
    expect(run(readAddress(), () => [frameOf(me, 0x93, '4200150826')]).result).toMatchObject({
      ok: false,
      error: { code: 'DLT645_LENGTH' },
    }))

  it('a refusal proves it alive', () => expect(run(ping(me, manner), meter(me, {})).result.ok).toBe(true))

  it('tries 2007 first, then 1997, and remembers', () => {
    const memory = new Map<string, unknown>()
    const older = run(detectVersion(me, memory), meter(me, { '9010': '00 01 00 00' }, true))
    expect(older.result).toEqual({ ok: true, value: '1997' })
    expect(older.heard.map(({ control }) => control)).toEqual([0x11, 0x01])
    expect(run(detectVersion(me, memory), () => null)).toMatchObject({ result: { ok: true, value: '1997' }, heard: [] })
  })
  it('says what the line said when nobody answers', () =>
    expect(run(detectVersion(me, new Map()), () => null).result).toEqual({ ok: false, error: silence }))
})

it('late answers of other items, other meters and other functions never become a value', () => {
  const items = ['00010000', '00020000', '02010100', '02030000'] as const
  const wireOf = (di: string) => (di.match(/../g) ?? []).reverse().join('')
  const answer = (di: (typeof items)[number], from = me, control = 0x91) =>
    frameOf(from, control, `${wireOf(di)}0${items.indexOf(di)}000000`)
  const late = fc.oneof(
    fc.constantFrom(...items).map((di) => answer(di)),
    fc.constantFrom(...items).map((di) => answer(di, '000000000007')),
    fc
      .tuple(fc.constantFrom(...items), fc.constantFrom(0x11, 0x81, 0x92, 0xb2, 0x94, 0xd2, 0x13))
      .map(([di, control]) => answer(di, me, control)),
  )
  fc.assert(
    fc.property(fc.constantFrom(...items), fc.array(late, { maxLength: 8 }), fc.boolean(), (di, noise, answered) => {
      const { result } = run(read(di), () => [...noise, ...(answered ? [answer(di)] : [])])
      if (result.ok) expect(result.value[0]).toBe(items.indexOf(di))
      else expect(answered).toBe(false)
    }),
  )
})
