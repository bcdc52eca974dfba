// Old syntax on purpose: this file has to load on the Node it is about to refuse.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

/** Floor from package.json, `>=20.19` as [20, 19]. */
function floor() {
  const { engines } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'))
  return /(\d+)\.(\d+)/.exec(engines.node).slice(1).map(Number)
}

/** What is wrong with a Node of this version, or null. */
function nodeTooOld(version) {
  const [major, minor] = version.split('.').map(Number)
  const [needMajor, needMinor] = floor()
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return null
  return (
    `gridtally: this is Node ${version}, at least ${needMajor}.${needMinor} is needed; 24 is recommended. ` +
    'Install it from https://nodejs.org or your distribution, then try again.'
  )
}

/** One line for a Node that still works but gets no fixes any more, or null. */
function nodeOutOfSupport(version) {
  if (version.split('.')[0] !== '20') return null
  return `gridtally: Node ${version} works, but Node 20 gets no security fixes any more; 24 is recommended.`
}

/** Ends the process with exit code 1 when the running Node is too old. */
function requireNode() {
  const wrong = nodeTooOld(process.versions.node)
  if (wrong === null) return
  process.stderr.write(`${wrong}\n`)
  process.exit(1)
}

module.exports = { nodeTooOld, nodeOutOfSupport, requireNode }
