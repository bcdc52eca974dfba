import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A small checkout with blanks in its path: our scripts, a lock file with one package, stand-ins for npm, tsc and apt-get. */
const checkout = () => {
  const folder = mkdtempSync(join(tmpdir(), 'gridtally set up '))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const put = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
    chmodSync(join(folder, path), mode)
  }
  for (const path of ['bin', 'scripts']) cpSync(join(root, path), join(folder, path), { recursive: true })
  const lock = { packages: { '': {}, 'node_modules/typescript': { version: '7.0.2' }, 'node_modules/only-on-a-mac': { optional: true } } }
  put('package.json', JSON.stringify({ type: 'module', engines: { node: '>=20.19' } }))
  put('package-lock.json', JSON.stringify(lock))
  put('tsconfig.json', '{}')
  put('src/cli/index.ts', "console.log('ran', ...process.argv.slice(2))")
  // npm: notes how it was called, and installs a compiler that copies.
  const compiler = [
    "const { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs')",
    "appendFileSync('calls', 'tsc ' + process.argv.slice(2).join(' ') + '\\n')",
    "if (readFileSync('src/cli/index.ts', 'utf8').includes('!')) process.exit(2)",
    "mkdirSync('dist/src/cli', { recursive: true })",
    "cpSync('src/cli/index.ts', 'dist/src/cli/index.js')",
    "writeFileSync('dist/.tsbuildinfo', '{}')",
  ].join('\n')
  const npm = [
    '#!/bin/sh',
    'echo "npm $*" >> calls',
    'rm -rf node_modules && mkdir -p node_modules/typescript/bin',
    `cat > node_modules/typescript/bin/tsc <<'END'\n${compiler}\nEND`,
    'echo \'{"type":"commonjs"}\' > node_modules/typescript/package.json',
    'cp package-lock.json node_modules/.package-lock.json',
  ].join('\n')
  put('tools/npm', npm, 0o755)
  put('tools/apt-get', '#!/bin/sh\necho "apt-get $*" >> "$CALLS"\nexit 100\n', 0o755)
  // Nothing of the real PATH but the shell's own programs, by name: no server is found.
  for (const name of ['cat', 'cp', 'mkdir', 'rm', 'env', 'sh']) {
    const real = execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    put(`tools/${name}`, `#!/bin/sh\nexec ${real} "$@"\n`, 0o755)
  }
  const calls = () => (existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : [])
  const environment = { PATH: join(folder, 'tools'), CALLS: join(folder, 'calls') }
  const node = (script: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
    spawnSync(process.execPath, [join(folder, script), ...args], { cwd: tmpdir(), env: { ...environment, ...env }, encoding: 'utf8' })
  /** The same without waiting for it. @returns exit code */
  const start = async (script: string): Promise<number | null> => {
    const child = spawn(process.execPath, [join(folder, script)], { env: environment, stdio: 'ignore' })
    await once(child, 'exit')
    return child.exitCode
  }
  return { folder, put, calls, node, start }
}

