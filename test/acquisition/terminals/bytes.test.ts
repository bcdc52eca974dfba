import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { terminalAdapterOf } from '../../../protocols/index.ts'
import { Dialled } from '../../../src/acquisition/terminals/dialled.ts'
import { newFigures } from '../../../src/acquisition/terminals/figures.ts'
import type { SessionHost, TerminalRecord } from '../../../src/acquisition/terminals/session.ts'
import { speechOf } from '../../../src/acquisition/terminals/speech.ts'
import { ok } from '../../../src/core/index.ts'
import { manualClock } from './site.ts'

/** Frames of the protocol's vectors, good and bad. */
const framesOf = (file: string): Uint8Array[] =>
  [...readFileSync(`test/vectors/${file}`, 'utf8').matchAll(/"((?:[0-9A-Fa-f]{2} ?){8,})"/g)].map(([, hex = '']) =>
    Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')),
  )

/** A connection without a socket, and whoever it says it is, it is. */
const connection = () => {
  const { clock, pass } = manualClock()
  const ended: string[] = []
  const logged: string[] = []
  let written = 0
  const host: SessionHost = {
    deps: {
      clock,
      wallNow: () => ({ year: 2026, month: 11, day: 21, hour: 10, minute: 0, second: 0 }),
      adapterOf: (id) => terminalAdapterOf(id),
      find: () => null,
      take: () => Promise.resolve(ok(undefined)),
      notice: () => undefined,
      log: (_, message) => void logged.push(message),
    },
    bind: (session, address) => {
      const record: TerminalRecord = {
        ...{ address, protocol: session.protocol, figures: newFigures(), session },
        settings: {
          ...{ id: address, address, protocol: session.protocol, allowWrites: false, frameLimit: 1024, heartbeatMs: null, window: 1 },
          ...{ answerMs: 10_000, fieldAnswerMs: 90_000 },
        },
      }
      return record
    },
    online: () => undefined,
    ended: (_, by) => void ended.push(by),
    flooded: () => undefined,
    trace: () => undefined,
  }
  const peer = {
    ...{ name: 'nobody:1', address: 'nobody', unsent: 0, pause: () => undefined, resume: () => undefined, finish: () => undefined },
    close: () => undefined,
    write: (bytes: Uint8Array) => {
      written += bytes.length
    },
  }
  const listener = {
    ...{ id: 'l', host: '', port: 0, protocols: ['gw3761', 'dlt698'] as const, maxSessions: 1, maxPerPeer: 1, firstFrameMs: 20_000 },
    ...{ frameMs: 15_000, heartbeatMs: 60_000, admitUnknown: true },
  }
  const speeches = (['gw3761', 'dlt698'] as const).map((id) => {
    const adapter = terminalAdapterOf(id)
    if (!adapter) throw new Error(id)
    return speechOf(adapter, clock, () => undefined)
  })
  const dialled = new Dialled(peer, listener, speeches, clock.monotonic(), host)
  return { dialled, pass, clock, ended, logged, written: () => written }
}

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
