import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/arch.mjs', import.meta.url))

/** Runs the check over a tree made of these files. */
const arch = (files: Readonly<Record<string, string>>, ...options: string[]) => {
  const root = mkdtempSync(join(tmpdir(), 'gridtally arch '))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), source)
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--root', root, ...options], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

const core = { 'src/core/index.ts': 'export const one = 1\n' }

it('lets the arrows of the plan pass and draws them', () => {
  const files = {
    ...core,
    'protocols/dlt645/frame.ts': "import { one } from '../../src/core/index.ts'\nexport const frame = one\n",
    'protocols/dlt645/adapter.ts': "export { frame } from './frame.ts'\n",
    'protocols/gw3761/frame.ts': "import { frame } from '../dlt645/frame.ts'\nexport const inner = frame\n",
    'protocols/index.ts': "export { frame } from './dlt645/adapter.ts'\n",
    'protocols/modbus/a.ts': "import { Type } from 'typebox'\nimport { b } from './b.ts'\nexport const a = Type.Literal(b)\n",
    'protocols/modbus/b.ts': "import type { a } from './a.ts'\nexport const b: typeof a extends string ? 1 : 2 = 2\n",
    'src/acquisition/poller.ts':
      "import { frame } from '../../protocols/index.ts'\nimport net from 'node:net'\nexport const p = [frame, net]\n",
    'src/main.ts':
      "import { p } from './acquisition/poller.ts'\nexport const main = async () => [p, await import('../protocols/index.ts')]\n",
  }
  const { status, stdout, stderr } = arch(files)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^acquisition +1 +registry 1 +-$/m)
  expect(arch(files, '--mermaid').stdout).toContain('protocols_gw3761 --> protocols_dlt645')
})

it.each([
  ['core that knows a room', 'src/core/a.ts', "import '../transport/t.ts'", /src\/core\/a\.ts:1 core -> transport/],
  [
    'a sibling protocol',
    'protocols/modbus/data.ts',
    "\nimport { x } from '../dlt645/data.ts'",
    /modbus\/data\.ts:2 protocols\/modbus -> protocols\/dlt645/,
  ],
  ['a codec past its one door', 'protocols/gw3761/data.ts', "import '../dlt645/data.ts'", /gw3761\/data\.ts:1/],
  [
    'a codec round the registry',
    'src/acquisition/a.ts',
    "export * from '../../protocols/modbus/frame.ts'",
    /acquisition -> protocols\/modbus/,
  ],
  ['a dynamic import', 'src/api/a.ts', "export const a = () => import('../store/s.ts')", /api -> store/],
  ['a type', 'src/store/a.ts', "import type { S } from '../outbox/s.ts'", /store -> outbox/],
  ['an import in a type', 'src/store/a.ts', "export type T = import('../outbox/s.ts').T", /store -> outbox/],
  [
    'an import over lines',
    'src/store/a.ts',
    "import {\n  a, // from 'x'\n  b,\n} from\n  '../api/s.ts'",
    /src\/store\/a\.ts:5 store -> api/,
  ],
  ['a room without a line in the plan', 'src/attic/a.ts', '', /src\/attic\/a\.ts:1 lies in no room/],
  ['a codec with a socket', 'protocols/modbus/frame.ts', "import net from 'node:net'", /protocols\/modbus -> node:net/],
  ['a codec with a clock', 'protocols/modbus/frame.ts', 'export const at = () => Date.now()', /uses Date\.now/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
  ['a codec with a timer in a template', 'protocols/modbus/frame.ts', 'export const a = `${setTimeout(f, 1)}`', /uses setTimeout/],
  ['a circle', 'src/core/a.ts', "import './b.ts'", /circle of imports: src\/core\/a\.ts -> src\/core\/b\.ts -> src\/core\/a\.ts/],
])('refuses %s', (_, path, source, said) => {
  const { status, stderr } = arch({ ...core, 'src/core/b.ts': "import './a.ts'\n", [path]: `${source}\n` })
  expect(stderr).toMatch(said)
  expect(status).toBe(1)
})

it('takes comments, text and regular expressions for what they are', () => {
  const source = [
    "// import x from '../store/s.ts'",
    "/* import x from '../store/s.ts' */",
    'export const a = "import y from \'../store/s.ts\'; setTimeout()"',
    "export const b = /import\\('\\.\\.\\/store'\\) process [/'\"]/.test(a) ? 4 / 2 / 1 : 0",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    'export const c = `process ${a} import("../store/s.ts")`',
    'export const d = { process: 1, console: 2 }',
    'export const e = d.process + d.console',
  ].join('\n')
  expect(arch({ 'protocols/modbus/frame.ts': source })).toMatchObject({ status: 0, stderr: '' })
})
