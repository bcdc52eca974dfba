import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { instantOf, startOfDay } from '../../../simulators/calendar.ts'
import type { ConcentratorsOptions } from '../../../simulators/index.ts'
import { handClock, hexBytes, request645, takeApart } from '../tools.ts'
import { cut3761, dialIn, type Master, PASSWORD, type Seen, spaced, startMaster } from './tools.ts'

const now = instantOf({ year: 2026, month: 11, day: 21, hour: 9, minute: 40, second: 12 })
const vectors: { readonly vectors: readonly { readonly name: string; readonly hex: string }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/q376-1.json', import.meta.url), 'utf8'),
)
const vector = (name: string): Buffer => hexBytes(vectors.vectors.find((one) => one.name === name)!.hex)
const seenOf = (name: string): Seen => cut3761(vector(name)).seen[0]!

const start = async (options: Partial<ConcentratorsOptions> = {}) => {
  const master = await startMaster()
  const clock = handClock(now)
  const fleet = await dialIn(master, { meters: 12, clock, ...options })
  return { master, clock, fleet, one: fleet.all[0]! }
}
/** Kilowatt-hours on the face, from A.14 or A.11 low byte first. */
const bcd = (text: string, decimals: number): number => Number(text.split(' ').reverse().join('')) / 10 ** decimals
const slice = (text: string, from: number, bytes: number): string => text.slice(from * 3, (from + bytes) * 3 - 1)
const face = (value: number): number => Math.floor(value / 36_000) / 100

describe('what it says first', () => {
  it.each([
    ['login of terminal 0200-1234H', '0200-4660', '2009', 0],
    ['login of region 0314', '0314-6332H', '2009', 0],
    ['heartbeat of terminal 0200-1234H, 2009 form without clock', '0200-1234H', '2009', 1],
    ['heartbeat with Tp (C=C4)', '1702-257', '2009', 1],
  ] as const)('%s', async (name, address, edition, which) => {
    const captured = seenOf(name)
    const tagged = captured.control === 0xc4
    const master = await startMaster()
    const spec = { id: 'C1', protocol: 'gw3761' as const, address, meters: [] }
    await dialIn(master, { specs: [spec], clock: handClock(now), habits: { edition, tagged, heartbeatMs: 20 } })
    await master.until(() => master.seen.length > which)
    const { hex, number: _, data, ...shown } = master.seen[which]!
    const { hex: __, number: ___, data: ____, ...expected } = captured
    expect({ ...shown, address: tagged ? expected.address : shown.address, a3: expected.a3 }).toEqual(expected)
    expect(slice(data, 0, 4)).toBe(slice(captured.data, 0, 4))
    expect(hex.split(' ')).toHaveLength(captured.hex.split(' ').length)
  })

  it('a heartbeat of 2013 carries the clock, and its length counts it', async () => {
    const { master } = await start({ habits: { edition: '2013', heartbeatMs: 20 } })
    await master.until(() => master.seen.length > 1)
    expect(master.seen[1]!.hex.startsWith('68 4A 00 4A 00 68 C9 10 45 15 00 00 02')).toBe(true)
    expect(master.seen[1]!.data).toBe('00 00 04 00 12 40 09 21 D1 26')
  })

  it('says a login again that nobody answers, then dials again', async () => {
    const master = await startMaster()
    master.confirms = false
    await dialIn(master, { clock: handClock(now), habits: { answerWaitMs: 10, redialMs: [10, 20] } })
    await master.until(() => master.sockets.length >= 2 && master.seen.length >= 4)
    expect(new Set(master.seen.map(({ afn }) => afn))).toEqual(new Set([2]))
  })
})

