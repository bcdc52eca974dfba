import type { Anchor } from './anchor.ts'
import { benchOutbox } from './outbox.ts'

/** A8: the outbox beside a plain SQLite insert loop of the same bytes. That `kill -9` loses nothing is a test, not a figure. */
export const outboxRate: Anchor = {
  id: 'A8',
  title: 'outbox: readings a second at 1,000 a commit, every commit synced, ÷ SQLite insert loop, FULL, same rows',
  better: 'higher',
  must: 0.7,
  goal: 0.9,
  async run() {
    const { ours, reference, ratio, unit, notes } = await benchOutbox()
    return { ours, reference, ratio, unit, detail: notes }
  },
}
