import { historyOf, instrumentsOf, PUSH_MIX, scenesOf, villageOf } from '../../simulators/index.ts'
import { explain, type Reading } from '../core/index.ts'
import type { Gateway } from '../main.ts'

const DAY_MS = 86_400_000
/** Rows in one commit of the outbox. */
const AT_ONCE = 4000

export interface HistoryOptions {
  readonly seed: number
  readonly meters: number
  /** Days. */
  readonly history: number
  /** Village instant at which the demo was started for the first time: what meters remember ends there. */
  readonly before: number
}

/**
 * Gives the gateway what the village's meters remember of the days before: a look for theft needs days of data, and a demo has seconds. The rows
 * go the way of every other reading, through outbox, store, interval energy and analysis.
 */
export const fillHistory = async (
  gateway: Pick<Gateway, 'outbox'>,
  { seed, meters, history, before }: HistoryOptions,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<void> => {
  if (history === 0) return
  const began = performance.now()
  const scenes = scenesOf(villageOf(seed, meters, PUSH_MIX), before)
  let batch: Reading[] = []
  let rows = 0
  const flush = async () => {
    const put = await gateway.outbox.put(batch)
    if (!put.ok) say(`days before: ${explain(put.error)}`)
    rows += batch.length
    batch = []
    return put.ok
  }
  for (const readings of historyOf(scenes, instrumentsOf(scenes.plan), before - history * DAY_MS, before)) {
    batch.push(...readings)
    if (batch.length < AT_ONCE) continue
    if (signal.aborted || !(await flush())) return
  }
  if (batch.length > 0 && !(await flush())) return
  say(`the ${history} days before: ${rows} rows from load records, ${((performance.now() - began) / 1000).toFixed(1)} s`)
  for (const { kind, target, note } of scenes.scenes) say(`  in this village: ${kind.padEnd(12)} ${target.padEnd(8)} ${note}`)
}