describe('what it answers', () => {
  it('its clock, as captured', async () => {
    const { master } = await start()
    const [answer] = await master.ask(0x4a, 0x0c, '00 00 02 00')
    expect(answer).toMatchObject({ control: 0x88, afn: 0x0c, a3: 4, data: '00 00 02 00 12 40 09 21 D1 26' })
  })

  it('a daily freeze: the midnight that ended the day, total and four tariffs', async () => {
    const { master, one } = await start()
    const [answer] = await master.ask(0x4b, 0x0d, '01 02 01 14 20 11 26')
    const shape = seenOf('daily frozen F161 of point 9')
    expect(answer!.data).toHaveLength(shape.data.length)
    expect(slice(answer!.data, 0, 7)).toBe('01 02 01 14 20 11 26')
    const meter = one.wiring.instrument(one.wiring.at(8)!)
    const midnight = meter.worldTime(startOfDay(now))
    for (let tariff = 0; tariff <= 4; tariff++)
      expect(bcd(slice(answer!.data, 13 + tariff * 5, 5), 4)).toBe(face(meter.energy(1, 0, tariff, midnight)))
  })

  it('points and items of one identifier, pn by pn and inside each by rising Fn', async () => {
    const { master } = await start({ habits: { grouped: true } })
    const [answer] = await master.ask(0x4b, 0x0c, '05 01 03 10')
    const one = (await master.ask(0x4b, 0x0c, '01 01 01 10'))[0]!
    expect(answer!.data.startsWith('05 01 03 10 40 09 21 11 26 04')).toBe(true)
    expect(slice(answer!.data, 4, 31)).toBe(slice(one.data, 4, 31))
    expect(answer!.data.split(' ')).toHaveLength(4 + 2 * (31 + 26))
  })

  it('a curve: start and count of what it has, and no point of the future', async () => {
    const { master, one } = await start()
    const [answer] = await master.ask(0x4b, 0x0d, '02 01 01 0D 15 09 21 11 26 01 0A')
    expect(slice(answer!.data, 0, 11)).toBe('02 01 01 0D 15 09 21 11 26 01 02')
    const meter = one.wiring.instrument(one.wiring.at(1)!)
    const at = instantOf({ year: 2026, month: 11, day: 21, hour: 9, minute: 30, second: 0 })
    expect(answer!.data.split(' ')).toHaveLength(11 + 2 * 2)
    const registers = (await master.ask(0x4b, 0x0d, '02 01 10 0C 30 09 21 11 26 01 01'))[0]!
    expect(bcd(slice(registers.data, 11, 4), 2)).toBe(face(meter.energy(1, 0, 0, meter.worldTime(at))))
  })

  it('present values of a single-phase meter: EE for the phases it has not', async () => {
    const { master } = await start()
    const [answer] = await master.ask(0x4b, 0x0c, '01 01 01 03')
    expect(answer!.data.split(' ')).toHaveLength(
      seenOf('F25 instantaneous values of point 1, apparent power and zero-sequence current filled EF').data.split(' ').length,
    )
    expect(slice(answer!.data, 4 + 5 + 6, 6)).toBe('EE EE EE EE EE EE')
  })

  it('its meter archive: 27 bytes a record', async () => {
    const { master } = await start()
    const [answer] = await master.ask(0x4b, 0x0a, '00 00 02 01 03 00 01 00 02 00 63 00')
    expect(slice(answer!.data, 0, 6)).toBe('00 00 02 01 02 00')
    expect(slice(answer!.data, 6, 27)).toBe('01 00 01 00 1F 1E 01 00 21 00 00 21 00 00 00 00 00 00 04 09 00 00 00 00 00 00 51')
    expect(answer!.data.split(' ')).toHaveLength(6 + 2 * 27)
  })

  it('AFN00 F2 where it has nothing, and F3 by unit where that is its habit', async () => {
    const { master } = await start()
    expect((await master.ask(0x4b, 0x0d, '10 10 01 14 20 11 26'))[0]).toMatchObject({ afn: 0, data: '00 00 02 00' })
    const other = await start({ habits: { denial: 'by-unit' } })
    expect((await other.master.ask(0x4b, 0x0c, '01 20 01 10'))[0]!.data).toBe('00 00 04 00 0C 01 20 01 10 01')
  })

  it('leaves out who is unknown', async () => {
    const { master } = await start()
    const [answer] = await master.ask(0x4b, 0x0d, '01 01 01 14 20 11 26 01 20 01 14 20 11 26 02 01 01 14 20 11 26')
    expect(answer!.data.split(' ')).toHaveLength(2 * (7 + 31))
  })

  it('splits at its frame limit: FIR, middle, FIN under one number', async () => {
    const { master } = await start({ habits: { frameLimit: 128 } })
    const answers = await master.ask(0x4b, 0x0d, `FF 01 01 14 20 11 26`)
    expect(answers.map(({ fir, fin }) => [fir, fin])).toEqual([
      [true, false],
      [false, false],
      [false, false],
      [false, true],
    ])
    expect(new Set(answers.map(({ number }) => number)).size).toBe(1)
    for (const { hex } of answers) expect(hex.split(' ').length).toBeLessThanOrEqual(128)
    const counting = await start({ habits: { frameLimit: 128, countsParts: true } })
    const numbers = (await counting.master.ask(0x4b, 0x0d, 'FF 01 01 14 20 11 26', { seq: 0x6e })).map(({ number }) => number)
    expect(numbers).toEqual([14, 15, 0, 1])
  })

  it('echoes a time tag, and drops a command that is older than its delay', async () => {
    const { master, fleet } = await start()
    const [answer] = await master.ask(0x4b, 0x0c, '00 00 02 00 09 10 40 09 21 05', { seq: 0xe3 })
    expect(slice(answer!.data, 10, 6)).toBe('09 12 40 09 21 05')
    const old = fleet.told.length
    const wait = master.ask(0x4b, 0x0c, '00 00 02 00 09 10 20 09 21 05', { seq: 0xe4 })
    await master.ask(0x4b, 0x0c, '00 00 02 00', { seq: 0x65 })
    await wait
    expect(fleet.told.slice(old).map(({ what }) => what)).toEqual(['dropped'])
  })
})

