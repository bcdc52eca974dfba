import { expect, it } from 'vitest'
import { modbusTcp } from '../../protocols/modbus/adapter.ts'
import { readRegisters } from '../../protocols/modbus/conversation.ts'
import { converse, PipelinedLine } from '../../src/acquisition/index.ts'
import { memoryTransport } from '../../src/transport/index.ts'

/** A Modbus TCP answer whose words hold their address, written by hand. */
const answerTo = (request: Uint8Array, id = [request[0] ?? 0, request[1] ?? 0]): Uint8Array => {
  const address = (request[8] ?? 0) * 256 + (request[9] ?? 0)
  const count = request[11] ?? 0
  const words = Array.from({ length: count }, (_, at) => address + at).flatMap((word) => [word >>> 8, word & 0xff])
  return Uint8Array.from([...id, 0, 0, 0, 3 + words.length, request[6] ?? 0, request[7] ?? 0, words.length, ...words])
}

const open = (pipeline = 8) => {
  const { transport, far } = memoryTransport()
  const line = new PipelinedLine(transport, { id: 'tcp', pipeline })
  const channel = line.attach(modbusTcp)
  const read = (address: number, quantity = 2, reactionMs = 40) =>
    converse(readRegisters('tcp', 1, 3, address, quantity), channel, { device: 'M1', reactionMs }, { tries: 1 })
  return { line, far, read }
}

it('keeps 300 parallel reads apart when their answers come in any order', async () => {
  const { far, read } = open()
  const waiting: Uint8Array[] = []
  far.onBytes = (request) => {
    waiting.push(answerTo(request))
    if (waiting.length === 300) for (const answer of waiting.sort((a, b) => (a[1] ?? 0) * 7 - (b[1] ?? 0) * 7)) far.send(answer)
  }
  const answers = await Promise.all(Array.from({ length: 300 }, (_, at) => read(at * 3, 2, 2000)))
  for (const [at, answer] of answers.entries()) expect(answer).toEqual({ ok: true, value: [at * 3, at * 3 + 1] })
})

it('never takes a late answer for another one', async () => {
  const { far, line, read } = open()
  const late: Uint8Array[] = []
  far.onBytes = (request) => void late.push(answerTo(request))
  expect(await read(10)).toMatchObject({ ok: false, error: { code: 'LINE_NO_REPLY' } })
  far.onBytes = (request) => {
    for (const answer of late) far.send(answer)
    far.send(answerTo(request))
  }
  expect(await read(20)).toEqual({ ok: true, value: [20, 21] })
  expect(line.stats.strays).toBe(1)
})

it('does not believe a right number with a wrong length', async () => {
  const { far, read } = open()
  far.onBytes = (request) => {
    const other = Uint8Array.from(request)
    other[11] = 3
    far.send(answerTo(other))
    far.send(answerTo(request))
  }
  // The number is spent by the foreign answer only if it fits; the right one still counts.
  expect(await read(5)).toEqual({ ok: true, value: [5, 6] })
})

it('fails all that wait when the connection ends', async () => {
  const { far, read } = open()
  let asked = 0
  far.onBytes = () => {
    if (++asked === 3) far.hangUp()
  }
  const answers = await Promise.all([read(1, 2, 5000), read(2, 2, 5000), read(3, 2, 5000)])
  for (const answer of answers) expect(answer).toMatchObject({ ok: false, error: { code: 'LINE_LOST' } })
})

it('says that the line is down without waiting when it cannot be opened', async () => {
  const line = new PipelinedLine(
    {
      name: 'tcp://192.0.2.1:502',
      characterMs: 0,
      open: async () => ({
        ok: false,
        error: { code: 'TRANSPORT_REFUSED', message: 'refused', hint: 'check', recovery: 'wait', context: {} },
      }),
    },
    { id: 'tcp' },
  )
  const channel = line.attach(modbusTcp)
  const read = await converse(readRegisters('tcp', 1, 3, 0, 2), channel, { device: 'M1', reactionMs: 5000 }, { tries: 3 })
  expect(read).toMatchObject({ ok: false, error: { code: 'LINE_DOWN', context: { cause: 'TRANSPORT_REFUSED' } } })
  line.close()
})
