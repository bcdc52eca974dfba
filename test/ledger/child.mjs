/**
 * A process for kill.test.ts: makes one large change, dies at a failpoint inside the transaction or is killed from outside.
 *
 *   node child.mjs import|exchange DIRECTORY
 */
import { Ledger } from '../../dist/src/ledger/index.js'

const [mode, directory] = process.argv.slice(2)
const ledger = new Ledger(directory)
const act = { what: 'import', who: 'child', why: 'kill me', workOrder: null, at: 1_800_000_000_000 }
process.stdout.write('ready\n')
if (mode === 'import')
  for (let round = ledger.seq; ; round++) {
    const patches = Array.from({ length: 400 }, (_, n) => ({ kind: 'point', id: `P-${n}`, from: null, set: { name: `round ${round}` } }))
    const done = ledger.apply(patches, { ...act, at: act.at + round })
    if (!done.ok) throw new Error(done.error.error.message)
    process.stdout.write(`${done.value.change}\n`)
  }
const done = ledger.exchange(
  {
    ...{ kind: 'meter', point: 'P1', at: act.at - 1000, meter: { id: 'M7', set: { address: '77' } }, ratio: null },
    ...{
      end: { '1.8.0': '1' },
      start: { '1.8.0': '0' },
      proposed: { end: null, start: null },
      by: ['a', 'b'],
      reason: 'c',
      deviation: null,
    },
  },
  act,
)
process.stdout.write(`${JSON.stringify(done)}\n`)
