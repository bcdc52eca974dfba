/**
 * A process for export-kill.test.ts to kill: has one file made, or goes on with it, and says how many rows it has handed over.
 *
 *   node export-child.mjs DIRECTORY FORMAT ROWS
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openExports } from '../../dist/src/gateway/start-exports.js'

const [directory, format, count] = process.argv.slice(2)
const ROWS = Number(count)
const PIECE = Math.ceil(ROWS / 200)
const clock = { now: () => 1_800_000_000_000, monotonic: () => performance.now() }
const who = { kind: 'user', id: 'ann', name: 'ann', roles: ['analyst'], former: null, zones: null, customer: null, expiresAt: null }
const rowOf = (at) => [`P-${at}`, 1_700_000_000_000 + at * 900_000, `${at}.${at % 100}`, at % 7 === 0 ? null : `=${at}`]
const title = (name) => ({ en: name, zh: name })
const source = {
  name: 'readings',
  columns: [
    { name: 'point', title: title('point'), type: 'text' },
    { name: 'at', title: title('at'), type: 'instant' },
    { name: 'value', title: title('value'), type: 'decimal' },
    { name: 'note', title: title('note'), type: 'text' },
  ],
  about: { question: 'all' },
  expected: null,
  // Of NDJSON nobody watches what its rows come from: it is gone on with at a place of theirs only.
  basis: {
    ...{ state: async () => 'as it was', energy: null },
    readings: format === 'ndjson' ? null : { measurement: 'register', from: 0, to: 1, passed: 0 },
  },
  rows: async function* (_signal, from) {
    // Not every piece ends where rows can be asked for again.
    for (let at = Number(from ?? 0); at < ROWS; at += PIECE) {
      const end = Math.min(ROWS, at + PIECE)
      const isPlace = (at / PIECE) % 3 === 2
      writeSync(1, `given ${at}\n`)
      const rows = Array.from({ length: end - at }, (_, index) => rowOf(at + index))
      yield isPlace ? { rows, place: { mark: String(end), until: null, share: end / ROWS } } : { rows }
    }
  },
}
const files = openExports({
  ...{ dataDirectory: directory, zone: 'Asia/Shanghai', clock, log: (_level, text) => writeSync(1, `log ${text}\n`), keepEveryMs: 0 },
  settings: { directory: join(directory, 'exports'), keepMs: 3_600_000, maxBytes: 1e9, maxJobs: 1 },
})
if (files.port.get(1, who) === null)
  files.port.begin({ result: 'readings', query: {}, format, language: 'en' }, 'readings:read', who, '127.0.0.1')
files.port.use(async () => ({ ok: true, value: { source, needs: 'readings:read' } }))
await files.idle()
writeSync(1, `done ${JSON.stringify(files.port.get(1, who))}\n`)
await files.close()
