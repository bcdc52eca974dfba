import { expect, it } from 'vitest'
import { frameOf } from './fake-protocol.ts'
import { dial, site, until } from './site.ts'

it('answers a login at once, before anything is asked', async () => {
  const { terminals, dial, told, ask } = await site()
  const far = await dial()
  expect(await ask('T7', 'x')).toMatchObject({ ok: false, error: { code: 'TERMINAL_OFFLINE', recovery: 'wait' } })
  far.onQuestion = () => '1'
  await far.logIn(7, 'clock ec3,4 acd')
  expect(far.heard[0]).toMatchObject({ kind: 'C', number: 1, address: 7 })
  expect(terminals.status('T7')).toMatchObject({ address: '7', protocol: 'gw3761', id: 'T7', listener: 'port-0', queued: 0, underWay: 0 })
  expect(told('online')).toMatchObject([{ terminal: 'T7' }])
  expect(told('clock')).toMatchObject([{ terminal: 'T7', shows: { hour: 1 } }])
  expect(told('counters')).toEqual([{ kind: 'counters', terminal: 'T7', important: 3, normal: 4 }])
  expect(told('events-wait')).toHaveLength(1)
  expect(await ask('T7', 'x')).toEqual({ ok: true, value: '1' })
  expect(terminals.figures('T7')).toMatchObject({ logins: 1, requests: 1, answered: 1 })
})

it('lets one who waits for the login ask only after its answer', async () => {
  const { terminals, dial, notices, ask } = await site()
  const far = await dial()
  far.onQuestion = () => 'yes'
  const push = notices.push.bind(notices)
  const answers: Promise<unknown>[] = []
  notices.push = (notice) => {
    if (notice.kind === 'online') answers.push(ask('T7', 'at once'))
    return push(notice)
  }
  await far.logIn(7)
  expect(await Promise.all(answers)).toEqual([{ ok: true, value: 'yes' }])
  expect(far.heard.map(({ kind }) => kind)).toEqual(['C', 'Q'])
  expect(terminals.sessions()).toHaveLength(1)
})

it('tells two protocols on one port apart by their first bytes, behind noise too and byte by byte', async () => {
  const { terminals, dial } = await site({ listeners: [{ protocols: ['gw3761', 'dlt698'] }] })
  const [one, other] = [await dial(0, 'gw3761'), await dial(0, 'dlt698')]
  await one.logIn(1)
  for (const byte of [0, 1, 2, ...frameOf(0x69, 'L', 5, 2)]) other.raw(Uint8Array.of(byte))
  await until(() => terminals.status('D2') !== null)
  expect(terminals.sessions().map(({ id, protocol }) => [id, protocol])).toEqual([
    ['T1', 'gw3761'],
    ['D2', 'dlt698'],
  ])
})

it('hangs up on what is no protocol spoken there', async () => {
  const { terminals, dial } = await site({ listeners: [{ protocols: ['gw3761', 'dlt698'] }] })
  const far = await dial()
  far.raw(new Uint8Array(1100).fill(0x20))
  await until(() => far.isClosed)
  expect(terminals.listenerFigures()).toMatchObject([{ accepted: 1, ended: { nobody: 1 } }])
})

it('keeps a session as long as its heartbeats come, in the period it said itself', async () => {
  const { terminals, dial, later, told } = await site({ listeners: [{ heartbeatMs: 60_000 }] })
  const [usual, quick] = [await dial(), await dial()]
  await usual.logIn(1)
  await quick.logIn(2, 'hb20')
  later(49_000)
  expect(terminals.sessions()).toHaveLength(2)
  later(2000)
  await until(() => quick.isClosed)
  expect(told('offline')).toMatchObject([{ terminal: 'T2', why: expect.stringContaining('2.5 heartbeats of 20 s') }])
  usual.say('H', 3, 1)
  await until(() => terminals.figures('T1')?.heartbeats === 1)
  later(149_000)
  expect(terminals.status('T1')).not.toBeNull()
  later(2000)
  await until(() => usual.isClosed)
  expect(terminals.sessions()).toHaveLength(0)
})

it('drops half-open peers after two and a half heartbeats, and has their addresses log in again at once', async () => {
  const { terminals, dial, later, told } = await site()
  const old = await dial()
  await old.logIn(1)
  const before = terminals.status('T1')?.peer
  // The old one never says goodbye; its terminal has dialled again.
  const fresh = await dial()
  await fresh.logIn(1)
  await until(() => old.isClosed)
  expect(terminals.status('T1')?.peer).toBe(`127.0.0.1:${fresh.socket.localPort}`)
  expect(told('takeover')).toMatchObject([{ refused: false, before }])
  expect(told('offline')).toHaveLength(0)
  later(151_000)
  await until(() => fresh.isClosed)
  const third = await dial()
  await third.logIn(1)
  expect(third.isClosed).toBe(false)
})