describe('what it is told', () => {
  it('a captured archive record, as a master sent it, and its deletion with pn 0', async () => {
    const master = await startMaster('01 01 BA 07')
    const spec = {
      ...{ id: 'C1', protocol: 'gw3761' as const, address: '0101-07BAH', archive: 'empty' as const },
      meters: [{ id: 'M1', address: '112233445566', pn: 1, number: 1, port: 1, phases: 1 as const }],
    }
    const fleet = await dialIn(master, { specs: [spec], clock: handClock(now) })
    expect((await master.ask(0x4b, 0x0d, '01 01 01 14 20 11 26'))[0]!.data).toBe('00 00 02 00')
    const from = master.seen.length
    master.send(vector('set F10: one meter archive record'))
    await master.until(() => master.seen.length > from)
    expect(master.seen[from]).toMatchObject({ afn: 0, number: 5, data: '00 00 01 00' })
    expect(fleet.told.at(-1)).toMatchObject({ what: 'archive', concentrator: 'C1' })
    const back = await master.ask(0x4b, 0x0a, '00 00 02 01 01 00 01 00')
    expect(back[0]!.data.endsWith('01 00 01 00 21 00 66 55 44 33 22 11 22 22 22 11 11 11 00 05 66 66 66 33 22 11 31')).toBe(true)
    expect((await master.ask(0x4b, 0x0d, '01 01 01 14 20 11 26'))[0]!.afn).toBe(0x0d)
    // Whoever has looked at a record has not turned its address round.
    expect((await master.ask(0x4b, 0x0a, '00 00 02 01 01 00 01 00'))[0]!.data).toBe(back[0]!.data)
    const gone = `00 00 02 01 01 00 01 00 00 00 ${'00 '.repeat(23)}${PASSWORD}`
    expect((await master.ask(0x4a, 0x04, gone))[0]!.data).toBe('00 00 01 00')
    expect((await master.ask(0x4b, 0x0a, '00 00 02 01 01 00 01 00'))[0]!.data).toBe('00 00 02 01 00 00')
  })

  it.each([
    [
      'set F33 reading schedule of port 31: 00:15 every 60 min, window 00:15-23:45',
      '2120-28',
      '00 00 01 04 01 1F',
      'F33 p0 011F0000FFFFFF7F15003C3023000115004523',
    ],
    ['set F38 class-1 data configuration', '0101-1978', '00 00 20 04 01', 'F38 p0 01010101FF'],
    ['control F53: delete every meter of port 31 (2012 terminal)', '2120-28', null, 'F53 p0 1F'],
  ])('%s', async (name, address, query, detail) => {
    const captured = seenOf(name)
    const master = await startMaster(captured.address)
    // Their time tags allow any delay.
    const fleet = await dialIn(master, { specs: [{ id: 'C1', protocol: 'gw3761', address, meters: [] }], clock: handClock(now) })
    const from = master.seen.length
    master.send(vector(name))
    await master.until(() => master.seen.length > from)
    expect(master.seen[from]!.data.slice(0, 11)).toBe('00 00 01 00')
    expect(fleet.told.at(-1)!.detail).toBe(detail)
    if (query !== null) {
      const kept = (await master.ask(0x4b, 0x0a, query))[0]!
      expect(kept.data.replaceAll(' ', '').slice(8)).toBe(detail.split(' ').at(-1))
    }
  })

  it('the time: its clock runs from there, and drifts as it does', async () => {
    const { master, clock, fleet } = await start({ habits: { clock: { offset: 90, ppm: 100 } } })
    expect((await master.ask(0x4a, 0x0c, '00 00 02 00'))[0]!.data).toBe('00 00 02 00 42 41 09 21 D1 26')
    await master.ask(0x4a, 0x05, `00 00 40 03 00 45 09 21 D1 26 ${PASSWORD}`)
    expect(fleet.told.at(-1)).toMatchObject({ what: 'clock', detail: '2026-11-21T09:41:42 -> 2026-11-21T09:45:00' })
    clock.to(now + 100_000_000)
    expect((await master.ask(0x4a, 0x0c, '00 00 02 00'))[0]!.data).toBe('00 00 02 00 50 31 13 22 F1 26')
  })

  it('a DL/T 645 request for a meter on the power line, and nothing for one that is not there', async () => {
    const { master, one } = await start()
    const inner = request645('210000210003', 0x11, [0, 0, 1, 0])
    const body = (bytes: Uint8Array) => `00 00 01 00 1F 6B BC 0A ${spaced(Uint8Array.of(bytes.length, 0))} ${spaced(bytes)} ${PASSWORD}`
    const [answer] = await master.ask(0x4b, 0x10, body(inner))
    expect(slice(answer!.data, 0, 7)).toBe('00 00 01 00 1F 14 00')
    const meter = takeApart(hexBytes(answer!.data).subarray(7))
    expect(meter).toMatchObject({ address: '210000210003', control: 0x91 })
    const shown = meter.data.slice(4).reduce((sum, byte, at) => sum + ((byte >> 4) * 10 + (byte & 15)) * 100 ** at, 0)
    expect(shown / 100).toBe(face(one.wiring.instrument(one.wiring.at(2)!).energy(1, 0, 0, now)))
    expect((await master.ask(0x4b, 0x10, body(request645('210000999999', 0x11, [0, 0, 1, 0]))))[0]!.data).toBe('00 00 02 00')
  })
})

