import { type GatewayError, ok, type Result } from '../core/index.ts'
import {
  type Connection,
  type ConnectionEvents,
  characterFormat,
  characterTime,
  type SerialSettings,
  type Transport,
} from './connection.ts'
import { fail } from './errors.ts'
import { serialPackage } from './packages.ts'

/** No adapter needs longer to take a frame; one that does hangs, and only a reopen helps. */
const WRITE_DEADLINE_MS = 2000

/**
 * A serial port through `serialport`. A vanished adapter may stay "open" until something is written and may report its end
 * twice; both are turned into one `closed`.
 */
export const serialTransport = (settings: SerialSettings): Transport => {
  const { path, baud, dataBits, parity, stopBits } = settings
  const name = `${path} ${baud} ${characterFormat(settings)}`
  const open = (events: ConnectionEvents): Promise<Result<Connection>> =>
    new Promise((resolve) => {
      const port = new (serialPackage().SerialPort)({ path, baudRate: baud, dataBits, parity, stopBits, lock: true, autoOpen: false })
      let isOver = false
      const end = (why: GatewayError) => {
        if (isOver) return
        isOver = true
        events.closed(why)
      }
      port.open((error) => {
        if (error) return resolve({ ok: false, error: openError(error, name, path) })
        port.on('data', (bytes: Buffer) => events.bytes(bytes, performance.now()))
        port.on('error', (cause) => end(fail('TRANSPORT_CLOSED', `${name}: ${cause.message}`, { path }).error))
        port.on('close', () => end(fail('TRANSPORT_CLOSED', `${name} went away`, { path }).error))
        const close = () => {
          end(fail('TRANSPORT_CLOSED', `${name} closed by us`, { path }).error)
          if (port.isOpen) port.close(() => undefined)
        }
        const write = (bytes: Uint8Array) => {
          const timer = setTimeout(() => {
            end(fail('TRANSPORT_STUCK', `${name} took no bytes for ${WRITE_DEADLINE_MS} ms`, { path }).error)
            close()
          }, WRITE_DEADLINE_MS)
          port.write(Buffer.from(bytes), (cause) => {
            clearTimeout(timer)
            if (!cause) return
            end(fail('TRANSPORT_CLOSED', `${name}: ${cause.message}`, { path }).error)
            close()
          })
        }
        resolve(ok({ write, close }))
      })
    })
  return { name, characterMs: characterTime({ baud, dataBits, parity, stopBits }), open }
}

const openError = (error: Error, name: string, path: string): GatewayError => {
  const context = { path, cause: error.message }
  const text = error.message
  if (/no such file|ENOENT/i.test(text)) return fail('TRANSPORT_MISSING', `${path} does not exist`, context).error
  if (/permission|EACCES/i.test(text)) return fail('TRANSPORT_DENIED', `no permission for ${path}`, context).error
  if (/lock|busy|temporarily unavailable/i.test(text)) return fail('TRANSPORT_BUSY', `${path} is in use`, context).error
  if (/baud|invalid argument|EINVAL|setting/i.test(text))
    return fail('TRANSPORT_SETTINGS', `${name} is not possible: ${text}`, context).error
  return fail('TRANSPORT_MISSING', `${name} cannot be opened: ${text}`, context).error
}
