// Gateway and simulators together, compiled again and started again whenever a source or a file of config/ changes.
//   npm run dev -- [options of gridtally demo]
// Watches by itself: the watch mode of TypeScript 7.0 missed changes here, and a compilation takes well under a second.
import { spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import nodeVersion from '../bin/node-version.js'
import { prepare, SetupError, say } from './prepare.mjs'

nodeVersion.requireNode()
const root = fileURLToPath(new URL('../', import.meta.url))
const WATCHED = ['src', 'protocols', 'simulators', 'config']
const QUIET_MS = 150
const PATIENCE_MS = 10_000

let child = null
let ending = false

/** Own process group: a Ctrl-C in the terminal reaches only us, and we pass it on once. */
const start = () => {
  const gateway = spawn(process.execPath, [join(root, 'dist', 'src', 'cli', 'index.js'), 'demo', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
    detached: true,
  })
  gateway.on('exit', (code, signal) => {
    if (child !== gateway) return
    child = null
    if (!ending) say(`the gateway ended (${signal ?? code}); waiting for a change`)
  })
  child = gateway
}

const stop = () =>
  new Promise((resolve) => {
    const gateway = child
    if (gateway === null) return resolve()
    child = null
    const patience = setTimeout(() => gateway.kill('SIGKILL'), PATIENCE_MS)
    gateway.once('exit', () => {
      clearTimeout(patience)
      resolve()
    })
    gateway.kill('SIGINT')
  })

let busy = false
let dirty = false
const rebuild = async () => {
  dirty = true
  if (busy) return
  busy = true
  while (dirty && !ending) {
    dirty = false
    try {
      await prepare(root)
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      say(error.message)
      continue
    }
    await stop()
    if (!ending) start()
  }
  busy = false
}

let timer
const watchers = WATCHED.map((folder) =>
  watch(join(root, folder), { recursive: true }, (_, name) => {
    if (name !== null && !/\.(ts|json|ya?ml|csv)$/.test(name)) return
    clearTimeout(timer)
    timer = setTimeout(rebuild, QUIET_MS)
  }),
)

const end = async () => {
  if (ending) return
  ending = true
  clearTimeout(timer)
  for (const watcher of watchers) watcher.close()
  await stop()
  process.exit(0)
}
process.on('SIGINT', end)
process.on('SIGTERM', end)
process.on('exit', () => child?.kill('SIGKILL'))
await rebuild()
