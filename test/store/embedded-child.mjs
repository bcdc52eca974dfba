// Writes batches and reports each one that was answered with 'stored', until it is killed.
import { seriesOf, shapeOf } from '../../dist/src/core/reading.js'
import { openEmbeddedStore } from '../../dist/src/store/embedded.js'

const [directory, start, from] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const shape = shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }])
const series = Array.from({ length: 200 }, (_, meter) =>
  seriesOf('register', { meter: `m${meter}`, area: `A${meter % 4}`, source: 'live' }),
)
const opened = await openEmbeddedStore({ directory, hotDays: 0 })
if (!opened.ok) throw new Error(opened.error.message)
const store = opened.value
for (let batch = from; ; batch++) {
  const measuredAt = start + batch * 900_000
  const answer = await store.write(
    series.map((each, meter) => ({
      series: each,
      shape,
      raws: [batch * 1000 + meter],
      scalers: null,
      absent: null,
      ratio: '1',
      measuredAt,
      receivedAt: measuredAt,
      quality: 0,
    })),
  )
  if (answer.kind !== 'stored') throw new Error(answer.error.message)
  process.stdout.write(`${batch}\n`)
  if (batch % 40 === 39) await store.pack(measuredAt)
}
