import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Aedes } from 'aedes'

/** More connections than this are refused: a broker for demonstrations is not a way to use up a machine. */
const MOST_CONNECTIONS = 2000

/** A broker in this process. */
export interface ServedBroker {
  readonly url: string
  close(): Promise<void>
}

/**
 * An MQTT broker on `aedes`, everything in memory. For simulations only: it has no passwords and forgets all when it ends.
 * The number of messages handled at once stays at the package's default; a thousand made it fail.
 */
export const serveBroker = async (options: { readonly host?: string; readonly port?: number } = {}): Promise<ServedBroker> => {
  const host = options.host ?? '127.0.0.1'
  const aedes = await Aedes.createBroker()
  aedes.on('clientError', () => {})
  aedes.on('connectionError', () => {})
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    aedes.handle(socket)
  })
  server.maxConnections = MOST_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `mqtt://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close()
        aedes.close(() => resolve())
      }),
  }
}

/** A broker in a process of its own. */
export interface StartedBroker {
  readonly url: string
  readonly pid: number
  /** Resolves when the process has ended, with a sentence when nobody asked it to. */
  readonly gone: Promise<string | null>
  close(): Promise<void>
}

/** The compiled command line: beside us when we are compiled, in `dist` when we are not. */
const CLI = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/src/cli/index.js' : '../src/cli/index.js', import.meta.url))
const START_MS = 20_000
const END_MS = 3000

/**
 * Starts a broker in a process of its own, so that neither its work nor its end is ours. It ends with us: our end of its standard
 * input closes however we die.
 */
export const startBroker = async (options: { readonly host?: string; readonly port?: number } = {}): Promise<StartedBroker> => {
  const args = [CLI, 'simulate', 'broker', '--stdin', '--host', options.host ?? '127.0.0.1', '--port', String(options.port ?? 0)]
  // A process group of its own: Ctrl-C is for the parent, who then closes us.
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  let said = ''
  let asked = false
  child.stdin.on('error', () => {})
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text).slice(-2000)
  })
  const gone = new Promise<string | null>((resolve) =>
    child.once('exit', (code, signal) =>
      resolve(asked ? null : `the broker ended by itself (${signal ?? `exit code ${code}`}) ${said}`.trim()),
    ),
  )
  const url = await new Promise<string>((resolve, reject) => {
    let out = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the broker did not start within ${START_MS} ms: ${said}`))
    }, START_MS)
    child.once('error', reject)
    void gone.then((why) => {
      clearTimeout(timer)
      reject(new Error(why ?? 'the broker was closed'))
    })
    child.stdout.on('data', (text: Buffer) => {
      out += text
      const found = /broker on (mqtt:\S+)\n/.exec(out)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    })
  })
  return {
    url,
    pid: child.pid ?? 0,
    gone,
    close: async () => {
      asked = true
      child.stdin.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await gone
      clearTimeout(timer)
    },
  }
}
