import { expect, it } from 'vitest'
import { site, until } from './site.ts'

const online = async (settings: Parameters<typeof site>[0] = {}, address = 1) => {
  const world = await site(settings)
  const far = await world.dial()
  await far.logIn(address)
  return { ...world, far }
}

it('has one request under way, the most urgent next, those of equals in the order of asking', async () => {
  const { far, ask, terminals } = await online()
  const answers = [ask('T1', 'curve', 'curve'), ask('T1', 'first'), ask('T1', 'second'), ask('T1', 'at once', 'demand')]
  for (const count of [1, 2, 3, 4]) {
    await until(() => far.questions().length === count)
    expect(terminals.status('T1')).toMatchObject({ underWay: 1, queued: 4 - count })
    const asked = far.questions().at(-1)
    far.say('A', asked?.number ?? 0, 1, `${asked?.text}=${count}`)
  }
  expect(await Promise.all(answers)).toEqual(['1', '3', '4', '2'].map((value) => ({ ok: true, value })))
  expect(far.questions().map(({ number }) => number)).toEqual([0, 1, 2, 3])
})

it('lets something urgent in between two requests of one talk, but not where one follows from the other', async () => {
  const { far, ask } = await online()
  const talk = ask('T1', 'a; next b; c')
  await until(() => far.questions().length === 1)
  const urgent = ask('T1', 'urgent', 'demand')
  far.onQuestion = (text) => text.toUpperCase()
  far.say('A', 0, 1, 'a=A')
  expect(await urgent).toEqual({ ok: true, value: 'URGENT' })
  expect(await talk).toEqual({ ok: true, value: 'A;NEXT B;C' })
  expect(far.questions().map(({ text }) => text)).toEqual(['a', 'next b', 'urgent', 'c'])
})

it('joins the parts of an answer, each in its own time', async () => {
  const { far, ask, later, terminals } = await online()
  const answer = ask('T1', 'list')
  await until(() => far.questions().length === 1)
  for (const [at, part] of ['one ', 'two ', 'three '].entries()) {
    later(4000)
    const before = terminals.figures('T1')?.bytesIn ?? 0
    far.say('P', 0, 1, `list=${part}`)
    await until(() => (terminals.figures('T1')?.bytesIn ?? 0) > before)
    expect(at).toBeLessThan(3)
  }
  later(4000)
  far.say('A', 0, 1, 'list=four')
  expect(await answer).toEqual({ ok: true, value: 'one two three four' })
})

it('repeats a read that was not answered once, under another number, and never takes a late answer for another', async () => {
  const { far, ask, later, terminals } = await online()
  const answer = ask('T1', 'x')
  await until(() => far.questions().length === 1)
  later(5000)
  await until(() => far.questions().length === 2)
  expect(far.questions().map(({ number, text }) => [number, text])).toEqual([
    [0, 'x'],
    [1, 'x'],
  ])
  later(5000)
  expect(await answer).toMatchObject({ ok: false, error: { code: 'TERMINAL_NO_REPLY', recovery: 'retry', context: { terminal: 'T1' } } })
  const other = ask('T1', 'y')
  await until(() => far.questions().length === 3)
  // Late answers, and one that has the right words under a number that was given up.
  far.say('A', 0, 1, 'x=late')
  far.say('A', 1, 1, 'y=wrong')
  far.say('A', 2, 1, 'y=right')
  expect(await other).toEqual({ ok: true, value: 'right' })
  expect(terminals.figures('T1')).toMatchObject({ requests: 3, answered: 1, noReply: 2, strangers: 2 })
})

it('takes the first answer for the second asking of the same question', async () => {
  const { far, ask, later, terminals } = await online()
  const answer = ask('T1', 'slow')
  await until(() => far.questions().length === 1)
  later(5000)
  await until(() => far.questions().length === 2)
  far.say('A', 0, 1, 'slow=but here')
  expect(await answer).toEqual({ ok: true, value: 'but here' })
  far.say('A', 1, 1, 'slow=again')
  const next = ask('T1', 'next')
  await until(() => far.questions().length === 3)
  far.say('A', 2, 1, 'next=fine')
  expect(await next).toEqual({ ok: true, value: 'fine' })
  expect(terminals.figures('T1')?.strangers).toBe(1)
})

