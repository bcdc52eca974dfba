import { appendFileSync, closeSync, fdatasync, openSync, write } from 'node:fs'

/** One value a meter said. */
export interface TruthValue {
  /** OBIS code, null for what has none: then nothing is logged. */
  readonly obis: string | null
  readonly unit: string
  /** Decimal text on the face; null = the meter said "no value". */
  readonly text: string | null
  /** The bytes of this value in the answer, before any protocol offset, hexadecimal. */
  readonly sent: string
  /** Local text of the meter's own time, for freezes and curves. */
  readonly at: string | null
  readonly kind: 'live' | 'day-freeze' | 'month-freeze' | 'curve'
}

/** Where answers are written down before they leave. */
export interface Truth {
  /**
   * Calls `then` once everything said is on disk. Values answered at the same moment by many meters share one fsync.
   *
   * @param fault  name of what was done to the answer on purpose, null = nothing
   */
  said(instant: number, meter: string, values: readonly TruthValue[], fault: string | null, then: () => void): void
  close(): Promise<void>
}

/** Keeps nothing and delays nothing. */
export const noTruth: Truth = {
  said: (_instant, _meter, _values, _fault, then) => then(),
  close: async () => {},
}

/**
 * The truth log: JSON lines, one a value answered, on disk (fdatasync) before the answer's first byte leaves. One write and one
 * sync at a time; what comes meanwhile goes with the next.
 */
export const openTruth = (path: string): Truth => {
  const file = openSync(path, 'a')
  let lines = ''
  let waiting: (() => void)[] = []
  let busy = false
  let closed: (() => void) | null = null
  const finish = (): void => {
    closeSync(file)
    closed?.()
  }
  const flush = (): void => {
    if (lines === '' && waiting.length === 0) {
      busy = false
      if (closed) finish()
      return
    }
    busy = true
    const batch = Buffer.from(lines)
    const released = waiting
    lines = ''
    waiting = []
    writeAll(file, batch, 0, (error) => {
      if (error) throw error
      fdatasync(file, (failed) => {
        if (failed) throw failed
        for (const release of released) release()
        flush()
      })
    })
  }
  return {
    said(instant, meter, values, fault, then) {
      const head = `{"instant":"${new Date(instant).toISOString()}","meter":${JSON.stringify(meter)},"register":"`
      const tail = `,"fault":${fault === null ? 'null' : JSON.stringify(fault)},"kind":"`
      for (const { obis, unit, text, sent, at, kind } of values)
        if (obis !== null)
          lines += `${head}${obis}","value":${text === null ? 'null' : `"${text}"`},"unit":"${unit}","sent":"${sent}","told":null,"at":${at === null ? 'null' : `"${at}"`}${tail}${kind}"}\n`
      waiting.push(then)
      if (!busy) {
        busy = true
        setImmediate(flush)
      }
    },
    close: () =>
      new Promise((resolve) => {
        closed = resolve
        if (!busy) finish()
      }),
  }
}

const writeAll = (file: number, bytes: Buffer, from: number, done: (error: Error | null) => void): void => {
  if (from === bytes.length) done(null)
  else
    write(file, bytes, from, bytes.length - from, null, (error, count) => (error ? done(error) : writeAll(file, bytes, from + count, done)))
}

/** Writes one line about something ordered or done, without waiting for the disk. */
export const note = (path: string, entry: Readonly<Record<string, unknown>>): void => appendFileSync(path, `${JSON.stringify(entry)}\n`)
