import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dlt698 } from '../../../protocols/dlt698/adapter.ts'
import type { Selection, TerminalMeter, TerminalPlan } from '../../../src/core/index.ts'
import { type Answer, drive, goodOf, NOW, TERMINAL } from './drive.ts'

const adapter = dlt698(16)
const profile = JSON.parse(readFileSync(new URL('../../../config/profiles/dlt698/energy-only.json', import.meta.url), 'utf8'))
const rich = JSON.parse(readFileSync(new URL('../../../config/profiles/dlt698/three-phase.json', import.meta.url), 'utf8'))
const meters: readonly TerminalMeter[] = ['000000000101', '000000000102', '000000000103'].map((address) => ({
  id: `m-${address}`,
  address,
  pn: null,
}))
const planOf = (selection: Selection, from: typeof profile = profile): TerminalPlan => {
  const plan = adapter.plan(from, selection)
  if (!plan.ok) throw new Error(plan.error.message)
  return plan.value
}

const tsa = (address: string) => `55 07 05 ${address}`
const day = (date: number) => `1C 07 EA 0B ${date.toString(16).padStart(2, '0')} 00 00 00`
const kWh = (raw: number) => `06 ${raw.toString(16).padStart(8, '0')}`
/** Columns as they were asked for: whose, when stored, and the quoted freeze. */
const COLUMNS = '03 00 20 2A 02 00 00 60 42 02 00 01 50 04 02 00 03 20 21 02 00 00 10 02 00 00 20 02 00'
const freezeRow = (address: string, date: number, raw: number) =>
  `${tsa(address)} ${day(date)} 01 03 ${day(date)} 01 05 ${kWh(raw)} 00 00 00 00 01 05 ${kWh(raw + 1)} 00 00 00 00`

