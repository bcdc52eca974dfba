import { type ChildProcess, spawn } from 'node:child_process'
import { SerialPort } from 'serialport'

/** Two serial devices joined like the ends of a cable. */
export interface PtyPair {
  /** The end a simulated meter sits on. */
  readonly meterEnd: string
  /** The end a gateway opens. */
  readonly gatewayEnd: string
  close(): Promise<void>
}

/**
 * Makes a pair of pseudo terminals with `socat`.
 *
 * @throws  when socat is not installed
 */
export const openPtyPair = async (): Promise<PtyPair> => {
  const child = spawn('socat', ['-d', '-d', 'pty,raw,echo=0', 'pty,raw,echo=0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const [meterEnd, gatewayEnd] = await new Promise<readonly [string, string]>((resolve, reject) => {
    let said = ''
    child.once('error', (error) => reject(new Error(`socat does not start (${error.message}): apt-get install socat`)))
    child.once('exit', (code) => reject(new Error(`socat ended with ${code}: ${said}`)))
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1')
      const [first, second] = [...said.matchAll(/PTY is (\S+)/g)].map((match) => match[1])
      if (first !== undefined && second !== undefined && /starting data transfer/.test(said)) resolve([first, second])
    })
  })
  return { meterEnd, gatewayEnd, close: () => ended(child) }
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })

/** A serial device as the simulators need it. */
export interface Serial {
  readonly write: (bytes: Uint8Array) => void
  onBytes(take: (bytes: Uint8Array) => void): void
  close(): Promise<void>
}

/** Opens a serial device raw. A pseudo terminal has no speed; pacing makes it one. */
export const openSerial = (path: string, baud = 9600): Promise<Serial> =>
  new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate: baud, autoOpen: false })
    port.on('error', () => {})
    port.open((error) => {
      if (error) return reject(error)
      resolve({
        write: (bytes) => {
          if (port.isOpen) port.write(Buffer.from(bytes))
        },
        onBytes: (take) => {
          port.on('data', take)
        },
        close: () => new Promise((closed) => (port.isOpen ? port.close(() => closed()) : closed())),
      })
    })
  })