it('gives no number out again while an answer could still carry it', async () => {
  const { far, ask, later } = await online({ listeners: [{ heartbeatMs: 3_600_000 }] })
  for (let round = 0; round < 30; round++) {
    const answer = ask('T1', `q${round}`)
    await until(() => far.questions().length === 2 * round + 1)
    later(5000)
    await until(() => far.questions().length === 2 * round + 2)
    later(5000)
    await answer
    const recent = far.questions().slice(-4)
    expect(new Set(recent.map(({ number }) => number)).size).toBe(recent.length)
  }
})

it('waits for a meter behind one terminal without keeping others waiting', async () => {
  const { far, dial, ask, later, terminals } = await online()
  const other = await dial()
  other.onQuestion = () => 'quick'
  await other.logIn(2)
  const slow = ask('T1', 'field meter')
  const behind = ask('T1', 'clock')
  await until(() => far.questions().length === 1)
  for (let second = 0; second < 80; second += 10) {
    later(10_000)
    expect(await ask('T2', `n${second}`)).toEqual({ ok: true, value: 'quick' })
    far.say('H', 3, 1)
    await until(() => (terminals.figures('T1')?.heartbeats ?? 0) > second / 10)
  }
  expect(far.questions()).toHaveLength(1)
  far.onQuestion = () => 'now'
  far.say('A', 0, 1, 'field meter=at last')
  expect(await slow).toEqual({ ok: true, value: 'at last' })
  expect(await behind).toEqual({ ok: true, value: 'now' })
})

it('asks a terminal with a window several things at once, but the bus behind it one', async () => {
  const { far, ask, terminals } = await online({ settings: { window: 3 } })
  const answers = ['field a', 'field b', 'c', 'd', 'e'].map((text) => ask('T1', text))
  await until(() => far.questions().length === 3)
  expect(far.questions().map(({ text }) => text)).toEqual(['field a', 'c', 'd'])
  expect(terminals.status('T1')).toMatchObject({ underWay: 3, queued: 2 })
  far.onQuestion = () => 'later'
  for (const { number, text } of far.questions()) far.say('A', number, 1, `${text}=now`)
  expect(await Promise.all(answers)).toEqual(['now', 'later', 'now', 'now', 'later'].map((value) => ({ ok: true, value })))
})

it('asks beside a long wait for a meter once a terminal has answered a newer request before an older one', async () => {
  const { far, ask, later } = await online()
  const lost = ask('T1', 'field one')
  await until(() => far.questions().length === 1)
  later(89_000)
  far.say('H', 1, 1)
  later(1000)
  await until(() => far.questions().length === 2)
  later(45_000)
  far.say('H', 2, 1)
  await until(() => far.heard.length === 5)
  later(45_000)
  expect(await lost).toMatchObject({ ok: false })
  const quick = ask('T1', 'clock')
  await until(() => far.questions().length === 3)
  far.say('A', 2, 1, 'clock=5')
  await quick
  far.say('A', 1, 1, 'field one=far too late')
  const slow = ask('T1', 'field two')
  const beside = ask('T1', 'clock')
  await until(() => far.questions().length === 5)
  far.say('A', 4, 1, 'clock=6')
  expect(await beside).toEqual({ ok: true, value: '6' })
  far.say('A', 3, 1, 'field two=there')
  expect(await slow).toEqual({ ok: true, value: 'there' })
})

it('writes only where that was allowed, and once', async () => {
  const { far, ask, later, terminals, settle } = await online()
  expect(await ask('T1', 'write it')).toMatchObject({ ok: false, error: { code: 'TERMINAL_READ_ONLY', recovery: 'stop' } })
  expect(far.questions()).toHaveLength(0)
  expect(terminals.figures('T1')?.refused).toBe(1)
  settle({ allowWrites: true })
  terminals.changed('T1')
  const written = ask('T1', 'write it')
  await until(() => far.questions().length === 1)
  later(5000)
  expect(await written).toMatchObject({ ok: false, error: { code: 'TERMINAL_NO_REPLY' } })
  expect(far.questions()).toHaveLength(1)
})

