import { describe, expect, it } from 'vitest'
import { gw3761 } from '../../../protocols/gw3761/adapter.ts'
import type { ArchiveRecord, ForwardSettings } from '../../../src/core/terminal.ts'
import { at, bytes, hex, run, type Script, valueIn, wire } from './terminal.ts'

const adapter = gw3761(1)
const T = '3301-1001'
const confirmed: Script = ({ number }) => [wire('00', `6${number}`, '00 00 01 00')]
const denied: Script = ({ number }) => [wire('00', `6${number}`, '00 00 02 00')]
const PW = ' 00'.repeat(16)

describe('the clock', () => {
  it('is read (0C F2)', () => {
    const { result, told } = run(adapter.clock(T), ({ number }) => [wire('0C', `6${number}`, '00 00 02 00 49 48 11 15 52 15')])
    expect(told.map(({ afn, data }) => `${afn} ${data}`)).toEqual(['0C 00 00 02 00'])
    expect(result).toEqual({ ok: true, value: at('2015-12-15 11:48:49') })
  })

  it.each([
    ['a clock that is no time', [wire('0C', '61', '00 00 02 00 EE EE EE EE EE EE')], 'GW3761_ANSWER'],
    ['a denial', [wire('00', '61', '00 00 02 00')], 'GW3761_DENIED'],
    ['a denial of the item', [wire('00', '61', '00 00 04 00 0C 00 00 02 00 05')], 'GW3761_DENIED'],
    ['an answer about something else', [wire('0C', '61', '00 00 40 00 01 02')], 'TERMINAL_NO_REPLY'],
    ['silence', null, 'TERMINAL_NO_REPLY'],
  ] as const)('fails by %s', (_, answer, code) =>
    expect(run(adapter.clock(T), () => answer).result).toMatchObject({ ok: false, error: { code } }),
  )

  it('is set (05 F31) with the day of the week and a PW, and never by itself again', () => {
    const { result, told } = run(adapter.setClock(T, at('2015-03-12 10:30:55')), confirmed)
    // Thursday = 4 in D7-5 of the month byte: the captured frame has 83H.
    expect(told.map(({ afn, data }) => `${afn} ${data}`)).toEqual([`05 00 00 40 03 55 30 10 12 83 15${PW}`])
    expect(told[0]?.request.writes).toBe(true)
    expect(result).toEqual({ ok: true, value: null })
    expect(run(adapter.setClock(T, at('2015-03-12 10:30:55')), () => null).told).toHaveLength(1)
    expect(run(adapter.setClock(T, at('1999-03-12 10:30:55')), confirmed).told).toHaveLength(0)
  })

  it('is set with the PW the terminal wants', () => {
    for (const size of [0, 2, 16] as const) {
      const { told } = run(gw3761(1, { passwordBytes: size }).setClock(T, at('2015-03-12 10:30:55')), confirmed)
      expect(told[0]?.data).toBe(`00 00 40 03 55 30 10 12 83 15${' 00'.repeat(size)}`)
    }
  })
})