describe('a fresh checkout', () => {
  it('is installed and compiled by the command itself, once, with nothing of that on stdout', () => {
    const { calls, node } = checkout()
    expect(node('bin/gridtally', ['decode', '--json', 'a b'])).toMatchObject({ status: 0, stdout: 'ran decode --json a b\n' })
    expect(calls()).toEqual([expect.stringMatching(/^npm ci --ignore-scripts /), 'tsc -p tsconfig.build.json'])
    expect(node('bin/gridtally')).toMatchObject({ status: 0, stdout: 'ran\n', stderr: '' })
    expect(calls()).toHaveLength(2)
  })

  it('is compiled again when a source is newer, and does not start when it does not compile', () => {
    const { folder, put, calls, node } = checkout()
    const touch = (path: string) => utimesSync(join(folder, path), new Date(), new Date(Date.now() + 5000))
    node('scripts/setup.mjs', ['--demo'])
    put('src/cli/index.ts', "console.log('new')")
    touch('src/cli/index.ts')
    expect(node('bin/gridtally').stdout).toBe('new\n')
    put('src/cli/index.ts', '!')
    touch('src/cli/index.ts')
    expect(node('bin/gridtally')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('do not compile') })
    expect(node('bin/gridtally').status).toBe(1)
    expect(calls().filter((call) => call.startsWith('tsc'))).toHaveLength(4)
  })

  it('is installed again when the lock file says otherwise', () => {
    const { put, calls, node } = checkout()
    node('scripts/setup.mjs', ['--demo'])
    put('package-lock.json', JSON.stringify({ packages: { 'node_modules/typescript': { version: '7.0.3' } } }))
    node('scripts/setup.mjs', ['--demo'])
    expect(calls().filter((call) => call.startsWith('npm'))).toHaveLength(2)
  })

  it('is installed all the same by an npm that finds the lock file incomplete', () => {
    const { folder, put, calls, node } = checkout()
    const npm = readFileSync(join(folder, 'tools/npm'), 'utf8')
    put('tools/npm', npm.replace('rm -rf', '[ "$1" = ci ] && exit 1\nrm -rf'), 0o755)
    expect(node('bin/gridtally')).toMatchObject({ status: 0, stdout: 'ran\n' })
    expect(calls().slice(0, 2)).toEqual([
      expect.stringMatching(/^npm ci /),
      expect.stringMatching(/^npm install --no-save --ignore-scripts /),
    ])
  })

  it('says what npm could not do', () => {
    const { put, node } = checkout()
    put('tools/npm', '#!/bin/sh\nexit 7\n', 0o755)
    const { status, stderr } = node('scripts/setup.mjs', ['--demo'])
    expect(stderr).toMatch(/npm install ended with 7: .*type: npm ci --ignore-scripts/)
    expect(status).toBe(1)
  })

  it('is set up once when two commands start together', async () => {
    const { calls, start } = checkout()
    expect(await Promise.all([start('scripts/setup.mjs'), start('scripts/setup.mjs')])).toEqual([0, 0])
    expect(calls()).toHaveLength(2)
  })

  it('is set up by the next command when one was killed in the middle', () => {
    const { folder, put, node } = checkout()
    const npm = readFileSync(join(folder, 'tools/npm'), 'utf8')
    put('tools/npm', '#!/bin/sh\nkill -9 $PPID\n', 0o755)
    expect(node('scripts/setup.mjs').signal).toBe('SIGKILL')
    put('tools/npm', npm, 0o755)
    expect(node('bin/gridtally').stdout).toBe('ran\n')
  })
})

it('has a lock file that names every package of every platform, so that npm ci takes it anywhere', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>
  }
  const isThere = (from: string, name: string): boolean => {
    for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
      if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true
      if (folder === '') return false
    }
  }
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isThere(path, name)),
  )
  expect(missing).toEqual([])
})

describe('what Debian should have brought', () => {
  const missing = (folder: string) => join(folder, 'node_modules', '.gridtally-missing.json')

  it('is asked for; what stays missing is named, with the command, and skipped', () => {
    const { folder, calls, node } = checkout()
    const { status, stderr } = node('scripts/setup.mjs', ['--test'])
    expect(status).toBe(0)
    expect(stderr).toMatch(/missing and not installed: .*socat.*type: apt-get update && apt-get install .*socat/)
    expect(JSON.parse(readFileSync(missing(folder), 'utf8'))).toContain('socat')
    if (process.getuid?.() === 0)
      expect(
        calls()
          .filter((call) => call.startsWith('apt-get'))
          .join(),
      ).toMatch(/update.*install.*socat/)
  })

  it('is a failure under CI', () => {
    const { status, stderr } = checkout().node('scripts/setup.mjs', ['--test'], { CI: 'true' })
    expect(stderr).toContain('this is a failure')
    expect(status).toBe(1)
  })

  it('is no business of the demo', () => {
    const { folder, node } = checkout()
    expect(node('scripts/setup.mjs', ['--demo'], { CI: 'true' }).status).toBe(0)
    expect(existsSync(missing(folder))).toBe(false)
  })
})

/** What bin/node-version.js says about a version of Node. */
const said = (version: string) => {
  const code = `const m = require(${JSON.stringify(join(root, 'bin/node-version.js'))}); console.log(JSON.stringify([m.nodeTooOld(process.argv[1]), m.nodeOutOfSupport(process.argv[1])]))`
  return JSON.parse(execFileSync(process.execPath, ['-e', code, version], { encoding: 'utf8' })) as [string | null, string | null]
}

it.each(['18.20.4', '20.18.3'])('refuses Node %s by name', (version) => {
  expect(said(version)[0]).toBe(
    `gridtally: this is Node ${version}, at least 20.19 is needed; 24 is recommended. Install it from https://nodejs.org or your distribution, then try again.`,
  )
})
it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('accepts Node %s', (version) => expect(said(version)[0]).toBeNull())
it('warns of a Node that gets no fixes any more', () => {
  expect(said('20.20.2')[1]).toContain('no security fixes')
  expect(said('22.1.0')[1]).toBeNull()
})
