import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { compileMapping } from '../../protocols/index.ts'
import { tryMapping, verifyMappings } from '../../src/cli/mapping.ts'
import { builtInMappings, compiledMappings, loadMapping, mappingFiles, openMappings } from '../../src/gateway/mappings.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { pushWorld } from '../../src/gateway/push-world.ts'
import { scratch } from '../support/processes.ts'

const text = readFileSync(fileURLToPath(new URL('../../docs/mappings.md', import.meta.url)), 'utf8')
const blocks = (language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block = '']) => block)
const world = pushWorld('Asia/Shanghai', openProfiles(null))

/** What a command prints. */
const printed = (command: () => void): string => {
  let all = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    all += String(part)
    return true
  })
  try {
    command()
  } finally {
    spy.mockRestore()
  }
  return all
}

/** A mapping file with these rules and an example that proves nothing. */
const around = (rules: string): string =>
  `id: part\ntitle: part\nsource: docs\nrules:\n${rules.replace(/^/gm, '  ')}\nexamples: [{ name: none, topic: none, text: '1', expect: { discard: no-topic } }]\n`

const problemsOf = (yaml: string, name: string): string[] => {
  const file = join(scratch(), name)
  writeFileSync(file, yaml)
  const loaded = loadMapping(file, world)
  return loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path} ${message}`)
}

describe('docs/mappings.md', () => {
  it('shows mappings and rules that hold', () => {
    const yaml = blocks('yaml')
    const wholes = yaml.filter((block) => block.startsWith('id: '))
    const rules = yaml.filter((block) => block.startsWith('- id: '))
    expect([wholes.length, rules.length]).toEqual([1, 2])
    expect(wholes.flatMap((block) => problemsOf(block, 'hall.yaml'))).toEqual([])
    expect(rules.flatMap((block) => problemsOf(around(block), 'part.yaml'))).toEqual([])
  })

  it('shows what the commands print', () => {
    const directory = scratch()
    const [mapping, message] = [join(directory, 'hall.yaml'), join(directory, 'message.json')]
    writeFileSync(mapping, blocks('yaml')[0] ?? '')
    writeFileSync(message, blocks('json')[0] ?? '')
    const [, topic = '', at = ''] = /--topic (\S+) --at (\S+) message\.json/.exec(text) ?? []
    const [verified, tried] = blocks('text')
    expect(printed(() => verifyMappings([mapping], {}))).toBe(verified)
    expect(printed(() => tryMapping(message, { mapping, topic, at, zone: 'Asia/Shanghai' }))).toBe(tried)
  })

  it('names every shipped mapping, and no other', () => {
    const [, table = ''] = /## Shipped mappings\n([\s\S]*?)\n## /.exec(text) ?? []
    const named = [...table.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, id = '']) => id)
    expect(named).toEqual(mappingFiles(builtInMappings()).map((file) => /([^/]+)\.yaml$/.exec(file)?.[1]))
    expect(compiledMappings(openMappings(null, world))).toHaveLength(named.length)
  })

  it('shows conditions, times and values in tables that a mapping takes', () => {
    const first = (heading: string): string[] => {
      const [, section = ''] = new RegExp(`### ${heading}[^\n]*\n([\\s\\S]*?)\n##`).exec(text) ?? []
      return [...section.matchAll(/^\| `(\{.*?\})` \|/gm)].map(([, cell = '']) => cell)
    }
    const value = '{ path: $.kwh, obis: 1.8.0, unit: kWh }'
    const topic = 'a/{sn}/{component}/{device}/{sn2}'
    const rule = (members: string) => around(`- { id: a, topic: '${topic}', meter: m, values: [${value}], ${members} }`)
    const conditions = first('Which messages')
    const times = first('When: time')
    expect([conditions.length, times.length]).toEqual([7, 5])
    expect(conditions.flatMap((cell) => problemsOf(rule(`when: [${cell}]`), 'part.yaml'))).toEqual([])
    expect(times.flatMap((cell) => problemsOf(rule(`time: [${cell}]`), 'part.yaml'))).toEqual([])
    const [, section = ''] = /\| member of a value \| means \|\n([\s\S]*?)\n\n/.exec(text) ?? []
    const members = [...section.matchAll(/`([a-z]+): ([^`]+)`/g)].map(([, name = '', cell = '']) => [name, cell] as const)
    expect(members.length).toBeGreaterThan(10)
    for (const [name, cell] of members) {
      const usual: Record<string, string> = { path: '$.v', obis: '16.7.0', unit: 'W' }
      if (name === 'obis' || name === 'unit') Object.assign(usual, { obis: '1.8.0', unit: 'kWh' })
      usual[name] = cell
      const written = Object.entries(usual).map(([member, content]) => `${member}: ${content}`)
      expect(problemsOf(around(`- { id: a, topic: a, meter: m, values: [{ ${written.join(', ')} }] }`), 'part.yaml')).toEqual([])
    }
  })

  it('names units that are known', () => {
    const [, list = ''] = /Known units: ([^.]*)\./.exec(text) ?? []
    for (const unit of list.split(/,\s+/)) {
      const compiled = compileMapping({
        id: 'a',
        title: 'a',
        source: 'a',
        rules: [{ id: 'a', topic: 'a', meter: 'm', values: [{ path: '$', obis: '96.1.0', unit }] }],
        examples: [{ name: 'a', topic: 'a', expect: {} }],
      })
      expect(compiled.ok ? [] : compiled.problems).toEqual([])
    }
  })
})
