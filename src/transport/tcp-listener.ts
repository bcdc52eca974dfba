import { createServer, type Server, type Socket } from 'node:net'
import { type GatewayError, many, ok, type Result } from '../core/index.ts'
import type { ConnectionEvents } from './connection.ts'
import { fail } from './errors.ts'
import { type OpenFiles, openFiles, reserveOf } from './open-files.ts'

/** Somebody who dialled in. */
export interface Peer {
  /** For messages: `192.0.2.7:40112`. */
  readonly name: string
  readonly address: string
  /** Bytes written that the system has not taken yet. */
  readonly unsent: number
  write(bytes: Uint8Array): void
  /** Takes no more bytes until {@link resume}: they wait at the other side. */
  pause(): void
  resume(): void
  /** Says goodbye behind what was written. */
  finish(): void
  /** Hangs up at once. What was not sent yet is lost. */
  close(): void
}

export interface TcpListenerOptions {
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  readonly maxConnections: number
  readonly maxPerAddress: number
  /** Told of everybody who may stay; what it gives hears their bytes. */
  readonly accept: (peer: Peer) => ConnectionEvents
  /** Told of everybody who may not. `files`: the process has no more open files to give. */
  readonly refused?: (address: string, why: RefusedFor) => void
  readonly log?: (level: 'info' | 'warn', message: string) => void
  /** How many files are open; the system is asked unless said. */
  readonly files?: () => OpenFiles | null
}

export type RefusedFor = 'total' | 'peer' | 'files'

export interface TcpListener {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Stands still because the process has no more open files to give. */
  readonly isPaused: boolean
  /** Takes nobody any more and hangs up on all. Resolves when the port is free. */
  close(): Promise<void>
}

/** A listener that ran out of files looks again after this. */
const PAUSE_MS = 1000
/** First probe of a silent connection by the system. */
const KEEP_ALIVE_MS = 30_000
const BACKLOG = 1024

/** Ways a port cannot be listened on. */
const LISTEN_ERRORS: Readonly<Record<string, 'LISTEN_TAKEN' | 'LISTEN_DENIED' | 'LISTEN_ADDRESS'>> = {
  EADDRINUSE: 'LISTEN_TAKEN',
  EACCES: 'LISTEN_DENIED',
  EPERM: 'LISTEN_DENIED',
  EADDRNOTAVAIL: 'LISTEN_ADDRESS',
  ENOTFOUND: 'LISTEN_ADDRESS',
  EAI_AGAIN: 'LISTEN_ADDRESS',
}

/**
 * Listens for devices that dial in. Those beyond a cap are hung up on. When the process runs out of open files the port is closed for a
 * second instead: a connection that is taken and dropped at once would look like a fault of the device.
 *
 * @errors LISTEN_TAKEN, LISTEN_DENIED, LISTEN_ADDRESS, LISTEN_FAILED
 */
export const listenTcp = (options: TcpListenerOptions): Promise<Result<TcpListener>> =>
  new Promise((resolve) => {
    const listener = new Listener(options)
    listener.listen((result) => resolve(result.ok ? ok(listener) : result))
  })

class Listener implements TcpListener {
  readonly #options: TcpListenerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #byAddress = new Map<string, number>()
  #port: number
  #isOver = false
  #paused: NodeJS.Timeout | null = null
  /** Accepted since the files were counted. */
  #uncounted = Number.POSITIVE_INFINITY
  #reserve = 0
  #onListen: ((result: Result<null>) => void) | null = null

