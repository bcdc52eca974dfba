import type { GatewayError, Result } from '../core/index.ts'

/** What a line hears of its connection. */
export interface ConnectionEvents {
  /**
   * Bytes as they came, stamped on arrival. The array is only lent: it is overwritten after the call returns.
   *
   * @param at  monotonic milliseconds
   */
  bytes(bytes: Uint8Array, at: number): void
  /** Called once, whoever closed it. */
  closed(why: GatewayError): void
}

/** An open way to the field: bytes out, bytes in. It is used once; after `closed` a new one is opened. */
export interface Connection {
  /** Hands the bytes to the operating system. A connection that cannot take them closes. */
  write(bytes: Uint8Array): void
  close(): void
}

/** How to reach a bus or a device. */
export interface Transport {
  /** For messages: `tcp://192.0.2.7:4001`, `/dev/ttyUSB0 9600 8E1`. */
  readonly name: string
  /** Milliseconds one character takes on the wire; 0 where the wire is not ours to time. */
  readonly characterMs: number
  open(events: ConnectionEvents): Promise<Result<Connection>>
}

/** Serial port settings. */
export interface SerialSettings {
  readonly path: string
  readonly baud: number
  readonly dataBits: 7 | 8
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

/** `8E1`, as meters' data sheets write it. */
export const characterFormat = ({ dataBits, parity, stopBits }: Omit<SerialSettings, 'path' | 'baud'>): string =>
  `${dataBits}${parity[0]!.toUpperCase()}${stopBits}`

/** Milliseconds of one character: start bit, data, parity, stop bits. */
export const characterTime = ({ baud, dataBits, parity, stopBits }: Omit<SerialSettings, 'path'>): number =>
  (1000 * (1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits)) / baud
