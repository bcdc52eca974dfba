import { expect, it } from 'vitest'
import { type Device, TerminalPoller } from '../../../src/acquisition/index.ts'
import { fakeAdapter } from './fake-protocol.ts'
import { type SiteOptions, site, until } from './site.ts'

const profile = { id: 'fake/any', protocol: 'gw3761' }

const village = async (options: SiteOptions = {}, gatherMs = 0) => {
  const world = await site({ listeners: [{ heartbeatMs: 3_600_000 }], ...options })
  const poller = new TerminalPoller({
    terminals: world.terminals,
    id: 'T1',
    settings: () => ({
      ...{ id: 'T1', address: '1', protocol: 'gw3761' as const, allowWrites: false, frameLimit: 200, heartbeatMs: null, window: 1 },
      ...{ answerMs: 5000, fieldAnswerMs: 90_000 },
    }),
    adapter: fakeAdapter('gw3761'),
    clock: world.clock,
    wallNow: () => ({ year: 2026, month: 11, day: 21, hour: 10, minute: 0, second: 0 }),
    gatherMs,
  })
  const meters = Array.from({ length: 10 }, (_, at) =>
    poller.device({ id: `M${at}`, address: `${at}`, profile, reactionMs: 1000 }, { id: `M${at}`, address: `${at}`, pn: at }),
  )
  const planOf = (device: Device, nth = 1) => {
    const plan = device.plan({ kind: 'day-freeze', nth })
    if (!plan.ok) throw new Error(plan.error.message)
    return plan.value
  }
  const read = (device: Device, priority: 'demand' | 'freeze' = 'freeze', nth = 1, signal?: AbortSignal) =>
    poller.read(device, planOf(device, nth), { priority, ...(signal ? { signal } : {}) })
  return { ...world, poller, meters, read }
}

/** Answers a read with the numbers of its meters times ten; the eighth has nothing. */
const values = (text: string): string | null =>
  text.startsWith('read')
    ? text
        .split(' ')[3]!
        .split(',')
        .map((address) => (address === '7' ? '-' : `${Number(address) * 10}`))
        .join(',')
    : null

it('reads the meters of one terminal together, each with a result of its own', async () => {
  const { dial, meters, read, poller } = await village()
  const far = await dial()
  await far.logIn(1)
  far.onQuestion = values
  const results = await Promise.all(meters.map((device) => read(device)))
  expect(far.questions().map(({ text }) => text)).toEqual([
    'read day-freeze 1 0,1,2,3',
    'read day-freeze 1 4,5,6,7',
    'read day-freeze 1 8,9',
  ])
  for (const [at, result] of results.entries())
    if (at === 7) expect(result).toMatchObject({ ok: false, error: { code: 'FAKE_ABSENT', context: { device: 'M7', line: 'T1' } } })
    else expect(result).toMatchObject({ ok: true, value: { device: { spec: { id: `M${at}` } }, samples: [{ raws: [at * 10] }] } })
  expect(meters[3]?.health).toMatchObject({ failures: 0, talk: { exchanges: 1, answered: 1 } })
  expect(meters[7]?.health).toMatchObject({ failures: 1, talk: { exchanges: 1, answered: 0, noReply: 1 } })
  expect(poller.depth).toBe(0)
})

it('keeps plans and urgencies apart, and does not have a read on demand wait for company', async () => {
  const { dial, meters, read } = await village({}, 60_000)
  const far = await dial()
  await far.logIn(1)
  far.onQuestion = values
  const [a, b, c] = meters
  const waiting = [read(a!), read(b!, 'freeze', 2)]
  expect(await read(c!, 'demand')).toMatchObject({ ok: true })
  expect(far.questions().map(({ text }) => text)).toEqual(['read day-freeze 1 2'])
  const more = meters.slice(3, 6).map((device) => read(device))
  expect(await waiting[0]).toMatchObject({ ok: true })
  expect(await Promise.all(more)).toMatchObject([{ ok: true }, { ok: true }, { ok: true }])
  expect(far.questions().at(-1)?.text).toBe('read day-freeze 1 0,3,4,5')
})

it('tells everybody at once that the terminal is not there, and holds that against no meter', async () => {
  const { meters, read, dial } = await village()
  const results = await Promise.all(meters.map((device) => read(device)))
  for (const result of results) expect(result).toMatchObject({ ok: false, error: { code: 'TERMINAL_OFFLINE', recovery: 'wait' } })
  expect(meters[0]?.health).toMatchObject({ failures: 0, lastError: { code: 'TERMINAL_OFFLINE' } })
  const far = await dial()
  await far.logIn(1)
  const lost = Promise.all(meters.slice(0, 3).map((device) => read(device)))
  await until(() => far.questions().length === 1)
  far.hangUp()
  for (const result of await lost) expect(result).toMatchObject({ error: { code: 'TERMINAL_LOST' } })
})

it('drops those nobody waits for, and gives a batch up when that is true of all in it', async () => {
  const { dial, meters, read, poller, terminals } = await village()
  const far = await dial()
  await far.logIn(1)
  const [one, all] = [new AbortController(), new AbortController()]
  const running = meters.slice(0, 4).map((device) => read(device, 'freeze', 1, all.signal))
  await until(() => far.questions().length === 1)
  const waiting = read(meters[5]!, 'freeze', 1, one.signal)
  one.abort()
  expect(await waiting).toMatchObject({ error: { code: 'READ_CANCELLED' } })
  all.abort()
  for (const result of await Promise.all(running)) expect(result).toMatchObject({ error: { code: 'READ_CANCELLED' } })
  expect(terminals.status('T1')).toMatchObject({ underWay: 0 })
  expect(poller.depth).toBe(0)
})

it('closes: what waits is forgotten, nothing new begins', async () => {
  const { meters, read, poller } = await village({}, 60_000)
  const waiting = meters.slice(0, 3).map((device) => read(device))
  poller.close()
  for (const result of [...(await Promise.all(waiting)), await read(meters[4]!)])
    expect(result).toMatchObject({ error: { code: 'LINE_CLOSED' } })
  expect(poller.depth).toBe(0)
})

it('does not call a read a first try when its request had to be sent again', async () => {
  const { dial, meters, read, later } = await village()
  const far = await dial()
  await far.logIn(1)
  const late = Promise.all(meters.slice(0, 2).map((device) => read(device)))
  await until(() => far.questions().length === 1)
  far.onQuestion = values
  later(5001)
  expect(await late).toMatchObject([
    { ok: true, value: { isFirstTry: false } },
    { ok: true, value: { isFirstTry: false } },
  ])
  expect(await read(meters[2]!)).toMatchObject({ ok: true, value: { isFirstTry: true } })
})

it('does not read a meter by what a profile of the same name said before', async () => {
  const { dial, poller, meters, read } = await village({}, 60_000)
  const far = await dial()
  await far.logIn(1)
  far.onQuestion = values
  const old = read(meters[1]!)
  const changed = poller.device({ id: 'M2', address: '2', profile: { ...profile }, reactionMs: 1000 }, { id: 'M2', address: '2', pn: 2 })
  const fresh = read(changed, 'freeze')
  // Four fill a request: the first two of one profile wait no longer, and not together with the other.
  await Promise.all([old, fresh, ...[3, 4, 5].map((at) => read(meters[at]!)), ...Array.from({ length: 3 }, () => read(changed))])
  expect(far.questions().map(({ text }) => text)).toEqual(['read day-freeze 1 1,3,4,5', 'read day-freeze 1 2,2,2,2'])
})