describe('forwarding', () => {
  const settings: ForwardSettings = { port: 31, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, waitMs: 60_000, byteWaitMs: 100 }
  const inner = '68 61 10 01 30 12 15 68 11 04 33 33 34 33 7B 16'
  const back = '68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16'

  it('sends what the captured master sent, and gives the bytes that came back', () => {
    const { result, told } = run(adapter.forward(T, settings, bytes(inner)), () => [
      wire('10', '61', `00 00 01 00 1F 14 00 ${back} 4F 00`, { control: 'A8' }),
    ])
    expect(`${told[0]?.afn} ${told[0]?.data}`).toBe(`10 00 00 01 00 1F 6B BC 0A 10 00 ${inner}${PW}`)
    expect(told[0]?.request).toMatchObject({ reach: 'field' })
    expect(hex(valueIn({ result }))).toBe(back)
  })

  it.each([
    ['nothing came back', [wire('10', '61', '00 00 01 00 1F 00 00')], ''],
    ['the terminal denies', [wire('00', '61', '00 00 02 00')], ''],
    ['it said first that it heard', [wire('00', '61', '00 00 01 00'), wire('10', '61', '00 00 01 00 1F 02 00 AB CD')], 'AB CD'],
    ['the port is told as 0', [wire('10', '61', '00 00 01 00 00 01 00 AB')], 'AB'],
  ] as const)('when %s', (_, answer, wanted) =>
    expect(hex(valueIn(run(adapter.forward(T, settings, bytes(inner)), () => answer)))).toBe(wanted),
  )

  it('takes no answer whose length is wrong, and no silence for an empty one', () => {
    expect(run(adapter.forward(T, settings, bytes(inner)), () => [wire('10', '61', '00 00 01 00 1F 15 00 AB')]).result).toMatchObject({
      error: { code: 'GW3761_ANSWER' },
    })
    expect(run(adapter.forward(T, settings, bytes(inner)), () => null).result).toMatchObject({ error: { code: 'TERMINAL_NO_REPLY' } })
    expect(run(adapter.forward(T, { ...settings, port: 32 }, bytes(inner)), confirmed)).toMatchObject({
      told: [],
      result: { error: { code: 'GW3761_PARAMETER' } },
    })
    expect(run(adapter.forward(T, settings, new Uint8Array(0)), confirmed).told).toEqual([])
  })
})

describe('control', () => {
  it.each([
    ['trip', 3, '04 01 01 00 00'],
    ['permit-close', 1, '01 01 02 00'],
    ['keep-power', 0, '00 00 01 03'],
    ['release-power', '0', '00 00 01 04'],
  ] as const)('%s of %s', (act, target, data) => {
    const { told, result } = run(adapter.control(T, act, target), confirmed)
    expect(told.map((each) => `${each.afn} ${each.data}`)).toEqual([`05 ${data}${PW}`])
    expect(told[0]?.request.writes).toBe(true)
    expect(result.ok).toBe(true)
    expect(run(adapter.control(T, act, target), denied).result).toMatchObject({ error: { code: 'GW3761_DENIED' } })
  })

  it('is not confirmed by the confirmation of something else', () => {
    const other: Script = () => [
      wire('00', '65', '00 00 01 00'),
      wire('00', '61', '00 00 01 00', { a2: 'EA 03' }),
      wire('05', '61', '00 00 01 03'),
    ]
    expect(run(adapter.control(T, 'keep-power', 0), other)).toMatchObject({
      strangers: 3,
      result: { ok: false, error: { code: 'TERMINAL_NO_REPLY' } },
    })
  })

  it.each([
    ['close', 1, 'GW3761_UNSUPPORTED'],
    ['trip', 0, 'GW3761_PARAMETER'],
    ['trip', '000000000001', 'GW3761_PARAMETER'],
    ['trip', 2041, 'GW3761_PARAMETER'],
    ['keep-power', 5, 'GW3761_PARAMETER'],
  ] as const)('%s of %s is refused before anything is sent', (act, target, code) =>
    expect(run(adapter.control(T, act, target), confirmed)).toMatchObject({ told: [], result: { error: { code } } }),
  )
})

