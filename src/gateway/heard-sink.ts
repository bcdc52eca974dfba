import type { EventRing } from '../api/index.ts'
import type { Reading, Sink } from '../core/index.ts'

/** A sink whose readings are shown, once they are stored there, to whoever watches. They are safe in the outbox before. */
export const heardSink = (sink: Sink, ring: Pick<EventRing<Reading>, 'add'>): Sink => ({
  id: sink.id,
  batch: sink.batch,
  write: async (readings) => {
    const answer = await sink.write(readings)
    if (answer.kind === 'stored') ring.add(readings)
    return answer
  },
  close: () => sink.close(),
})
