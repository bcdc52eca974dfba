/** Entry of the thread that keeps due readings and their figures. It reads the ledger itself: a large one takes long to go through. */
import { parentPort, workerData } from 'node:worker_threads'
// The file itself: the whole room would bring every protocol and transport along, 35 MB.
import { Calendar } from '../acquisition/calendar.ts'
import { CollectionFile, type CollectionSettings, collectionHandlers, KpiFile, OutageFile, serveCollection } from '../collection/index.ts'
import { Ledger } from '../ledger/index.ts'
import { collectionFacts, dueSince } from './collection-facts.ts'
import { outagesOf } from './outage-places.ts'

export interface CollectionWorkerData {
  readonly directory: string
  readonly zone: string
  readonly settings: CollectionSettings
  /** Channels whose meters push. */
  readonly brokers: readonly string[]
}

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { directory, zone, settings, brokers }: CollectionWorkerData = workerData

serveCollection(port, () => {
  const file = new CollectionFile(directory, { settings, days: new Calendar(zone), random: Math.random })
  const ledger = new Ledger(directory)
  const outages = new OutageFile(directory)
  const off = outagesOf(ledger, (from, to) => outages.over(from, to))
  const handlers = collectionHandlers(file, new KpiFile(file, collectionFacts(ledger, new Set(brokers)), off))
  return { ...handlers, catchUp: (order) => handlers.catchUp({ ...dueSince(ledger, order), now: order.now }) }
})