describe('what it says by itself', () => {
  const withAcd = ({ control }: Seen) => (control & 0x20) !== 0

  it('an event: reported until it is confirmed, with counters, and waiting events are shown by ACD', async () => {
    const { master, one } = await start({ habits: { reportMs: 15 } })
    master.confirmsReports = false
    one.raise({ code: 10, meter: 'C00021-M0003' })
    const reports = () => master.seen.filter(({ afn, control }) => afn === 0x0e && (control & 0x40) !== 0)
    await master.until(() => reports().length >= 3)
    const [first, second] = reports()
    expect(second!.hex).toBe(first!.hex)
    expect(first!.con).toBe(true)
    expect(slice(first!.data, 0, 8)).toBe('00 00 01 00 01 00 00 01')
    expect(slice(first!.data, 8, 9)).toBe('0A 1C 40 09 21 11 26 03 80')
    expect(withAcd((await master.ask(0x4a, 0x0c, '00 00 02 00'))[0]!)).toBe(true)
    master.confirmsReports = true
    await master.until(() => reports().length >= 4)
    await master.ask(0x4a, 0x0c, '00 00 02 00')
    expect(withAcd((await master.ask(0x4a, 0x0c, '00 00 02 00'))[0]!)).toBe(false)
  })

  it('the same event after a broken connection, when it was not confirmed', async () => {
    const { master, fleet, one } = await start({ habits: { redialMs: [5, 10] } })
    master.confirmsReports = false
    one.raise({ code: 9, meter: 'C00021-M0001' })
    const reports = () => master.seen.filter(({ afn }) => afn === 0x0e)
    await master.until(() => reports().length === 1)
    master.sockets[0]!.destroy()
    await master.until(() => reports().length === 2)
    expect(reports()[1]!.hex).toBe(reports()[0]!.hex)
    expect(fleet.figures.loginsConfirmed).toBe(2)
  })

  it('events by their counters, none skipped when the counter comes round', async () => {
    const { master, one } = await start({ habits: { reports: false } })
    for (let count = 0; count < 300; count++) one.raise({ code: 14, edge: 'end' })
    const [state] = await master.ask(0x4b, 0x0c, '00 00 40 00')
    expect(slice(state!.data, 4, 2)).toBe('2C 00')
    const answers = await master.ask(0x4b, 0x0e, '00 00 01 00 FA 2C')
    const records = answers.map(({ data }) => data.split('0E 0A').length - 1).reduce((sum, count) => sum + count, 0)
    expect(records).toBe(50)
  })

  it('task data that F65 and F67 order, when they are due', async () => {
    const { master, clock, one } = await start()
    // Every quarter of an hour since midnight: F129 of points 1 and 2.
    await master.ask(0x4a, 0x04, `01 01 01 08 0F 00 00 00 21 D1 26 01 01 03 01 01 10 ${PASSWORD}`)
    await master.ask(0x4a, 0x04, `01 01 04 08 55 ${PASSWORD}`)
    clock.to(now + 400_000)
    one.dialler.nudge()
    await master.until(() => master.seen.some(({ afn, control }) => afn === 0x0c && (control & 0x40) !== 0))
    const upload = master.seen.findLast(({ afn }) => afn === 0x0c)!
    expect(upload).toMatchObject({ con: true, fir: true, fin: true })
    expect(upload.data.startsWith('01 01 01 10 46 09 21 11 26 04')).toBe(true)
  })
})