describe('reading what the terminal collected', () => {
  it('asks for the freeze of a day by meters and store time, and gives a gap where NULL is', () => {
    const driven = drive(adapter.read(TERMINAL, planOf({ kind: 'day-freeze', nth: 1 }), meters, 1024, NOW), () =>
      [`85 03 SS 60 12 03 00 ${COLUMNS} 01 02`, freezeRow('000000000101', 21, 123456), `${tsa('000000000102')} 00 00`, '00 00'].join(' '),
    )
    expect(driven.requests).toMatchObject([
      {
        choice: 'record',
        record: {
          oad: '60120300',
          selector: { rsd: 5, collect_store: '2026-11-21 00:00:00', ms: 'addresses', tsa: meters.map(({ address }) => address) },
          columns: [{ oad: '202A0200' }, { oad: '60420200' }, { road: { oad: '50040200', columns: ['20210200', '00100200', '00200200'] } }],
        },
      },
    ])
    const [first, second, third] = goodOf(driven)
    expect(first).toMatchObject({ ok: true, value: [{ at: { day: 21, hour: 0 }, raws: [123456, 123457], absent: null }] })
    expect(second).toMatchObject({ ok: false, error: { code: 'DLT698_NO_DATA' } })
    expect(third).toMatchObject({ ok: false, error: { code: 'DLT698_NO_DATA' } })
  })

  it('counts days back from the wall clock, months too', () => {
    const instants = (selection: Selection) => {
      const { requests } = drive(adapter.read(TERMINAL, planOf(selection), meters.slice(0, 1), 1024, NOW), () => null)
      return requests[0]?.record?.selector
    }
    expect(instants({ kind: 'day-freeze', nth: 3 })).toMatchObject({ rsd: 5, collect_store: '2026-11-19 00:00:00' })
    expect(instants({ kind: 'month-freeze', nth: 1 })).toMatchObject({ rsd: 5, collect_store: '2026-11-01 00:00:00' })
    expect(instants({ kind: 'month-freeze', nth: 12 })).toMatchObject({ rsd: 5, collect_store: '2025-12-01 00:00:00' })
    const since = { ...NOW, day: 18, hour: 0, minute: 0 }
    expect(instants({ kind: 'day-freeze', since, until: { ...since, day: 20 } })).toMatchObject({
      rsd: 7,
      from: '2026-11-18 00:00:00',
      to: '2026-11-20 00:00:01',
      ti: [3, 1],
    })
  })

  it('takes freezes of a terminal that stores late by the day they lie in, and only what was asked for', () => {
    const plan = planOf({ kind: 'day-freeze', nth: 1 }, { ...profile, select: 'range' })
    const driven = drive(adapter.read(TERMINAL, plan, meters.slice(0, 1), 1024, NOW), () =>
      [`85 03 SS 60 12 03 00 ${COLUMNS} 01 02`, freezeRow('000000000101', 20, 5), freezeRow('000000000101', 21, 7), '00 00'].join(' '),
    )
    expect(driven.requests[0]?.record?.selector).toMatchObject({ rsd: 7, from: '2026-11-21 00:00:00', to: '2026-11-22 00:00:00' })
    expect(goodOf(driven)[0]).toMatchObject({ ok: true, value: [{ raws: [7, 8] }] })
  })

  it('splits what does not fit, and keeps what came when the rest fails', () => {
    const many = Array.from(
      { length: 30 },
      (_, at): TerminalMeter => ({ id: `m${at}`, address: String(at + 101).padStart(12, '0'), pn: null }),
    )
    let asked = 0
    const driven = drive(adapter.read(TERMINAL, planOf({ kind: 'day-freeze', nth: 1 }), many, 512, NOW), (request) => {
      if (++asked > 2) return null
      const selector = request.record?.selector
      const wanted = selector && 'tsa' in selector ? selector.tsa : []
      return [
        `85 03 SS 60 12 03 00 ${COLUMNS} 01 ${wanted.length.toString(16).padStart(2, '0')}`,
        ...wanted.map((one) => freezeRow(one, 21, 9)),
        '00 00',
      ].join(' ')
    })
    expect(driven.requests).toHaveLength(3)
    const results = goodOf(driven)
    expect(results.map(({ ok }) => ok)).toEqual([...Array(10).fill(true), ...Array(20).fill(false)])
    expect(results[29]).toMatchObject({ error: { code: 'TERMINAL_NO_REPLY' } })
    expect(driven.frames.every(({ raw }) => raw.length <= 512)).toBe(true)
  })

  it('reads a curve in pieces, point by point with its own time', () => {
    const plan = planOf(
      { kind: 'curve', since: { ...NOW, hour: 0, minute: 1 }, until: { ...NOW, hour: 2, minute: 0 }, obis: ['1-0:32.7.0'] },
      rich,
    )
    const columns = '03 00 20 2A 02 00 00 60 42 02 00 01 50 02 02 00 02 20 21 02 00 20 00 02 00'
    const driven = drive(adapter.read(TERMINAL, plan, meters.slice(0, 1), 256, NOW), (request) => {
      const selector = request.record?.selector
      const from =
        selector && 'from' in selector && typeof selector.from === 'string'
          ? Number(selector.from.slice(11, 13)) * 60 + Number(selector.from.slice(14, 16))
          : 0
      const time = `1C 07 EA 0B 15 ${Math.floor(from / 60)
        .toString(16)
        .padStart(2, '0')} ${(from % 60).toString(16).padStart(2, '0')} 00`
      return `85 03 SS 60 12 03 00 ${columns} 01 01 ${tsa('000000000101')} 00 01 02 ${time} 01 03 12 09 6D 12 09 6E 12 09 6F 00 00`
    })
    expect(driven.requests.map(({ record }) => record?.selector)).toMatchObject([
      { rsd: 7, from: '2026-11-21 00:15:00', ti: [1, 15] },
      { rsd: 7, from: '2026-11-21 01:00:00' },
      { rsd: 7, from: '2026-11-21 01:45:00', to: '2026-11-21 02:00:01' },
    ])
    const [one] = goodOf(driven)
    expect(one).toMatchObject({
      ok: true,
      value: [{ at: { hour: 0, minute: 15 }, raws: [2413] }, { at: { hour: 1 } }, { at: { hour: 1, minute: 45 } }],
    })
  })

  it('asks for the blocks that follow by the number of the last', () => {
    const driven = drive(adapter.read(TERMINAL, planOf({ kind: 'day-freeze', nth: 1 }), meters, 1024, NOW), (request) => {
      const block = typeof request.block === 'number' ? request.block : -1
      const next = block + 1
      const address = `00000000010${next + 1}`
      return `85 05 SS ${next === 2 ? '01' : '00'} 00 0${next} 02 01 60 12 03 00 ${COLUMNS} 01 01 ${freezeRow(address, 21, next)} 00 00`
    })
    expect(driven.requests.map(({ choice, block }) => [choice, block])).toEqual([
      ['record', undefined],
      ['next', 0],
      ['next', 1],
    ])
    expect(driven.asked.map(({ follows }) => follows ?? false)).toEqual([false, true, true])
    expect(goodOf(driven).map((one) => one.ok && one.value[0]?.raws[0])).toEqual([0, 1, 2])
  })

  it('joins an answer in fragments, each confirmed', () => {
    const answer: Answer = () =>
      [`85 03 SS 60 12 03 00 ${COLUMNS} 01 03`, ...meters.map(({ address }, at) => freezeRow(address, 21, at)), '00 00'].join(' ')
    const driven = drive(adapter.read(TERMINAL, planOf({ kind: 'day-freeze', nth: 1 }), meters, 1024, NOW), answer, { blockBytes: 50 })
    expect(driven.frames.filter(({ fragment }) => fragment?.kind === 'confirm').length).toBeGreaterThan(3)
    expect(goodOf(driven).map((one) => one.ok && one.value[0]?.raws[0])).toEqual([0, 1, 2])
  })

  it('refuses a block that is not the next', () => {
    const driven = drive(
      adapter.read(TERMINAL, planOf({ kind: 'day-freeze', nth: 1 }), meters, 1024, NOW),
      () => `85 05 SS 00 00 00 02 01 60 12 03 00 ${COLUMNS} 01 00 00 00`,
    )
    expect(driven.requests).toHaveLength(2)
    expect(goodOf(driven)[0]).toMatchObject({ ok: false, error: { code: 'DLT698_FRAGMENT' } })
  })

  it('knows the answer by its number and its table', () => {
    const plan = planOf({ kind: 'day-freeze', nth: 1 })
    for (const wrong of [
      `85 03 3F 60 12 03 00 ${COLUMNS} 01 00 00 00`,
      '85 03 SS 50 04 02 00 00 01 00 00 00',
      '86 01 SS 40 00 02 00 00 00 00',
    ])
      expect(drive(adapter.read(TERMINAL, plan, meters, 1024, NOW), () => wrong).result).toMatchObject({
        ok: true,
        value: [{ error: { code: 'TERMINAL_NO_REPLY' } }, {}, {}],
      })
  })

  it('says why a terminal refuses', () => {
    const plan = planOf({ kind: 'day-freeze', nth: 1 })
    const errorOf = (answer: string) => goodOf(drive(adapter.read(TERMINAL, plan, meters.slice(0, 1), 1024, NOW), () => answer))[0]
    expect(errorOf('85 03 SS 60 12 03 00 00 00 06 00 00')).toMatchObject({
      error: { code: 'DLT698_DAR', message: expect.stringContaining('object missing') },
    })
    expect(errorOf('85 03 SS 60 12 03 00 00 00 0F 00 00')).toMatchObject({ error: { code: 'DLT698_SECURITY' } })
    expect(errorOf('EE SS 02 00')).toMatchObject({ error: { message: expect.stringContaining('service not supported') } })
  })

  it('reads what was collected last for present values, where the profile says so', () => {
    const driven = drive(
      adapter.read(TERMINAL, planOf({ kind: 'current' }), meters.slice(0, 1), 1024, NOW),
      () =>
        `85 03 SS 60 12 03 00 04 00 20 2A 02 00 00 60 42 02 00 00 00 10 02 00 00 00 20 02 00 01 01 ${tsa('000000000101')} 1C 07 EA 0B 15 07 00 00 01 01 ${kWh(77)} 01 01 ${kWh(5)} 00 00`,
    )
    expect(driven.requests[0]?.record?.selector).toMatchObject({ rsd: 10, last: 1 })
    expect(goodOf(driven)[0]).toMatchObject({ ok: true, value: [{ at: { hour: 7 }, raws: [77, 5] }] })
  })
})

