import fc from 'fast-check'
import { expect, it } from 'vitest'
import { frameOf } from './fake-protocol.ts'
import { site, until } from './site.ts'

it('closes what drips within 30 s, logged in or not, while honest ones are answered', async () => {
  const { terminals, dial, later } = await site({ listeners: [{ heartbeatMs: 600_000 }] })
  const strangers = await Promise.all(Array.from({ length: 60 }, () => dial()))
  const insiders = await Promise.all(Array.from({ length: 20 }, () => dial()))
  const honest = await Promise.all(Array.from({ length: 20 }, () => dial()))
  for (const [at, far] of insiders.entries()) await far.logIn(100 + at)
  for (const [at, far] of honest.entries()) await far.logIn(200 + at)
  const login = frameOf(0x68, 'R', 1, 1, 'a report in single bytes that never becomes one')
  const listener = () => terminals.listenerFigures()[0]
  for (let second = 0, byte = 0; second < 30; second += 10, byte++) {
    for (const far of [...strangers, ...insiders]) if (!far.isClosed) far.raw(login.subarray(byte, byte + 1))
    for (const [at, far] of honest.entries()) {
      far.heard.length = 0
      far.say('H', 2, 200 + at)
    }
    await until(() => honest.every(({ heard }) => heard.some(({ kind }) => kind === 'C')))
    await until(() => insiders.every(({ isClosed }, at) => isClosed || terminals.figures(`T${100 + at}`)?.bytesIn === 8 + byte))
    later(10_000)
  }
  await until(() => [...strangers, ...insiders].every(({ isClosed }) => isClosed))
  expect(listener()).toMatchObject({ open: 20 })
  expect(terminals.sessions().map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, at) => `T${200 + at}`))
})

it('forgives a stray byte behind a frame', async () => {
  const { terminals, dial, later } = await site()
  const far = await dial()
  await far.logIn(1)
  far.raw(Uint8Array.of(0x68))
  await until(() => (terminals.figures('T1')?.bytesIn ?? 0) === 8)
  later(16_000)
  expect(terminals.figures('T1')?.damagedBytes).toBe(1)
  far.say('H', 2, 1)
  await until(() => terminals.figures('T1')?.heartbeats === 1)
})

it('keeps to its caps, for each address and in total, and says so once', async () => {
  const { terminals, dial, logged, later } = await site({ listeners: [{ maxPerPeer: 3 }, { maxSessions: 2 }] })
  const mine = await Promise.all(Array.from({ length: 6 }, () => dial(0)))
  const all = await Promise.all(Array.from({ length: 6 }, () => dial(1)))
  await until(() => mine.filter(({ isClosed }) => isClosed).length === 3 && all.filter(({ isClosed }) => isClosed).length === 4)
  expect(terminals.listenerFigures()).toMatchObject([
    { open: 3, accepted: 3, refused: { peer: 3, total: 0, files: 0 } },
    { open: 2, accepted: 2, refused: { peer: 0, total: 4, files: 0 } },
  ])
  expect(logged.filter((line) => line.includes('refused'))).toHaveLength(2)
  later(61_000)
  await until(() => terminals.listenerFigures().every(({ open }) => open === 0))
  const again = await dial(0)
  await again.logIn(1)
  expect(terminals.sessions()).toHaveLength(1)
})

it('lives through any bytes: what is honest behind them is heard', async () => {
  const { terminals, dial, later, taken } = await site({ listeners: [{ protocols: ['gw3761', 'dlt698'] }] })
  const pieces = fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('L', 'H', 'R', 'A', 'P', 'B', 'Q', 'C', '?').map((kind) => frameOf(0x68, kind, 1, 3, 'x=1 ec1,2 acd')),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat(30), fc.nat(255)).map(([at, byte]) => {
        const frame = frameOf(0x68, 'R', 1, 3, 'twenty-three characters')
        frame[at % frame.length] = byte
        return frame
      }),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 12 }), async (stream) => {
      const far = await dial()
      far.raw(Buffer.concat(stream))
      far.socket.end()
      await until(() => far.isClosed)
      later(1000)
      const honest = await dial()
      await honest.logIn(3)
      // A takeover may have been too soon after the last: then the address is somebody's still.
      if (!honest.isClosed) {
        const before = taken.length
        honest.say('R', 9, 3, 'honest')
        await until(() => taken.slice(before).some(({ unknown }) => unknown[0]?.what === 'honest'))
      }
      honest.hangUp()
      await until(() => terminals.sessions().length === 0)
    }),
    { numRuns: 100 },
  )
  expect(terminals.listenerFigures()[0]?.ended.fault).toBeUndefined()
})
