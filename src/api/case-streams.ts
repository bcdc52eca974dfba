import { finished, Readable } from 'node:stream'
import { caseJson, lineJson } from './case-json.ts'
import type { ApiDeps, TraceLimits } from './deps.ts'
import type { Holder } from './guard.ts'
import { watchRight } from './right-watch.ts'
import { seesCase } from './scoped.ts'

/** Live streams of case changes. */
export interface CaseStreams {
  /** What came after a line of the history, and whatever comes; null when whoever asks, or everybody together, has as many as allowed. */
  open(holder: Holder, after: number): Readable | null
  /** Ends every stream; resolves when all are flushed, or after half a second. */
  endAll(reason: string): Promise<void>
}

const LIMITS = { perToken: 4, total: 64, heartbeatMs: 10_000 }
/** Lines of history read at once. */
const PAGE = 100
const MOST_WAITING = 262_144
const FLUSH_MS = 500

/**
 * Streams that lose nothing: each reads the history on from where its client is, as fast as that takes it. A slow client makes nobody
 * wait and fills no memory.
 */
export const caseStreams = (
  { caseLines, onCases, scopeOf }: Pick<ApiDeps, 'caseLines' | 'onCases' | 'scopeOf'>,
  given: Partial<TraceLimits> = {},
): CaseStreams => {
  const limits = { ...LIMITS, ...given }
  const live = new Map<Readable, { readonly owner: string; end(reason: string): void }>()

  const open = ({ id: owner, again }: Holder, after: number): Readable | null => {
    const own = [...live.values()].filter((one) => one.owner === owner).length
    if (own >= limits.perToken || live.size >= limits.total) return null
    let last = after
    let isWanted = false
    let isEnded = false
    const pump = (): void => {
      while (isWanted && !isEnded) {
        const lines = caseLines(last, PAGE)
        if (lines.length === 0) return
        // Asked each time: a zone that is taken from somebody is not seen any more.
        const scope = scopeOf(again())
        for (const line of lines) {
          if (!seesCase(scope, line.case)) {
            last = line.seq
            continue
          }
          isWanted = readable.push(
            `id: ${line.seq}\nevent: case\ndata: ${JSON.stringify({ ...lineJson(line), case: caseJson(line.case) })}\n\n`,
          )
          last = line.seq
          if (!isWanted) return
        }
      }
    }
    const readable = new Readable({
      read() {
        isWanted = true
        pump()
      },
    })
    const end = (reason: string): void => {
      if (isEnded) return
      isEnded = true
      readable.push(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`)
      readable.push(null)
    }
    const beat = setInterval(() => {
      if (!isEnded && readable.readableLength <= MOST_WAITING) readable.push(': still here\n\n')
    }, limits.heartbeatMs)
    const stop = onCases(pump)
    const stopAsking = watchRight({ again }, end)
    live.set(readable, { owner, end })
    finished(readable, { writable: false }, () => {
      isEnded = true
      clearInterval(beat)
      stopAsking()
      stop()
      live.delete(readable)
    })
    // Headers leave with the first bytes; the id lets a client that saw no change yet resume from here.
    readable.push(`id: ${after}\n: cases\n\n`)
    return readable
  }

  const endAll = async (reason: string): Promise<void> => {
    const streams = [...live]
    if (streams.length === 0) return
    const all = Promise.all(streams.map(([readable]) => new Promise<void>((done) => finished(readable, { writable: false }, () => done()))))
    for (const [, { end }] of streams) end(reason)
    await Promise.race([all, new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref())])
    for (const readable of live.keys()) readable.destroy()
  }

  return { open, endAll }
}
