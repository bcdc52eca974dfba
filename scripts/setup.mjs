// Installs what a script of package.json needs and is not there yet, and says what it does:
//   --demo    npm packages, dist
//   --test    the same and the servers and tools of Debian that the tests talk to
//   --bench   the same as --demo and, where possible, what the references are made of
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import nodeVersion from '../bin/node-version.js'
import { prepare, run, SetupError, say } from './prepare.mjs'

/** A program in PATH or in the folders where Debian keeps servers. */
const program = (name) =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].some((folder) => existsSync(join(folder, name)))
const succeeds = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** What is needed, how to see that it is there, and Debian's name for it. `folder`: a file that proves it at less cost than running it. */
const TOOLS = {
  influxd: { package: 'influxdb', there: () => program('influxd') },
  mosquitto: { package: 'mosquitto mosquitto-clients', there: () => program('mosquitto') && program('mosquitto_pub') },
  openssl: { package: 'openssl', there: () => program('openssl') },
  xmllint: { package: 'libxml2-utils', there: () => program('xmllint') },
  socat: { package: 'socat', there: () => program('socat') },
  mbpoll: { package: 'mbpoll', there: () => program('mbpoll') },
  pymodbus: {
    // Its server imports the two serial packages, which Debian only recommends.
    package: 'python3-pymodbus python3-serial python3-serial-asyncio',
    there: () =>
      ['pymodbus', 'serial', 'serial_asyncio'].every((name) => existsSync(`/usr/lib/python3/dist-packages/${name}`)) ||
      succeeds('/usr/bin/python3', ['-c', 'import pymodbus.server']),
  },
  gcc: { package: 'gcc libc6-dev', there: () => program('gcc') },
  libmodbus: { package: 'libmodbus-dev', there: () => existsSync('/usr/include/modbus/modbus.h') },
  'pkg-config': { package: 'pkg-config', there: () => program('pkg-config') },
}
const NEEDS = {
  '--demo': [],
  '--test': ['influxd', 'mosquitto', 'openssl', 'xmllint', 'socat', 'mbpoll', 'pymodbus'],
  '--bench': ['influxd', 'mosquitto', 'gcc', 'libmodbus', 'pkg-config'],
}

const missingOf = (tools) => tools.filter((tool) => !TOOLS[tool].there())
const packagesOf = (tools) => tools.flatMap((tool) => TOOLS[tool].package.split(' '))
const aptCommand = (tools) => `apt-get update && apt-get install -y --no-install-recommends ${packagesOf(tools).join(' ')}`

/** How to become root without a question; null when there is no way. */
const rootPrefix = () => (process.getuid?.() === 0 ? [] : program('sudo') && succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : null)

/** Tries Debian's packages. @returns the tools that are still missing */
const installTools = async (tools) => {
  const missing = missingOf(tools)
  const prefix = missing.length > 0 && program('apt-get') ? rootPrefix() : null
  if (prefix === null) return missing
  say(`apt-get: ${packagesOf(missing).join(' ')}`)
  const apt = (...args) => {
    // Servers of these packages are not started: the tests start their own, on free ports.
    const command = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', '-q', ...args]
    return run(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 2] })
  }
  await apt('update')
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']
  // One by one when all at once does not work: one unknown package must not cost us the others.
  if ((await apt(...install, ...packagesOf(missing))) !== 0) for (const tool of missing) await apt(...install, ...packagesOf([tool]))
  const left = missingOf(missing)
  if (left.length < missing.length) say(`installed: ${missing.filter((tool) => !left.includes(tool)).join(', ')}`)
  return left
}

/**
 * Brings everything a script needs.
 *
 * @param purpose  `--demo`, `--test` or `--bench`
 * @returns        exit code
 */
const setup = async (root, purpose) => {
  await prepare(root)
  const missing = await installTools(NEEDS[purpose])
  const marker = join(root, 'node_modules', '.gridtally-missing.json')
  if (purpose === '--test') {
    // test/support reads this file and skips, visibly, what cannot run.
    mkdirSync(join(root, 'node_modules'), { recursive: true })
    if (missing.length > 0) writeFileSync(marker, `${JSON.stringify(missing)}\n`)
    else rmSync(marker, { force: true })
  }
  if (missing.length === 0) return 0
  const strict = purpose === '--test' && /^(1|true)$/i.test(process.env.CI ?? '')
  say(`missing and not installed: ${missing.join(', ')}. As root type: ${aptCommand(missing)}`)
  if (purpose === '--test')
    say(strict ? 'CI=true: nothing may be skipped, so this is a failure' : 'the tests that need them will be skipped')
  else say('the figures that need them will be left out, or compared with a reference written in JavaScript')
  return strict ? 1 : 0
}

nodeVersion.requireNode()
const purpose = process.argv[2] ?? '--demo'
if (!Object.hasOwn(NEEDS, purpose)) {
  process.stderr.write(`setup: ${purpose} is unknown; allowed: ${Object.keys(NEEDS).join(', ')}\n`)
  process.exit(2)
}
const warning = nodeVersion.nodeOutOfSupport(process.versions.node)
if (warning !== null && purpose === '--test') process.stderr.write(`${warning}\n`)
try {
  process.exitCode = await setup(fileURLToPath(new URL('../', import.meta.url)), purpose)
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`setup: ${error.message}\n`)
  process.exitCode = 1
}
