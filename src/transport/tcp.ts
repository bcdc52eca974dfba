import { connect, type Socket } from 'node:net'
import { type GatewayError, ok, type Result } from '../core/index.ts'
import type { Connection, ConnectionEvents, Transport } from './connection.ts'
import { fail } from './errors.ts'

export interface TcpSettings {
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs?: number
}

/**
 * One buffer for every socket: it is read and handed on in the same turn, so nobody else can be in it. Without it Node makes
 * a new 64 kB slab piece for each answer.
 */
const shared = new Uint8Array(65_536)

/** A TCP client: Modbus TCP devices and transparent serial servers. */
export const tcpTransport = ({ host, port, connectTimeoutMs = 5000 }: TcpSettings): Transport => {
  const name = `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
  const open = (events: ConnectionEvents): Promise<Result<Connection>> =>
    new Promise((resolve) => {
      let isOpen = false
      let isOver = false
      let cause: GatewayError | null = null
      const socket: Socket = connect({
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 5000,
        onread: {
          buffer: shared,
          callback: (size: number) => {
            events.bytes(shared.subarray(0, size), performance.now())
            return true
          },
        },
      })
      const timer = setTimeout(() => {
        cause = fail('TRANSPORT_TIMEOUT', `${name} did not answer within ${connectTimeoutMs} ms`, { host, port }).error
        socket.destroy()
      }, connectTimeoutMs)
      socket.on('error', (error: NodeJS.ErrnoException) => {
        cause ??= errorOf(error, name, host, port)
      })
      socket.on('connect', () => {
        clearTimeout(timer)
        isOpen = true
        resolve(ok({ write: (bytes) => void socket.write(bytes), close: () => socket.destroy() }))
      })
      // `end` first: a peer that hangs up is noticed at once, not when the answer is overdue.
      socket.on('end', () => socket.destroy())
      socket.on('close', () => {
        clearTimeout(timer)
        if (isOver) return
        isOver = true
        const error = cause ?? fail('TRANSPORT_CLOSED', `${name} closed the connection`, { host, port }).error
        if (isOpen) events.closed(error)
        else resolve({ ok: false, error })
      })
    })
  return { name, characterMs: 0, open }
}

const errorOf = (error: NodeJS.ErrnoException, name: string, host: string, port: number): GatewayError => {
  const context = { host, port, cause: error.code ?? error.message }
  if (error.code === 'ECONNREFUSED') return fail('TRANSPORT_REFUSED', `${name} refused the connection`, context).error
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return fail('TRANSPORT_CLOSED', `${name} reset the connection`, context).error
  if (error.code === 'ETIMEDOUT') return fail('TRANSPORT_TIMEOUT', `${name} stopped answering`, context).error
  return fail('TRANSPORT_UNREACHABLE', `${name} cannot be reached (${error.code ?? error.message})`, context).error
}
