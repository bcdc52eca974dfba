import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import pino from 'pino'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/main.ts'
import { patient, scratch, TOKEN } from '../support/processes.ts'

/** A Modbus TCP device whose every pair of words is 50.0, and who was asked when. */
export interface Wire {
  readonly port: number
  /** Monotonic milliseconds of each request, by unit. */
  readonly asked: ReadonlyMap<number, readonly number[]>
  readonly connections: () => number
  /** Answers come this much later, milliseconds. */
  delayMs: number
}

const FIFTY = [0x42, 0x48, 0x00, 0x00]

/** @source MODBUS Messaging on TCP/IP 1.0b, 3.1.3 MBAP header */
export const startWire = async (): Promise<Wire> => {
  const asked = new Map<number, number[]>()
  const sockets = new Set<Socket>()
  let connections = 0
  const wire = { delayMs: 1 }
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let rest = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes])
      for (; rest.length >= 12; rest = rest.subarray(12)) {
        const request = Buffer.from(rest.subarray(0, 12))
        const unit = request[6] ?? 0
        asked.set(unit, [...(asked.get(unit) ?? []), performance.now()])
        const words = request.readUInt16BE(10)
        const head = Buffer.from([request[0] ?? 0, request[1] ?? 0, 0, 0, 0, 3 + 2 * words, unit, request[7] ?? 3, 2 * words])
        const data = Buffer.from(Array.from({ length: 2 * words }, (_, at) => FIFTY[at % 4] ?? 0))
        setTimeout(() => socket.writable && socket.write(Buffer.concat([head, data])), wire.delayMs)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return Object.assign(wire, { port, asked, connections: () => connections })
}

export interface SiteLine {
  readonly id: string
  readonly port: number
}
export interface SiteMeter {
  readonly id: string
  readonly line: string
  readonly unit: number
  readonly ct?: string
  readonly profile?: string
}

export const PROFILE = 'eastron-sdm120'

export const ledgerOf = (meters: readonly SiteMeter[]) => ({
  version: 1,
  points: meters.map(({ id }) => ({ id: `P-${id}` })),
  meters: meters.map(({ id, line, unit, ct, profile = PROFILE }) => ({
    ...{ id, point: `P-${id}`, line, address: String(unit), profile },
    ...(ct === undefined ? {} : { ct }),
  })),
})

export const gatewayOf = (lines: readonly SiteLine[], more: Record<string, unknown> = {}) => ({
  version: 1,
  gateway: { id: 'hot', timezone: 'Asia/Shanghai', data: './data' },
  http: { port: 0 },
  ledger: 'ledger.yaml',
  lines: lines.map(({ id, port }) => ({ id, transport: { kind: 'tcp', host: '127.0.0.1', port } })),
  tasks: [{ id: 'current', read: 'current', every: '1s' }],
  ...more,
})

/** A running gateway whose files a test may change. */
export const startSite = async (lines: readonly SiteLine[], meters: readonly SiteMeter[], more: Record<string, unknown> = {}) => {
  const directory = scratch()
  const files = { gateway: join(directory, 'gateway.yaml'), ledger: join(directory, 'ledger.yaml') }
  const write = (content: object) => writeFileSync(files.gateway, stringify(content))
  const writeLedger = (all: readonly SiteMeter[]) => writeFileSync(files.ledger, stringify(ledgerOf(all)))
  write(gatewayOf(lines, more))
  writeLedger(meters)
  const loaded = loadGatewayConfig(files.gateway)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const said: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void said.push(line) })
  const started = await startGateway(loaded.value, log, { ...process.env, GRIDTALLY_TOKEN: TOKEN })
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  const api = async (path: string, init: RequestInit = {}) => {
    const answer = await patient(`${gateway.address}${path}`, { ...init, headers: { authorization: `Bearer ${TOKEN}` } })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const text = () => readFileSync(files.gateway, 'utf8')
  return { directory, files, gateway, said, api, write, writeLedger, text }
}

/** When reads began: a read is several requests, one after the other. */
export const starts = (times: readonly number[]): number[] => times.filter((time, at) => at === 0 || time - (times[at - 1] ?? 0) > 200)
