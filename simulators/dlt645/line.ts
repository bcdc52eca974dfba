import { type Field, sendAnswer } from '../answering.ts'
import { type Listener, serveBytes } from '../modbus/rtu.ts'
import { openSerial } from '../pty.ts'
import { openWire, type Pace, type Wire } from '../wire.ts'
import { dlt645Craft, listen } from './link.ts'
import type { Dlt645Meter } from './meter.ts'

export interface Dlt645LineOptions {
  readonly field: Field
  readonly line: string
  readonly meters: readonly Dlt645Meter[]
  readonly pace?: Pace
}

/**
 * A two-wire line with several DL/T 645 meters. When a wildcard meets more than one, all of them answer and their bits collide on
 * the wire, where a zero wins.
 */
export const dlt645Bus = ({ field, line, meters }: Dlt645LineOptions, wire: Wire): { take(bytes: Uint8Array): void } => {
  const ear = listen((asked) => {
    const at = field.clock.now()
    const askedAt = performance.now()
    const replies = meters.flatMap((meter) => {
      const reply = meter.answer(asked, at)
      return reply ? [{ meter, reply }] : []
    })
    const only = replies[0]
    if (!only) return
    const frame = replies.length === 1 ? only.reply.frame : replies.map(({ reply }) => reply.frame).reduce(collided)
    const values = replies.length === 1 ? only.reply.values : []
    sendAnswer(field, wire, dlt645Craft, { request: asked.whole, frame, values, instant: at, askedAt, meter: only.meter.id, line })
  })
  return { take: (bytes) => ear.take(bytes, performance.now()) }
}

const collided = (a: Uint8Array, b: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: Math.max(a.length, b.length) }, (_, at) => (a[at] ?? 0xff) & (b[at] ?? 0xff))

/** The line behind a transparent serial server. */
export const serveDlt645 = (options: Dlt645LineOptions & { readonly host?: string; readonly port?: number }): Promise<Listener> =>
  serveBytes(options.host ?? '127.0.0.1', options.port ?? 0, options.pace, (wire) => dlt645Bus(options, wire))

/** The line on a serial device. */
export const serveDlt645Serial = async (path: string, options: Dlt645LineOptions): Promise<{ close(): Promise<void> }> => {
  const port = await openSerial(path)
  const wire = openWire(port.write, options.pace)
  const bus = dlt645Bus(options, wire)
  port.onBytes((bytes) => bus.take(bytes))
  return {
    close: () => {
      wire.close()
      return port.close()
    },
  }
}
