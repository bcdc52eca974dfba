import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { program } from '../../src/cli/program.ts'
import { configurationReference } from '../../src/config/index.ts'
import { gridtally, scratch } from '../support/processes.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const DOCS = ['README.md', ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))]
const EXAMPLES = ['config/gateway.yaml', 'config/ledger.yaml']

/** Something a person would type: where it stands, and its words. */
interface Typed {
  readonly where: string
  readonly text: string
}

/** Code of a Markdown file: inline spans, and the lines of fenced blocks with their continuation lines joined. */
const codeOf = (path: string): { readonly spans: readonly Typed[]; readonly lines: readonly Typed[] } => {
  const spans: Typed[] = []
  const lines: Typed[] = []
  let fenced = false
  for (const line of read(path).replaceAll('\\\n', ' ').split('\n')) {
    if (line.startsWith('```')) fenced = !fenced
    else if (fenced) lines.push({ where: path, text: line })
    else for (const [, text = ''] of line.matchAll(/`([^`]+)`/g)) spans.push({ where: path, text })
  }
  return { spans, lines }
}
const comments = EXAMPLES.flatMap((where) =>
  [...read(where).matchAll(/#.*?(bin\/gridtally [^`\n]*)/g)].map(([, text = '']) => ({ where, text })),
)
const spans = DOCS.flatMap((path) => codeOf(path).spans)
const lines = DOCS.flatMap((path) => codeOf(path).lines)

/** Commands by name (`profile verify`), each with its options; a group has no options but `--help`. */
const commands = new Map<string, ReadonlySet<string>>()
const explore = (command: Command, words: readonly string[]): void => {
  commands.set(words.join(' '), new Set(['--help', ...command.options.flatMap(({ long }) => long ?? [])]))
  for (const each of command.commands) explore(each, [...words, each.name()])
}
explore(program, [])

/** `bin/gridtally profile verify FILE` → `profile verify`; null when no command is named. */
const commandIn = (text: string): string | null => {
  const words = /(?:npm run demo|gridtally)((?: +[a-z][a-z0-9-]*)*)/.exec(text)
  if (!words) return null
  if (words[0].startsWith('npm')) return 'demo'
  const named = words[1]?.trim().split(/ +/) ?? []
  for (let count = Math.min(3, named.length); count > 0; count--) {
    const name = named.slice(0, count).join(' ')
    if (commands.has(name)) return name
  }
  return named[0] ? `unknown: ${named[0]}` : null
}
const optionsIn = (text: string): string[] => [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option)

describe('commands and options', () => {
  it('that are named exist', () => {
    const typed = [...spans.filter(({ text }) => /^(bin\/)?gridtally |^GRIDTALLY_TOKEN|^npm run demo/.test(text)), ...comments]
    typed.push(...lines.filter(({ text }) => /^(bin\/)?gridtally |^npm run demo/.test(text)))
    expect(typed.length).toBeGreaterThan(40)
    const wrong = typed.flatMap(({ where, text }) => {
      const command = commandIn(text)
      if (command === null) return []
      const known = commands.get(command)
      if (!known) return [`${where}: ${text}: ${command}`]
      return optionsIn(text).flatMap((option) => (known.has(option) ? [] : [`${where}: ${text}: ${option}`]))
    })
    expect(wrong).toEqual([])
  })

  it('that stand by themselves belong to some command', () => {
    const known = new Set([...commands.values()].flatMap((options) => [...options]))
    const alone = spans.filter(({ text }) => text.startsWith('--'))
    expect(alone.length).toBeGreaterThan(10)
    expect(
      alone.flatMap(({ where, text }) => optionsIn(text).flatMap((option) => (known.has(option) ? [] : [`${where}: ${option}`]))),
    ).toEqual([])
    const groups = spans.filter(({ text }) => /^(config|profile|token|simulate) [a-z-]+$/.test(text))
    expect(groups.filter(({ text }) => !commands.has(text))).toEqual([])
  })

  it('that exist are in the README, those of a group at least on its own page', () => {
    const text = read('README.md')
    const pages = DOCS.map(read).join('')
    const last = (name: string) => name.split(' ').at(-1) ?? ''
    const isTold = (name: string) =>
      text.includes(name) || text.includes(`\`${last(name)}\``) || (name.includes(' ') && pages.includes(`gridtally ${name}`))
    expect([...commands.keys()].filter((name) => name !== '' && !isTold(name))).toEqual([])
  })
})

