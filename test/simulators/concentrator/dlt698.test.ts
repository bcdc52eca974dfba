import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { instantOf, startOfDay } from '../../../simulators/calendar.ts'
import type { ConcentratorsOptions } from '../../../simulators/index.ts'
import { handClock, hexBytes, request645 } from '../tools.ts'
import { dialIn, spaced, startMaster } from './tools.ts'
import { cut698, request698, type Seen698 } from './tools698.ts'

const now = instantOf({ year: 2026, month: 11, day: 21, hour: 9, minute: 40, second: 12 })
const vectors: { readonly vectors: readonly { readonly name: string; readonly hex: string }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/dlt698-45.json', import.meta.url), 'utf8'),
)
const vector = (name: string): Buffer => hexBytes(vectors.vectors.find((one) => one.name === name)!.hex)
const seenOf = (name: string): Seen698 => cut698(vector(name)).seen[0]!

const start = async (options: Partial<ConcentratorsOptions> = {}) => {
  const master = await startMaster()
  const clock = handClock(now)
  const fleet = await dialIn(master, { meters: 12, protocol: 'dlt698', clock, ...options })
  return { master, clock, fleet, one: fleet.all[0]! }
}
const hex32 = (raw: number): string => spaced(Uint8Array.of(raw >>> 24, (raw >> 16) & 255, (raw >> 8) & 255, raw & 255))
const face = (wattSeconds: number): number => Math.floor(wattSeconds / 36_000)
const TARGET = (meter: number): string => `07 05 21 00 00 21 00 ${String(meter).padStart(2, '0')}`

describe('what it says first', () => {
  it('a login as captured: control, length, heartbeat period, time with its weekday', async () => {
    const captured = seenOf('login, heartbeat 60 s, server 000000000322')
    const master = await startMaster()
    const spec = { id: 'C1', protocol: 'dlt698' as const, address: '000000000322', meters: [] }
    const at = instantOf({ year: 2023, month: 7, day: 5, hour: 15, minute: 24, second: 17 })
    await dialIn(master, { specs: [spec], clock: handClock(at) })
    const login = master.seen698[0]!
    expect({ ...login, hex: '', apdu: '' }).toEqual({ ...captured, hex: '', apdu: '' })
    expect(login.hex.split(' ')).toHaveLength(captured.hex.split(' ').length)
    expect(login.apdu.slice(6)).toBe(captured.apdu.slice(6))
  })

  it('heartbeats under numbers of their own', async () => {
    const { master } = await start({ habits: { heartbeatMs: 15 } })
    await master.until(() => master.seen698.length > 3)
    const numbers = master.seen698.map(({ apdu }) => apdu.slice(3, 5))
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(master.seen698[1]!.apdu.slice(6, 8)).toBe('01')
  })
})

