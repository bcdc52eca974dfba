import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../simulators/free-port.ts'
import { programPath } from './influxd.ts'

export interface MosquittoOptions {
  readonly port?: number
  /** More lines of mosquitto.conf; they stand after `listener` and may say `{folder}`. */
  readonly config?: readonly string[]
  /** Keeps sessions and messages through a restart; default true. */
  readonly persistence?: boolean
  /** Writes files the configuration names, before the start. */
  readonly prepare?: (folder: string) => void
}

export interface PublishOptions {
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
  readonly version?: '3.1.1' | '5'
}

/** A broker of its own, in a folder of its own, known by its pid alone. */
export interface Mosquitto {
  readonly url: string
  readonly port: number
  readonly folder: string
  pid(): number
  /** The end of what it printed, for a failing test. */
  log(): string
  start(): Promise<void>
  /** Ends it (SIGTERM unless told otherwise, which saves its sessions) and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Sends one message with mosquitto_pub; resolves when the broker has it. */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): Promise<void>
  /** The same for the content of a file, which never enters this process. */
  publishFile(topic: string, file: string, options?: PublishOptions): Promise<void>
  /** Ends it for good and removes its folder. */
  destroy(): Promise<void>
}

const program = (name: string): string => {
  const path = programPath(name)
  if (path === null) throw new Error(`${name} is not installed: apt-get install mosquitto mosquitto-clients`)
  return path
}

/**
 * Starts a real mosquitto on a free port.
 *
 * @throws when it is not installed: `apt-get install mosquitto mosquitto-clients`
 */
export const startMosquitto = async (options: MosquittoOptions = {}): Promise<Mosquitto> => {
  const broker = program('mosquitto')
  const folder = mkdtempSync(join(tmpdir(), 'gridtally-mosquitto-'))
  const port = options.port ?? (await freePort())
  const logFile = join(folder, 'server.log')
  const config = options.config ?? ['allow_anonymous true']
  const lines = [
    'per_listener_settings false',
    // Started by root it would become another user, who may not write here.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    `persistence ${options.persistence ?? true}`,
    `persistence_location ${folder}/`,
    'max_queued_messages 0',
    `log_dest file ${logFile}`,
    'log_type all',
    'log_timestamp_format %H:%M:%S',
    `listener ${port} 127.0.0.1`,
    ...config.map((line) => line.replaceAll('{folder}', folder)),
  ]
  writeFileSync(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`)
  options.prepare?.(folder)
  let child: ChildProcess | null = null
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-4000) : '')

  const start = async (): Promise<void> => {
    const out = openSync(logFile, 'a')
    const started = spawn(broker, ['-c', join(folder, 'mosquitto.conf')], { cwd: folder, stdio: ['ignore', out, out] })
    closeSync(out)
    child = started
    const deadline = performance.now() + 30_000
    while (!(await listens(port))) {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`mosquitto ended at once:\n${log()}`)
      if (performance.now() > deadline) throw new Error(`mosquitto does not listen:\n${log()}`)
      // Polling a foreign program's start: there is no event to wait for.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    const running = child
    child = null
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const gone = once(running, 'exit')
    running.kill(signal)
    await gone
  }
  const pub = async (
    more: readonly string[],
    input: string | Uint8Array | null,
    { qos = 1, retain = false, version = '5' }: PublishOptions,
  ) => {
    const args = ['-h', '127.0.0.1', '-p', `${port}`, '-q', `${qos}`, '-V', version === '5' ? 'mqttv5' : 'mqttv311', ...more]
    const sender = spawn(program('mosquitto_pub'), retain ? [...args, '-r'] : args, { stdio: ['pipe', 'ignore', 'pipe'] })
    let complaint = ''
    sender.stderr.on('data', (text: Buffer) => {
      complaint += text
    })
    const gone = once(sender, 'close')
    sender.stdin.end(input ?? '')
    const [code] = await gone
    if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}: ${complaint}`)
  }
  const mosquitto: Mosquitto = {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    folder,
    pid: () => child?.pid ?? 0,
    log,
    start,
    stop,
    signal: (signal) => {
      child?.kill(signal)
    },
    publish: (topic, payload, more = {}) => pub(['-t', topic, ...(payload.length > 0 ? ['-s'] : ['-n'])], payload, more),
    publishFile: (topic, file, more = {}) => pub(['-t', topic, '-f', file], null, more),
    destroy: async () => {
      await stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    await start()
  } catch (error) {
    await mosquitto.destroy()
    throw error
  }
  return mosquitto
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** PEM files: a CA, a broker for 127.0.0.1 and localhost, a client, and a CA nobody has to do with. */
export const writeCertificates = (folder: string): void => {
  const openssl = (...args: string[]) => execFileSync(program('openssl'), args, { cwd: folder, stdio: 'pipe' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const ca of ['ca', 'stranger'])
    openssl('req', '-x509', ...ec, '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-days', '2', '-subj', `/CN=${ca}`)
  writeFileSync(join(folder, 'names.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  for (const name of ['broker', 'client']) {
    openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names.ext']
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...sign)
  }
}

/** A file of accounts for `password_file`. */
export const writePassword = (folder: string, user: string, password: string): void => {
  execFileSync(program('mosquitto_passwd'), ['-b', '-c', join(folder, 'passwords'), user, password], { stdio: 'pipe' })
}
