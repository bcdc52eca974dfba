import type { Reading } from '../core/index.ts'
import type { EventRing } from './sse.ts'

/** What the API needs to show readings as they come. */
export interface StreamDeps {
  /** Readings that are safe, newest last; made once for all who look. */
  readonly liveReadings: EventRing<Reading>
}
