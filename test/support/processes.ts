import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CLI = join(ROOT, 'dist', 'src', 'cli', 'index.js')

/** A directory of the test's own, gone when it ends. */
export const scratch = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of the compiled command line to its end. */
export const gridtally = (
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, ...options.env },
      cwd: options.cwd ?? ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (text: Buffer) => {
      stdout += text
    })
    child.stderr.on('data', (text: Buffer) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })

export const TOKEN = `gt_${'t'.repeat(43)}`

/** Asks again while a gateway on a slow machine says that it is busy, as its `retry-after` wants it. */
export const patient = async (url: string, init: RequestInit = {}): Promise<Response> => {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url, init)
    // Other parts answer 503 too, and mean it.
    if (answer.status !== 503 || tries === 240 || !(await answer.clone().text()).includes('"API_BUSY"')) return answer
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

export interface RunningGateway {
  readonly address: string
  readonly child: ChildProcess
  /** Everything printed so far. */
  output(): string
  get(path: string): Promise<unknown>
  /** Ends it at once, as a power cut does for a process. */
  kill(): Promise<void>
  /** Asks it to stop; resolves with the exit code. */
  stop(): Promise<number | null>
}

/** Starts `gridtally run` and waits until it says that it is ready. */
export const runGateway = async (config: string, env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> => {
  const child = spawn(process.execPath, [CLI, 'run', '-c', config], {
    env: { ...process.env, GRIDTALLY_TOKEN: TOKEN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const gone = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const address = await new Promise<string>((resolve, reject) => {
    const hear = (text: Buffer) => {
      output += text
      const found = /"address":"([^"]+)"/.exec(output)?.[1]
      if (found) resolve(found)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}:\n${output}`)))
  })
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(kill)
  return {
    address,
    child,
    output: () => output,
    get: async (path) => (await patient(`${address}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json(),
    kill,
    stop: () => {
      child.kill('SIGTERM')
      return gone
    },
  }
}