it('gives up what nobody waits for any more, but waits for what became of a write', async () => {
  const { far, ask, terminals } = await online({ settings: { allowWrites: true } })
  const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()]
  const running = ask('T1', 'a', 'freeze', one.signal)
  const waiting = ask('T1', 'b', 'freeze', two.signal)
  await until(() => far.questions().length === 1)
  two.abort()
  expect(await waiting).toMatchObject({ error: { code: 'READ_CANCELLED' } })
  one.abort()
  expect(await running).toMatchObject({ error: { code: 'READ_CANCELLED' } })
  expect(terminals.status('T1')).toMatchObject({ underWay: 0, queued: 0 })
  const writing = ask('T1', 'write', 'freeze', three.signal)
  await until(() => far.questions().length === 2)
  three.abort()
  far.say('A', 0, 1, 'a=late')
  far.say('A', 1, 1, 'write=done')
  expect(await writing).toEqual({ ok: true, value: 'done' })
  expect(await ask('T1', 'c', 'freeze', AbortSignal.abort())).toMatchObject({ error: { code: 'READ_CANCELLED' } })
})

it('fails what is under way when the connection ends, and what waits too', async () => {
  const { far, ask } = await online()
  const [running, waiting] = [ask('T1', 'a'), ask('T1', 'b')]
  await until(() => far.questions().length === 1)
  far.hangUp()
  expect(await running).toMatchObject({ ok: false, error: { code: 'TERMINAL_LOST', recovery: 'wait' } })
  expect(await waiting).toMatchObject({ ok: false, error: { code: 'TERMINAL_OFFLINE', recovery: 'wait' } })
})

it('goes on over a new connection with what waited, under numbers the old one cannot answer', async () => {
  const { far, dial, ask } = await online()
  const [running, waiting] = [ask('T1', 'a'), ask('T1', 'b')]
  await until(() => far.questions().length === 1)
  const fresh = await dial()
  await fresh.logIn(1)
  expect(await running).toMatchObject({ error: { code: 'TERMINAL_LOST' } })
  await until(() => fresh.questions().length === 1)
  fresh.say('A', 0, 1, 'b=answer to a question of the old one')
  fresh.say('A', 1, 1, 'b=right')
  expect(await waiting).toEqual({ ok: true, value: 'right' })
  expect(fresh.heard.map(({ kind }) => kind)).toEqual(['C', 'Q'])
})

it('takes an answer that comes as a word of its own, and confirms it at once', async () => {
  const { far, ask, taken } = await online()
  const answer = ask('T1', 'class 1')
  await until(() => far.questions().length === 1)
  far.say('R', 0, 1, 'class 1=as a report')
  expect(await answer).toEqual({ ok: true, value: 'as a report' })
  await until(() => far.heard.some(({ kind }) => kind === 'K'))
  expect(taken).toHaveLength(0)
})

it('ends an answer without an end', async () => {
  const { far, ask } = await online()
  const answer = ask('T1', 'x')
  await until(() => far.questions().length === 1)
  for (let part = 0; part < 1100; part++) far.say('P', 0, 1, 'x=again')
  expect(await answer).toMatchObject({ ok: false, error: { code: 'TERMINAL_BABBLE' } })
})

it('tells what waits that the gateway stops', async () => {
  const { far, ask, terminals } = await online()
  const [running, waiting] = [ask('T1', 'a'), ask('T1', 'b')]
  await until(() => far.questions().length === 1)
  await terminals.close()
  for (const answer of [running, waiting, ask('T1', 'c')]) expect(await answer).toMatchObject({ error: { code: 'LINE_CLOSED' } })
})

it('lets a fault of a talk reach who asked and nobody else', async () => {
  const { terminals, far, ask } = await online()
  await expect(terminals.ask('T1', (adapter) => adapter.archive('1'), { priority: 'demand' })).rejects.toThrow('not in this protocol')
  far.onQuestion = () => 'fine'
  expect(await ask('T1', 'x')).toEqual({ ok: true, value: 'fine' })
})
