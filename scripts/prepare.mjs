// Brings a checkout into a state in which it can run: npm packages as the lock file says, `dist` as the sources say.
// Needs nothing but Node, prints to stderr, and costs a few milliseconds when there is nothing to do.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A failure whose message is all a person needs: printed without a stack. */
export class SetupError extends Error {
  name = 'SetupError'
  expected = true
}

const started = performance.now()
export const say = (text) => process.stderr.write(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}\n`)

/**
 * Runs a program to its end, its output on our stderr.
 *
 * @returns  exit code; 127 when it cannot be started
 */
export const run = (command, args, options = {}) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2], ...options })
    child.on('error', () => resolve(127))
    child.on('close', (code, signal) => resolve(code ?? (signal ? 130 : 1)))
  })

/** Packages of the lock file that are not installed as it says. npm writes the hidden copy last, so a broken install is seen. */
export const stalePackages = (root) => {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = existsSync(hidden) ? JSON.parse(readFileSync(hidden, 'utf8')).packages : {}
  return Object.entries(wanted).flatMap(([path, { version, integrity, optional, devOptional }]) => {
    if (path === '' || optional || devOptional) return []
    const found = installed[path]
    return found && found.version === version && found.integrity === integrity ? [] : [path]
  })
}

const SOURCES = ['src', 'protocols', 'simulators', 'bench', 'test/support', 'tsconfig.json', 'tsconfig.build.json']
const BUILD_INFO = join('dist', '.tsbuildinfo')

/** Latest change below a path, folders included so that a removed file counts; 0 when there is no such path. */
const newest = (path) => {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  return readdirSync(path, { withFileTypes: true }).reduce(
    (latest, entry) => (entry.isDirectory() || /\.(ts|json)$/.test(entry.name) ? Math.max(latest, newest(join(path, entry.name))) : latest),
    stat.mtimeMs,
  )
}

export const staleBuild = (root) => {
  const built = statSync(join(root, BUILD_INFO), { throwIfNoEntry: false })
  return !built || SOURCES.some((path) => newest(join(root, path)) > built.mtimeMs)
}

/** One setup at a time in one checkout: `npm ci` empties node_modules, and a second one beside it breaks both. */
const locked = async (root, work) => {
  const path = join(tmpdir(), `gridtally-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}.lock`)
  for (let told = false; ; told = true) {
    try {
      const file = openSync(path, 'wx')
      writeSync(file, String(process.pid))
      closeSync(file)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = readHolder(path)
    if (holder !== null && (!alive(holder) || ageMs(path) > 15 * 60_000)) rmSync(path, { force: true })
    else {
      if (!told) say(`waiting for another setup of this checkout${holder ? ` (process ${holder})` : ''}`)
      await sleep(100)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

/** Process id in a lock file; null while it is being written. A file that stays empty for 5 s belongs to nobody. */
const readHolder = (path) => {
  try {
    const text = readFileSync(path, 'utf8')
    if (text !== '') return Number(text)
    return ageMs(path) > 5000 ? 0 : null
  } catch {
    return null
  }
}

const ageMs = (path) => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())

const alive = (pid) => {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

const installPackages = async (root) => {
  const stale = stalePackages(root)
  if (stale.length === 0) return
  say(
    existsSync(join(root, 'node_modules')) ? `${stale.length} npm packages differ from package-lock.json: npm ci` : 'npm ci: npm packages',
  )
  const npm = (...args) => run('npm', [...args, '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'], { cwd: root })
  let code = await npm('ci')
  if (code !== 0) {
    // Another version of npm, or a registry without the packages of other platforms, finds the lock file incomplete. The versions it
    // does name are kept, and it stays as it is.
    say('npm ci would not do it: npm install --no-save')
    code = await npm('install', '--no-save')
  }
  if (code !== 0)
    throw new SetupError(
      `npm install ended with ${code}: check the network and the registry (npm config get registry), then type: npm ci --ignore-scripts`,
    )
  say('npm packages are installed')
}

const build = async (root) => {
  if (!staleBuild(root)) return
  say('compiling to dist')
  const began = new Date()
  const code = await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
  })
  // tsc leaves its file alone when nothing changed, and writes it after errors too: the time on it is ours to set.
  if (existsSync(join(root, BUILD_INFO))) {
    const stamp = code === 0 ? began : new Date(0)
    utimesSync(join(root, BUILD_INFO), stamp, stamp)
  }
  if (code !== 0) throw new SetupError('the sources do not compile: see the lines above')
  say('compiled')
}

/** Packages and `dist`, whatever of them is stale. @throws SetupError with what to type */
export const prepare = async (root) => {
  if (stalePackages(root).length === 0 && !staleBuild(root)) return
  await locked(root, async () => {
    await installPackages(root)
    await build(root)
  })
}