describe('reading through the terminal', () => {
  it('asks meters by PROXY, which reaches into the field', () => {
    const plan = planOf({ kind: 'current', obis: ['1-0:1.8.0', '1-0:1.8.1', '1-0:32.7.0'] }, rich)
    const driven = drive(
      adapter.read(TERMINAL, plan, meters.slice(0, 2), 1024, NOW),
      () =>
        `89 01 SS 02 ${tsa('000000000101').slice(3)} 02 00 10 02 00 01 01 02 ${kWh(100)} ${kWh(60)} 20 00 02 00 01 01 01 12 09 6D ${tsa('000000000102').slice(3)} 02 00 10 02 00 00 21 20 00 02 00 00 21 00 00`,
    )
    expect(driven.asked[0]?.reach).toBe('field')
    expect(driven.requests[0]).toMatchObject({ choice: 'get-list', targets: [{ tsa: '000000000101', oads: ['00100200', '20000200'] }, {}] })
    expect(goodOf(driven)).toMatchObject([
      { ok: true, value: [{ at: null, raws: [100, 60, 2413] }] },
      { ok: false, error: { code: 'DLT698_SILENT_METER' } },
    ])
  })

  it('a value that is NULL is absent, the others are kept', () => {
    const plan = planOf({ kind: 'current', obis: ['1-0:32.7.0', '1-0:52.7.0', '1-0:14.7.0'] }, rich)
    const driven = drive(
      adapter.read(TERMINAL, plan, meters.slice(0, 1), 1024, NOW),
      () => `89 01 SS 01 ${tsa('000000000101').slice(3)} 02 20 00 02 00 01 01 02 12 09 6D 00 20 0F 02 00 01 12 13 8B 00 00`,
    )
    const [one] = goodOf(driven)
    expect(one).toMatchObject({ ok: true, value: [{ raws: [2413, null, 5003] }] })
    expect(one?.ok && one.value[0]?.absent?.get(1)?.code).toBe('DLT698_ABSENT')
  })

  it('passes bytes through a port with its settings', () => {
    const settings = { port: 31, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, waitMs: 20_000, byteWaitMs: 50 } as const
    const driven = drive(adapter.forward(TERMINAL, settings, Uint8Array.of(0x68, 1)), () => '89 07 SS F2 09 02 01 01 02 AA BB 00 00')
    expect(driven.requests[0]).toMatchObject({
      choice: 'trans-command',
      port: 'F2090201',
      comdcb: '03 02 08 01 00',
      wait_s: 20,
      byte_timeout_ms: 50,
      inner_hex: '68 01',
    })
    expect(driven.asked[0]).toMatchObject({ reach: 'field' })
    expect([...goodOf(driven)]).toEqual([0xaa, 0xbb])
    expect(
      drive(adapter.forward(TERMINAL, { ...settings, port: 2 }, Uint8Array.of(1)), () => '89 07 SS F2 01 02 01 00 21 00 00').result,
    ).toMatchObject({
      ok: false,
      error: { code: 'DLT698_SILENT_METER' },
    })
  })
})