describe('what it answers', () => {
  it('its clock and its address', async () => {
    const { master } = await start()
    expect((await master.ask698('05 01 05 40 00 02 00 00')).apdu).toBe('85 01 05 40 00 02 00 01 1C 07 EA 0B 15 09 28 0C 00 00')
    expect((await master.ask698('05 01 06 40 01 02 00 00')).apdu).toBe('85 01 06 40 01 02 00 01 09 06 45 10 00 00 00 21 00 00')
  })

  it('an object nobody has: DAR 4', async () => {
    const { master } = await start()
    expect((await master.ask698('05 01 05 45 99 02 00 00')).apdu).toBe('85 01 05 45 99 02 00 00 04 00 00')
  })

  it('daily freezes of the meters that are named, as the constructed request asks for them', async () => {
    const { master, one } = await start()
    const asked = `05 03 05 60 12 03 00 05 07 EA 0B 15 00 00 00 03 02 ${TARGET(1)} ${TARGET(2)} 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 00`
    const { apdu } = await master.ask698(asked)
    const rows = [0, 1].map((index) => {
      const meter = one.wiring.instrument(one.wiring.at(index)!)
      const values = [0, 1, 2, 3, 4].map((tariff) => `06 ${hex32(face(meter.energy(1, 0, tariff, meter.worldTime(startOfDay(now)))))}`)
      return `55 ${TARGET(index + 1)} 01 02 1C 07 EA 0B 15 00 00 00 01 05 ${values.join(' ')}`
    })
    expect(apdu).toBe(`85 03 05 60 12 03 00 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 01 02 ${rows.join(' ')} 00 00`)
  })

  it('captured requests of a day and of a range', async () => {
    const master = await startMaster()
    const clock = handClock(instantOf({ year: 2026, month: 10, day: 7, hour: 8, minute: 0, second: 0 }))
    const meters = [{ id: 'M1', address: '000000000001', pn: 1, number: 1, port: 31, phases: 1 as const }]
    await dialIn(master, { specs: [{ id: 'C1', protocol: 'dlt698', address: '000000000000', meters }], clock })
    const answers = async (name: string): Promise<string> => {
      const from = master.seen698.length
      master.send(vector(name))
      await master.until(() => master.seen698.length > from)
      return master.seen698[from]!.apdu
    }
    const shape = seenOf('GET record answer: one row').apdu
    const day = await answers('GET record: daily freeze of one day, selector 1')
    expect(day.slice(0, shape.indexOf('06 00 01'))).toBe(shape.slice(0, shape.indexOf('06 00 01')))
    // From the 3rd up to but not including the 6th: three rows.
    expect((await answers('GET record: daily freeze range, selector 2, three columns')).split(' ').slice(23, 25)).toEqual(['01', '03'])
  })

  it('present values of one meter, asked over the power line', async () => {
    const { master, one, fleet } = await start()
    const { apdu } = await master.ask698(`09 01 07 00 3C 01 ${TARGET(3)} 00 1E 02 00 10 02 01 20 00 02 01 00`)
    const meter = one.wiring.instrument(one.wiring.at(2)!)
    expect(apdu).toContain(`89 01 07 01 ${TARGET(3)} 02 00 10 02 01 01 06 ${hex32(face(meter.energy(1, 0, 0, now)))} 20 00 02 01 01 12`)
    fleet.inject({ kind: 'unreached', meter: 'C00021-M0003' })
    expect((await master.ask698(`09 01 08 00 3C 01 ${TARGET(3)} 00 1E 01 00 10 02 01 00`)).apdu).toBe(
      `89 01 08 01 ${TARGET(3)} 01 00 10 02 01 00 21 00 00`,
    )
  })

  it('a DL/T 645 frame, as in the captured pass-through', async () => {
    const { master } = await start()
    const inner = request645('210000210001', 0x11, [0, 0, 1, 0])
    const { apdu } = await master.ask698(
      `09 07 04 F2 09 02 01 03 02 08 01 00 00 14 00 32 ${spaced(Uint8Array.of(inner.length))} ${spaced(inner)} 00`,
    )
    expect(apdu.startsWith('89 07 04 F2 09 02 01 01 14 68 01 00 21 00 00 21 68 91 08 33 33 34 33')).toBe(true)
    expect(apdu.endsWith('16 00 00')).toBe(true)
  })

  it('what a request in security is: the plain answer and a code', async () => {
    const { master } = await start()
    const { apdu } = await master.ask698('10 00 08 05 01 05 40 00 02 00 00 01 10 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF')
    expect(apdu.startsWith('90 00 12 85 01 05 40 00 02 00 01 1C 07 EA')).toBe(true)
  })

  it('long records: in fragments that are confirmed one by one', async () => {
    const { master } = await start({ habits: { frameLimit: 200 } })
    const asked = '05 03 05 60 12 03 00 0A 01 01 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 00'
    let part = await master.ask698(asked)
    let all = hexBytes(part.apdu).subarray(2)
    const heads = [hexBytes(part.apdu).readUInt16LE(0)]
    while (heads.at(-1)! >> 14 !== 1) {
      const confirm = 0x8000 | (heads.at(-1)! & 0xfff)
      part = await master.ask698(spaced(Uint8Array.of(confirm & 255, confirm >> 8)), { control: 0x63 })
      heads.push(hexBytes(part.apdu).readUInt16LE(0))
      all = Buffer.concat([all, hexBytes(part.apdu).subarray(2)])
    }
    expect(heads.map((head) => head >> 14)).toEqual([0, ...heads.slice(2).map(() => 3), 1])
    expect(heads.map((head) => head & 0xfff)).toEqual(heads.map((_, at) => at))
    const whole = await (await start()).master.ask698(asked)
    expect(spaced(all)).toBe(whole.apdu)
  })

  it('or in blocks that are asked for', async () => {
    const { master } = await start({ habits: { frameLimit: 200, blocks: 'next' } })
    const asked = '05 03 05 60 12 03 00 0A 01 01 02 00 20 2A 02 00 01 50 04 02 00 02 20 21 02 00 00 10 02 00 00'
    const first = await master.ask698(asked)
    expect(first.apdu.startsWith('85 05 05 00 00 01 02 01 60 12 03 00')).toBe(true)
    let last = first.apdu
    let block = 1
    let rows = 0
    for (;;) {
      rows += last.split(`55 07 05`).length - 1
      if (last.startsWith('85 05 05 01')) break
      last = (await master.ask698(`05 05 05 00 ${block.toString(16).padStart(2, '0')} 00`)).apdu
      block++
    }
    expect(rows).toBe(12)
  })
})