describe('events', () => {
  const erc1 = '01 0E 35 10 16 01 14 02 32 2E 30 31 32 2E 30 32'
  const list = (number: string, from: number, to: number, ...records: readonly string[]) =>
    wire(
      '0E',
      `6${number}`,
      `00 00 01 00 05 02 ${[from, to].map((one) => one.toString(16).padStart(2, '0')).join(' ')} ${records.join(' ')}`,
    )

  it('are read from one counter to another, around 255, as often as the terminal cuts', () => {
    const script: Script = ({ data, number }) => {
      const [from = 0, to = 0] = bytes(data).slice(4)
      const last = (from + Math.min(2, (to - from + 256) % 256)) % 256
      return [list(number, from, last, ...Array.from({ length: (last - from + 256) % 256 }, () => erc1))]
    }
    const { result, told } = run(adapter.events(T, 'important', 254, 3), script)
    expect(told.map(({ data }) => data)).toEqual(['00 00 01 00 FE 03', '00 00 01 00 00 03', '00 00 01 00 02 03'])
    expect(valueIn({ result })).toHaveLength(5)
    expect(valueIn({ result })[0]).toMatchObject({
      code: 'erc-1',
      meter: null,
      begins: at('2014-01-16 10:35'),
      ends: null,
      edge: null,
      facts: { event: 'initialisation or version change', version_before: '2.01', version_after: '2.02' },
    })
  })

  it('of a point that begin and end, of a private kind, and a cut of power', () => {
    const fault = '0D 08 00 10 05 06 24 09 80 10'
    const over = '0D 08 30 10 05 06 24 09 00 10'
    const off = '0E 0A 00 10 05 06 24 15 11 05 06 24'
    const still = '0E 0A 00 10 05 06 24 EE EE EE EE EE'
    const foreign = '24 06 18 14 02 08 10 AB'
    const { result } = run(adapter.events(T, 'normal', 0, 5), ({ number }) => [
      wire('0E', `6${number}`, `00 00 02 00 05 05 00 05 ${fault} ${over} ${off} ${still} ${foreign}`),
    ])
    expect(valueIn({ result }).map(({ code, meter, begins, ends, edge }) => ({ code, meter, begins, ends, edge }))).toEqual([
      { code: 'erc-13', meter: { pn: 9 }, begins: at('2024-06-05 10:00'), ends: null, edge: 'begin' },
      { code: 'erc-13', meter: { pn: 9 }, begins: null, ends: at('2024-06-05 10:30'), edge: 'end' },
      { code: 'erc-14', meter: null, begins: at('2024-06-05 10:00'), ends: at('2024-06-05 11:15'), edge: null },
      { code: 'erc-14', meter: null, begins: at('2024-06-05 10:00'), ends: null, edge: null },
      { code: 'erc-36', meter: null, begins: at('2010-08-02 14:18'), ends: null, edge: null },
    ])
    expect(hex(valueIn({ result })[4]?.raw ?? bytes(''))).toBe(foreign)
  })

  it('that it has lost are passed over; silence is a failure', () => {
    const script: Script = ({ data, number }) => {
      const [from = 0, to = 0] = bytes(data).slice(4)
      if (from <= 1) return [wire('00', `6${number}`, '00 00 02 00')]
      return [list(number, from, to, ...Array.from({ length: to - from }, () => erc1))]
    }
    expect(valueIn(run(adapter.events(T, 'important', 0, 4), script))).toHaveLength(2)
    expect(run(adapter.events(T, 'important', 0, 4), denied)).toMatchObject({ result: { error: { code: 'GW3761_DENIED' } } })
    const half: Script = ({ number }, turn) => (turn === 1 ? [list(number, 0, 2, erc1, erc1)] : null)
    expect(run(adapter.events(T, 'important', 0, 4), half).result).toMatchObject({ error: { code: 'TERMINAL_NO_REPLY' } })
    expect(run(adapter.events(T, 'important', 7, 7), () => null)).toMatchObject({ told: [], result: { ok: true, value: [] } })
  })

  it('of which some are missing though the pointers pass over them are asked for once more', () => {
    const record = (minute: number) => `0E 0A 0${minute} 10 05 06 24 15 11 05 06 24`
    const echoes: Script = ({ data, number }) => {
      const [from = 0, to = 0] = bytes(data).slice(4)
      return [list(number, from, to, ...[0, 1, 2, 3, 4].slice(from, Math.min(to, from + 2)).map(record))]
    }
    const whole = run(adapter.events(T, 'important', 0, 5), echoes)
    expect(valueIn(whole)).toHaveLength(5)
    expect(whole.told.map(({ data }) => data)).toEqual(['00 00 01 00 00 05', '00 00 01 00 02 05', '00 00 01 00 04 05'])
    // What it has really lost: the first of three.
    const loses: Script = ({ data, number }) => {
      const [from = 0, to = 0] = bytes(data).slice(4)
      return [list(number, from, to, ...[1, 2].filter((one) => one >= from && one < to).map(record))]
    }
    expect(valueIn(run(adapter.events(T, 'important', 0, 3), loses)).map(({ begins }) => begins?.minute)).toEqual([1, 2])
  })

  it.each([
    ['the newest of a terminal that keeps few', 0, 200, 190, 10],
    ['of a terminal that counts from 0 again', 200, 3, 0, 3],
    ['the last one alone', 0, 100, 99, 1],
  ])('%s are found behind many that are lost', (_, from, to, first, count) => {
    const script: Script = ({ data, number }) => {
      const [asked = 0, end = 0] = bytes(data).slice(4)
      const isHeld = (at: number) => ((to - at + 256) % 256 || 256) <= count
      if (!isHeld(asked)) return [wire('00', `6${number}`, '00 00 02 00')]
      return [list(number, asked, end, ...Array.from({ length: (end - asked + 256) % 256 }, () => erc1))]
    }
    const { told, result } = run(adapter.events(T, 'important', from, to), script)
    expect(valueIn({ result })).toHaveLength(count)
    expect(told.length).toBeLessThan(30)
    expect(told.at(-1)?.data.slice(12)).toBe([first, to].map((one) => one.toString(16).toUpperCase().padStart(2, '0')).join(' '))
  })

  it('of a report that comes in between are left to whoever makes reports safe', () => {
    const answered = run(adapter.events(T, 'important', 0, 2), ({ number }) => [
      wire('0E', `7${number}`, '00 00 01 00 05 02 09 0A 0E 0A 00 10 05 06 24 15 11 05 06 24', { control: 'C4' }),
      list(number, 0, 2, erc1, erc1),
    ])
    expect(answered).toMatchObject({ strangers: 1, result: { ok: true } })
    expect(valueIn(answered)).toHaveLength(2)
  })

  it('of a report that crosses the answer are not taken for it', () => {
    const script: Script = ({ number }) => [list(number, 9, 10, erc1)]
    expect(run(adapter.events(T, 'important', 0, 2), script).result.ok).toBe(false)
  })

  it('have counters (0C F7)', () =>
    expect(run(adapter.eventCounters(T), ({ number }) => [wire('0C', `6${number}`, '00 00 40 00 4F 03')]).result).toEqual({
      ok: true,
      value: { important: 79, normal: 3 },
    }))
})