it('each command stands among the routes that do the same, or among those that need none', () => {
  const page = read('docs/api.md')
  const section = page.slice(page.indexOf('## What the commands do'), page.indexOf('## What stays'))
  const top = program.commands.map((command) => command.name()).filter((name) => name !== 'help')
  expect(top.filter((name) => !section.includes(`\`${name}\``))).toEqual([])
  const { paths } = JSON.parse(read('docs/openapi.json'))
  const known = Object.keys(paths).map((path) => path.replace('/api/v1', ''))
  const named = [...section.matchAll(/`(?:[A-Z]+ )?(\/[^`…]*)…?`/g)].flatMap(([, path]) => path ?? [])
  expect(named.length).toBeGreaterThan(30)
  expect(
    named.filter((path) => !known.some((route) => route === path || route.startsWith(path.endsWith('/') ? path : `${path}/`))),
  ).toEqual([])
})

describe('what is named exists', () => {
  it('files', () => {
    const top = readdirSync(ROOT)
    const named = spans.flatMap(({ where, text }) => {
      const path = /^([A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+\/?)$/.exec(text)?.[1]
      return path !== undefined && top.includes(path.split('/')[0] ?? '') ? [{ where, path }] : []
    })
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('links', () => {
    const links = DOCS.flatMap((where) =>
      [...read(where).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, to = '']) => ({ where, to })),
    )
    expect(links.length).toBeGreaterThan(10)
    expect(links.filter(({ where, to }) => !existsSync(join(ROOT, dirname(where), to)))).toEqual([])
  })

  const sources = ['src', 'protocols'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).flatMap((name) =>
      name.endsWith('.ts') ? [read(join(folder, name))] : [],
    ),
  )
  it('error codes', () => {
    const known = new Set(sources.flatMap((text) => text.match(/\b[A-Z][A-Z0-9]*_[A-Z_]+\b/g) ?? []))
    const named = DOCS.flatMap((where) => [
      ...new Set(
        read(where).match(
          /\b(LINE|DEVICE|DLT645|MODBUS|TRANSPORT|OUTBOX|STORE|INFLUX|API|MQTT|PUSH|LEDGER|SHEET|CLOCK|IMPORT|READ|ENERGY|GAP|SCAN)_[A-Z_]+\b/g,
        ) ?? [],
      ),
    ])
    expect(named.length).toBeGreaterThan(30)
    expect(named.filter((code) => !known.has(code))).toEqual([])
  })
  it('metrics', () => {
    const text = sources.join('')
    const named = DOCS.flatMap((where) => read(where).match(/\bgridtally_[a-z_]+/g) ?? [])
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((name) => !text.includes(name.replace(/^gridtally_/, '')))).toEqual([])
  })
  it('members of the report of the demo', () => {
    const demo = read('src/cli/demo.ts') + read('src/cli/demo-cases.ts') + read('src/gateway/summary.ts')
    const [, part = ''] = /one JSON object:([\s\S]*?)\n\n/.exec(read('README.md')) ?? []
    const members = [...part.matchAll(/`([a-zA-Z]+)`/g)].map(([, name = '']) => name)
    expect(members.length).toBeGreaterThan(15)
    expect(members.filter((name) => !new RegExp(`\\b${name}\\b`).test(demo))).toEqual([])
  })
})

describe('what is made from the code is in step with it', () => {
  it('docs/configuration.md: bin/gridtally config reference > docs/configuration.md', () =>
    expect(read('docs/configuration.md')).toBe(configurationReference()))
  it.each([
    ['config/gateway.schema.json', 'config schema'],
    ['config/ledger.schema.json', 'config schema --ledger'],
    ['config/mapping.schema.json', 'mapping schema'],
  ])('%s: bin/gridtally %s > it', async (path, words) =>
    expect(JSON.parse(read(path))).toEqual(JSON.parse((await gridtally(words.split(' '))).stdout)),
  )
})

describe('examples work', () => {
  it('config/gateway.yaml and config/ledger.yaml pass `check`', async () => {
    for (const path of EXAMPLES) expect(read(path)).toMatch(/^# yaml-language-server: \$schema=\.\/(gateway|ledger)\.schema\.json\n/)
    const { code, stdout } = await gridtally(['check'])
    expect(code).toBe(0)
    // The README shows this line.
    expect(read('README.md')).toContain(stdout.trim())
  })
  it('deploy/gateway.yaml passes `check` once its secret is set', async () => {
    const without = await gridtally(['check', '-c', 'deploy/gateway.yaml'], { env: { GRIDTALLY_INFLUX_PASSWORD: '' } })
    expect(without).toMatchObject({ code: 2, stderr: expect.stringMatching(/GRIDTALLY_INFLUX_PASSWORD is not set/) })
    expect(await gridtally(['check', '-c', 'deploy/gateway.yaml'], { env: { GRIDTALLY_INFLUX_PASSWORD: 'x' } })).toMatchObject({ code: 0 })
  })
  it('the meter model of docs/protocols.md proves itself, and a wrong sample is found', async () => {
    const model = /```json\n([\s\S]*?)```/.exec(read('docs/protocols.md'))?.[1] ?? ''
    const file = join(scratch(), 'our-em1.json')
    writeFileSync(file, model)
    expect(await gridtally(['profile', 'verify', file])).toMatchObject({ code: 0, stdout: '1 profile proved (2 registers), 0 failed\n' })
    writeFileSync(file, model.replace('12345.67', '12345.68'))
    const { code, stderr } = await gridtally(['profile', 'verify', file])
    expect(code).toBe(1)
    expect(read('docs/protocols.md')).toContain(stderr.trim().replace(file, 'our-em1.json'))
  })
  it('the frame of the README is explained', async () => {
    const [, protocol = '', hex = ''] = /decode --protocol (\S+) ([0-9A-F ]+)`/.exec(read('README.md')) ?? []
    expect(await gridtally(['decode', '--protocol', protocol, ...hex.split(' ')])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/123456\.78 kWh/),
    })
  })
})

it('the README stays short enough to be read', () => expect(read('README.md').split('\n').length).toBeLessThanOrEqual(350))
