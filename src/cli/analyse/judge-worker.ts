/** Entry of a thread that judges some of the days of files: see {@link judgeInThreads}. */
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { look, type Standing, verdictsOf } from '../../anomaly/index.ts'
import { inputsOf } from './judge.ts'
import type { DayJudged, DaysThreadData, Stands } from './judge-threads.ts'
import { replay } from './replay.ts'

const port = parentPort
if (!port) throw new Error('this file runs in a worker thread')
const { offline, thresholds, place, of }: DaysThreadData = workerData

let told: Stands = { place: -1, standing: new Map() }
let wake: () => void = () => {}
port.on('message', (stands: Stands) => {
  told = stands
  wake()
})
const standsBefore = async (day: number): Promise<void> => {
  while (told.place < day)
    await new Promise<void>((resolve) => {
      wake = resolve
    })
}
const standing = (area: string): readonly Standing[] => told.standing.get(area) ?? []

let day = -1
for (const shown of replay(offline)) {
  day++
  if (day % of !== place) continue
  // What was said meanwhile is heard first.
  await setImmediate()
  const first = inputsOf(shown, standing, thresholds).map((input) => look(input))
  await standsBefore(day)
  const looked = inputsOf(shown, standing, thresholds).map((input, at) => look(input, {}, first[at]))
  port.postMessage({ place: day, verdicts: verdictsOf(looked) } satisfies DayJudged)
}