describe('a meter that dials in by itself', () => {
  const self: TerminalMeter = { id: 'self', address: TERMINAL, pn: null }

  it('is read directly: a list of objects now', () => {
    const plan = planOf({ kind: 'current', obis: ['1-0:1.8.0', '1-0:32.7.0'] }, rich)
    const driven = drive(
      adapter.read(TERMINAL, plan, [self], 1024, NOW),
      () => `85 02 SS 02 00 10 02 00 01 01 01 ${kWh(5)} 20 00 02 00 00 06 00 00`,
    )
    expect(driven.requests[0]).toMatchObject({ choice: 'normal-list', oads: ['00100200', '20000200'] })
    const [one] = goodOf(driven)
    expect(one).toMatchObject({ ok: true, value: [{ at: null, raws: [5, null] }] })
    expect(one?.ok && one.value[0]?.absent?.get(1)?.code).toBe('DLT698_DAR')
  })

  it('a day by selection 1, several by selection 2', () => {
    const answer: Answer = () =>
      `85 03 SS 50 04 02 00 03 00 20 21 02 00 00 00 10 02 00 00 00 20 02 00 01 01 ${day(21)} 01 01 ${kWh(5)} 01 01 ${kWh(6)} 00 00`
    const one = drive(adapter.read(TERMINAL, planOf({ kind: 'day-freeze', nth: 1 }), [self], 1024, NOW), answer)
    expect(one.requests[0]?.record).toMatchObject({
      oad: '50040200',
      selector: { rsd: 1, oad: '20210200', equals: { v: '2026-11-21 00:00:00' } },
    })
    expect(goodOf(one)[0]).toMatchObject({ ok: true, value: [{ at: { day: 21 }, raws: [5, 6] }] })
    const since = { ...NOW, day: 19, hour: 0, minute: 0 }
    const range = drive(
      adapter.read(TERMINAL, planOf({ kind: 'day-freeze', since, until: { ...since, day: 21 } }), [self], 1024, NOW),
      answer,
    )
    expect(range.requests[0]?.record?.selector).toMatchObject({
      rsd: 2,
      from: { v: '2026-11-19 00:00:00' },
      to: { v: '2026-11-21 00:00:01' },
      step: { t: 'null' },
    })
  })
})

