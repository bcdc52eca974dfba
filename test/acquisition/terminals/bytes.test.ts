import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { connection } from './connection.ts'

/** Frames of the protocol's vectors, good and bad. */
const framesOf = (file: string): Uint8Array[] =>
  [...readFileSync(`test/vectors/${file}`, 'utf8').matchAll(/"((?:[0-9A-Fa-f]{2} ?){8,})"/g)].map(([, hex = '']) =>
    Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')),
  )

it.each([
  ['376.1', 'q376-1.json'],
  ['698.45', 'dlt698-45.json'],
])('takes any stream made of what %s frames are made of', (_, file) => {
  const frames = framesOf(file)
  expect(frames.length).toBeGreaterThan(20)
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...frames) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }))
        .map(([frame, changes]) => {
          const changed = frame.slice()
          for (const [at, byte] of changes) changed[at % changed.length] = byte
          return changed
        }),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...frames), fc.nat(100)).map(([frame, cut]) => frame.subarray(0, cut)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.integer({ min: 1, max: 64 }), (stream, step) => {
      const { dialled, pass, clock, ended, logged } = connection()
      const bytes = Buffer.concat(stream)
      for (let at = 0; at < bytes.length; at += step) {
        dialled.feed(bytes.subarray(at, at + step))
        pass(step * 40)
        dialled.session?.tick(clock.monotonic())
      }
      pass(16_000)
      dialled.session?.tick(clock.monotonic())
      expect(ended, logged.join('\n')).not.toContain('fault')
    }),
    { numRuns: 4000 },
  )
})

it('hangs up on one who asks without end and reads nothing', () => {
  const { dialled, pass, clock, ended, peer } = connection()
  const [login] = framesOf('q376-1.json').filter((frame) => frame[6] === 0xc9)
  if (!login) throw new Error('no login among the vectors')
  dialled.feed(login)
  expect(dialled.session?.record).not.toBeNull()
  peer.unsent = 200_000
  pass(1000)
  dialled.session?.tick(clock.monotonic())
  expect(ended).toEqual([])
  peer.unsent = 300_000
  dialled.session?.tick(clock.monotonic())
  expect(ended).toEqual(['stuck'])
})
