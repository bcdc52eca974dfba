/**
 * Stand-ins for the C programs where no compiler is there: as little JavaScript as does the job, none of it ours.
 *
 *   node modbus-node.js server LISTENERS    prints its ports, ends with stdin
 *   node modbus-node.js loop PORT SECONDS   prints round trips a second
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

const REGISTERS = 60
const REQUEST_BYTES = 12

/** Answers functions 3 and 4 of whole requests; half ones wait. */
const serve = (socket: Socket): void => {
  let waiting: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes])
    for (; waiting.length >= REQUEST_BYTES; waiting = waiting.subarray(REQUEST_BYTES)) {
      const from = waiting.readUInt16BE(8)
      const count = Math.min(waiting.readUInt16BE(10), 125)
      const answer = Buffer.alloc(9 + 2 * count)
      waiting.copy(answer, 0, 0, 8)
      answer.writeUInt16BE(3 + 2 * count, 4)
      answer[8] = 2 * count
      for (let at = 0; at < count; at++) answer.writeUInt16BE((from + at) & 0xffff, 9 + 2 * at)
      socket.write(answer)
    }
  })
}

const server = async (listeners: number): Promise<void> => {
  const ports: number[] = []
  for (let count = 0; count < listeners; count++) {
    const listener = createServer(serve).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    ports.push((listener.address() as AddressInfo).port)
  }
  process.stdout.write(`${ports.join(' ')}\n`)
  process.stdin.resume().on('end', () => process.exit(0))
}

const loop = async (port: number, seconds: number): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.setNoDelay(true)
  const request = Buffer.from([0, 0, 0, 0, 0, 6, 1, 3, 0, 0, 0, REGISTERS])
  const size = 9 + 2 * REGISTERS
  const began = performance.now()
  let done = 0
  let have = 0
  await new Promise<void>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      have += bytes.length
      if (have < size) return
      have -= size
      done++
      if ((done & 63) === 0 && performance.now() - began >= seconds * 1000) return resolve()
      socket.write(request)
    })
    socket.write(request)
  })
  process.stdout.write(`${Math.round((done * 1000) / (performance.now() - began))}\n`)
  socket.destroy()
}

const [what, ...rest] = process.argv.slice(2)
const [first = Number.NaN, second = Number.NaN] = rest.map(Number)
await (what === 'server' ? server(first) : loop(first, second))