describe('the terminal itself', () => {
  it('shows and takes the time', () => {
    expect(goodOf(drive(adapter.clock(TERMINAL), () => '85 01 SS 40 00 02 00 01 1C 07 EA 0A 07 0E 10 1A 00 00'))).toMatchObject({
      year: 2026,
      month: 10,
      second: 26,
    })
    const set = drive(adapter.setClock(TERMINAL, NOW), () => '86 01 SS 40 00 02 00 00 00 00')
    expect(set.asked[0]?.writes).toBe(true)
    expect(set.requests[0]).toMatchObject({ sets: [{ oad: '40000200', data: { t: 'date_time_s', v: '2026-11-21 08:07:00' } }] })
    expect(set.result).toEqual({ ok: true, value: null })
    expect(drive(adapter.setClock(TERMINAL, NOW), () => '86 01 SS 40 00 02 00 03 00 00').result).toMatchObject({
      error: { message: expect.stringContaining('read/write denied') },
    })
  })

  const record = {
    number: 5,
    pn: 5,
    port: 31,
    baud: 2400,
    protocol: 'dlt645-2007',
    address: '202608150042',
    password: '112233445566',
    tariffs: 4,
    integerDigits: 6,
    decimals: 2,
    collector: '000000000000',
    userClass: 5,
    userSubclass: 0,
  } as const
  const unit =
    '02 04 12 00 05 02 0A 55 07 05 20 26 08 15 00 42 16 03 16 02 51 F2 09 02 01 09 06 11 22 33 44 55 66 11 04 11 05 16 00 12 08 98 12 00 32 02 04 55 07 05 00 00 00 00 00 00 09 00 12 00 01 12 00 01 01 00'

  it('gives its archive, and takes it in batches', () => {
    const read = drive(adapter.archive(TERMINAL), () => `85 01 SS 60 00 02 00 01 01 01 ${unit} 00 00`)
    expect(goodOf(read)).toEqual([record])
    expect(goodOf(drive(adapter.archive(TERMINAL, [6]), () => `85 01 SS 60 00 02 00 01 01 01 ${unit} 00 00`))).toEqual([])
    const written = drive(
      adapter.writeArchive(TERMINAL, [record, { ...record, number: 6 }], 1024),
      () => '87 01 SS 60 00 80 00 00 00 00 00',
    )
    expect(written.requests).toHaveLength(1)
    expect(written.asked[0]?.writes).toBe(true)
    expect(written.requests[0]).toMatchObject({ actions: [{ omd: '60008000', data: { t: 'array', v: [{ t: 'structure' }, {}] } }] })
    expect(goodOf(written)).toEqual([
      { ok: true, value: null },
      { ok: true, value: null },
    ])
    expect(Buffer.from(written.frames[0]!.apdu).toString('hex')).toContain(unit.replaceAll(' ', '').toLowerCase())
  })

  it('gets units one by one where it has no batch, and wrong ones are not sent', () => {
    const driven = drive(adapter.writeArchive(TERMINAL, [record, { ...record, address: '12' }], 1024), ({ actions }) =>
      JSON.stringify(actions).includes('60008000') ? '87 01 SS 60 00 80 00 04 00 00 00' : '87 01 SS 60 00 7F 00 00 00 00 00',
    )
    expect(driven.requests).toHaveLength(2)
    expect(goodOf(driven)).toMatchObject([{ ok: true }, { ok: false, error: { code: 'DLT698_COMMAND' } }])
  })

  it('splits an archive to the frame limit, and one APDU into fragments', () => {
    const records = Array.from({ length: 12 }, (_, at) => ({ ...record, number: at + 1 }))
    const split = drive(adapter.writeArchive(TERMINAL, records, 512), () => '87 01 SS 60 00 80 00 00 00 00 00')
    expect(split.requests).toHaveLength(2)
    expect(split.frames.every(({ raw }) => raw.length <= 512)).toBe(true)
    const cut = drive(adapter.writeArchive(TERMINAL, records.slice(0, 1), 100), () => '87 01 SS 60 00 80 00 00 00 00 00')
    expect(cut.frames.map(({ fragment }) => fragment?.kind)).toEqual(['first', 'last'])
    expect(cut.frames.every(({ raw }) => raw.length <= 100)).toBe(true)
    expect(cut.asked.map(({ follows, writes }) => [follows ?? false, writes])).toEqual([
      [false, true],
      [true, true],
    ])
    expect(cut.requests).toMatchObject([{ actions: [{ data: { v: [{ v: [{ v: 1 }, {}, {}, {}] }] } }] }])
    const value = { t: 'octet-string', v: 'AA '.repeat(700).trim() }
    const long = drive(adapter.setParameter(TERMINAL, '45000300', null, value), () => '86 01 SS 45 00 03 00 00 00 00')
    expect(long.result.ok).toBe(true)
  })

  it('deletes units by number', () => {
    const driven = drive(adapter.deleteArchive(TERMINAL, [5, 6], 1024), ({ actions }) =>
      JSON.stringify(actions).includes('"v":5') ? '87 01 SS 60 00 83 00 00 00 00 00' : '87 01 SS 60 00 83 00 06 00 00 00',
    )
    expect(goodOf(driven)).toMatchObject([{ ok: true }, { ok: false, error: { code: 'DLT698_DAR' } }])
  })

  it('gives and takes parameters, and refuses what it does not know before a byte is sent', () => {
    const got = drive(adapter.getParameter(TERMINAL, '40000300', null), () => '85 01 SS 40 00 03 00 01 16 01 00 00')
    expect(goodOf(got)).toEqual({ t: 'enum', v: 1 })
    const set = drive(
      adapter.setParameter(TERMINAL, '60127F00', null, { t: 'structure', v: [{ t: 'unsigned', v: 1 }] }),
      () => '87 01 SS 60 12 7F 00 00 00 00 00',
    )
    expect(set.requests[0]).toMatchObject({ service: 'ACTION-Request', actions: [{ omd: '60127F00' }] })
    expect(set.asked[0]?.writes).toBe(true)
    for (const [id, value] of [
      ['12345678', { t: 'null' }],
      ['60120200', { t: 'null' }],
      ['40000300', { t: 'enum', v: 300 }],
      ['40000300', 'one'],
    ] as const) {
      const refused = drive(adapter.setParameter(TERMINAL, id, null, value), () => null)
      expect([refused.asked.length, refused.result.ok]).toEqual([0, false])
    }
  })

  it('never shows a password of the archive', () => {
    const got = drive(adapter.getParameter(TERMINAL, '60000200', null), () => `85 01 SS 60 00 02 00 01 01 01 ${unit} 00 00`)
    expect(JSON.stringify(goodOf(got))).not.toContain('11 22 33')
    const asked = drive(
      adapter.query!(TERMINAL, { item: '60000200', meter: null, at: null, points: null, minutes: null }),
      () => `85 01 SS 60 00 02 00 01 01 01 ${unit} 00 00`,
    )
    expect(JSON.stringify(goodOf(asked))).not.toContain('11 22 33')
  })

  it('answers an engineer', () => {
    const asked = drive(
      adapter.query!(TERMINAL, { item: '0010 0200', meter: meters[0]!, at: null, points: null, minutes: null }),
      () => `89 01 SS 01 ${tsa('000000000101').slice(3)} 01 00 10 02 00 01 01 02 ${kWh(123456)} 00 00 00`,
    )
    expect(goodOf(asked)).toMatchObject([
      {
        item: '00100200',
        label: { en: 'forward active energy' },
        facts: [
          { name: '1', value: '1234.56', unit: 'kWh' },
          { name: '2', value: null },
        ],
      },
    ])
    expect(
      drive(adapter.query!(TERMINAL, { item: 'F25', meter: null, at: null, points: null, minutes: null }), () => null).result,
    ).toMatchObject({ error: { code: 'DLT698_COMMAND' } })
  })

  it('gives its last events and what its search found', () => {
    const driven = drive(adapter.events(TERMINAL, 'important', 0, 1), (request) => {
      if (request.choice === 'normal-list') return `85 02 SS 02 31 06 04 00 01 12 00 03 31 05 04 00 01 12 00 00 00 00`
      if (request.record?.oad !== '31060200') return `85 03 SS ${request.record?.oad} 00 00 04 00 00`
      return '85 03 SS 31 06 02 00 05 00 20 22 02 00 00 20 1E 02 00 00 20 20 02 00 00 20 24 02 00 00 33 00 02 00 01 01 06 00 00 00 18 1C 07 E9 04 0A 0B 1D 26 00 16 00 00 00 00'
    })
    expect(goodOf(driven)).toMatchObject([
      { code: 'oad-31060200', meter: null, begins: { year: 2025, hour: 11 }, ends: null, edge: 'begin' },
    ])
    const routes = drive(
      adapter.routes(TERMINAL, meters),
      () =>
        `85 01 SS 60 02 02 00 01 01 01 02 07 ${tsa('000000000101')} ${tsa('000000000000')} 16 02 16 01 11 5A 1C 07 EA 0B 15 00 00 00 01 00 00 00`,
    )
    expect(goodOf(routes)).toMatchObject([{ meter: { address: '000000000101' }, facts: { signal: 90, phase: 1 } }])
  })

  it('gives integers that JSON cannot hold as text', () => {
    const got = drive(adapter.getParameter(TERMINAL, '43000700', null), () => '85 01 SS 43 00 07 00 01 15 FF FF FF FF FF FF FF FF 00 00')
    expect(goodOf(got)).toEqual({ t: 'long64-unsigned', v: '18446744073709551615' })
  })

  it('switches nothing', () => {
    const driven = drive(adapter.control(TERMINAL, 'trip', '000000000101'), () => null)
    expect([driven.asked.length, driven.result.ok]).toEqual([0, false])
  })
})