describe('what goes wrong', () => {
  const ask = (master: Master) => master.ask(0x4b, 0x0d, '01 01 01 14 20 11 26')

  it('nothing collected yet: EE, and later it is there', async () => {
    const { master, clock } = await start({ habits: { successRate: 0, catchUpMs: [12 * 3_600_000, 13 * 3_600_000] } })
    expect(slice((await ask(master))[0]!.data, 13, 25)).toBe(Array.from({ length: 25 }, () => 'EE').join(' '))
    clock.to(now + 4 * 3_600_000)
    expect((await ask(master))[0]!.data).not.toContain('EE')
  })

  it('the same misses for the same seed, others for another', async () => {
    const missed = async (seed: number) => {
      const { master } = await start({ seed, habits: { successRate: 0.5 } })
      const answers = await master.ask(0x4b, 0x0d, 'FF 01 01 14 20 11 26')
      return answers.map(({ data }) => data.split('14 20 11 26').map((part) => part.includes('EE EE EE')))
    }
    expect(await missed(3)).toEqual(await missed(3))
    expect(await missed(3)).not.toEqual(await missed(5))
  })

  it('a lost route: freezes of the time are missing, forwarding is denied', async () => {
    const { master, fleet, clock } = await start()
    const back = fleet.inject({ kind: 'unreached', meter: 'C00021-M0001', from: startOfDay(now) - 3_600_000, until: now + 1000 })
    expect((await ask(master))[0]!.data).toContain('EE EE EE EE EE')
    clock.to(now + 2000)
    expect((await ask(master))[0]!.data).not.toContain('EE')
    back()
  })

  it('orders as on a bus: half of the points, a refusal, noise, a hang-up', async () => {
    const { master, fleet } = await start({ habits: { redialMs: [5, 10] } })
    fleet.inject({ kind: 'halved', count: 100, until: now + 1 })
    const [curve] = await master.ask(0x4b, 0x0d, '02 01 01 0B 15 00 21 11 26 01 08')
    expect(slice(curve!.data, 9, 2)).toBe('01 04')
    fleet.inject({ kind: 'exception', code: 5, count: 1 })
    expect((await ask(master))[0]!.data).toBe('00 00 04 00 0D 01 01 01 14 05')
    fleet.inject({ kind: 'hang-up', count: 1 })
    const before = master.sockets.length
    void ask(master)
    await master.until(() => master.sockets.length > before)
  })

  it('half open: nothing more is said, and the connection stays', async () => {
    const { master, fleet, one } = await start({ habits: { heartbeatMs: 10 } })
    await master.until(() => master.seen.length > 2)
    const back = fleet.inject({ kind: 'half-open', line: one.id })
    const heard = fleet.figures.heartbeats
    void ask(master)
    await new Promise((done) => setImmediate(done))
    expect(fleet.figures.heartbeats).toBe(heard)
    expect(fleet.online()).toBe(1)
    back()
    await ask(master)
  })

  it('a slow loris: byte after byte of a login that never ends', async () => {
    const master = await startMaster()
    master.confirms = false
    const fleet = await dialIn(master, { habits: { lorisMs: 1 }, clock: handClock(now) })
    await master.until(() => Buffer.concat(master.heard).length === 19)
    expect(master.heard.every((bytes) => bytes.length < 19)).toBe(true)
    expect(fleet.online()).toBe(0)
    expect(master.seen).toEqual([])
  })

  it('an impostor: two with one address, both believe in themselves', async () => {
    const { master, fleet } = await start()
    const other = await dialIn(master, { meters: 3, clock: handClock(now) })
    expect([fleet.online(), other.online()]).toEqual([1, 1])
    expect(master.seen[0]!.address).toBe(master.seen[1]!.address)
  })

  it('a registers answer over the power line may be the last daily one, with its old time', async () => {
    const { master, one } = await start({ habits: { staleRegisters: true } })
    const [answer] = await master.ask(0x4b, 0x0c, '01 01 01 10')
    expect(slice(answer!.data, 4, 5)).toBe('00 00 21 11 26')
    const meter = one.wiring.instrument(one.wiring.at(0)!)
    expect(bcd(slice(answer!.data, 10, 5), 4)).toBe(face(meter.energy(1, 0, 0, startOfDay(now))))
    // The three-phase meter on RS-485 is read at once.
    expect(slice((await master.ask(0x4b, 0x0c, '02 02 01 10'))[0]!.data, 4, 5)).toBe('40 09 21 11 26')
  })
})
