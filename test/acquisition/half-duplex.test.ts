import { expect, it, onTestFinished, vi } from 'vitest'
import { modbusRtu } from '../../protocols/modbus/adapter.ts'
import { readRegisters, writeRegister } from '../../protocols/modbus/conversation.ts'
import { type Channel, converse, HalfDuplexLine, type LineOptions } from '../../src/acquisition/index.ts'
import type { Conversation, Result } from '../../src/core/index.ts'
import { memoryTransport } from '../../src/transport/index.ts'
import { answerTo, seeded, withCrc } from '../support/address-meter.ts'
import { standStill } from '../support/stall.ts'

type Frame = typeof modbusRtu extends { deframer(): { push(bytes: Uint8Array): readonly (infer Item)[] } }
  ? Exclude<Item, { discarded: Uint8Array }>
  : never

const open = (options: Partial<LineOptions> = {}) => {
  const { transport, far } = memoryTransport()
  const line = new HalfDuplexLine(transport, { id: 'bus', quietMs: 1, twinQuietMs: 4, ...options })
  const channel: Channel<Frame> = line.attach(modbusRtu)
  const talk = <T>(conversation: Conversation<T, Frame>, reactionMs = 12, tries = 1): Promise<Result<T>> =>
    converse(conversation, channel, { device: 'M1', reactionMs }, { tries })
  return { line, far, talk }
}

it('reads a meter', async () => {
  const { far, talk } = open()
  far.onBytes = (request) => far.send(answerTo(request))
  expect(await talk(readRegisters('rtu', 7, 3, 100, 3))).toEqual({ ok: true, value: [100, 101, 102] })
})

it('does not take a machine that stood still for a meter that was silent', async () => {
  const { far, talk } = open()
  far.onBytes = (request) => {
    const answer = answerTo(request)
    // The bytes are there in time; whoever reads them comes after the timers that are due.
    setImmediate(() => {
      standStill(120)
      setImmediate(() => far.send(answer))
    })
  }
  expect(await talk(readRegisters('rtu', 7, 3, 100, 3), 40)).toEqual({ ok: true, value: [100, 101, 102] })
})

it('takes an answer that comes byte by byte, with noise before and behind it', async () => {
  const { far, line, talk } = open()
  far.onBytes = (request) => {
    for (const byte of [0xff, 0x00, ...answerTo(request), 0x00]) far.send(Uint8Array.of(byte))
  }
  expect(await talk(readRegisters('rtu', 7, 3, 5, 2))).toEqual({ ok: true, value: [5, 6] })
  expect(line.stats.discardedBytes).toBeGreaterThanOrEqual(2)
})

it('never takes a late answer for the next one: 5,000 exchanges, answers at 0.9 to 1.5 of the time-out', async () => {
  // A meter that the machine holds up is later than any meter may be: here time passes as it is told to.
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let isOver = false
  const all = Promise.all(
    Array.from({ length: 50 }, async (_, lane) => {
      const random = seeded(lane)
      const { far, line, talk } = open()
      far.onBytes = (request) => {
        const answer = answerTo(request)
        setTimeout(() => far.send(answer), 12 * (0.9 + 0.6 * random()))
      }
      let wrong = 0
      let failed = 0
      for (let nth = 0; nth < 100; nth++) {
        const address = Math.floor(random() * 60_000)
        const read = await talk(readRegisters('rtu', 7, 3, address, 2))
        if (!read.ok) failed++
        else if (read.value[0] !== address || read.value[1] !== address + 1) wrong++
      }
      return { wrong, failed, late: line.stats.late }
    }),
  )
  void all.finally(() => {
    isOver = true
  })
  while (!isOver) await vi.advanceTimersByTimeAsync(5)
  const outcomes = await all
  const sum = (key: 'wrong' | 'failed' | 'late') => outcomes.reduce((total, each) => total + each[key], 0)
  expect(sum('wrong')).toBe(0)
  // Each line learns how late its meter is, and then waits for it.
  expect(sum('late')).toBeGreaterThan(0)
  expect(sum('failed')).toBeLessThan(500)
})

it.each([1.2, 1.7, 2.2, 2.7, 3.4, 4.6, 6.5])('gives no wrong value when every answer takes %s time-outs', async (factor) => {
  const { far, talk } = open()
  far.onBytes = (request) => {
    const answer = answerTo(request)
    setTimeout(() => far.send(answer), 12 * factor)
  }
  for (let address = 0; address < 60; address += 2) {
    const read = await talk(readRegisters('rtu', 7, 3, address, 2), 12, 2)
    if (read.ok) expect(read.value).toEqual([address, address + 1])
  }
})

it('does not wait for ever on a line that never falls silent', async () => {
  vi.useFakeTimers()
  try {
    const { far, talk } = open({ quietMs: 5 })
    far.onBytes = (request) => far.send(answerTo(request))
    await talk(readRegisters('rtu', 7, 3, 0, 2))
    const noise = setInterval(() => far.send(Uint8Array.of(0xff)), 1)
    const read = talk(readRegisters('rtu', 7, 3, 2, 2))
    await vi.advanceTimersByTimeAsync(25_000)
    clearInterval(noise)
    expect(await read).toMatchObject({
      ok: false,
      error: { code: 'LINE_DAMAGED', message: expect.stringContaining('has not been silent') },
    })
  } finally {
    vi.useRealTimers()
  }
})

