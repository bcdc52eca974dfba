// Draws which room imports which, from the real imports, and fails on an arrow that is not in the plan below.
//   node scripts/arch.mjs            the table; exit code 1 on a new arrow, an impure codec or a circle of files
//   node scripts/arch.mjs --mermaid  the same as a picture, for a page of docs
//   --targets                        every file of ours that is imported, one a line
//   --root DIR                       another tree (tests)
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freeNames, importsOf } from './source-text.mjs'

/**
 * The plan: what each room may import. `*` stands for one name; a line that ends in a file opens only that file.
 * The first line that fits a file is its room. Why the walls stand here: docs/decisions/0010-rooms.md.
 */
const ROOMS = [
  { room: 'core', files: 'src/core/', may: [] },
  { room: 'sqlite', files: 'src/sqlite/', may: ['src/core/'] },
  { room: 'protocols/gw3761', files: 'protocols/gw3761/', may: ['src/core/', 'protocols/dlt645/frame.ts'], pure: true },
  { room: 'protocols/*', files: 'protocols/*/', may: ['src/core/'], pure: true },
  // The registry, and beside it what takes frames apart and needs no adapter.
  { room: 'registry', files: 'protocols/', may: ['src/core/', 'protocols/'], pure: true },
  { room: 'transport', files: 'src/transport/', may: ['src/core/'] },
  { room: 'normalise', files: 'src/normalise/', may: ['src/core/'] },
  { room: 'anomaly', files: 'src/anomaly/', may: ['src/core/'] },
  { room: 'config', files: 'src/config/', may: ['src/core/'] },
  { room: 'ledger', files: 'src/ledger/', may: ['src/core/', 'src/sqlite/'] },
  // What it reads and writes are facts of the ledger, under the names the ledger gives them.
  { room: 'sheets', files: 'src/sheets/', may: ['src/core/', 'src/export/', 'src/ledger/kinds.ts', 'src/ledger/types.ts'] },
  { room: 'energy', files: 'src/energy/', may: ['src/core/'] },
  { room: 'collection', files: 'src/collection/', may: ['src/core/', 'src/sqlite/'] },
  // What a line said, as a file: read by people, by Wireshark and by the house again.
  { room: 'capture', files: 'src/capture/', may: ['src/core/'] },
  { room: 'outbox', files: 'src/outbox/', may: ['src/core/', 'src/sqlite/'] },
  { room: 'store', files: 'src/store/', may: ['src/core/', 'src/sqlite/'] },
  { room: 'push', files: 'src/push/', may: ['src/core/', 'src/sqlite/'] },
  // Who may do what, and the record of who did: no room that acts is known to it.
  { room: 'access', files: 'src/access/', may: ['src/core/', 'src/sqlite/'] },
  // What is billed: releases, corrections, the sequence a billing system follows.
  { room: 'billing', files: 'src/billing/', may: ['src/core/', 'src/sqlite/', 'src/energy/'] },
  // Frames and messages that readings rest on, kept for a court.
  { room: 'evidence', files: 'src/evidence/', may: ['src/core/', 'src/sqlite/'] },
  // Tier split and grading of customers: arithmetic.
  { room: 'tariff', files: 'src/tariff/', may: ['src/core/'] },
  // Rows as files, and figures in the forms other houses read. Nothing here knows where a row comes from.
  { room: 'export', files: 'src/export/', may: ['src/core/'] },
  { room: 'interchange', files: 'src/interchange/', may: ['src/core/'] },
  { room: 'acquisition', files: 'src/acquisition/', may: ['src/core/', 'src/transport/', 'protocols/index.ts'] },
  {
    room: 'api',
    files: 'src/api/',
    may: [
      ...['src/core/', 'src/anomaly/', 'src/capture/', 'src/ledger/kinds.ts', 'src/ledger/types.ts', 'src/export/'],
      ...['src/access/roles.ts', 'src/access/principals.ts'],
    ],
  },
  { room: 'simulators', files: 'simulators/', may: ['src/core/', 'protocols/*/frame.ts', 'protocols/*/data.ts'] },
  // Where the rooms of a running gateway meet; how it is started, shown or measured is not its business.
  {
    room: 'gateway',
    files: 'src/gateway/',
    may: [
      ...['core', 'sqlite', 'transport', 'normalise', 'anomaly', 'config', 'ledger', 'sheets', 'energy', 'collection', 'outbox'].map(
        (room) => `src/${room}/`,
      ),
      ...['store', 'push', 'capture', 'acquisition', 'access', 'api', 'billing', 'evidence', 'tariff', 'export', 'interchange'].map(
        (room) => `src/${room}/`,
      ),
      ...['protocols/index.ts', 'protocols/traced.ts'],
    ],
  },
  // These three may know every one.
  { room: 'cli', files: 'src/cli/', may: [''] },
  { room: 'main', files: 'src/main.ts', may: [''] },
  { room: 'bench', files: 'bench/', may: [''] },
]

