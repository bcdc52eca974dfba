import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { adapterOf, loadAnyProfile } from '../../../protocols/index.ts'
import { bindProtocol, ForwardLine, Poller, type TraceEvent } from '../../../src/acquisition/index.ts'
import { site, until } from './site.ts'

const profile = loadAnyProfile(JSON.parse(readFileSync('config/profiles/dlt645/2007-energy-only.json', 'utf8')))
const settings = { port: 31, baud: 2400, parity: 'even', dataBits: 8, stopBits: 1, waitMs: 60_000, byteWaitMs: 100 } as const

const village = async (allowWrites = false) => {
  const world = await site({ listeners: [{ heartbeatMs: 3_600_000 }] })
  const line = new ForwardLine({ id: 'T1/31', terminals: world.terminals, terminal: 'T1', address: '1', settings, allowWrites })
  const adapter = adapterOf('dlt645-2007', 'rtu')
  if (!adapter || !profile.ok) throw new Error('no adapter or profile')
  const poller = new Poller(line, world.clock)
  const bind = bindProtocol(adapter, line)
  const device = bind({ id: 'M1', address: '202608150042', profile: profile.value, reactionMs: 500 })
  const read = () => {
    const plan = device.plan({ kind: 'current', obis: ['1-0:1.8.0'] })
    if (!plan.ok) throw new Error(plan.error.message)
    return poller.read(device, plan.value, { priority: 'current' })
  }
  return { ...world, line, device, poller, read }
}

/** A meter's answer by hand: 123456.78 kWh to whatever was asked, as it stands in the test of the codec. */
const METER = Buffer.from('68420015082620689108333334 33AB8967 45BB16'.replaceAll(' ', ''), 'hex')
const answer = (text: string, reply: Buffer = METER): string | null => {
  const [, port, hex = ''] = text.split(' ')
  const request = Buffer.from(hex, 'hex')
  return port === '31' && request.includes(0x68) ? Buffer.concat([Buffer.from([0xfe, 0xfe]), reply]).toString('hex') : null
}

it('reads a DL/T 645 meter behind a terminal by the code that reads it on a bus', async () => {
  const { dial, read, line, device } = await village()
  const seen: TraceEvent[] = []
  line.trace((event) => void seen.push(event))
  expect(await read()).toMatchObject({ ok: false, error: { code: 'LINE_DOWN' } })
  expect(line.state).toBe('down')
  const far = await dial()
  await far.logIn(1)
  expect(line.state).toBe('up')
  far.onQuestion = (text) => answer(text)
  const taken = await read()
  expect(taken).toMatchObject({ ok: true, value: { samples: [{ raws: [12_345_678] }] } })
  expect(line.stats).toMatchObject({ exchanges: 2, answered: 1 })
  expect(device.health).toMatchObject({ failures: 0, talk: { exchanges: 1, answered: 1 } })
  expect(seen.map(({ what, protocol, device: of }) => [what, protocol, of])).toContainEqual(['rx', 'dlt645-2007', 'M1'])
})

it('sends nothing that changes a meter from the moment writing is switched off', async () => {
  const world = await site({ listeners: [{ heartbeatMs: 3_600_000 }] })
  let isAllowed = true
  const line = new ForwardLine({
    ...{ id: 'T1/31', terminals: world.terminals, terminal: 'T1', address: '1', settings },
    get allowWrites() {
      return isAllowed
    },
  })
  const adapter = adapterOf('dlt645-2007', 'rtu')
  if (!adapter) throw new Error('no adapter')
  const far = await world.dial()
  await far.logIn(1)
  far.onQuestion = () => ''
  const code = await adapter.bind(async (own) => {
    const channel = line.attach(own)
    const write = () =>
      channel.exchange({ bytes: METER, judge: () => 'answer', replyBytes: 16, writes: true }, { device: 'M1', reactionMs: 500 })
    const before = await write()
    isAllowed = false
    const after = await write()
    return [before.ok ? '' : before.error.code, after.ok ? '' : after.error.code]
  })
  expect(code).toEqual(['LINE_NO_REPLY', 'LINE_READ_ONLY'])
  expect(far.questions()).toHaveLength(1)
})

it('knows at once that a meter is silent, and asks it again as on a bus', async () => {
  const { dial, read, line } = await village()
  const far = await dial()
  await far.logIn(1)
  far.onQuestion = () => ''
  expect(await read()).toMatchObject({ ok: false, error: { code: 'LINE_NO_REPLY', context: { device: 'M1' } } })
  expect(far.questions()).toHaveLength(2)
  expect(line.isQuarantined).toBe(false)
})

it('tells damage and strangers from silence', async () => {
  const { dial, read } = await village()
  const far = await dial()
  await far.logIn(1)
  const damaged = Buffer.from(METER)
  damaged[15] = 0
  far.onQuestion = (text) => answer(text, damaged)
  expect(await read()).toMatchObject({ error: { code: 'LINE_DAMAGED' } })
})

it('waits as long as the terminal may take, once for each asking', async () => {
  const { dial, read, later } = await village()
  const far = await dial()
  await far.logIn(1)
  const reading = read()
  await until(() => far.questions().length === 1)
  later(89_000)
  far.onQuestion = (text) => answer(text)
  const { number = 0, text = '' } = far.questions()[0] ?? {}
  far.say('A', number, 1, `${text}=${answer(text)}`)
  expect(await reading).toMatchObject({ ok: true })
  expect(far.questions()).toHaveLength(1)
})

it('is lost and down with its terminal, and closed by itself', async () => {
  const { dial, read, line } = await village()
  const far = await dial()
  await far.logIn(1)
  const reading = read()
  await until(() => far.questions().length === 1)
  far.hangUp()
  expect(await reading).toMatchObject({ ok: false, error: { code: 'LINE_LOST' } })
  expect(await read()).toMatchObject({ error: { code: 'LINE_DOWN' } })
  line.close()
  expect(await read()).toMatchObject({ error: { code: 'LINE_CLOSED' } })
  expect(line.state).toBe('closed')
})

it('leaves it to who asks the meter whether it is asked again: the session repeats nothing', async () => {
  const { dial, read, later } = await village()
  const far = await dial()
  await far.logIn(1)
  const reading = read()
  for (const count of [1, 2]) {
    await until(() => far.questions().length === count)
    later(90_000)
  }
  expect(await reading).toMatchObject({ ok: false, error: { code: 'LINE_NO_REPLY' } })
  expect(far.questions()).toHaveLength(2)
})