it('ignores answers of other units, other functions and other lengths', async () => {
  const { far, line, talk } = open()
  far.onBytes = (request) => {
    far.send(withCrc([9, 3, 4, 1, 1, 1, 1]))
    far.send(withCrc([7, 4, 4, 2, 2, 2, 2]))
    far.send(withCrc([7, 3, 2, 3, 3]))
    far.send(answerTo(request))
  }
  expect(await talk(readRegisters('rtu', 7, 3, 40, 2))).toEqual({ ok: true, value: [40, 41] })
  expect(line.stats.strays).toBe(3)
})

it('does not take the second copy of an answer for the next one', async () => {
  const { far, line, talk } = open()
  far.onBytes = (request) => {
    const answer = answerTo(request)
    far.send(answer)
    setTimeout(() => far.send(answer), 1)
  }
  for (let address = 0; address < 40; address += 2)
    expect(await talk(readRegisters('rtu', 7, 3, address, 2))).toEqual({ ok: true, value: [address, address + 1] })
  expect(line.stats.strays).toBeGreaterThan(0)
})

it.each([
  ['whole', (bytes: Uint8Array) => [bytes]],
  ['in two pieces', (bytes: Uint8Array) => [bytes.subarray(0, 3), bytes.subarray(3)]],
  ['glued to the answer', null],
])('drops our own bytes when the adapter returns them %s', async (_, cut) => {
  const { far, line, talk } = open()
  far.onBytes = (request) => {
    const answer = answerTo(request)
    if (cut) for (const piece of [...cut(request), answer]) far.send(piece)
    else far.send(Uint8Array.from([...request, ...answer]))
  }
  for (let address = 0; address < 3; address++)
    expect(await talk(readRegisters('rtu', 1, 3, address, 2))).toEqual({ ok: true, value: [address, address + 1] })
  expect(line.stats.echoes).toBe(3)
})

it('keeps an answer that begins like the request', async () => {
  const { far, talk } = open()
  // Unit 1, function 3, then a byte count that the request's address high byte equals.
  far.onBytes = (request) => {
    const answer = answerTo(request)
    far.send(answer.subarray(0, 3))
    far.send(answer.subarray(3))
  }
  expect(await talk(readRegisters('rtu', 1, 3, 0x0400, 2))).toEqual({ ok: true, value: [0x400, 0x401] })
})

it('names device, line, frame, reason and cure when nothing is heard', async () => {
  const { talk } = open()
  const read = await talk(readRegisters('rtu', 7, 3, 0, 2))
  expect(read).toMatchObject({
    ok: false,
    error: { code: 'LINE_NO_REPLY', recovery: 'retry', context: { line: 'bus', device: 'M1', request: '07 03 00 00 00 02 C4 6D' } },
  })
  expect(!read.ok && read.error.hint).toMatch(/address.*wiring/)
})

it('says that it is held for a late answer, and no longer once that cannot come', async () => {
  const { far, line, talk } = open()
  expect(line.isQuarantined).toBe(false)
  await talk(readRegisters('rtu', 7, 3, 0, 2))
  expect(line.isQuarantined).toBe(true)
  far.onBytes = (request) => far.send(answerTo(request))
  expect(await talk(readRegisters('rtu', 7, 3, 4, 2))).toEqual({ ok: true, value: [4, 5] })
  expect(line.isQuarantined).toBe(false)
})

it('says that bytes came when they were damaged', async () => {
  const { far, talk } = open()
  far.onBytes = (request) => {
    const answer = answerTo(request)
    answer[4] = (answer[4] ?? 0) ^ 1
    far.send(answer)
  }
  expect(await talk(readRegisters('rtu', 7, 3, 0, 2))).toMatchObject({ ok: false, error: { code: 'LINE_DAMAGED', recovery: 'resync' } })
})

it('asks again after damage, within its tries', async () => {
  const { far, talk } = open()
  let asked = 0
  far.onBytes = (request) => {
    const answer = answerTo(request)
    if (asked++ === 0) answer[4] = (answer[4] ?? 0) ^ 1
    far.send(answer)
  }
  expect(await talk(readRegisters('rtu', 7, 3, 8, 2), 12, 2)).toEqual({ ok: true, value: [8, 9] })
  expect(asked).toBe(2)
})

it('refuses to write unless the line may, and nothing leaves it', async () => {
  const { far, talk } = open()
  const sent: Uint8Array[] = []
  far.onBytes = (bytes) => void sent.push(bytes)
  expect(await talk(writeRegister('rtu', 7, 1, 42))).toMatchObject({ ok: false, error: { code: 'LINE_READ_ONLY' } })
  expect(sent).toEqual([])
})

it('writes when it may; the answer equals the request', async () => {
  const { far, talk } = open({ allowWrites: true })
  far.onBytes = (bytes) => far.send(bytes.slice())
  expect(await talk(writeRegister('rtu', 7, 1, 42))).toMatchObject({ ok: true })
})

it('fails at once when the connection ends, and opens it again by itself', async () => {
  const { far, line, talk } = open()
  far.onBytes = () => far.hangUp()
  // Not because its time was over.
  expect(await talk(readRegisters('rtu', 7, 3, 0, 2), 600_000)).toMatchObject({ ok: false, error: { code: 'LINE_LOST' } })
  far.onBytes = (request) => far.send(answerTo(request))
  await expect.poll(() => line.state, { timeout: 60_000 }).toBe('up')
  expect(await talk(readRegisters('rtu', 7, 3, 3, 1))).toEqual({ ok: true, value: [3] })
})
