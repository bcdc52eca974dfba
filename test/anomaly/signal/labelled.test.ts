import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { Finding } from '../../../src/anomaly/index.ts'
import { commFrame, commHours, readComm } from '../../../src/cli/analyse/comm.ts'
import { readLedger } from '../../../src/cli/analyse/ledger.ts'
import { problemList } from '../../../src/cli/analyse/problems.ts'
import { localDays } from '../../../src/cli/analyse/zone.ts'
import { judgeAt, made, viewAt } from './made.ts'

const LABELLED = fileURLToPath(new URL('../../../../shared/datasets/areas/', import.meta.url))

/** Every fault of an area as it was stated last, with the day on which it was raised. */
const faultsOf = async (set: string): Promise<{ readonly day: string; readonly finding: Finding }[]> => {
  const problems = problemList()
  const ledger = readLedger(`${LABELLED}${set}/ledger.json`, 'ledger.json', problems)
  if (!ledger?.start || !ledger.end) throw new Error(`${set} has no ledger`)
  const { zone } = ledger
  const comm = await readComm(`${LABELLED}${set}/comm.csv.gz`, 'comm.csv.gz', problems, { zone, until: ledger.end })
  const found = new Map<string, { readonly day: string; readonly finding: Finding }>()
  const bare = viewAt(made(1, 1), 1)
  const frames = ledger.areas.map(({ fact, gateways, meters }) => {
    const columns = (facts: typeof meters) => facts.map((one) => ({ ...bare.frame.meters[0]!, fact: one }))
    return { ...bare.frame, fact, gateways: columns(gateways), meters: columns(meters) }
  })
  const targets = [
    ...ledger.areas.flatMap(({ concentrators }) => concentrators.map((id) => ({ id, kind: 'concentrator' as const }))),
    ...ledger.areas.flatMap(({ meters }) => meters.map(({ id }) => ({ id, kind: 'meter' as const }))),
  ]
  const days = localDays(zone, ledger.start, ledger.end)
  const hours = commHours(comm, '', days, targets)
  for (const [index, day] of days.entries()) {
    const events = ledger.events.filter(({ at }) => at < day.end)
    for (const frame of frames) {
      const neighbours = frames.filter((other) => other !== frame)
      const { findings } = judgeAt({ ...bare, frame: { ...frame, events }, neighbours, comm: commFrame(hours, 0, index) })
      for (const finding of findings) found.set(finding.key, { day: found.get(finding.key)?.day ?? day.day, finding })
    }
  }
  return [...found.values()]
}

it.skipIf(!existsSync(LABELLED))('finds every communication fault of a labelled area on its first day', async () => {
  const at = (time: number | null) => (time === null ? null : new Date(time + 3_600_000).toISOString().slice(0, 13))
  const faults = (await faultsOf('d-comms')).map(({ day, finding: { level, cause, from, to } }) =>
    [level, cause, day, at(from), at(to)].join(' '),
  )
  expect(faults.sort()).toEqual([
    'backhaul no_signal 2018-11-08 2018-11-08T06 2018-11-09T12',
    'bus open 2018-11-28 2018-11-28T00 2018-11-30T12',
    'concentrator downlink 2018-12-02 2018-12-02T12 2018-12-03T06',
    'meter address_conflict 2018-11-06 2018-11-06T00 2018-11-14T00',
    'meter baud 2018-11-17 2018-11-17T00 2018-11-21T00',
    'meter dead 2018-11-23 2018-11-23T00 ',
    'meter weak_signal 2018-11-10 2018-11-10T00 ',
  ])
})

it.skipIf(!existsSync(LABELLED)).each(['a-quiet', 'b-theft', 'c-metering'])('finds none in %s', async (set) => {
  expect((await faultsOf(set)).map(({ finding }) => finding.key)).toEqual([])
})