/** A codec is arithmetic: nothing here waits, looks at a clock, rolls dice or talks. `Buffer` is arithmetic too. */
const IMPURE = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'process', 'console', 'fetch', 'performance', 'require']
const IMPURE_CALLS = ['Date\\s*\\.\\s*now', 'new\\s+Date\\s*\\(\\s*\\)', 'Math\\s*\\.\\s*random', 'crypto\\s*\\.']

/** Packages that are arithmetic as well: schemas and checking data against them, and the wire format of protocol buffers. */
const PURE_PACKAGES = ['typebox', '@bufbuild/protobuf']

const TOPS = ['src', 'protocols', 'simulators', 'bench']

const pattern = (path) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^/]+')}`)
const roomOf = (file) => ROOMS.find(({ files }) => pattern(files).test(file))
/** `protocols/*` as the real folder. */
const nameOf = (file) => {
  const room = roomOf(file)
  if (!room) return `(no room) ${file}`
  return room.room === 'protocols/*' ? file.split('/').slice(0, 2).join('/') : room.room
}

const filesBelow = (root, folder) => {
  let entries = []
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true })
  } catch {
    return []
  }
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return filesBelow(root, path)
    return /\.(ts|tsx|mts)$/.test(entry.name) && !/\.d\.ts$/.test(entry.name) ? [path] : []
  })
}

/** Reads a tree: every file with its imports, ours as paths from the root, foreign ones as package names. */
export const readTree = (root) =>
  TOPS.flatMap((top) => filesBelow(root, top))
    .sort()
    .map((file) => {
      const source = readFileSync(join(root, file), 'utf8')
      const imports = importsOf(source).map(({ specifier, line, typeOnly }) => {
        if (!specifier.startsWith('.')) return { package: specifier, line, typeOnly }
        const target = relative(root, resolve(root, dirname(file), specifier))
          .split(sep)
          .join('/')
        return { target: target.replace(/\.js$/, '.ts'), line, typeOnly }
      })
      return { file, imports, source }
    })

const judgeFile = ({ file, imports, source }) => {
  const room = roomOf(file)
  if (!room) return [`${file}:1 lies in no room; add the room to scripts/arch.mjs, with its reason`]
  const allowed = room.may.map((path) => path || 'everything').join(', ') || 'nothing of ours'
  const arrows = imports.flatMap(({ target, line }) => {
    if (target === undefined || nameOf(target) === nameOf(file)) return []
    return room.may.some((path) => pattern(path).test(target))
      ? []
      : [`${file}:${line} ${nameOf(file)} -> ${nameOf(target)} (${target}); ${nameOf(file)} may import: ${allowed}`]
  })
  if (!room.pure) return arrows
  const foreign = imports.flatMap(({ package: name, line, typeOnly }) =>
    name === undefined || typeOnly || PURE_PACKAGES.includes(packageName(name))
      ? []
      : [`${file}:${line} ${nameOf(file)} -> ${name}; a protocol is pure: no node: module and no package but ${PURE_PACKAGES.join(', ')}`],
  )
  const names = freeNames(source, [...IMPURE_CALLS, ...IMPURE]).map(
    ({ name, line }) => `${file}:${line} ${nameOf(file)} uses ${name}; a protocol is pure: time, chance and output belong to its caller`,
  )
  return [...arrows, ...foreign, ...names]
}

