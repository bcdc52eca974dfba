import type { Result, ScanQuestion } from '../../core/index.ts'
import type { Connection, Transport } from '../../transport/index.ts'
import { STALL_MS } from '../stall.ts'

/** What came back in one window. */
export interface Window {
  readonly bytes: Uint8Array
  /** From the end of the request to the first byte, milliseconds; null: silence. */
  readonly reactionMs: number | null
  /** The connection ended, or somebody wants us to stop. */
  readonly ended: boolean
}

/** A line as a scan uses it: raw bytes out, everything heard back, damaged or not. */
export interface ScanWire {
  ask(question: ScanQuestion, reactionMs: number, signal: AbortSignal): Promise<Window>
  close(): Promise<void>
}

/** A byte this long after the one before belongs to another answer. */
const GAP_MS = 60
/** Nobody answers longer than this, whatever it says. */
const LONGEST_MS = 3000
/** What a line is left alone for after bytes that were no answer, so that whoever stumbled over ours finds the next frame start. */
const AFTER_GARBAGE_MS = 40
const SERVER_REST_MS = 30

/** Opens a transport for a scan. Every setting has a connection of its own: bytes of a wrong guess never reach the next one. */
export const openScanWire = async (transport: Transport): Promise<Result<ScanWire>> => {
  let heard: Uint8Array[] = []
  let lastAt = -Infinity
  let firstAt: number | null = null
  let gone = false
  let wake: (() => void) | null = null
  const opened: Result<Connection> = await transport.open({
    bytes: (bytes, at) => {
      heard.push(bytes.slice())
      firstAt ??= at
      lastAt = at
      wake?.()
    },
    closed: () => {
      gone = true
      wake?.()
    },
  })
  if (!opened.ok) return opened
  const connection = opened.value
  const { characterMs } = transport
  const gapMs = Math.max(GAP_MS, 20 * characterMs)
  const quietMs = Math.max(5, 3.5 * characterMs)

  /** Waits until the time given, or until something happens. */
  const until = (when: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        wake = null
        resolve()
      }
      const timer = setTimeout(done, Math.max(0, when - performance.now()))
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted || gone) return done()
      wake = done
    })

  const untilQuiet = async (restMs: number, signal: AbortSignal) => {
    const began = performance.now()
    lastAt = Math.max(lastAt, began - quietMs)
    for (;;) {
      const end = Math.max(lastAt + quietMs, restMs > 0 ? lastAt + restMs : 0)
      if (performance.now() >= end || gone || signal.aborted || performance.now() - began > LONGEST_MS) return
      await until(end, signal)
    }
  }

  let restMs = 0
  return {
    ok: true,
    value: {
      async ask(question, reactionMs, signal) {
        await untilQuiet(restMs, signal)
        if (gone || signal.aborted) return { bytes: new Uint8Array(0), reactionMs: null, ended: true }
        heard = []
        firstAt = null
        connection.write(question.bytes)
        const sent = performance.now() + question.bytes.length * characterMs
        const patienceMs = reactionMs * (question.patience ?? 1)
        let silentAt = sent + patienceMs
        const longest = silentAt + LONGEST_MS
        let bytes: Uint8Array = new Uint8Array(0)
        for (;;) {
          const now = performance.now()
          if (heard.length > 0) {
            bytes = withoutEcho(Buffer.concat(heard), question.bytes)
            if (bytes.length > 0 && question.isWhole(bytes)) break
          }
          // Whoever else fits a wildcard may still begin; after a byte, a gap ends the answer.
          const end = bytes.length > 0 ? Math.max(silentAt, lastAt + gapMs) : silentAt
          if (now >= Math.min(end, longest) || gone || signal.aborted) {
            // This machine stood still: what came meanwhile has not been read yet.
            const lateMs = now - end
            if (lateMs <= STALL_MS || now >= longest || gone || signal.aborted) break
            silentAt = now + Math.max(STALL_MS, Math.min(lateMs, patienceMs))
            continue
          }
          await until(Math.min(end, longest), signal)
        }
        const whole = bytes.length > 0 && question.isWhole(bytes)
        restMs = bytes.length > 0 && !whole ? AFTER_GARBAGE_MS : 0
        return {
          bytes: new Uint8Array(bytes),
          reactionMs: bytes.length > 0 && firstAt !== null ? Math.max(0, firstAt - sent) : null,
          ended: gone || signal.aborted,
        }
      },
      close: () =>
        new Promise((resolve) => {
          if (!gone) connection.close()
          // A serial server takes the next client when it has noticed that this one left; a port closes in its own time.
          setTimeout(resolve, SERVER_REST_MS)
        }),
    },
  }
}

/** Some adapters return our own bytes: they are no answer. */
const withoutEcho = (heard: Uint8Array, request: Uint8Array): Uint8Array => {
  if (heard.length < request.length)
    return request.every((byte, at) => at >= heard.length || heard[at] === byte) ? new Uint8Array(0) : heard
  return request.every((byte, at) => heard[at] === byte) ? heard.subarray(request.length) : heard
}
