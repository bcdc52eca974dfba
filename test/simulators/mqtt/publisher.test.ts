import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  FAMILY_IDS,
  type FamilyId,
  type Fault,
  FaultDesk,
  type Field,
  familyOf,
  openTruth,
  parseFault,
  plainField,
  simulateMqtt,
  startBroker,
  startPublisher,
  type Truth,
} from '../../../simulators/index.ts'
import { scratch } from '../../support/processes.ts'
import { handClock } from '../tools.ts'
import { deviceFor, listen, mosquitto, now, until } from './tools.ts'

const CLI = fileURLToPath(new URL('../../../dist/src/cli/index.js', import.meta.url))

interface TruthLine {
  readonly instant: string
  readonly meter: string
  readonly register: string
  readonly value: string
  readonly fault: string | null
  readonly kind: string
}
const truthIn = (path: string): TruthLine[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((text): TruthLine => JSON.parse(text))
    : []

const HOUR_MS = 3_600_000
/** A field with its logs on disk; a publisher in it speaks when it connects and when it is told to. */
const newField = (...faults: readonly Fault[]) => {
  const folder = scratch()
  const clock = handClock(now)
  const [truth, faultLog] = [join(folder, 'truth.jsonl'), join(folder, 'faults.jsonl')]
  const field: Field = plainField(clock, openTruth(truth), faultLog)
  for (const fault of faults) field.desk.order(fault)
  return { field, clock, truth, faultLog }
}
const publish = (url: string, field: Field, family: FamilyId, ids: readonly string[] = ['M0007']) => {
  const phases = familyOf(family)?.phases.includes(1) ? 1 : 3
  const devices = ids.map((id) => deviceFor(family, id, phases))
  const publisher = startPublisher({ url, field, line: 'push-01', family, devices, everyMs: HOUR_MS })
  onTestFinished(() => publisher.close())
  return { publisher, devices }
}
const json = (payload: Buffer) => JSON.parse(payload.toString())

describe.each([
  [
    'the broker of the demo',
    async () => {
      const broker = await startBroker()
      onTestFinished(() => broker.close())
      return broker.url
    },
  ],
  ['mosquitto', async () => (await mosquitto()).url],
] as const)('through %s', (_, start) => {
  it('every value of every family is on disk before its message comes', async () => {
    const url = await start()
    const { field, truth } = newField()
    let checked = 0
    const { heard } = await listen(url, ({ topic, payload }) => {
      const text = payload.toString()
      if (/DDATA|\/data$/.test(topic)) expect(truthIn(truth).length, topic).toBeGreaterThan(0)
      const sensor =
        /ENERGY|"energy"|aenergy|emdata|"kwh|EnergyTotal|"wh"|正向有功电能|Datas|kWh/.test(text) || /65537$|\/total$/.test(topic)
      if (!sensor) return
      const values = truthIn(truth).map(({ value }) => value)
      expect(
        values.some((value) => text.includes(value)),
        `${topic} ${text}`,
      ).toBe(true)
      checked++
    })
    const families = FAMILY_IDS.filter((id) => id !== 'acrel')
    for (const family of families) publish(url, field, family)
    const topics = families.map((id) => familyOf(id)?.topic(deviceFor(id, 'M0007', 1).address))
    await until(() => topics.every((topic) => heard.some((message) => message.topic === topic)))
    expect(checked).toBeGreaterThan(12)
    for (const { meter, instant, kind, fault } of truthIn(truth))
      expect([meter, instant, kind, fault]).toEqual(['M0007', new Date(now).toISOString(), 'live', null])
  })

  it('an Acrel meter says nothing before its log-in is answered', async () => {
    const url = await start()
    const { field } = newField()
    const { heard, client } = await listen(url)
    const { publisher, devices } = publish(url, field, 'acrel')
    const tail = `adw300/login/${devices[0]?.address}`
    await until(() => heard.length === 1)
    expect(heard[0]?.topic).toBe(`/gw/acrelHW/${tail}`)
    publisher.report()
    await until(() => heard.length === 2)
    expect(heard[1]?.topic).toBe(`/gw/acrelHW/${tail}`)
    await client.publishAsync(`/server/acrelHW/${tail}`, '{"type":"login","res":0}', { qos: 1 })
    await client.publishAsync(`/server/acrelHW/${tail}`, '{"type":"login","res":1}', { qos: 1 })
    await until(() => heard.some(({ topic }) => topic.includes('/data/')))
    expect(json(heard.at(-1)!.payload)).toMatchObject({ type: 'data', time: '20261121203456', ct: 1, pt: 1 })
  })

  it('a Sparkplug node is born again when a host asks, and its will is the death of this session', async () => {
    const url = await start()
    const { field } = newField()
    const { heard, client } = await listen(url)
    publish(url, field, 'sparkplug', ['M0007', 'M0008'])
    const types = () => heard.map(({ topic }) => topic.split('/')[2])
    await until(() => types().length === 5)
    expect(types()).toEqual(['NBIRTH', 'DBIRTH', 'DBIRTH', 'DDATA', 'DDATA'])
    const command = Buffer.from('0880d8c1a28c34121a0a144e6f646520436f6e74726f6c2f52656269727468200b7001', 'hex')
    await client.publishAsync('spBv1.0/Village/NCMD/GW01', command, { qos: 1 })
    await until(() => types().filter((type) => type === 'DBIRTH').length === 4)
    expect(types().slice(5)).toEqual(['NCMD', 'NBIRTH', 'DBIRTH', 'DBIRTH'])
  })
})

it.each([
  ['burst:messages=50', { kind: 'burst', messages: 50 }],
  ['clock:unset', { kind: 'clock', unset: true }],
  ['clock:unset=1,probability=0.5', { kind: 'clock', unset: true, probability: 0.5 }],
  ['ghost:seconds=7200,count=1', { kind: 'ghost', seconds: 7200, count: 1 }],
])('an order as typed: %s', (text, fault) => expect(parseFault(text, now)).toEqual({ ok: true, value: fault }))

it('what only a meter that pushes can do strikes no meter that is asked, and the other way round', () => {
  const desk = new FaultDesk()
  for (const kind of ['burst', 'duplicate', 'ghost', 'partial', 'broken', 'echo', 'late'] as const) desk.order({ kind })
  const kinds = (pushed: boolean) => desk.draw('L', 'M0001', now, pushed ? 'pushes' : 'asked').map(({ kind }) => kind)
  expect(kinds(false)).toEqual(['echo', 'late'])
  expect(kinds(true)).toEqual(['burst', 'duplicate', 'ghost', 'partial', 'broken', 'late'])
})

it('nothing leaves before the truth log has let it go, and then in order', async () => {
  const { url } = await mosquitto()
  const held: (() => void)[] = []
  const truth: Truth = { said: (_instant, _meter, _values, _fault, then) => void held.push(then), close: async () => {} }
  const field = plainField(handClock(now), truth)
  const { heard, client } = await listen(url)
  const { devices } = publish(url, field, 'zwave-js')
  publish(url, field, 'alibaba', ['M0007', 'M0008'])
  await until(() => held.length === 6)
  await client.publishAsync('marker', 'here', { qos: 1 })
  await until(() => heard.length > 0)
  expect(heard.map(({ topic }) => topic)).toEqual(['marker'])
  for (const release of held) release()
  await until(() => heard.length === 6)
  const root = `zwave/${devices[0]?.address}/`
  expect(heard.flatMap(({ topic }) => (topic.startsWith(root) ? [topic.split('/').at(-1)] : []))).toEqual([
    '65537',
    '66049',
    '66561',
    '66817',
  ])
  expect(heard.filter(({ topic }) => topic.endsWith('pack/post'))).toHaveLength(1)
})

describe('a fault to order', () => {
  const run = async (family: FamilyId, fault: Fault, enough: number) => {
    const { url } = await mosquitto()
    const { field, truth, faultLog, clock } = newField(fault)
    const { heard } = await listen(url)
    const { publisher } = publish(url, field, family)
    await until(() => heard.length >= enough)
    return { url, heard, publisher, clock, truth: () => truthIn(truth), faultLog }
  }

  it('duplicate: the same message twice', async () => {
    const { heard, truth } = await run('site-json', { kind: 'duplicate' }, 2)
    expect(heard[0]).toEqual(heard[1])
    expect(truth().map(({ fault }) => fault)).toEqual(['duplicate', 'duplicate'])
  })

  it('burst: one report for each of the last seconds, in order', async () => {
    const { heard, truth } = await run('site-json', { kind: 'burst', messages: 5 }, 5)
    expect(heard.map(({ payload }) => json(payload).ts)).toEqual([4, 3, 2, 1, 0].map((back) => now - back * 1000))
    expect(truth().map(({ instant, fault }) => [Date.parse(instant), fault])).toEqual(
      [4, 3, 2, 1, 0].map((back) => [now - back * 1000, 'burst']),
    )
  })

  it('ghost: an old message stays with the broker, for everybody who comes later', async () => {
    const { url, heard, truth, publisher } = await run('site-json', { kind: 'ghost', seconds: 7200, count: 1 }, 2)
    expect(heard.map(({ payload }) => json(payload).ts)).toEqual([now - 2 * HOUR_MS, now])
    expect(truth().map(({ instant, fault }) => [Date.parse(instant), fault])).toEqual([
      [now - 2 * HOUR_MS, 'ghost'],
      [now, 'ghost'],
    ])
    publisher.report()
    await until(() => heard.length === 3)
    const later = await listen(url)
    await until(() => later.heard.length > 0)
    expect(later.heard[0]).toMatchObject({ topic: 'site/m0007/json', retain: true })
    expect(json(later.heard[0]!.payload).ts).toBe(now - 2 * HOUR_MS)
  })

  it('clock: the time in the message is wrong, its values are not', async () => {
    const { heard, truth } = await run('site-json', { kind: 'clock', unset: true }, 1)
    expect(json(heard[0]!.payload)).toEqual({ ts: 0, kwh: Number(truth()[0]?.value) })
    expect(truth()[0]).toMatchObject({ instant: new Date(now).toISOString(), fault: 'clock' })
    const { url } = await mosquitto()
    const { field } = newField()
    const { heard: shifted } = await listen(url)
    const { devices } = publish(url, field, 'tasmota')
    devices[0]?.instrument.setClock(now - 1000, 3600_000)
    await until(() => shifted.some(({ topic }) => topic.endsWith('SENSOR')))
    expect(json(shifted.at(-1)!.payload).Time).toBe('2026-11-21T21:34:56')
  })

  it('partial: some members are missing, and only what is there is logged', async () => {
    const { heard, truth } = await run('neuron', { kind: 'partial' }, 1)
    const { values, errors } = json(heard[0]!.payload)
    expect(Object.keys(values).length).toBeLessThan(6)
    expect(Object.keys(errors).length).toBeGreaterThan(1)
    expect(truth()).toHaveLength(Object.keys(values).length)
    expect(truth().every(({ fault }) => fault === 'partial')).toBe(true)
  })

  it('broken: no JSON', async () => {
    const { heard, truth } = await run('site-json', { kind: 'broken' }, 1)
    expect(() => json(heard[0]!.payload)).toThrow()
    expect(truth()[0]?.fault).toBe('broken')
  })

  it('silent for a time, late, cut short, by meter; the fault log names what struck', async () => {
    const { url } = await mosquitto()
    const { field, clock, faultLog, truth } = newField(
      { kind: 'silent', meter: 'M0007', until: now + 1000 },
      { kind: 'late', meter: 'M0008', ms: 100 },
      { kind: 'truncated', meter: 'M0009', bytes: 1 },
      { kind: 'echo' },
    )
    const { heard } = await listen(url)
    const publishers = ['M0007', 'M0008', 'M0009'].map((id) => publish(url, field, 'site-json', [id]).publisher)
    await until(() => heard.length === 2)
    expect(heard.map(({ topic }) => topic)).toEqual(['site/m0009/json', 'site/m0008/json'])
    expect(heard[0]?.payload.toString().endsWith('}')).toBe(false)
    clock.to(now + 1000)
    publishers[0]?.report()
    await until(() => heard.some(({ topic }) => topic === 'site/m0007/json'))
    expect(truthIn(truth).find(({ meter }) => meter === 'M0007')?.fault).toBeNull()
    const struck = readFileSync(faultLog, 'utf8')
    for (const kind of ['silent', 'late', 'truncated']) expect(struck).toContain(`"faults":["${kind}"]`)
    expect(struck).not.toContain('echo')
  })
})

it('a broker that is lost and comes back finds its publishers alive', async () => {
  const first = await mosquitto()
  const { field } = newField()
  const { publisher } = publish(first.url, field, 'tasmota')
  await until(() => publisher.sent() >= 3)
  await first.stop()
  publisher.report()
  await mosquitto(first.port)
  const { heard } = await listen(first.url)
  await until(() => heard.some(({ topic, retain }) => topic === 'tele/plug-M0007/SENSOR' && !retain))
})

it('who disappears without a word leaves its last will', async () => {
  const { url } = await mosquitto()
  const { heard } = await listen(url)
  const command = (family: FamilyId) => [CLI, 'simulate', 'mqtt', '--url', url, '--family', family]
  const children = (['tasmota', 'sparkplug'] as const).map((family) => spawn(process.execPath, command(family), { stdio: 'ignore' }))
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  const has = (topic: string) => heard.some((message) => message.topic === topic)
  await until(() => has('tele/plug-M0001/SENSOR') && has('spBv1.0/Village/DDATA/GW01/M0001'))
  for (const child of children) child.kill('SIGKILL')
  await until(() => has('spBv1.0/Village/NDEATH/GW01') && heard.some(({ payload }) => payload.toString() === 'Offline'))
})

it('one family from the command line says where it can be heard, and refuses what it does not know', async () => {
  const { url } = await mosquitto()
  const { heard } = await listen(url)
  expect(await simulateMqtt({ url, family: 'tasmotta' })).toMatchObject({ ok: false, error: { code: 'SIMULATOR_FAMILY' } })
  expect(await simulateMqtt({ url: 'localhost', family: 'tasmota' })).toMatchObject({ ok: false, error: { code: 'SIMULATOR_BROKER' } })
  expect(await simulateMqtt({ url, family: 'tasmota', faults: ['slow'] })).toMatchObject({ ok: false, error: { code: 'SIMULATOR_FAULT' } })
  const printed: string[] = []
  const running = await simulateMqtt({ url, family: 'tasmota', meters: 2 }, (line) => printed.push(line))
  if (!running.ok) throw new Error(running.error.message)
  await until(() => heard.filter(({ topic }) => topic.endsWith('SENSOR')).length >= 2)
  expect(printed[1]).toContain('topic tele/plug-M0001/SENSOR, mapping tasmota')
  await running.value.stop()
})
