import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Heard } from '../../src/push/device.ts'
import { type After, type DevicesOptions, openDevices } from '../../src/push/devices.ts'
import { scratch } from '../support/processes.ts'
import { listener, START } from './support.ts'

/** Timers run by hand. */
const hands = () => {
  const timers = new Set<() => void>()
  const after: After = (_, run) => {
    timers.add(run)
    return () => void timers.delete(run)
  }
  const ring = () => {
    for (const run of [...timers]) {
      timers.delete(run)
      run()
    }
  }
  return { after, ring, timers }
}

const opened = async (options: Partial<DevicesOptions> = {}) => {
  const path = options.path ?? join(scratch(), 'devices.json')
  const { said, say } = listener()
  const clock = hands()
  return { path, said, ...clock, devices: await openDevices({ path, after: clock.after, say, ...options }) }
}
const heard = (at: number, other: Partial<Heard> = {}): Heard => ({
  at: START + at,
  topic: 'tele/meter/SENSOR',
  rule: 'tasmota/sensor',
  retained: false,
  isRegistered: true,
  ...other,
})

describe('a device', () => {
  it('is known by what its messages told', async () => {
    const { devices } = await opened()
    devices.hear(
      '10001',
      heard(0, { values: 3, skipped: ['MAPPING_NULL', 'MAPPING_NULL'], online: true, figures: { rssi: -71, snr: 9.5 } }),
    )
    devices.hear('10001', heard(10, { values: 2, duplicates: 1, conflicts: 2, late: 3, figures: { rssi: -80 } }))
    devices.hear(
      '10001',
      heard(20, {
        failures: [{ item: 'Ia', code: '3006' }],
        unmapped: [{ path: '$.ENERGY.Foo', text: '17' }],
        finding: { code: 'PUSH_IDENTITY', message: 'the id in the payload is that of another' },
      }),
    )
    devices.hear('10001', heard(30, { failures: [{ item: 'Ia', code: '3007' }], unmapped: [{ path: '$.ENERGY.Foo', text: '18' }] }))
    expect(devices.get('10001')).toEqual({
      name: '10001',
      isRegistered: true,
      firstSeen: START,
      lastSeen: START + 30,
      lastTopic: 'tele/meter/SENSOR',
      rule: 'tasmota/sensor',
      presence: 'online',
      presenceSince: START,
      signal: { at: START + 10, figures: { rssi: -80, snr: 9.5 } },
      messages: 4,
      values: 5,
      duplicates: 1,
      conflicts: 2,
      late: 3,
      skipped: [{ code: 'MAPPING_NULL', count: 2 }],
      failures: [{ item: 'Ia', code: '3007', count: 2 }],
      unmapped: [{ path: '$.ENERGY.Foo', text: '18' }],
      finding: { code: 'PUSH_IDENTITY', message: 'the id in the payload is that of another', at: START + 20 },
    })
  })

  it.each([
    ['a stored message', heard(500, { retained: true, values: 1 })],
    ['its will', heard(500, { online: false })],
  ])('shows no sign of life by %s', async (_, message) => {
    const { devices } = await opened()
    devices.hear('new', message)
    expect(devices.get('new')).toMatchObject({ firstSeen: START + 500, lastSeen: null })
    devices.hear('old', heard(0))
    devices.hear('old', message)
    expect(devices.get('old')).toMatchObject({ lastSeen: START, messages: 2 })
  })

  it('changes its presence when it changes, not when it is told again', async () => {
    const { devices } = await opened()
    for (const [at, online] of [
      [0, true],
      [10, true],
      [20, false],
      [30, false],
    ] as const)
      devices.hear('a', heard(at, { online }))
    expect(devices.get('a')).toMatchObject({ presence: 'offline', presenceSince: START + 20, lastSeen: START + 10 })
  })

  it('has bounded lists of bounded words, whatever a stranger writes', async () => {
    const { devices } = await opened()
    const long = 'x'.repeat(5000)
    const many = Array.from({ length: 3000 }, (_, at) => at)
    devices.hear(
      long,
      heard(0, {
        topic: long,
        rule: long,
        skipped: many.map((at) => `CODE_${at}`),
        failures: many.map((at) => ({ item: `${at} ${long}`, code: long })),
        unmapped: many.map((at) => ({ path: `$.${at}`, text: long })),
        figures: { ...Object.fromEntries(many.map((at) => [`figure ${at}`, at])), rssi: Number.NaN },
        finding: { code: long, message: long },
      }),
    )
    const device = devices.get(long)!
    expect(JSON.stringify(device).length).toBeLessThan(50 * (200 + 200 + 60) + 50 * (200 + 60) + 5000)
    expect([device.skipped, device.failures, device.unmapped].map(({ length }) => length)).toEqual([50, 50, 50])
    expect(Object.keys(device.signal!.figures)).toHaveLength(20)
    for (const name of ['__proto__', 'constructor']) {
      devices.hear(name, heard(0, { figures: JSON.parse('{"__proto__": 5}'), unmapped: [{ path: '__proto__', text: '1' }] }))
      expect(devices.get(name)).toMatchObject({ name, unmapped: [{ path: '__proto__', text: '1' }] })
    }
  })
})