/** Circles of files (Tarjan's strongly connected components). Imports of types alone are gone at run time and close none. */
export const circlesOf = (tree) => {
  const edges = new Map(
    tree.map(({ file, imports }) => [file, imports.flatMap(({ target, typeOnly }) => (target === undefined || typeOnly ? [] : [target]))]),
  )
  const index = new Map()
  const low = new Map()
  const stack = []
  const circles = []
  const visit = (file) => {
    index.set(file, index.size)
    low.set(file, index.get(file))
    stack.push(file)
    for (const next of edges.get(file)) {
      if (!edges.has(next)) continue
      if (!index.has(next)) {
        visit(next)
        low.set(file, Math.min(low.get(file), low.get(next)))
      } else if (stack.includes(next)) low.set(file, Math.min(low.get(file), index.get(next)))
    }
    if (low.get(file) !== index.get(file)) return
    const members = stack.splice(stack.indexOf(file))
    if (members.length > 1 || edges.get(file).includes(file)) circles.push(members)
  }
  for (const file of edges.keys()) if (!index.has(file)) visit(file)
  return circles
}

/** What is wrong with a tree, one line each. */
export const judge = (tree) => [
  ...tree.flatMap(judgeFile),
  ...circlesOf(tree).map((files) => `circle of imports: ${[...files, files[0]].join(' -> ')}`),
]

/** Room → room → number of imports. */
const arrowsOf = (tree) => {
  const arrows = new Map()
  for (const { file, imports } of tree) {
    const from = nameOf(file)
    if (!arrows.has(from)) arrows.set(from, new Map())
    for (const { target } of imports) {
      if (target === undefined || nameOf(target) === from) continue
      const row = arrows.get(from)
      row.set(nameOf(target), (row.get(nameOf(target)) ?? 0) + 1)
    }
  }
  return arrows
}

const targetsOf = (tree) => [...new Set(tree.flatMap(({ imports }) => imports.flatMap(({ target }) => target ?? [])))].sort()

const packageName = (specifier) => (specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0])

const table = (tree) => {
  const arrows = arrowsOf(tree)
  const rows = [...arrows].map(([room, targets]) => {
    const packages = new Set(
      tree
        .filter(({ file }) => nameOf(file) === room)
        .flatMap(({ imports }) => imports.flatMap((one) => (one.package ? [one.package] : []))),
    )
    const foreign = [...packages].filter((name) => !name.startsWith('node:')).map(packageName)
    return [
      room,
      String(tree.filter(({ file }) => nameOf(file) === room).length),
      [...targets].map(([name, count]) => `${name} ${count}`).join(', ') || '-',
      [...new Set(foreign)].sort().join(', ') || '-',
    ]
  })
  const heads = ['room', 'files', 'imports (how often)', 'packages']
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at].length)))
  return [heads, widths.map((width) => '-'.repeat(width)), ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const mermaid = (tree) => {
  const id = (room) => room.replace(/[^\w]/g, '_')
  const arrows = arrowsOf(tree)
  const names = new Set([...arrows].flatMap(([from, targets]) => [from, ...targets.keys()]))
  return [
    'flowchart LR',
    ...[...names].map((name) => `  ${id(name)}["${name}"]`),
    ...[...arrows].flatMap(([from, targets]) => [...targets.keys()].map((to) => `  ${id(from)} --> ${id(to)}`)),
  ].join('\n')
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { mermaid: { type: 'boolean' }, targets: { type: 'boolean' }, root: { type: 'string' } } })
  const tree = readTree(resolve(values.root ?? fileURLToPath(new URL('../', import.meta.url))))
  console.log(values.targets ? targetsOf(tree).join('\n') : values.mermaid ? mermaid(tree) : table(tree))
  const wrong = judge(tree)
  if (wrong.length > 0) {
    console.error(`\n${wrong.length} wrong:\n${wrong.map((line) => `  ${line}`).join('\n')}`)
    process.exitCode = 1
  }
}
