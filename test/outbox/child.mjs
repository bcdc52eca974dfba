/**
 * A process for kill.test.ts to kill. It takes readings as fast as they are acknowledged, writes each acknowledged number to
 * stdout, and stores into a file that stands for a database: one line a reading, the same line twice is one reading.
 *
 *   node child.mjs put|drain DIRECTORY FILE FIRST
 */
import { appendFileSync } from 'node:fs'
import { seriesOf, shapeOf } from '../../dist/src/core/index.js'
import { openOutbox } from '../../dist/src/outbox/index.js'

const [mode, directory, file, first] = process.argv.slice(2)
const shape = shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }])
const reading = (id) => ({
  series: seriesOf('register', { meter: `meter ${id % 17}`, point: `point ${id % 17}` }),
  shape,
  raws: [id * 31 + 7],
  scalers: null,
  absent: null,
  // New words all the time: they must be as safe as the entries that use them.
  ratio: String(1 + Math.floor(id / 50)),
  measuredAt: 1_700_000_000_000 + id,
  receivedAt: 1_700_000_000_000 + id,
  quality: 0,
})

const sink = {
  id: 'file',
  batch: 64,
  write: async (readings) => {
    const lines = readings.map(({ series, measuredAt, raws, ratio }) => `${series.tags.meter} ${measuredAt} ${raws[0]} ${ratio}\n`)
    appendFileSync(file, lines.join(''))
    return { kind: 'stored', dead: [] }
  },
  close: async () => {},
}

const opened = await openOutbox({ directory, maxBytes: 1e9, whenFull: 'stop-taking', sinks: [sink], lingerMs: 5 })
if (!opened.ok) throw new Error(opened.error.message)
const outbox = opened.value
if (mode === 'drain') {
  const empty = await outbox.drained(30_000)
  process.stdout.write(`${JSON.stringify({ empty, ...outbox.state() })}\n`)
  await outbox.close()
  process.exit(0)
}
process.stdout.write('ready\n')
let next = Number(first)
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) {
      const ids = Array.from({ length: 1 + (next % 5) }, () => next++)
      const done = await outbox.put(ids.map(reading))
      if (done.ok) process.stdout.write(`${ids.join('\n')}\n`)
    }
  }),
)