  constructor(options: TcpListenerOptions) {
    this.#options = options
    this.#port = options.port
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => this.#accept(socket))
    this.#server.on('listening', () => {
      const address = this.#server.address()
      if (address !== null && typeof address === 'object') this.#port = address.port
      this.#told(ok(null))
    })
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#onListen) this.#told(this.#cannotListen(error))
      else this.#pause(error.code === 'EMFILE' || error.code === 'ENFILE' ? 'no more open files' : error.message)
    })
  }

  get host() {
    return this.#options.host
  }

  get port() {
    return this.#port
  }

  get connections() {
    return this.#sockets.size
  }

  get isPaused() {
    return this.#paused !== null
  }

  listen(told: (result: Result<null>) => void): void {
    this.#onListen = told
    this.#server.listen({ host: this.#options.host, port: this.#port, backlog: BACKLOG })
  }

  close(): Promise<void> {
    this.#isOver = true
    if (this.#paused) clearTimeout(this.#paused)
    const free = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    return free
  }

  #told(result: Result<null>): void {
    const told = this.#onListen
    this.#onListen = null
    told?.(result)
  }

  #cannotListen(error: NodeJS.ErrnoException): Result<never> {
    const { host } = this.#options
    const at = `${host.includes(':') ? `[${host}]` : host}:${this.#port}`
    const code = LISTEN_ERRORS[error.code ?? ''] ?? 'LISTEN_FAILED'
    return fail(code, `cannot listen on ${at} (${error.code ?? error.message})`, { host, port: this.#port, cause: error.code ?? null })
  }

  #accept(socket: Socket): void {
    const { remoteAddress: address, remotePort } = socket
    // Gone again before anybody looked.
    if (address === undefined) {
      socket.destroy()
      return
    }
    const refused = this.#refusal(address)
    if (refused) {
      socket.on('error', () => undefined)
      socket.resetAndDestroy()
      this.#options.refused?.(address, refused)
      return
    }
    this.#sockets.add(socket)
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1)
    const name = `${address.includes(':') ? `[${address}]` : address}:${remotePort}`
    let cause: GatewayError | null = null
    const events = this.#options.accept({
      name,
      address,
      get unsent() {
        return socket.writableLength
      },
      write: (bytes) => void socket.write(bytes),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      finish: () => socket.destroySoon(),
      close: () => void socket.destroy(),
    })
    socket.on('data', (bytes: Buffer) => events.bytes(bytes, performance.now()))
    socket.on('end', () => socket.destroy())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      cause ??= fail('TRANSPORT_CLOSED', `${name} broke off (${error.code ?? error.message})`, {
        peer: name,
        cause: error.code ?? null,
      }).error
    })
    socket.on('close', () => {
      this.#sockets.delete(socket)
      const left = (this.#byAddress.get(address) ?? 1) - 1
      if (left > 0) this.#byAddress.set(address, left)
      else this.#byAddress.delete(address)
      events.closed(cause ?? fail('TRANSPORT_CLOSED', `${name} hung up`, { peer: name }).error)
    })
  }

  #refusal(address: string): RefusedFor | null {
    if (this.#isOver || this.#sockets.size >= this.#options.maxConnections) return 'total'
    if ((this.#byAddress.get(address) ?? 0) >= this.#options.maxPerAddress) return 'peer'
    return this.#isShortOfFiles() ? 'files' : null
  }

  /** The system drops connections without a word when a process runs out of files: it must not come to that. */
  #isShortOfFiles(): boolean {
    if (++this.#uncounted <= this.#reserve / 2) return false
    const files = (this.#options.files ?? openFiles)()
    if (files === null) {
      this.#reserve = Number.POSITIVE_INFINITY
      return false
    }
    this.#reserve = reserveOf(files.limit)
    this.#uncounted = 0
    if (files.open + this.#reserve < files.limit) return false
    this.#uncounted = Number.POSITIVE_INFINITY
    this.#pause(`${many(files.open, 'open file')} of ${files.limit}`)
    return true
  }

  #pause(why: string): void {
    if (this.#paused || this.#isOver) return
    const { log = () => undefined, host } = this.#options
    log(
      'warn',
      `${host}:${this.#port} takes nobody for a second, ${why}: raise the limit of open files (LimitNOFILE= of the service, ulimit -n, --ulimit nofile=), or lower maxSessions`,
    )
    this.#server.close()
    this.#again()
  }

  #again(): void {
    this.#paused = setTimeout(() => {
      if (this.#isOver) return
      const files = (this.#options.files ?? openFiles)()
      if (files !== null && files.open + reserveOf(files.limit) >= files.limit) {
        this.#again()
        return
      }
      this.listen((result) => {
        if (result.ok) this.#paused = null
        else this.#again()
      })
    }, PAUSE_MS)
    this.#paused.unref()
  }
}
