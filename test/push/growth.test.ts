import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { openDevices } from '../../src/push/devices.ts'
import { keptText } from '../../src/push/errors.ts'
import { letterOf } from '../../src/push/letter.ts'
import { scratch } from '../support/processes.ts'
import { failure, START } from './support.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
const usedMb = (): number => {
  if (typeof collect === 'function') collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1e6
}
/** A text of 100 kB as it comes from a socket, and a name in the middle of it. */
const messageOf = (at: number): string => Buffer.from(`{"meter":"${String(at).padStart(40, '0')}",${'x'.repeat(100_000)}`).toString()
const nameIn = (message: string): string => message.slice(10, 50)
const COUNT = 500

describe('what is kept of a message does not keep the message', () => {
  it('of a device', async () => {
    const devices = await openDevices({ path: join(scratch(), 'devices.json'), after: () => () => {}, say: () => {} })
    const before = usedMb()
    for (let at = 0; at < COUNT; at++) {
      const name = nameIn(messageOf(at))
      const heard = { at: START, topic: nameIn(messageOf(at)), rule: null, retained: false, isRegistered: false }
      devices.hear(name, {
        ...heard,
        unmapped: [{ path: nameIn(messageOf(at)), text: nameIn(messageOf(at)) }],
        failures: [{ item: nameIn(messageOf(at)), code: nameIn(messageOf(at)) }],
        finding: { code: 'PUSH_IDENTITY', message: nameIn(messageOf(at)) },
      })
      devices.reserve(nameIn(messageOf(COUNT + at)), { ...heard, topic: nameIn(messageOf(at)) })
    }
    expect(devices.size).toBe(2 * COUNT)
    expect(usedMb() - before).toBeLessThan(20)
  })

  it('of a letter', () => {
    const before = usedMb()
    const letters = Array.from({ length: COUNT }, (_, at) => {
      const payload = Buffer.from(messageOf(at))
      const error = { ...failure(), message: nameIn(messageOf(at)), context: { text: nameIn(messageOf(at)) } }
      const draft = { source: 'mqtt', topic: nameIn(messageOf(at)), payload, bytes: payload.length, at, error, retained: false }
      return letterOf(at, draft)
    })
    expect(letters).toHaveLength(COUNT)
    expect(usedMb() - before).toBeLessThan(20)
  })
})

it.each(['', 'Zähler 电能表', '\ud83d', 'a\u0000b', '\ud83d\udd0c'])('a text kept is the same text: %j', (text) =>
  expect(keptText(text, 200)).toBe(text),
)