describe('the devices of a source', () => {
  it('are filtered and paged by name', async () => {
    const { devices } = await opened()
    for (const [name, other] of [
      ['b 2', { online: true }],
      ['a 1', { isRegistered: false }],
      ['c 3', { online: false, isRegistered: false }],
    ] as const)
      devices.hear(name, heard(name === 'b 2' ? 1000 : 0, other))
    const names = (filter: Parameters<typeof devices.list>[0]) => devices.list(filter).map(({ name }) => name)
    expect(names({})).toEqual(['a 1', 'b 2', 'c 3'])
    expect(names({ isRegistered: false })).toEqual(['a 1', 'c 3'])
    expect(names({ presence: 'offline' })).toEqual(['c 3'])
    expect(names({ silentSince: START + 500 })).toEqual(['a 1', 'c 3'])
    expect(names({ text: ' 2' })).toEqual(['b 2'])
    expect(names({ text: 'B' })).toEqual(['b 2'])
    expect(names({ after: 'a 1', limit: 1 })).toEqual(['b 2'])
    expect(names({ after: 'b', limit: 9 })).toEqual(['b 2', 'c 3'])
    expect(names({ after: 'a 1', isRegistered: false, limit: 1 })).toEqual(['c 3'])
    expect(names({ after: 'c 3' })).toEqual([])
    devices.hear('Zähler 7', heard(0))
    expect(names({ text: 'zÄH' })).toEqual(['Zähler 7'])
    expect(devices.unregisteredCount()).toBe(2)
  })

  it('are paged as they are when the page is asked for', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('hear', 'forget', 'page'), fc.string({ maxLength: 3 }))), async (steps) => {
        const { devices } = await opened({ path: '/nonexistent/devices.json' })
        const there = new Set<string>()
        for (const [step, name] of steps) {
          if (step === 'hear' && devices.hear(name, heard(0, { isRegistered: name.length > 2 }))) there.add(name)
          if (step === 'forget') {
            devices.forget(START + 1)
            for (const one of there) if (one.length <= 2) there.delete(one)
          }
          const behind = [...there].filter((one) => one > name).sort()
          expect(devices.list({ after: name, limit: 3 }).map((device) => device.name)).toEqual(behind.slice(0, 3))
        }
        expect(devices.list().map(({ name }) => name)).toEqual([...there].sort())
      }),
    ))

  it('50,000 of them are paged without putting all in order for each page', async () => {
    const { devices } = await opened()
    for (let at = 0; at < 50_000; at++) devices.hear(`meter ${(at * 7919) % 50_000}`, heard(at))
    devices.list({ limit: 1 })
    const sorts = vi.spyOn(Array.prototype, 'sort')
    onTestFinished(() => sorts.mockRestore())
    let count = 0
    for (let after = ''; ; ) {
      const page = devices.list({ after, limit: 100 })
      count += page.length
      if (page.length < 100) break
      after = page.at(-1)!.name
    }
    expect(count).toBe(50_000)
    expect(sorts.mock.calls.length).toBeLessThan(5)
  })

  it('have a place before anything is counted, if there is one', async () => {
    const { devices, path } = await opened({ maxUnregistered: 2 })
    const stranger = heard(0, { isRegistered: false, values: 5, online: true })
    expect(devices.reserve('a', stranger)).toBe(true)
    expect(devices.get('a')).toMatchObject({ messages: 0, values: 0, lastSeen: null, firstSeen: START, presence: 'unknown' })
    expect(devices.reserve('a', stranger)).toBe(true)
    expect([devices.reserve('b', stranger), devices.reserve('c', stranger), devices.hear('c', stranger)]).toEqual([true, false, false])
    expect([devices.size, devices.unregisteredCount(), devices.overLimit()]).toEqual([2, 2, 2])
    expect(devices.reserve('meter', heard(0))).toBe(true)
    expect(devices.hear('a', stranger)).toBe(true)
    expect(devices.get('a')).toMatchObject({ messages: 1, values: 5, lastSeen: START, presence: 'online' })
    expect(devices.list().map(({ name }) => name)).toEqual(['a', 'b', 'meter'])
    await devices.close()
    expect((await opened({ path })).devices.get('b')).toMatchObject({ messages: 0 })
  })

  it('are bounded where their names come from strangers', async () => {
    const { devices } = await opened({ maxUnregistered: 10 })
    for (let at = 0; at < 30; at++) expect(devices.hear(`stranger ${at}`, heard(at, { isRegistered: false }))).toBe(at < 10)
    for (let at = 0; at < 30; at++) expect(devices.hear(`meter ${at}`, heard(at))).toBe(true)
    expect([devices.size, devices.unregisteredCount(), devices.overLimit()]).toEqual([40, 10, 20])
    expect(devices.hear('stranger 3', heard(99, { isRegistered: false }))).toBe(true)
    expect(devices.hear('stranger 4', heard(99))).toBe(true)
    expect(devices.unregisteredCount()).toBe(9)
    expect(devices.hear('stranger 10', heard(99, { isRegistered: false }))).toBe(true)
    expect(devices.forget(START + 50)).toBe(7 + 1)
    expect(devices.list({ isRegistered: false }).map(({ name }) => name)).toEqual(
      ['stranger 10', 'stranger 3'].slice(0, devices.unregisteredCount()),
    )
  })

  it('are there after a restart: written every minute and at the end', async () => {
    const first = await opened()
    first.devices.hear('10001', heard(0, { values: 3, figures: { rssi: -71 }, failures: [{ item: 'Ia', code: '3006' }] }))
    first.ring()
    await expect.poll(() => first.timers.size).toBe(1)
    const second = await opened({ path: first.path })
    expect(second.devices.list()).toEqual(first.devices.list())
    first.devices.hear('10002', heard(5, { isRegistered: false }))
    await first.devices.close()
    expect(first.timers.size).toBe(0)
    const third = await opened({ path: first.path })
    expect(third.devices.list()).toEqual(first.devices.list())
    expect(third.devices.unregisteredCount()).toBe(1)
    expect(third.said).toEqual([])
  })

  it('are 5,000 of them in one file', async () => {
    const { devices, path } = await opened()
    for (let at = 0; at < 5000; at++) devices.hear(`stranger ${at}`, heard(at, { isRegistered: false }))
    await devices.close()
    expect((await opened({ path })).devices.size).toBe(5000)
  })

  it.each([
    ['cut', (text: string) => text.slice(0, -20)],
    ['of another form', () => '[{"name": "x"}]'],
    ['empty', () => ''],
  ])('begin anew when the file is %s; it is set aside, and said', async (_, damage) => {
    const first = await opened()
    first.devices.hear('10001', heard(0))
    await first.devices.close()
    writeFileSync(first.path, damage(readFileSync(first.path, 'utf8')))
    const second = await opened({ path: first.path })
    expect(second.devices.size).toBe(0)
    expect(second.said).toMatchObject([{ code: 'PUSH_DAMAGED', message: expect.stringContaining(`${first.path}.damaged`) }])
    second.devices.hear('10002', heard(0))
    await second.devices.close()
    expect((await opened({ path: first.path })).devices.list()).toMatchObject([{ name: '10002' }])
  })

  it('say once that the disk refuses, and are written when it no longer does', async () => {
    const at = join(scratch(), 'push')
    const { devices, said, ring, timers, path } = await opened({ path: join(at, 'devices.json') })
    devices.hear('10001', heard(0))
    for (let minute = 0; minute < 3; minute++) {
      ring()
      await expect.poll(() => timers.size).toBe(1)
    }
    expect(said).toMatchObject([{ code: 'PUSH_DISK' }])
    mkdirSync(at)
    await devices.close()
    expect((await opened({ path })).devices.size).toBe(1)
    rmSync(at, { recursive: true })
  })
})
