import { describe, expect, it, onTestFinished } from 'vitest'
import { DAY_MS, instantOf, SLOT_MS, startOfDay, startOfMonth } from '../../../simulators/calendar.ts'
import { type Dlt645MeterSpec, openPtyPair, startDlt645Line, startPtyDlt645 } from '../../../simulators/index.ts'
import { openSerial } from '../../../simulators/pty.ts'
import { di, digits, handClock, hexBytes, hexText, openRaw, request645, SILENCE, takeApart, whole } from '../tools.ts'

const ADDRESS = '123456789012'
const now = instantOf({ year: 2026, month: 11, day: 21, hour: 18, minute: 20, second: 31 })

const start = async (meters: readonly Dlt645MeterSpec[] = [{ address: ADDRESS, wakeUps: 4 }]) => {
  const clock = handClock(now)
  const line = await startDlt645Line({ meters, clock, seed: 5 })
  onTestFinished(() => line.close())
  const raw = await openRaw(line.port)
  onTestFinished(() => raw.close())
  const ask = async (control: number, data: readonly number[], address = ADDRESS) =>
    takeApart(await raw.ask(request645(address, control, data), whole))
  const unheard = (control: number, data: readonly number[], address = ADDRESS) => raw.ask(request645(address, control, data), ...SILENCE)
  return {
    clock,
    line,
    raw,
    ask,
    unheard,
    read: (item: string, extra: readonly number[] = []) => ask(0x11, [...di(item), ...extra]),
    meter: line.instruments.get(meters[0]!.address)!,
  }
}

/** Requests found in public programs, and what a good answer to them looks like. */
const CAPTURED = [
  ['read energy of meter 123456789012', '68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16', '123456789012', 0x91, 8],
  ['read forward active block of meter 201000000002', '68 02 00 00 00 10 20 68 11 04 33 32 34 33 E3 16', '201000000002', 0x91, 24],
  ['read phase A voltage, 000000000161', '68 61 01 00 00 00 00 68 11 04 33 34 34 35 17 16', '000000000161', 0x91, 6],
  ['read phase A current, three wake-up bytes', 'FE FE FE 68 03 29 18 11 12 22 68 11 04 33 34 35 35 3F 16', '221211182903', 0x91, 7],
  ['read total active power', '68 61 01 00 00 00 00 68 11 04 33 33 36 35 18 16', '000000000161', 0x91, 7],
  ['read time', '68 12 00 00 00 10 20 68 11 04 35 34 33 37 FA 16', '201000000012', 0x91, 7],
  ['read date, four wake-up bytes', 'FE FE FE FE 68 11 11 11 11 11 11 68 11 04 34 34 33 37 1D 16', '111111111111', 0x91, 8],
  ['read last daily freeze time', '68 12 00 00 00 10 20 68 11 04 34 33 39 38 FF 16', '201000000012', 0x91, 9],
  ['read demand item 01010000', '68 16 00 00 00 15 20 68 11 04 33 33 34 34 FE 16', '201500000016', 0x91, 12],
  ['read cover-open count', '68 12 00 00 00 10 20 68 11 04 33 40 63 36 33 16', '201000000012', 0x91, 7],
  ['read relay trip count', '68 12 00 00 00 10 20 68 11 04 34 33 33 50 11 16', '201000000012', 0x91, 7],
  ['read communication address', '68 01 02 03 04 05 06 68 11 04 34 37 33 37 CF 16', '060504030201', 0x91, 10],
  ['read address with wildcard, four wake-up bytes', 'FE FE FE FE 68 AA AA AA AA AA AA 68 13 00 DF 16', '202608150042', 0x93, 6],
  ['read of the undefined item 02010000', '68 01 00 00 00 00 10 68 11 04 33 33 34 35 C5 16', '100000000001', 0xd1, 1],
  ['read remaining money of a meter without prepayment', '68 12 00 00 00 10 20 68 11 04 33 35 C3 33 85 16', '201000000012', 0xd1, 1],
] as const

