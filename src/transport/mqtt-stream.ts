import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { type GatewayError, ok, type Result } from '../core/index.ts'
import { fail } from './errors.ts'
import type { PacketGuard } from './mqtt-guard.ts'
import type { MqttTls } from './mqtt-types.ts'

/** Where a broker listens. */
export interface MqttTarget {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** For messages: `mqtts://broker:8883`. */
  readonly name: string
}

/**
 * Takes the url of a broker apart.
 *
 * @errors  MQTT_SETTINGS
 */
export const mqttTarget = (url: string): Result<MqttTarget> => {
  const parts = URL.canParse(url) ? new URL(url) : null
  const secure = parts?.protocol === 'mqtts:'
  if (parts?.hostname && (parts.username || parts.password))
    return fail('MQTT_SETTINGS', `the url of the broker ${parts.host} has a user or password in it`)
  if (!parts?.hostname || !(secure || parts.protocol === 'mqtt:') || !/^\/?$/.test(parts.pathname + parts.search + parts.hash))
    return fail('MQTT_SETTINGS', `${JSON.stringify(url.replace(/\/\/.*@/, '//'))} is no url of a broker`)
  const port = parts.port === '' ? (secure ? 8883 : 1883) : Number(parts.port)
  const host = parts.hostname.replace(/^\[(.*)\]$/, '$1')
  return ok({ host, port, secure, name: `${parts.protocol}//${parts.hostname}:${port}` })
}

/** A socket with a {@link PacketGuard} before its reader. Closes as soon as the other side hangs up. */
export class GuardedStream extends Duplex {
  readonly guard: PacketGuard
  /** When the last bytes came, monotonic milliseconds. */
  heardAt = performance.now()
  /** The other side was reached, and TLS agreed on. */
  isOpen = false
  /** What the guard could not let pass. */
  fault: GatewayError | null = null
  readonly #socket: Socket

  constructor(socket: Socket, guard: PacketGuard, openEvent: 'connect' | 'secureConnect') {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.guard = guard
    socket.once(openEvent, () => {
      this.isOpen = true
    })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.destroy(error))
    socket.on('end', () => this.destroy())
    socket.on('close', () => this.destroy())
  }

  #take(chunk: Uint8Array): void {
    this.heardAt = performance.now()
    const taken = this.guard.take(chunk)
    if (!taken.ok) {
      this.fault = taken.error
      this.destroy()
      return
    }
    let goesOn = true
    for (const bytes of taken.value) goesOn = this.push(bytes)
    if (!goesOn) this.#socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}

/**
 * Starts a connection to a broker; what is written meanwhile waits.
 *
 * @errors  MQTT_TLS when a certificate or key cannot be read
 */
export const dialMqtt = (target: MqttTarget, tls: MqttTls, guard: PacketGuard): Result<GuardedStream> => {
  const { host, port, secure, name } = target
  const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000 }
  if (!secure) return ok(new GuardedStream(connectTcp(common), guard, 'connect'))
  const pem = (key: 'ca' | 'cert' | 'key') => (tls[key] === undefined ? {} : { [key]: Buffer.from(tls[key]) })
  const servername = tls.servername ?? (isIP(host) ? undefined : host)
  try {
    const socket = connectTls({
      ...common,
      ...pem('ca'),
      ...pem('cert'),
      ...pem('key'),
      ...(servername === undefined ? {} : { servername }),
      rejectUnauthorized: tls.insecure !== true,
      minVersion: tls.minVersion ?? 'TLSv1.2',
    })
    // Of these three `tls.connect` takes only what stands in its own options from Node 22 on.
    socket.setNoDelay(true).setKeepAlive(true, 5000)
    return ok(new GuardedStream(socket, guard, 'secureConnect'))
  } catch (error) {
    return fail('MQTT_TLS', `${name}: certificate or key cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