describe('what it is told', () => {
  it('the captured time, and shows it', async () => {
    const master = await startMaster()
    const clock = handClock(now)
    const fleet = await dialIn(master, { specs: [{ id: 'C1', protocol: 'dlt698', address: '000000000000', meters: [] }], clock })
    const from = master.seen698.length
    master.send(vector('set clock 2026-10-07 15:00:00'))
    await master.until(() => master.seen698.length > from)
    expect(master.seen698[from]!.hex).toBe(spaced(vector('set clock accepted')))
    expect(fleet.told.at(-1)).toMatchObject({ what: 'clock', detail: '2026-11-21T09:40:12 -> 2026-10-07T15:00:00' })
  })

  it('its archive: a unit taken away and brought back', async () => {
    const { master, one } = await start()
    const unit = (await master.ask698('05 01 05 60 00 02 03 00')).apdu.split(' ').slice(8, -2).join(' ')
    expect((await master.ask698('07 01 06 60 00 83 00 12 00 03 00')).apdu).toBe('87 01 06 60 00 83 00 00 00 00 00')
    expect((await master.ask698('05 01 07 60 00 02 03 00')).apdu).toBe('85 01 07 60 00 02 03 00 04 00 00')
    expect((await master.ask698(`07 01 08 60 00 7F 00 ${unit} 00`)).apdu).toBe('87 01 08 60 00 7F 00 00 00 00 00')
    expect((await master.ask698('05 01 05 60 00 02 03 00')).apdu).toContain(unit)
    expect(one.wiring.count).toBe(12)
  })

  it('what a request with one wrong bit is: nothing', async () => {
    const { master, fleet } = await start()
    const frame = request698('451000000021', '05 01 05 40 00 02 00 00')
    frame[16] = frame[16]! ^ 1
    master.send(frame)
    await master.ask698('05 01 09 40 00 02 00 00')
    expect(fleet.figures.requests).toBe(1)
  })
})

describe('what it says by itself', () => {
  it('a record list, as in the captured report, again until it is answered', async () => {
    const { master, one } = await start({ habits: { reportMs: 15 } })
    master.confirmsReports = false
    one.raise({ code: 0x3106, edge: 'begin' })
    const reports = () => master.seen698.filter(({ control }) => control === 0x83)
    await master.until(() => reports().length >= 3)
    const [first, second] = reports()
    expect(second!.hex).toBe(first!.hex)
    const captured = seenOf('report notification of a record list: event 3309')
    expect(first!.apdu.slice(0, 5)).toBe(captured.apdu.slice(0, 5))
    expect(first!.apdu).toContain('01 31 06 02 00 05 00 20 22 02 00 00 20 1E 02 00')
    // ACD: an event waits.
    expect((await master.ask698('05 01 05 40 00 02 00 00')).apdu.slice(6, 8)).toBe('45')
    master.confirmsReports = true
    await master.until(() => reports().length >= 4)
    await master.ask698('05 01 05 40 00 02 00 00')
    expect((await master.ask698('05 01 05 40 00 02 00 00')).apdu.slice(6, 8)).toBe('05')
  })
})