describe('a simulated DL/T 645-2007 meter', () => {
  it.each(CAPTURED)('answers "%s"', async (_, hex, address, control, length) => {
    const { raw } = await start([{ address }])
    const answer = takeApart(await raw.ask(hexBytes(hex), whole))
    expect(answer).toMatchObject({ address, control })
    expect(answer.data).toHaveLength(length)
    expect(answer.rest).toHaveLength(0)
    const asked = takeApart(hexBytes(hex))
    if (control === 0x91) expect(answer.data.slice(0, 4)).toEqual(asked.data.slice(0, 4))
    if (control === 0xd1) expect(answer.data).toEqual([2])
  })

  it.each([
    ['a wrong checksum', '68 12 90 78 56 34 12 68 11 04 33 33 34 33 69 16'],
    ['a wrong end', '68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 17'],
    ['another meter', '68 13 90 78 56 34 12 68 11 04 33 33 34 33 69 16'],
    ['the broadcast address', '68 99 99 99 99 99 99 68 11 04 33 33 34 33 AE 16'],
    ['an answer of somebody else', '68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16'],
  ])('is silent on %s', async (_, hex) => {
    const { raw } = await start()
    expect(await raw.ask(hexBytes(hex), ...SILENCE)).toHaveLength(0)
  })

  it('finds the request behind noise and half a frame, byte by byte', async () => {
    const { raw } = await start()
    const stream = hexBytes('00 68 68 11 FE 68 12 90 78 56 34 12 68 FE FE 68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16')
    for (const byte of stream.subarray(0, -1)) raw.socket.write(Uint8Array.of(byte))
    expect(takeApart(await raw.ask(stream.subarray(-1), whole)).control).toBe(0x91)
  })

  it('shows registers, voltage and power of its instrument', async () => {
    const { read, meter } = await start()
    const energy = await read('00010000')
    expect(Number(digits(energy!.data.slice(4)))).toBe(Math.floor(meter.energy(1, 0, 0, now) / 36_000) % 1e8)
    const block = await read('0001FF00')
    expect([0, 1, 2, 3, 4].map((tariff) => Number(digits(block!.data.slice(4 + tariff * 4, 8 + tariff * 4))))).toEqual(
      [0, 1, 2, 3, 4].map((tariff) => Math.floor(meter.energy(1, 0, tariff, now) / 36_000)),
    )
    expect(Number(digits((await read('02010100'))!.data.slice(4))) / 10).toBe(meter.volts(1, now))
    expect(Number(digits((await read('02030000'))!.data.slice(4)))).toBe(Math.abs(meter.watts(0, now)) * 10)
    expect(digits((await read('04000102'))!.data.slice(4))).toMatch(/^18(19|20)\d\d$/)
  })

  it('sets the top bit of a negative power and of its current', async () => {
    const { read, meter, clock } = await start()
    let noon = startOfDay(now) + 12 * 3_600_000
    while (meter.watts(0, noon) >= 0) noon += DAY_MS
    clock.to(noon)
    const power = (await read('02030000'))!.data.slice(4)
    expect(power[2]! & 0x80).toBe(0x80)
    expect(Number(digits([power[0]!, power[1]!, power[2]! & 0x7f]))).toBe(-meter.watts(0, noon) * 10)
    expect((await read('02020100'))!.data[6]! & 0x80).toBe(0x80)
    // Word 1, bit 4: active power reversed.
    expect((await read('04000501'))!.data[4]! & 0x10).toBe(0x10)
  })

  it('fills the phases a single-phase meter lacks with FF, and refuses them one by one', async () => {
    const { read } = await start()
    expect((await read('0201FF00'))!.data.slice(6)).toEqual([0xff, 0xff, 0xff, 0xff])
    expect((await read('0203FF00'))!.data.slice(10)).toEqual([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    expect(await read('02010200')).toMatchObject({ control: 0xd1, data: [2] })
    const three = await start([{ address: ADDRESS, phases: 3 }])
    expect((await three.read('0201FF00'))!.data.slice(4)).not.toContain(0xff)
  })

  it('freezes at its own midnight: the register as it stood, stamped 00:00', async () => {
    const { read, meter } = await start()
    for (const back of [1, 2, 62]) {
      const own = startOfDay(meter.ownTime(now), back - 1)
      const number = back.toString(16).padStart(2, '0')
      const day = new Date(own + 8 * 3_600_000)
      const stamp = await read(`050600${number}`)
      expect(digits(stamp!.data.slice(4))).toBe(
        `${String(day.getUTCFullYear()).slice(2)}${String(day.getUTCMonth() + 1).padStart(2, '0')}${String(day.getUTCDate()).padStart(2, '0')}0000`,
      )
      const frozen = await read(`050601${number}`)
      expect(Number(digits(frozen!.data.slice(4, 8)))).toBe(Math.floor(meter.energy(1, 0, 0, meter.worldTime(own)) / 36_000))
    }
    expect(await read('0506013F')).toMatchObject({ control: 0xd1 })
  })

  it('keeps twelve settlement days, 00:00 on the first', async () => {
    const { read, meter } = await start()
    for (const back of [1, 12]) {
      const own = startOfMonth(meter.ownTime(now), back - 1)
      const settled = await read(`0001FF${back.toString(16).padStart(2, '0')}`)
      expect(Number(digits(settled!.data.slice(4, 8)))).toBe(Math.floor(meter.energy(1, 0, 0, meter.worldTime(own)) / 36_000))
    }
    expect(await read('0001FF0D')).toMatchObject({ control: 0xd1 })
    const demand = await read('01010001')
    const kept = meter.demand(1, startOfMonth(now, 1), startOfMonth(now))!
    expect(Number(digits(demand!.data.slice(4, 7)))).toBe(Math.round(kept.watts * 10))
  })

  it('gives load records from a given time through follow-up frames, each with its number', async () => {
    const { ask, meter } = await start([{ address: ADDRESS, frameLimit: 60 }])
    const from = startOfDay(now)
    const frames = [await ask(0x11, [...di('06000001'), 2, 0x00, 0x00, 0x21, 0x11, 0x26])]
    for (let seq = 1; frames.at(-1)!.control & 0x20; seq++) frames.push(await ask(0x12, [...di('06000001'), seq]))
    expect(frames.length).toBeGreaterThan(3)
    expect(frames[0]!.control).toBe(0xb1)
    expect(frames.at(-1)!.control).toBe(0x92)
    const data = frames.flatMap((frame, at) => (at === 0 ? frame!.data.slice(4) : frame!.data.slice(4, -1)))
    expect(frames.slice(1).map((frame) => frame!.data.at(-1))).toEqual(frames.slice(1).map((_, at) => at + 1))
    for (const frame of frames) expect(frame!.data.length).toBeLessThanOrEqual(60)
    // Two blocks of the same length: A0 A0, length, time, six groups with AA, sum, E5.
    const size = data.length / 2
    for (const [at, block] of [data.slice(0, size), data.slice(size)].entries()) {
      expect(block.slice(0, 2)).toEqual([0xa0, 0xa0])
      expect(block[2]).toBe(size - 5)
      expect(digits(block.slice(3, 8))).toBe(`261121${at === 0 ? '0000' : '0015'}`)
      expect(block.at(-1)).toBe(0xe5)
      expect(block.at(-2)).toBe(block.slice(0, -2).reduce((sum, byte) => sum + byte, 0) & 0xff)
      // Voltages 6, currents 9, frequency 2; powers 24; factors 8; energies 16.
      const groups = [17, 24, 8, 16, 16, 6]
      let place = 8
      for (const group of groups) {
        place += group
        expect(block[place]).toBe(0xaa)
        place++
      }
      const energies = 8 + 18 + 25 + 9
      expect(Number(digits(block.slice(energies, energies + 4)))).toBe(
        Math.floor(meter.energy(1, 0, 0, meter.worldTime(from + at * SLOT_MS)) / 36_000),
      )
    }
  })

  it('sends a follow-up frame again when its number is asked again, and refuses one out of turn', async () => {
    const { ask } = await start([{ address: ADDRESS, frameLimit: 12 }])
    expect((await ask(0x11, di('0001FF00')))!.control).toBe(0xb1)
    const first = await ask(0x12, [...di('0001FF00'), 1])
    expect(await ask(0x12, [...di('0001FF00'), 1])).toEqual(first)
    expect((await ask(0x12, [...di('0001FF00'), 3]))!.control).toBe(0xd2)
  })

  it('gives curve points with their own time', async () => {
    const { read, meter } = await start()
    const point = await read('06100601', [0x15, 0x12, 0x20, 0x11, 0x26])
    expect(digits(point!.data.slice(4, 9))).toBe('2611201215')
    const own = instantOf({ year: 2026, month: 11, day: 20, hour: 12, minute: 15, second: 0 })
    expect(Number(digits(point!.data.slice(9)))).toBe(Math.floor(meter.energy(1, 0, 0, meter.worldTime(own)) / 36_000))
    expect(await read('06100601', [0x15, 0x12, 0x20, 0x11, 0x27])).toMatchObject({ control: 0xd1 })
  })

  it('lets two meters that hear a wildcard collide', async () => {
    const { raw } = await start([
      { address: ADDRESS, wakeUps: 0 },
      { address: '202608150042', wakeUps: 0 },
    ])
    const heard = await raw.ask(hexBytes('68 AA AA AA AA AA AA 68 13 00 DF 16'), 18)
    expect(heard.length).toBeGreaterThan(0)
    expect(() => takeApart(heard)).toThrow()
  })

  it('hears a partial address', async () => {
    const { ask, unheard } = await start()
    expect((await ask(0x11, di('00010000'), 'AAAAAA789012'))!.address).toBe(ADDRESS)
    expect(await unheard(0x11, di('00010000'), 'AAAAAA789013')).toHaveLength(0)
  })

  it('takes the time by broadcast once a day, five minutes at most, never near midnight', async () => {
    const { raw, meter, clock } = await start()
    const stamp = (at: number) => {
      const local = new Date(at + 8 * 3_600_000).toISOString()
      return [
        ...hexBytes(
          `${local.slice(17, 19)}${local.slice(14, 16)}${local.slice(11, 13)}${local.slice(8, 10)}${local.slice(5, 7)}${local.slice(2, 4)}`,
        ),
      ]
    }
    const error = () => meter.ownTime(clock.now()) - clock.now()
    const set = (at: number) => raw.ask(request645('999999999999', 0x08, stamp(at)), ...SILENCE)
    const habit = error()
    expect(await set(now + 400_000)).toHaveLength(0)
    expect(error()).toBe(habit)
    await set(now + 100_000)
    expect(Math.abs(error() - 100_000)).toBeLessThan(1000)
    await set(now)
    expect(Math.abs(error() - 100_000)).toBeLessThan(1000)
    clock.to(startOfDay(now) + DAY_MS + 60_000)
    await set(clock.now())
    expect(Math.abs(error() - 100_000)).toBeLessThan(1000)
  })

  it('works its relay with the right password only, and locks after three wrong ones', async () => {
    const { ask, read, clock } = await start([{ address: ADDRESS, password: '020637' }])
    const relay = (command: number, password: readonly number[]) => ask(0x1c, [2, ...password, 0, 0, 0, 0, command, 0, 0, 0, 0, 0, 0, 0])
    const state = async () => (await read('04000503'))!.data[4]! & 0x10
    const right = [0x37, 0x06, 0x02]
    expect(await relay(0x1a, [1, 1, 1])).toMatchObject({ control: 0xdc, data: [4] })
    expect(await state()).toBe(0)
    expect(await relay(0x1a, right)).toMatchObject({ control: 0x9c, data: [] })
    expect(await state()).toBe(0x10)
    expect(digits((await read('1D000001'))!.data.slice(4))).toBe('000001')
    expect(await relay(0x1b, right)).toMatchObject({ control: 0x9c })
    for (const wrong of [1, 2, 3]) expect(await relay(0x1a, [wrong, 1, 1])).toMatchObject({ control: 0xdc })
    expect(await relay(0x1a, right)).toMatchObject({ control: 0xdc, data: [4] })
    clock.to(now + DAY_MS)
    expect(await relay(0x1a, right)).toMatchObject({ control: 0x9c })
  })

  it('writes its clock and settings, and counts it', async () => {
    const { ask, read, meter } = await start()
    const write = (item: string, value: readonly number[], password = [0, 0, 0]) =>
      ask(0x14, [...di(item), 2, ...password, 0, 0, 0, 0, ...value])
    expect(await write('04000102', [0x00, 0x00, 0x19], [9, 9, 9])).toMatchObject({ control: 0xd4, data: [4] })
    expect(await write('04000102', [0x00, 0x00, 0x19])).toMatchObject({ control: 0x94, data: [] })
    expect(digits((await read('04000102'))!.data.slice(4))).toBe('190000')
    expect(meter.ownTime(now)).toBe(instantOf({ year: 2026, month: 11, day: 21, hour: 19, minute: 0, second: 0 }))
    expect(digits((await read('03300400'))!.data.slice(4))).toBe('000001')
    expect((await read('03300401'))!.data).toHaveLength(20)
    expect(await write('04000901', [0x05])).toMatchObject({ control: 0x94 })
    expect((await read('04000901'))!.data[4]).toBe(5)
    expect(digits((await read('03300000'))!.data.slice(4))).toBe('000002')
  })

  it('takes another address', async () => {
    const { ask } = await start()
    expect((await ask(0x15, [...hexBytes('12 34 56 78 10 13')], 'AAAAAAAAAAAA'))!.control).toBe(0x95)
    expect((await ask(0x13, [], 'AAAAAAAAAAAA'))!.data).toEqual([...hexBytes('12 34 56 78 10 13')])
  })
})

describe('a simulated DL/T 645-1997 meter', () => {
  it('writes its clock with the right password, and locks after three wrong ones', async () => {
    const { ask, meter, clock } = await start([{ address: ADDRESS, variant: '1997', password: '020637' }])
    const right = [0x37, 0x06, 0x02]
    const write = (item: readonly number[], value: readonly number[], password: readonly number[] = right) =>
      ask(0x04, [...item, 2, ...password, ...value])
    const [date, time] = [
      [0x10, 0xc0],
      [0x11, 0xc0],
    ] as const
    expect(await write(time, [0x00, 0x30, 0x19])).toMatchObject({ control: 0x84, data: [] })
    expect(await write(date, [0x00, 0x22, 0x11, 0x26])).toMatchObject({ control: 0x84, data: [] })
    expect(meter.ownTime(now)).toBe(instantOf({ year: 2026, month: 11, day: 22, hour: 19, minute: 30, second: 0 }))
    expect(digits((await ask(0x01, [...time]))!.data.slice(2))).toBe('193000')
    expect(await write([0x30, 0xc0], [1, 2, 3])).toMatchObject({ control: 0xc4, data: [2] })
    for (const wrong of [1, 2, 3]) expect(await write(time, [0, 0, 1], [wrong, 1, 1])).toMatchObject({ control: 0xc4, data: [4] })
    expect(await write(time, [0, 0, 1])).toMatchObject({ control: 0xc4, data: [4] })
    clock.to(now + DAY_MS)
    expect(await write(time, [0, 0, 1])).toMatchObject({ control: 0x84 })
  })

  it('is silent on 2007 requests and answers its own', async () => {
    const { ask, unheard, meter } = await start([{ address: ADDRESS, variant: '1997' }])
    expect(await unheard(0x11, di('00010000'))).toHaveLength(0)
    expect(await unheard(0x13, [], 'AAAAAAAAAAAA')).toHaveLength(0)
    const energy = await ask(0x01, di('9010'))
    expect(energy).toMatchObject({ control: 0x81 })
    expect(Number(digits(energy!.data.slice(2)))).toBe(Math.floor(meter.energy(1, 0, 0, now) / 36_000))
    const block = await ask(0x01, di('901F'))
    expect(block!.data).toHaveLength(2 + 5 * 4 + 1)
    expect(block!.data.at(-1)).toBe(0xaa)
    expect(Number(digits((await ask(0x01, di('B611')))!.data.slice(2)))).toBe(Math.round(meter.volts(1, now)))
    expect(await ask(0x01, di('B699'))).toMatchObject({ control: 0xc1, data: [2] })
    expect(hexText(Uint8Array.from((await ask(0x01, di('C032')))!.data))).toBe('32 C0 12 90 78 56 34 12')
  })
})

it('answers on a pty', async () => {
  const pair = await openPtyPair()
  onTestFinished(() => pair.close())
  const line = await startPtyDlt645({ path: pair.meterEnd, meters: [{ address: ADDRESS }], clock: handClock(now) })
  onTestFinished(() => line.close())
  const port = await openSerial(pair.gatewayEnd)
  onTestFinished(() => port.close())
  const heard = new Promise<Buffer>((resolve) => {
    let held: Buffer = Buffer.alloc(0)
    port.onBytes((bytes) => {
      held = Buffer.concat([held, bytes])
      if (held.at(-1) === 0x16) resolve(held)
    })
  })
  port.write(request645(ADDRESS, 0x13, []))
  expect(takeApart(await heard).data).toEqual([...hexBytes('12 90 78 56 34 12')])
})
