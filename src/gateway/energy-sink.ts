import type { Reading, Sink, SinkAnswer } from '../core/index.ts'

/** Readings a call: at midnight each marks a day of its own, and nobody should wait for the disk that long. */
const BATCH = 2_000

/**
 * Notices which days of which points have new or other registers. It sees every reading the outbox keeps, whoever brought it, and has its
 * own place there: nothing is overlooked across a crash.
 *
 * @param mark  writes the days down; what it throws makes the outbox offer the readings again
 */
export const energySink = (mark: (readings: readonly Reading[]) => void, refused: (thrown: unknown) => SinkAnswer): Sink => ({
  id: 'energy',
  batch: BATCH,
  write: async (readings) => {
    const registers = readings.filter(({ series }) => series.measurement === 'register')
    try {
      if (registers.length > 0) mark(registers)
      return { kind: 'stored', dead: [] }
    } catch (thrown) {
      return refused(thrown)
    }
  },
  close: async () => {},
})
