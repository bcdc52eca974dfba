import type { Readable } from 'node:stream'
import { caseJson, lineJson } from './case-json.ts'
import type { ApiDeps, TraceLimits } from './deps.ts'
import type { Holder } from './guard.ts'
import { seesCase } from './scoped.ts'
import { type LiveStream, liveStreams, sseEvent } from './sse.ts'

/** Live streams of case changes. */
export interface CaseStreams {
  /** What came after a line of the history, and whatever comes; null when whoever asks, or everybody together, has as many as allowed. */
  open(holder: Holder, after: number): Readable | null
  /** Ends every stream; resolves when all are flushed, or after half a second. */
  endAll(reason: string): Promise<void>
}

/** Lines of history read at once. */
const PAGE = 100

/**
 * Streams that lose nothing: each reads the history on from where its client is, as fast as that takes it. A slow client makes nobody
 * wait and fills no memory.
 */
export const caseStreams = (
  { caseLines, onCases, scopeOf }: Pick<ApiDeps, 'caseLines' | 'onCases' | 'scopeOf'>,
  given: Partial<TraceLimits> = {},
): CaseStreams => {
  const streams = liveStreams(given)

  const open = (holder: Holder, after: number): Readable | null => {
    let last = after
    let isWanted = false
    let stream: LiveStream | null = null
    const pump = (): void => {
      const to = stream
      while (to && isWanted && !to.isOver) {
        const lines = caseLines(last, PAGE)
        if (lines.length === 0) return
        // Asked each time: a zone that is taken from somebody is not seen any more.
        const scope = scopeOf(holder.again())
        for (const line of lines) {
          last = line.seq
          if (!seesCase(scope, line.case)) continue
          isWanted = to.push(sseEvent(line.seq, 'case', { ...lineJson(line), case: caseJson(line.case) }))
          if (!isWanted) return
        }
      }
    }
    stream = streams.open(holder, {
      // The id lets a client that saw no change yet resume from here.
      opening: `id: ${after}\n: cases\n\n`,
      beat: () => ': still here\n\n',
      last: (reason) => `event: end\ndata: ${JSON.stringify({ reason })}\n\n`,
      wanted: () => {
        isWanted = true
        pump()
      },
    })
    if (stream === null) return null
    stream.onEnd(onCases(pump))
    return stream.readable
  }

  return { open, endAll: (reason) => streams.endAll(reason) }
}
