/**
 * A process for case-book.test.ts to kill: takes a verdict a day with four new cases and says each that is safe.
 *
 *   node case-child.mjs DIRECTORY FIRST-DAY
 */
import { CaseBook } from '../../dist/src/gateway/case-book.js'

const [directory, first] = process.argv.slice(2)
const DAY_MS = 86_400_000
const START = Date.parse('2026-03-01T00:00:00Z')
const book = new CaseBook({ directory, zoneOf: () => null, dueAt: () => null, listeners: () => [] })
const words = { zh: '', en: '' }
for (let n = Number(first); ; n++) {
  const start = START + n * DAY_MS
  const day = { day: new Date(start).toISOString().slice(0, 10), start, end: start + DAY_MS }
  // Four a day: five alike would be one.
  const findings = Array.from({ length: 4 * (n + 1) }, (_, at) => ({
    ...{ rule: 'r', version: 1, kind: 'theft', key: `theft/${at}`, target: `${at}`, area: 'TQ-1', level: 'meter', from: START, to: null },
    ...{ score: 0.9, severity: 'high', kwh: null, numbers: {}, thresholds: {}, series: [], ruledOut: [], why: words, action: words },
  }))
  book.take({ area: 'TQ-1', day: day.day, findings, withdrawn: [], losses: [], phases: {}, failures: [] }, day, start)
  process.stdout.write(`${n}\n`)
}
