import { readFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { adapterOf, loadAnyProfile, terminalAdapterOf } from '../../../protocols/index.ts'
import { startConcentrators } from '../../../simulators/index.ts'
import {
  bindProtocol,
  Calendar,
  ForwardLine,
  Poller,
  TerminalPoller,
  type TerminalReport,
  type TerminalSettings,
  Terminals,
} from '../../../src/acquisition/index.ts'
import { ok, type Profile, systemClock } from '../../../src/core/index.ts'
import { until } from './site.ts'

const profileOf = (path: string): Profile => {
  const profile = loadAnyProfile(JSON.parse(readFileSync(`config/profiles/${path}.json`, 'utf8')))
  if (!profile.ok) throw new Error(profile.error.message)
  return profile.value
}

/** Simulated concentrators that were written from the documents, and the adapters of the house, on one port. */
it.each([
  ['gw3761', '4510-1'],
  ['dlt698', '451000000001'],
] as const)(
  'reads meters behind a %s concentrator: freezes together, live ones through it, and what it reports',
  async (protocol, address) => {
    const settings: TerminalSettings = {
      ...{
        id: 'C1',
        address,
        protocol,
        allowWrites: false,
        frameLimit: 1024,
        heartbeatMs: null,
        window: 1,
        answerMs: 10_000,
        fieldAnswerMs: 90_000,
      },
    }
    const calendar = new Calendar('Asia/Shanghai')
    const wallNow = () => calendar.meterTime(Date.now())
    const taken: TerminalReport[] = []
    const terminals = new Terminals(
      [
        {
          ...{ id: 'port', host: '127.0.0.1', port: 0, protocols: ['gw3761', 'dlt698'], maxSessions: 10, maxPerPeer: 10 },
          ...{ firstFrameMs: 20_000, frameMs: 15_000, heartbeatMs: 60_000, admitUnknown: false },
        },
      ],
      {
        ...{ clock: systemClock, wallNow, adapterOf: (id) => terminalAdapterOf(id), notice: () => undefined, log: () => undefined },
        find: (spoken, from) => (spoken === protocol && from === address ? settings : null),
        take: async (report) => {
          taken.push(report)
          return ok(undefined)
        },
      },
    )
    expect(await terminals.listen()).toMatchObject({ ok: true })
    onTestFinished(() => terminals.close())
    const fleet = startConcentrators({
      port: terminals.listening[0]?.port ?? 0,
      count: 1,
      meters: 12,
      protocol,
      habits: { successRate: 1 },
    })
    onTestFinished(() => fleet.close())
    await until(() => terminals.status('C1') !== null)

    const adapter = terminalAdapterOf(protocol)
    const bus = adapterOf('dlt645-2007', 'rtu')
    if (!adapter || !bus) throw new Error('no adapter')
    const poller = new TerminalPoller({ terminals, id: 'C1', settings: () => settings, adapter, clock: systemClock, wallNow, gatherMs: 0 })
    const profile = profileOf(`${protocol}/single-phase`)
    const meterOf = (pn: number) => `21000001${String(pn).padStart(4, '0')}`
    const reads = Array.from({ length: 9 }, (_, at) => {
      const id = `M${at + 1}`
      const device = poller.device(
        { id, address: meterOf(at + 1), profile, reactionMs: 1000 },
        { id, address: meterOf(at + 1), pn: at + 1 },
      )
      const plan = device.plan({ kind: 'day-freeze', nth: 1 })
      if (!plan.ok) throw new Error(plan.error.message)
      return poller.read(device, plan.value, { priority: 'freeze' })
    })
    const today = { ...wallNow(), hour: 0, minute: 0, second: 0 }
    for (const read of await Promise.all(reads)) {
      expect(read).toMatchObject({ ok: true, value: { samples: [{ at: today }] } })
      if (read.ok) expect(read.value.samples[0]?.raws[0]).toBeGreaterThan(0)
    }
    const figures = terminals.figures('C1')
    expect(figures?.requests).toBeLessThan(9)

    const forward = { port: 31, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, waitMs: 60_000, byteWaitMs: 100 } as const
    const line = new ForwardLine({ id: 'C1/31', terminals, terminal: 'C1', address, settings: forward, allowWrites: false })
    const meter = bindProtocol(
      bus,
      line,
    )({ id: 'M3', address: meterOf(3), profile: profileOf('dlt645/2007-energy-only'), reactionMs: 1000 })
    const plan = meter.plan({ kind: 'current', obis: ['1-0:1.8.0'] })
    if (!plan.ok) throw new Error(plan.error.message)
    const live = await new Poller(line, systemClock).read(meter, plan.value, { priority: 'demand' })
    expect(live).toMatchObject({ ok: true })

    fleet.of('C00001')?.raise({ code: 10, meter: 'C00001-M0003' })
    await until(() => taken.length > 0)
    expect(taken[0]).toMatchObject({ terminal: { id: 'C1' }, protocol, address })
    expect(taken[0]?.raw.length).toBeGreaterThan(10)
    expect(terminals.figures('C1')).toMatchObject({ strangers: 0, damagedBytes: 0, noReply: 0 })
  },
)