it('lets the newest of two win once a minute, tells it once, and never mixes what they say', async () => {
  const { terminals, dial, later, told, taken } = await site()
  let won = 0
  for (let second = 0; second < 180; second++) {
    const far = await dial()
    await far.logIn(1)
    if (!far.isClosed) {
      won++
      far.say('R', 1, 1, `from ${won}`)
      await until(() => taken.length === won)
    }
    later(1000)
    if (terminals.status('T1') === null) throw new Error('nobody has it')
  }
  // The first login, and takeovers at 1 s, 61 s, 121 s.
  expect(won).toBe(4)
  expect(told('takeover').map((notice) => notice.kind === 'takeover' && notice.refused)).toEqual([false, true])
  expect(taken.map(({ unknown }) => unknown[0]?.what)).toEqual(['from 1', 'from 2', 'from 3', 'from 4'])
})

it('counts frames of another sender as strangers and does not read them', async () => {
  const { terminals, dial, taken } = await site()
  const far = await dial()
  await far.logIn(1)
  far.say('R', 2, 9, 'of somebody else')
  far.say('L', 3, 9)
  far.say('R', 4, 1, 'mine')
  await until(() => taken.length === 1)
  expect(taken[0]).toMatchObject({ address: '1', unknown: [{ what: 'mine' }] })
  expect(terminals.figures('T1')).toMatchObject({ strangers: 2, reports: 1, logins: 1 })
  expect(terminals.status('T9')).toBeNull()
})

it('hears nobody who has not said who it is', async () => {
  const { dial, taken, later } = await site()
  const far = await dial()
  far.say('R', 1, 1, 'report before login')
  far.say('A', 1, 1, 'x=1')
  await far.logIn(1)
  expect(taken).toHaveLength(0)
  const mute = await dial()
  mute.say('R', 1, 2, 'only reports')
  const silent = await dial()
  later(19_000)
  expect([mute.isClosed, silent.isClosed]).toEqual([false, false])
  later(2000)
  await until(() => mute.isClosed && silent.isClosed)
  expect(far.isClosed).toBe(false)
})

it('notes terminals that are in no ledger, and keeps them only where that is wanted', async () => {
  const { terminals, dial, told, taken } = await site({ listeners: [{}, { admitUnknown: true }] })
  const [refused, kept] = [await dial(0), await dial(1)]
  refused.say('L', 1, 2001)
  await until(() => refused.isClosed)
  expect(refused.heard).toHaveLength(0)
  await kept.logIn(2002)
  kept.say('R', 2, 2002, 'what it has')
  await until(() => taken.length === 1)
  expect(taken[0]).toMatchObject({ terminal: null, address: '2002', protocol: 'gw3761' })
  expect(told('unknown')).toMatchObject([{ address: '2001' }, { address: '2002' }])
  expect(terminals.sessions()).toMatchObject([{ id: null, address: '2002' }])
  // The same again within a minute is not told again.
  const again = await dial(0)
  again.say('L', 1, 2001)
  await until(() => again.isClosed)
  expect(told('unknown')).toHaveLength(2)
})

it('goes on with a terminal that came into the ledger while it was connected, and hangs up on one that left it', async () => {
  const known = new Set<string>()
  const { terminals, dial, told, ask } = await site({
    listeners: [{ admitUnknown: true }],
    find: (protocol, address) =>
      known.has(address)
        ? {
            id: `T${address}`,
            address,
            protocol,
            allowWrites: false,
            frameLimit: 200,
            heartbeatMs: null,
            window: 1,
            answerMs: 5000,
            fieldAnswerMs: 90_000,
          }
        : null,
  })
  const far = await dial()
  far.onQuestion = () => 'here'
  await far.logIn(5)
  expect(terminals.status('T5')).toBeNull()
  known.add('5')
  terminals.changed('T5')
  expect(terminals.status('T5')).toMatchObject({ address: '5' })
  expect(told('online')).toHaveLength(1)
  expect(await ask('T5', 'x')).toEqual({ ok: true, value: 'here' })
  known.delete('5')
  terminals.changed('T5')
  await until(() => far.isClosed)
  expect(await ask('T5', 'x')).toMatchObject({ error: { code: 'TERMINAL_OFFLINE' } })
})

it('answers a goodbye and forgets the session', async () => {
  const { terminals, dial, told } = await site()
  const far = await dial()
  await far.logIn(1)
  far.say('B', 9, 1)
  await until(() => far.isClosed)
  expect(far.heard.at(-1)).toMatchObject({ kind: 'C', number: 9 })
  expect(terminals.status('T1')).toBeNull()
  expect(told('offline')).toMatchObject([{ why: 'logged out' }])
})

it('says which port is taken', async () => {
  const { terminals, ports } = await site()
  expect(terminals.listening).toHaveLength(1)
  await expect(site({ listeners: [{}, { port: ports[0] ?? 0 }] })).rejects.toThrow(`cannot listen on 127.0.0.1:${ports[0]} (EADDRINUSE)`)
  const far = await dial(ports[0] ?? 0)
  await far.logIn(1)
})
