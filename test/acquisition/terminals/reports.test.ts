import { expect, it } from 'vitest'
import { ok, type Result } from '../../../src/core/index.ts'
import { site, until } from './site.ts'

const full: Result<void> = {
  ok: false,
  error: { code: 'OUTBOX_FULL', message: 'no room', hint: 'make room', recovery: 'wait', context: {} },
}

it('confirms a report when it is safe, in the order they came', async () => {
  const gates: (() => void)[] = []
  const { dial, taken } = await site({ take: () => new Promise((resolve) => gates.push(() => resolve(ok(undefined)))) })
  const far = await dial()
  await far.logIn(1)
  for (const number of [3, 4, 5]) far.say('R', number, 1, `report ${number}`)
  await until(() => taken.length === 1)
  expect(far.heard.filter(({ kind }) => kind === 'K')).toHaveLength(0)
  for (const number of [3, 4, 5]) {
    await until(() => gates.length === number - 2)
    gates.at(-1)?.()
    await until(() => far.heard.at(-1)?.text === `report ${number}`)
  }
  expect(taken.map(({ unknown }) => unknown[0]?.what)).toEqual(['report 3', 'report 4', 'report 5'])
  expect(taken[0]).toMatchObject({ terminal: { id: 'T1' }, address: '1', receivedAt: expect.any(Number) })
  expect(taken[0]?.raw.length).toBeGreaterThan(10)
})

it('does not confirm what could not be made safe: the terminal says it again', async () => {
  let isFull = true
  const { dial, taken, logged } = await site({ take: async () => (isFull ? full : ok(undefined)) })
  const far = await dial()
  await far.logIn(1)
  far.say('R', 3, 1, 'event')
  await until(() => logged.some((line) => line.includes('OUTBOX_FULL')))
  isFull = false
  far.say('R', 3, 1, 'event')
  await until(() => far.heard.some(({ kind }) => kind === 'K'))
  expect(taken).toHaveLength(2)
  expect(far.heard.filter(({ kind }) => kind === 'K')).toHaveLength(1)
})

it('loses nothing and confirms nothing when it dies between hearing and keeping', async () => {
  // The first gateway is gone before its disk has answered; the second hears the repetition.
  const first = await site({ take: () => Promise.resolve(full) })
  const far = await first.dial()
  await far.logIn(1)
  far.say('R', 3, 1, 'event')
  await until(() => first.taken.length === 1)
  await first.terminals.close()
  await until(() => far.isClosed)
  expect(far.heard.some(({ kind }) => kind === 'K')).toBe(false)
  const kept: unknown[] = []
  const second = await site({
    take: async ({ unknown }) => {
      kept.push(unknown[0]?.what)
      return ok(undefined)
    },
  })
  const again = await second.dial()
  await again.logIn(1)
  again.say('R', 3, 1, 'event')
  await until(() => again.heard.some(({ kind }) => kind === 'K'))
  expect(kept).toEqual(['event'])
})

it('makes safe what it heard though the connection ended meanwhile, and takes its time to close', async () => {
  const gates: (() => void)[] = []
  const { dial, taken, terminals } = await site({ take: () => new Promise((resolve) => gates.push(() => resolve(ok(undefined)))) })
  const far = await dial()
  await far.logIn(1)
  far.say('R', 3, 1, 'one')
  far.say('R', 4, 1, 'two')
  await until(() => gates.length === 1)
  far.hangUp()
  await until(() => terminals.sessions().length === 0)
  const closing = terminals.close()
  gates[0]?.()
  await until(() => gates.length === 2)
  gates[1]?.()
  await closing
  expect(taken).toHaveLength(2)
})

it('takes no more from a terminal whose reports wait, and goes on with the others', async () => {
  const gates: (() => void)[] = []
  let isOpen = false
  const { dial, taken, terminals } = await site({
    take: ({ address }) =>
      address === '1' && !isOpen ? new Promise((resolve) => gates.push(() => resolve(ok(undefined)))) : Promise.resolve(ok(undefined)),
  })
  const [busy, other] = [await dial(), await dial()]
  await busy.logIn(1)
  await other.logIn(2)
  for (let number = 0; number < 17; number++) busy.say('R', number, 1, 'r')
  await until(() => terminals.figures('T1')?.reports === 17)
  const before = terminals.figures('T1')?.bytesIn
  for (let number = 0; number < 100; number++) busy.say('R', number, 1, 'r')
  other.say('R', 1, 2, 'free')
  await until(() => other.heard.some(({ kind }) => kind === 'K'))
  expect(terminals.figures('T1')?.bytesIn).toBe(before)
  isOpen = true
  for (const open of gates.splice(0)) open()
  await until(() => taken.length === 118)
  expect(terminals.figures('T1')?.reports).toBe(117)
})

it('goes on after a taker that throws', async () => {
  let times = 0
  const { dial, logged } = await site({
    take: async () => {
      if (times++ === 0) throw new Error('a bug')
      return ok(undefined)
    },
  })
  const far = await dial()
  await far.logIn(1)
  far.say('R', 3, 1, 'one')
  far.say('R', 4, 1, 'two')
  await until(() => far.heard.some(({ kind, number }) => kind === 'K' && number === 4))
  expect(logged.some((line) => line.includes('a bug'))).toBe(true)
})
