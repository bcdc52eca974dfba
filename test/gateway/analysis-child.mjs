/**
 * A process for analysis-kill.test.ts to kill: works on the analysis of a data directory with threads of its own and says each verdict
 * before and after the case book has it.
 *
 *   node analysis-child.mjs DIRECTORY NOW
 */
import { join } from 'node:path'
import { adapterOf } from '../../dist/protocols/index.js'
import { CaseBook } from '../../dist/src/gateway/case-book.js'
import { EnergyBook } from '../../dist/src/gateway/energy-book.js'
import { RegisterModels } from '../../dist/src/gateway/energy-facts.js'
import { EnergyRunner } from '../../dist/src/gateway/energy-runner.js'
import { Outages } from '../../dist/src/gateway/outages.js'
import { openProfiles } from '../../dist/src/gateway/profiles.js'
import { openAnalysis } from '../../dist/src/gateway/start-analysis.js'
import { Ledger } from '../../dist/src/ledger/index.js'
import { openOutbox } from '../../dist/src/outbox/index.js'
import { openEmbeddedStore } from '../../dist/src/store/embedded.js'

const [directory, now] = process.argv.slice(2)
const timezone = 'Asia/Shanghai'
// Ten minutes of quiet, after which a day is put together, are a second here.
const speed = 600
const clock = { now: () => Number(now) + Math.round(performance.now() * speed), monotonic: () => performance.now(), speed }
const log = () => undefined
const store = (await openEmbeddedStore({ directory: join(directory, 'store'), zone: timezone })).value
const ledger = new Ledger(directory)
const book = new EnergyBook(directory)
const models = new RegisterModels(openProfiles(null), adapterOf)
const outages = new Outages({ directory, ledger, clock, isLine: () => true, log })
const runner = new EnergyRunner({
  ...{ book, ledger, models, store, storeSink: store.id, zone: timezone, clock, settleMs: 0, openEveryMs: 0, log },
  outages: (point, from, to) => outages.spans(point, from, to),
  outageRecords: outages.file,
  listeners: [(point, day) => analysis.runner.energyChanged(point, day)],
})
const cases = new CaseBook({ directory, zoneOf: () => null, dueAt: () => null, listeners: () => [] })
const settings = { enabled: true, atMinute: 420, windowDays: 30, holidays: [], worked: [], weatherFile: null, workers: 1 }
const analysis = openAnalysis({
  config: { dataDirectory: directory, timezone, profileDirectory: null, mqtt: [], analysis: settings },
  ...{ clock, ledger, store, outages, log },
  energy: { book, runner, models },
  cases: {
    standing: (area) => cases.standing(area),
    take: (verdict, day, at) => {
      process.stdout.write(`taking ${verdict.area} ${verdict.day}\n`)
      cases.take(verdict, day, at)
      process.stdout.write(`taken ${verdict.area} ${verdict.day}\n`)
    },
  },
})
const sinks = [store, runner.sink, analysis.sink]
const outbox = (
  await openOutbox({ directory: join(directory, 'outbox'), maxBytes: 256 << 20, whenFull: 'stop-taking', sinks, lingerMs: 1 })
).value
runner.start({ state: () => outbox.state(), put: (readings) => outbox.put(readings) })
analysis.start(outbox)
setInterval(() => {
  const areas = analysis.runner.states()
  process.stdout.write(`state ${areas.map(({ area, isJudging }) => `${area}:${isJudging}`).join(' ')}\n`)
  if (
    areas.length > 0 &&
    outbox.state().sinks.every(({ depth }) => depth === 0) &&
    areas.every(({ area, day }) => day !== null && analysis.runner.next(area) === null)
  )
    process.stdout.write('done\n')
}, 50)
