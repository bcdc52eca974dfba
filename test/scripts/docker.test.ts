import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Instructions with their continuation lines joined. */
const instructions = read('Dockerfile')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
  .map((line) => {
    const [, name = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
    return { name, rest }
  })
const of = (name: string) => instructions.filter((one) => one.name === name).map(({ rest }) => rest)
const copied = of('COPY').flatMap((rest) => (rest.startsWith('--from=') ? [] : rest.split(/\s+/).slice(0, -1)))

describe('the Dockerfile', () => {
  it('copies only what is there, and what .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([])
    expect(copied.filter((path) => !allowed.includes(path))).toEqual([])
    expect(allowed.filter((path) => !copied.includes(path))).toEqual([])
  })

  it('gives the compiler every folder it is told to compile', () => {
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] }
    expect(copied).toEqual(expect.arrayContaining(include))
  })

  it('gives the compiler what those folders import from elsewhere', () => {
    const { stdout } = spawnSync(process.execPath, [join(root, 'scripts/arch.mjs'), '--targets'], { encoding: 'utf8' })
    const targets = stdout.trim().split('\n')
    expect(targets).toContain('src/core/index.ts')
    expect(targets.filter((target) => !copied.some((path) => target === path || target.startsWith(`${path}/`)))).toEqual([])
  })

  it('ends as a user without rights, in exec form, and is watched', () => {
    const last = instructions.map(({ name }) => name).lastIndexOf('FROM')
    const names = instructions.slice(last).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['USER', 'VOLUME', 'HEALTHCHECK', 'ENTRYPOINT']))
    expect(of('USER')).toEqual(['node'])
    for (const form of [...of('ENTRYPOINT'), ...of('CMD'), ...of('HEALTHCHECK').map((text) => text.slice(text.indexOf('CMD') + 3))])
      expect(JSON.parse(form)).toBeInstanceOf(Array)
  })

  it('watches an address that a gateway answers: the check fails where nobody listens', () => {
    const [check = ''] = of('HEALTHCHECK')
    const [command = '', ...args] = JSON.parse(check.slice(check.indexOf('CMD') + 3)) as string[]
    expect([command, args[0]]).toEqual(['node', '-e'])
    const { status, stderr } = spawnSync(process.execPath, args, { env: { GRIDTALLY_PORT: '1' }, encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
  })
})

interface Service {
  readonly image?: string
  readonly build?: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
}

describe('compose.yaml', () => {
  const { services, volumes } = parse(read('compose.yaml')) as { services: Record<string, Service>; volumes: Record<string, null> }

  it('pins images, opens ports to this machine only, mounts what is there', () => {
    for (const { image, build, ports = [], volumes: mounts = [] } of Object.values(services)) {
      if (build === undefined) expect(image).toMatch(/^[a-z-]+:\d+\.\d+\.\d+$/)
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
      for (const [from = ''] of mounts.map((mount) => mount.split(':')))
        if (from.startsWith('.')) expect(existsSync(join(root, from)), from).toBe(true)
        else expect(Object.keys(volumes)).toContain(from)
    }
  })

  it('holds no secret', () => {
    for (const file of ['compose.yaml', 'Dockerfile', 'deploy/gateway.yaml']) {
      for (const [, value = ''] of read(file).matchAll(/(?:password|token|secret)\w*['"]?\s*[:=]\s*(\S+)/gi))
        expect(value, file).toMatch(/^(\$|\[|'?\$\{|"\$\()/)
    }
  })
})
