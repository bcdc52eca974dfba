/** Reference programs: C where a compiler is there, JavaScript where not, and said so. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BenchContext } from '../anchor.ts'

/** The folder of package.json, from the compiled tree as from the sources. */
export const projectRoot = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

export const hasProgram = (name: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, name)))

/** Compiler and linker options of a library, null when it is not installed. */
const libraryOptions = (library: string): string[] | null => {
  try {
    return execFileSync('pkg-config', ['--cflags', '--libs', library], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split(/\s+/)
      .filter((option) => option !== '')
  } catch {
    return null
  }
}

/**
 * Compiles `bench/reference/NAME.c` into a folder that goes when the anchor is over.
 *
 * @returns  path of the program; null when the source, the compiler or the library is missing
 */
export const compile = (context: Pick<BenchContext, 'onEnd'>, name: string, library?: string): string | null => {
  const source = join(projectRoot(), 'bench', 'reference', `${name}.c`)
  const options = library === undefined ? [] : libraryOptions(library)
  if (options === null || !hasProgram('gcc') || !existsSync(source)) return null
  const folder = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
  context.onEnd(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, name)
  try {
    execFileSync('gcc', ['-O2', '-o', program, source, ...options], { stdio: ['ignore', 'ignore', 'pipe'] })
    return program
  } catch {
    return null
  }
}

/** A program started on one core, where that can be ordered. */
const onCore = (core: number | null, command: string, args: readonly string[]): readonly [string, string[]] =>
  core === null || !hasProgram('taskset') || availableParallelism() < 2
    ? [command, [...args]]
    : ['taskset', ['-c', String(core), command, ...args]]

/** A compiled module of ours as a program of its own: `bench/reference/modbus-node` with its arguments. */
export const ownProgram = (module: string, args: readonly string[]): readonly [string, string[]] => [
  process.execPath,
  [join(projectRoot(), 'dist', `${module}.js`), ...args],
]

/** Runs a program that prints one number. @throws when it fails; its own words are in the message */
export const numberFrom = async (core: number | null, command: string, args: readonly string[]): Promise<number> => {
  const [program, all] = onCore(core, command, args)
  const { stdout } = await promisify(execFile)(program, all, { maxBuffer: 1 << 20 })
  const value = Number(stdout.trim().split('\n').at(-1))
  if (!Number.isFinite(value)) throw new Error(`${command} printed ${JSON.stringify(stdout)}`)
  return value
}

/** A number from one of our own modules, in a process of its own. */
export const numberFromOwn = (core: number | null, module: string, args: readonly string[]): Promise<number> => {
  const [command, all] = ownProgram(module, args)
  return numberFrom(core, command, all)
}

/** The JSON object that one of our own modules prints. */
export const jsonFromOwn = async <T>(module: string, args: readonly string[]): Promise<T> => {
  const [command, all] = ownProgram(module, args)
  const { stdout } = await promisify(execFile)(command, all, { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

export interface ModbusServer {
  readonly ports: readonly number[]
  readonly kind: 'C, epoll' | 'JavaScript'
}

/** Starts a Modbus TCP server whose registers hold their own addresses, on `listeners` free ports; it ends with the anchor. */
export const startModbusServer = async (
  context: Pick<BenchContext, 'onEnd'>,
  listeners: number,
  core: number | null = null,
): Promise<ModbusServer> => {
  const fast = compile(context, 'modbus-server')
  const [command, args] = fast
    ? onCore(core, fast, [String(listeners)])
    : onCore(core, ...ownProgram('bench/reference/modbus-node', ['server', String(listeners)]))
  const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  context.onEnd(() => ended(server))
  const ports = await firstLine(server)
  return { ports: ports.split(' ').map(Number), kind: fast ? 'C, epoll' : 'JavaScript' }
}

/** Closes its stdin, which ends it, and waits. */
const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.stdin?.end()
    setTimeout(() => child.kill('SIGKILL'), 2000).unref()
  })

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the reference server ended with ${code}`)))
    createInterface({ input: child.stdout! }).once('line', resolve)
  })

/** One connection, one request of 60 registers after the other, by libmodbus; where it is missing by plain `node:net`. */
export const referenceLoop = (
  context: Pick<BenchContext, 'onEnd'>,
): { name: string; standIn: boolean; run: (port: number, seconds: number, core: number | null) => Promise<number> } => {
  const program = compile(context, 'modbus-loop', 'libmodbus')
  if (program)
    return {
      name: 'libmodbus',
      standIn: false,
      run: (port, seconds, core) => numberFrom(core, program, [String(port), String(seconds)]),
    }
  return {
    name: 'plain node:net (no compiler or no libmodbus here)',
    standIn: true,
    run: (port, seconds, core) => numberFromOwn(core, 'bench/reference/modbus-node', ['loop', String(port), String(seconds)]),
  }
}