describe('the archive', () => {
  const record: ArchiveRecord = {
    number: 1,
    pn: 1,
    port: 1,
    baud: 600,
    protocol: 'none',
    address: '112233445566',
    password: '222222111111',
    tariffs: 0,
    integerDigits: 5,
    decimals: 2,
    collector: '112233666666',
    userClass: 3,
    userSubclass: 1,
  }
  /** Record 1 as a captured master sent it; its password bytes stand in wire order. */
  const wired = '01 00 01 00 21 00 66 55 44 33 22 11 22 22 22 11 11 11 00 05 66 66 66 33 22 11 31'
  const numbered = (number: number, pn = number) => {
    const word = (value: number) => [value & 255, value >> 8].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    return `${word(number)} ${word(pn)} ${wired.slice(12)}`
  }
  const asked = (data: string) => {
    const raw = bytes(data)
    return Array.from({ length: raw[4]! + raw[5]! * 256 }, (_, index) => raw[6 + index * 2]! + raw[7 + index * 2]! * 256)
  }
  const answer = (number: string, records: readonly string[]) =>
    wire('0A', `6${number}`, `00 00 02 01 ${records.length.toString(16).padStart(2, '0')} 00 ${records.join(' ')}`)

  it('is asked for by numbers', () => {
    const { told, result } = run(adapter.archive(T, [1, 2]), ({ number }) => [answer(number, [wired, numbered(2)])], 1)
    expect(told[0]?.raw).toBe('68 4A 00 4A 00 68 4B 01 33 E9 03 02 0A 61 00 00 02 01 02 00 01 00 02 00 E0 16')
    expect(valueIn({ result })).toEqual([record, { ...record, number: 2, pn: 2 }])
  })

  it('is read whole: cut answers go on behind the last record, numbers without one end it', () => {
    const held = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 40]
    const script: Script = ({ data, number }) => [
      answer(
        number,
        asked(data)
          .filter((one) => held.includes(one))
          .slice(0, 5)
          .map((one) => numbered(one)),
      ),
    ]
    const { told, result } = run(adapter.archive(T), script)
    expect(valueIn({ result }).map(({ number }) => number)).toEqual(held)
    expect(asked(told[1]?.data ?? '')[0]).toBe(6)
    expect(told.length).toBeLessThan(25)
  })

  it('of a terminal that fills numbers without a record, or denies them', () => {
    const filling: Script = ({ data, number }) => [
      answer(
        number,
        asked(data).map((one) =>
          one <= 3 ? numbered(one) : one % 2 ? numbered(one, 0) : `${numbered(one).slice(0, 6)}${'EE '.repeat(25)}`,
        ),
      ),
    ]
    expect(valueIn(run(adapter.archive(T), filling)).map(({ number }) => number)).toEqual([1, 2, 3])
    const strict: Script = (told, turn) =>
      asked(told.data).every((one) => one <= 30)
        ? [
            answer(
              told.number,
              asked(told.data).map((one) => numbered(one)),
            ),
          ]
        : (denied(told, turn) ?? [])
    const { result, told } = run(adapter.archive(T), strict)
    expect(valueIn({ result })).toHaveLength(30)
    expect(told.length).toBeLessThan(50)
    expect(run(adapter.archive(T), () => null).result).toMatchObject({ error: { code: 'TERMINAL_NO_REPLY' } })
  })

  /** A terminal that keeps what it is sent. */
  const keeping =
    (store: Map<number, string>, refuses: (number: number) => boolean = () => false): Script =>
    (told, turn) => {
      if (told.afn === '0A')
        return [
          answer(
            told.number,
            asked(told.data).flatMap((number) => store.get(number) ?? []),
          ),
        ]
      const raw = bytes(told.data)
      const records = Array.from({ length: raw[4]! + raw[5]! * 256 }, (_, index) => hex(raw.slice(6 + index * 27, 33 + index * 27)))
      const numberOf = (text: string) => bytes(text)[0]! + bytes(text)[1]! * 256
      if (records.some((one) => refuses(numberOf(one)))) return denied(told, turn)
      for (const one of records) {
        if (bytes(one)[2] === 0 && bytes(one)[3] === 0) store.delete(numberOf(one))
        else store.set(numberOf(one), one)
      }
      return confirmed(told, turn)
    }

  it('is written as the captured master wrote it, ten records a frame, and read back', () => {
    const store = new Map<number, string>()
    const { told, result } = run(adapter.writeArchive(T, [record], 1024), keeping(store))
    expect(`${told[0]?.afn} ${told[0]?.data}`).toBe(`04 00 00 02 01 01 00 ${wired}${PW}`)
    expect(told.map(({ afn, request }) => `${afn} ${request.writes ?? false}`)).toEqual(['04 true', '0A false'])
    expect(result).toEqual({ ok: true, value: [{ ok: true, value: null }] })
    const many = Array.from({ length: 25 }, (_, index) => ({ ...record, number: index + 1, pn: index + 1 }))
    const all = run(adapter.writeArchive(T, many, 1024), keeping(store))
    expect(all.told.map(({ afn }) => afn)).toEqual(['04', '04', '04', '0A', '0A'])
    expect(store.size).toBe(25)
    const small = run(adapter.writeArchive(T, many, 140), keeping(store))
    for (const { raw, afn } of small.told) if (afn === '04') expect(bytes(raw).length).toBeLessThanOrEqual(140)
  })

  it('refuses what cannot be sent, denials find their record, and what is read back differently is no success', () => {
    const codes = (script: Script, records: readonly ArchiveRecord[]) =>
      valueIn(run(adapter.writeArchive(T, records, 1024), script)).map((one) => (one.ok ? 'ok' : one.error.code))
    const three = [1, 2, 3].map((number) => ({ ...record, number, pn: number }))
    expect(
      codes(
        keeping(new Map(), (number) => number === 2),
        three,
      ),
    ).toEqual(['ok', 'GW3761_DENIED', 'ok'])
    const wrong = [
      { ...record, baud: 1000 },
      { ...record, number: 2041 },
      { ...record, address: '12X' },
      { ...record, protocol: 'dlt698' as const },
      { ...record, password: 'x' },
    ]
    expect(codes(keeping(new Map()), wrong)).toEqual(Array.from(wrong, () => 'GW3761_PARAMETER'))
    const forgetful: Script = (told, turn) => (told.afn === '04' ? confirmed(told, turn) : [answer(told.number, [wired])])
    expect(codes(forgetful, three)).toEqual(['ok', 'GW3761_READ_BACK', 'GW3761_READ_BACK'])
    const other: Script = (told, turn) =>
      told.afn === '04' ? confirmed(told, turn) : [answer(told.number, [wired.replace('66 55', '66 54')])]
    const [result] = valueIn(run(adapter.writeArchive(T, [record], 1024), other))
    expect(result).toMatchObject({ ok: false, error: { code: 'GW3761_READ_BACK', message: expect.stringContaining('another address') } })
    expect(codes(() => null, three)).toEqual(['TERMINAL_NO_REPLY', 'TERMINAL_NO_REPLY', 'TERMINAL_NO_REPLY'])
    expect(run(adapter.writeArchive(T, [...three, ...three], 64), () => null).told).toHaveLength(1)
  })

  it('never tells a password', () => {
    const secret = 'ABCDEF012345'
    const all = [
      run(adapter.writeArchive(T, [{ ...record, password: secret }], 1024), denied),
      run(adapter.writeArchive(T, [{ ...record, password: `${secret}Z` }], 1024), denied),
      run(adapter.setParameter(T, 'F7', null, { password_hex: secret }), denied),
    ]
    expect(JSON.stringify(all.map(({ result }) => result))).not.toContain(secret)
  })

  it('loses records that are deleted, and says when one is still there', () => {
    const store = new Map([1, 2, 3].map((number) => [number, numbered(number).toUpperCase()] as const))
    const { told, result } = run(adapter.deleteArchive(T, [1, 3], 1024), keeping(store))
    expect(told[0]?.data.slice(0, 30)).toBe('00 00 02 01 02 00 01 00 00 00 ')
    expect([...store.keys()]).toEqual([2])
    expect(valueIn({ result }).every(({ ok }) => ok)).toBe(true)
    const stubborn: Script = (one, turn) => (one.afn === '04' ? confirmed(one, turn) : [answer(one.number, [numbered(2)])])
    expect(valueIn(run(adapter.deleteArchive(T, [2], 1024), stubborn))).toMatchObject([{ ok: false, error: { code: 'GW3761_READ_BACK' } }])
  })
})

