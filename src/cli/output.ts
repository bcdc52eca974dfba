import { explain, type GatewayError } from '../core/index.ts'

/** How a command ends. Listed in the README. */
export const EXIT = { ok: 0, failed: 1, usage: 2, internal: 70 } as const

export const print = (text: string): void => void process.stdout.write(`${text}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value, bigintAsText, 2))
export const complain = (text: string): void => void process.stderr.write(`${text}\n`)

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** Ends the command with a message for a person. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly exitCode: number

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message)
    this.exitCode = exitCode
  }
}

export const failure = (error: GatewayError, exitCode: number = EXIT.failed): CommandFailed => new CommandFailed(explain(error), exitCode)

/** Columns side by side; wide (Chinese) characters count two. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))
  return rows
    .map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell + ' '.repeat((widths[at] ?? 0) - widthOf(cell)))).join('  '))
    .join('\n')
}

const widthOf = (text: string): number => {
  let width = 0
  for (const character of text)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(character) ? 2 : 1
  return width
}

/** An abort signal that the first Ctrl-C or SIGTERM raises; the second one ends the process. */
export const untilInterrupted = (): AbortSignal => {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}

/** Resolves when the signal is raised, or after so many milliseconds. */
export const aborted = (signal: AbortSignal, withinMs?: number): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = withinMs === undefined ? setInterval(() => undefined, 1 << 30) : setTimeout(done, withinMs)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
  })
