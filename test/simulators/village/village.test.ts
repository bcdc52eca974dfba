import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'mqtt'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { PUSH_MIX, pushTopicOf, simulateMeter, simulateVillage, startVillage, writeVillageFiles } from '../../../simulators/index.ts'
import { di, digits, handClock, openRaw, request645, rtu, SILENCE, takeApart, whole } from '../tools.ts'

const now = Date.UTC(2026, 10, 21, 12, 34, 56)

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'village-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

interface TruthLine {
  readonly instant: string
  readonly meter: string
  readonly register: string
  readonly value: string
  readonly fault: string | null
}
const truthOf = (path: string): TruthLine[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((text): TruthLine => JSON.parse(text))

describe('a village on real sockets', () => {
  it('lets every one of its meters be read, writes each value down, and a second village of the same seed shows the same', async () => {
    const out = folder()
    const village = await startVillage({ seed: 11, out, clock: handClock(now) })
    const again = await startVillage({ seed: 11, clock: handClock(now) })
    onTestFinished(async () => {
      await village.close()
      await again.close()
    })
    expect(village.meters).toHaveLength(64)
    for (const line of village.lines) {
      const raw = await openRaw(line.port)
      for (const id of line.meters) {
        const { address, profile } = village.meters.find((meter) => meter.id === id)!
        if (line.kind === 'dlt645') {
          const answer = takeApart(await raw.ask(request645(address, 0x11, di('00010000')), whole))
          const text = digits(answer.data.slice(4))
          expect(village.faceAt(id, '1-0:1.8.0', now)).toEqual({ text: `${Number(text.slice(0, 6))}.${text.slice(6)}`, unit: 'kWh' })
        } else {
          const [fn, first] = ENERGY[profile]!
          const pdu = [Number(address), fn, first >> 8, first & 255, 0, 2]
          const heard =
            line.kind === 'modbus-rtu'
              ? await raw.ask(rtu(...pdu), 9)
              : (await raw.ask(Buffer.from([0, 1, 0, 0, 0, 6, ...pdu]), 13)).subarray(6)
          expect([...heard.subarray(0, 3)]).toEqual([Number(address), fn, 4])
          const face = Number(village.faceAt(id, '1-0:1.8.0', now)!.text)
          expect(profile.startsWith('acrel') ? heard.readUInt32BE(3) / 100 : heard.readFloatBE(3)).toBeCloseTo(face, 1)
        }
        expect(again.faceAt(id, '1-0:1.8.0', now)).toEqual(village.faceAt(id, '1-0:1.8.0', now))
      }
      raw.close()
    }
    const truth = truthOf(village.truthPath!)
    expect(
      truth
        .filter(({ register }) => register === '1-0:1.8.0')
        .map(({ meter }) => meter)
        .sort(),
    ).toEqual(village.meters.map(({ id }) => id).sort())
    for (const { meter, register, value, instant, fault } of truth) {
      expect(fault).toBeNull()
      expect(village.faceAt(meter, register, Date.parse(instant))!.text).toBe(value)
    }
  })

  it('shows the area meter behind its transformers: primary supply divided by the ratio', async () => {
    const village = await startVillage({ seed: 11, meters: 20, clock: handClock(now) })
    onTestFinished(() => village.close())
    for (const { id, ct, profile } of village.meters.filter(({ role }) => role === 'area-supply')) {
      expect(ct).toBe('400/5')
      const primary = village.instrument(id).energy(1, 0, 0, now) / 3_600_000
      expect(Number(village.faceAt(id, '1-0:1.8.0', now)!.text), profile).toBe(Math.floor((primary / 80) * 100) / 100)
      expect(Number(village.faceAt(id, '1-0:32.7.0', now)!.text)).toBe(village.instrument(id).volts(1, now))
    }
  })

  it('takes faults while it runs', async () => {
    const out = folder()
    const clock = handClock(now)
    const village = await startVillage({ seed: 11, meters: 12, out, clock, lines: { 'modbus-tcp': 0, 'modbus-rtu': 0, dlt645: 1 } })
    onTestFinished(() => village.close())
    const victim = village.meters.find(({ role }) => role === 'customer')!
    const line = village.lines.find(({ id }) => id === victim.line)!
    const raw = await openRaw(line.port)
    onTestFinished(() => raw.close())
    const read = (item: string) => raw.ask(request645(victim.address, 0x11, di(item)), whole)
    const unheard = () => raw.ask(request645(victim.address, 0x11, di('00010000')), ...SILENCE)
    const undo = village.inject({ kind: 'silent', meter: victim.id })
    expect(await unheard()).toHaveLength(0)
    undo()
    village.inject({ kind: 'reset', meter: victim.id })
    expect(digits(takeApart(await read('00010000')).data.slice(4))).toBe('00000000')
    // The new meter froze nothing yet.
    expect(takeApart(await read('05060101')).control).toBe(0xd1)
    village.inject({ kind: 'reboot', meter: victim.id, seconds: 30 })
    expect(await unheard()).toHaveLength(0)
    clock.to(now + 31_000)
    expect(digits(takeApart(await read('03110000')).data.slice(4))).toBe('000001')
    village.inject({ kind: 'clock', meter: victim.id, offset: 7200 })
    expect(digits(takeApart(await read('04000102')).data.slice(6))).toBe('22')
    village.inject({ kind: 'rollover', meter: 'M0001', from: now + 60_000 })
    expect(Number(village.faceAt('M0001', '1-0:1.8.0', now)!.text)).toBeGreaterThan(999_999)
    expect(Number(village.faceAt('M0001', '1-0:1.8.0', now + 120_000)!.text)).toBeLessThan(1)
    const log = readFileSync(join(out, 'faults.jsonl'), 'utf8')
    expect(log).toContain('"ordered":{"kind":"silent"')
  })

  it('writes a gateway file and a ledger that name every line and meter', async () => {
    const out = folder()
    const village = await startVillage({ seed: 4, meters: 30, clock: handClock(now) })
    onTestFinished(() => village.close())
    const files = writeVillageFiles(village, out, { http: { port: 8080 }, clock: { start: now, realStart: 0, speed: 60 } })
    const gateway = parse(readFileSync(files.gateway, 'utf8'))
    expect(gateway).toMatchObject({
      version: 1,
      gateway: { id: 'village', timezone: 'Asia/Shanghai' },
      http: { host: '127.0.0.1', port: 8080 },
      store: { kind: 'embedded' },
      ledger: './ledger.yaml',
      clock: { start: '2026-11-21T12:34:56.000Z', speed: 60 },
    })
    // Anchors are for machines; a person will edit this file.
    expect(readFileSync(files.gateway, 'utf8')).not.toMatch(/[*&]a1/)
    expect(gateway.lines.map(({ id }: { id: string }) => id)).toEqual(village.lines.map(({ id }) => id))
    expect(gateway.tasks.map(({ read }: { read: string }) => read)).toEqual(['current', 'curve', 'day-freeze', 'month-freeze'])
    const ledger = parse(readFileSync(files.ledger, 'utf8'))
    expect(ledger.meters).toHaveLength(30)
    expect(ledger.points.map(({ id }: { id: string }) => id)).toEqual(ledger.meters.map(({ point }: { point: string }) => point))
    // Addresses are text: a leading zero would be lost, and twelve digits are no number.
    for (const { address } of ledger.meters) expect(typeof address).toBe('string')
  })
})

describe('a village in which some meters push', () => {
  it('starts a broker, publishes in village time, and every value heard there is in the truth log and on the face of its meter', async () => {
    const out = folder()
    const running = await simulateVillage({ seed: 3, meters: 20, out, speed: 60, start: now, every: '10s', push: true }, () => {})
    if (!running.ok) throw new Error(running.error.message)
    onTestFinished(() => running.value.stop())
    const { village, gateway } = running.value
    const line = village.lines.find(({ kind }) => kind === 'mqtt')!
    const heard = new Set<string>()
    const client = connect(`mqtt://127.0.0.1:${line.port}`)
    onTestFinished(() => client.endAsync(true))
    client.on('message', (topic) => heard.add(topic))
    await new Promise<void>((resolve) => client.once('connect', () => resolve()))
    await client.subscribeAsync('#')
    const pushing = village.meters.filter(({ line: id }) => id === line.id)
    expect(pushing.length).toBeGreaterThan(1)
    const topics = pushing.filter(({ family }) => family !== 'acrel').map(({ id, family }) => pushTopicOf(family!, id))
    while (!topics.every((topic) => heard.has(topic))) await new Promise((next) => setTimeout(next, 10))
    const truth = truthOf(village.truthPath!)
    expect(truth.length).toBeGreaterThan(0)
    for (const { meter, register, value, instant, fault } of truth) {
      expect(fault).toBeNull()
      expect(village.faceAt(meter, register, Date.parse(instant))?.text, `${meter} ${register}`).toBe(value)
    }
    const written = parse(readFileSync(gateway, 'utf8'))
    expect(written.lines.map(({ id }: { id: string }) => id)).not.toContain('push-01')
    expect(written.mqtt).toEqual([
      {
        id: 'push-01',
        url: `mqtt://127.0.0.1:${line.port}`,
        connections: 1,
        mappings: [...new Set(pushing.map(({ profile }) => profile.replace('mqtt/', '')))],
      },
    ])
    const { meters } = parse(readFileSync(running.value.ledger, 'utf8'))
    expect(meters.filter(({ line: id }: { line: string }) => id === 'push-01')).toEqual(
      pushing.map(({ id, point, line: at, address, profile, ct, pt }) => ({ id, point, line: at, address, profile, ct, pt })),
    )
  })

  it('says when its broker dies, and goes on answering on the other lines', async () => {
    const warned: string[] = []
    const village = await startVillage({
      seed: 3,
      meters: 10,
      clock: handClock(now),
      lines: PUSH_MIX,
      onBrokerGone: (why) => warned.push(why),
    })
    onTestFinished(() => village.close())
    process.kill(village.brokerPid!, 'SIGKILL')
    while (warned.length === 0) await new Promise((next) => setTimeout(next, 10))
    expect(warned[0]).toContain('the broker ended by itself')
    const { port, meters } = village.lines.find(({ kind }) => kind === 'dlt645')!
    const { address } = village.meters.find(({ id }) => id === meters[0])!
    const raw = await openRaw(port)
    onTestFinished(() => raw.close())
    expect(takeApart(await raw.ask(request645(address, 0x11, di('00010000')), whole)).control).toBe(0x91)
  })
})

describe('runners', () => {
  it('start a village, say what listens where, and end by themselves', async () => {
    const out = folder()
    const printed: string[] = []
    const running = await simulateVillage(
      { seed: 2, meters: 8, out, speed: 60, forMs: 50, faults: ['late:ms=5,probability=0.1'] },
      (line) => printed.push(line),
    )
    if (!running.ok) throw new Error(running.error.message)
    await running.value.ended
    expect(printed[0]).toContain('8 meters')
    expect(printed.join('\n')).toMatch(/dlt-01 +dlt645 +127\.0\.0\.1:\d+/)
    expect(existsSync(running.value.gateway) && existsSync(running.value.ledger)).toBe(true)
  })

  it('start nothing when an order cannot be read', async () => {
    expect(await simulateVillage({ seed: 2, out: folder(), faults: ['slow'] }, () => {})).toMatchObject({
      ok: false,
      error: { code: 'SIMULATOR_FAULT' },
    })
  })

  it('start one meter and say where', async () => {
    const running = await simulateMeter({ protocol: 'dlt645', addresses: ['202608150042'] }, () => {})
    if (!running.ok) throw new Error(running.error.message)
    const raw = await openRaw(Number(new URL(running.value.where).port))
    expect(takeApart(await raw.ask(request645('AAAAAAAAAAAA', 0x13, []), whole)).address).toBe('202608150042')
    raw.close()
    await running.value.stop()
  })
})

/** Function and address of forward active energy, from the makers' lists. */
const ENERGY: Readonly<Record<string, readonly [fn: number, address: number]>> = {
  'eastron-sdm120': [4, 0x48],
  'eastron-sdm230': [4, 0x48],
  'eastron-sdm630': [4, 0x48],
  'chint-ddsu666': [3, 0x4000],
  'chint-dtsu666': [3, 0x101e],
  'acrel-adl400-dtsd1352': [3, 10],
}