describe('parameters', () => {
  it('have names, labels and schemas', () => {
    expect(adapter.parameters.map(({ id }) => id)).toEqual('F1 F3 F4 F7 F8 F9 F25 F26 F33 F35 F38 F39 F65 F66 F67 F68'.split(' '))
    for (const { schema, label } of adapter.parameters)
      expect([JSON.stringify(schema).length > 50, label.en.length > 3, label.zh.length > 1]).toEqual([true, true, true])
  })

  const port31 = '01 1F 00 00 FF FF FF 7F 15 00 3C 30 23 00 01 15 00 45 23'
  it('are asked for (0A), lists by what they name', () => {
    const f3 = run(adapter.getParameter(T, 'F3', null), ({ number }) => [
      wire('0A', `7${number}`, '00 00 04 00 B4 61 51 BE 25 4E 00 00 00 00 00 00 63 6D 6E 65 74 00 00 00 00 00 00 00 00 00 00 00'),
    ])
    expect(f3.told[0]?.data).toBe('00 00 04 00')
    expect(valueIn(f3)).toEqual({ main_ip: '180.97.81.190', main_port: 20005, backup_ip: '0.0.0.0', backup_port: 0, apn: 'cmnet' })
    const f33 = run(adapter.getParameter(T, 'f33', null), ({ number }) => [wire('0A', `6${number}`, `00 00 01 04 ${port31}`)])
    expect(f33.told[0]?.data).toBe('00 00 01 04 01 1F')
    expect(valueIn(f33)).toMatchObject({
      ports: [{ port: 31, reading_time_hhmm: '00:15', interval_min: 60, windows: [{ from: '00:15', to: '23:45' }] }],
    })
    expect(run(adapter.getParameter(T, 'F33', null, { ports: [1, 31] }), () => null).told[0]?.data).toBe('00 00 01 04 02 01 1F')
    expect(run(adapter.getParameter(T, 'F25', 9), () => null).told[0]?.data).toBe('01 02 01 03')
    expect(run(adapter.getParameter(T, 'F38', null), () => null).told[0]?.data).toBe('00 00 20 04 05 01 00')
  })

  it('are set (04) as the captured masters set them, and what was read can be set again', () => {
    const f33 = valueIn(run(adapter.getParameter(T, 'F33', null), ({ number }) => [wire('0A', `6${number}`, `00 00 01 04 ${port31}`)]))
    const again = run(adapter.setParameter(T, 'F33', null, f33), confirmed)
    expect(`${again.told[0]?.afn} ${again.told[0]?.data}`).toBe(`04 00 00 01 04 ${port31}${PW}`)
    expect(again.told[0]?.request.writes).toBe(true)
    const f38 = run(adapter.setParameter(T, 'F38', null, { big_class: 1, groups: [{ small_class: 1, items_hex: 'FF' }] }), confirmed)
    expect(f38.told[0]?.data).toBe(`00 00 20 04 01 01 01 01 FF${PW}`)
    const f67 = run(adapter.setParameter(T, 'F67', 2, { state: 85 }), confirmed)
    expect(f67.told[0]?.data).toBe(`02 01 04 08 55${PW}`)
    const task = { period: 1, period_unit: 2, base_time: '2026-11-22 00:05:00', curve_step: 1, items: [{ pn: 1, fn: 161 }] }
    // 22 November 2026 is a Sunday: 7 in D7-5, with the tens of the month F1.
    expect(run(adapter.setParameter(T, 'F66', 1, task), confirmed).told[0]?.data).toBe(
      `01 01 02 08 81 00 05 00 22 F1 26 01 01 01 01 01 14${PW}`,
    )
  })

  it('hide their secrets', () => {
    const f7 = run(adapter.getParameter(T, 'F7', null), ({ number }) => [
      wire('0A', `6${number}`, '00 00 40 00 0A 00 00 02 FF FF FF 00 0A 00 00 01 01 0A 00 00 03 90 1F 01 02 41 42 03 58 59 5A 25 4E'),
    ])
    expect(valueIn(f7)).toMatchObject({
      terminal_ip: '10.0.0.2',
      proxy_port: 8080,
      user_hex: null,
      password_hex: null,
      listening_port: 20005,
    })
    expect(JSON.stringify(f7.result)).not.toMatch(/58 ?59 ?5A/)
  })

  it.each([
    ['F99', null, {}, 'is no parameter here'],
    ['F25', null, {}, 'wants a measuring point'],
    ['F65', 65, {}, 'wants a task number'],
    ['F67', 1, { state: 'x' }, 'F67 at /state'],
    ['F3', null, { main_ip: '300.1.1.1', main_port: 1, backup_ip: '0.0.0.0', backup_port: 0, apn: '' }, 'main_ip'],
    ['F3', null, { main_ip: '1.1.1.1' }, 'main_port'],
    ['F1', null, null, 'F1 at /'],
  ] as const)('%s of %s is refused before anything is sent when it is wrong: %j', (id, pn, value, text) => {
    const { told, result } = run(adapter.setParameter(T, id, pn, value), confirmed)
    expect(told).toEqual([])
    expect(result).toMatchObject({ ok: false, error: { code: 'GW3761_PARAMETER', message: expect.stringContaining(text) } })
  })

  it('that are denied say with which error', () => {
    const script: Script = ({ number }) => [wire('00', `6${number}`, '00 00 04 00 04 01 01 01 03 02')]
    const value = { PT: 1, CT: 1, rated_U_V: 220, rated_I_A: 5, rated_load_kVA: 3.3, wiring: 3, phase: 1 }
    const { told, result } = run(adapter.setParameter(T, 'F25', 1, value), script)
    expect(told[0]?.data).toBe(`01 01 01 03 01 00 01 00 00 22 50 00 30 03 07${PW}`)
    expect(result).toMatchObject({ error: { code: 'GW3761_DENIED', context: { err: 2 } } })
  })
})

describe('routes and questions', () => {
  const meters = [1, 2, 3].map((pn) => ({ id: `m${pn}`, address: '1', pn }))
  it('tell signal, phase, hops and times of each meter', () => {
    const f170 = (pn: string) => `${pn} 01 02 15 1F 01 02 97 01 00 30 08 21 E7 24 00 00 00 00 00 00 03`
    const script: Script = ({ data, number }) =>
      data.endsWith('02 15')
        ? [wire('0C', `6${number}`, `${f170('01')} ${f170('04')}`)]
        : [wire('0C', `6${number}`, '01 01 01 15 1F 01 02 01 00 00 00 00 00 02 00 00 00 00 00')]
    const { result, told } = run(adapter.routes(T, meters), script)
    expect(told[0]?.data).toBe('07 01 02 15')
    expect(valueIn({ result })).toEqual([
      {
        meter: { pn: 1 },
        facts: {
          port: 31,
          hops: 1,
          phase: 'B',
          signal: 151,
          signalLow: 7,
          signalHigh: 9,
          lastReadOk: 1,
          lastReadAt: '2024-07-21 08:30:00',
          lastFailureAt: null,
          failures: 3,
          routes: 1,
          route1: '000000000001 > 000000000002',
        },
      },
      { meter: { pn: 3 }, facts: expect.objectContaining({ hops: 1, phase: 'B' }) },
    ])
  })

  it('are asked by the name of an item', () => {
    const [item] = valueIn(
      run(adapter.query!(T, { item: '0D F161', meter: meters[2]!, at: at('2024-07-20'), points: null, minutes: null }), ({ number }) => [
        wire('0D', `6${number}`, '04 01 01 14 20 07 24 05 00 21 07 24 01 00 07 81 21 00 EE EE EE EE EE'),
      ]),
    )
    expect(item).toMatchObject({ item: '0D F161', meter: { pn: 3 }, label: { zh: expect.stringContaining('正向有功') } })
    expect(item?.facts).toEqual([
      { name: 'time', value: '2024-07-21 00:05', unit: '' },
      { name: 'tariffs', value: '1', unit: '' },
      { name: 'values[0]', value: '2181.0700', unit: 'kWh' },
      { name: 'values[1]', value: null, unit: 'kWh' },
    ])
    expect(hex(item?.raw ?? bytes(''))).toBe('20 07 24 05 00 21 07 24 01 00 07 81 21 00 EE EE EE EE EE')
  })

  it.each(['04 F10', '05 F1', '10 F1', '01 F1', '0C', '0C F0', '0C F249', 'F25', '0C F250', '0D F161'])(
    '%s is refused before anything is sent',
    (item) =>
      expect(run(adapter.query!(T, { item, meter: null, at: null, points: null, minutes: null }), confirmed)).toMatchObject({
        told: [],
        result: { ok: false },
      }),
  )
})
