import { modbusScan } from '../../../protocols/index.ts'
import type { AnyAdapter, ScanQuestion } from '../../core/index.ts'
import type { Job } from '../jobs.ts'
import type { Poller } from '../poller.ts'
import type { ScanWire, Window } from './wire.ts'

/**
 * Names questions go by on the line, in turn: what one unit owes must not hold back the next one. So many that a line has forgotten
 * a silence (10 s) before its name comes again.
 */
const NAMES = 1024
const SILENCE: Window = { bytes: new Uint8Array(0), reactionMs: null, ended: false }

/**
 * A line of the running gateway as a scan uses it. Each question is one job: what is scheduled has its turn between two of them, and
 * whoever reads on demand or a freeze goes first.
 */
export const lineScanWire = ({ line, queue }: Poller, any: AnyAdapter): ScanWire =>
  any.bind((adapter) => {
    const channel = line.attach(adapter)
    let nth = 0
    const exchange = async (question: ScanQuestion, reactionMs: number): Promise<Window> => {
      const device = `scan ${nth++ % NAMES}`
      const heard: Uint8Array[] = []
      let firstAt: number | null = null
      const began = performance.now()
      const listen = (bytes: Uint8Array) => {
        firstAt ??= performance.now()
        heard.push(bytes)
      }
      const stop = adapter.correlation
        ? () => undefined
        : line.trace((event) => {
            if (event.what === 'rx' && event.device === device) listen(event.bytes)
          })
      const judge = (frame: object): 'answer' | 'stranger' => {
        const own = adapter.correlation ? modbusScan.renumbered(frame, question.bytes) : null
        if (own) listen(own)
        return question.isWhole(joined(heard)) ? 'answer' : 'stranger'
      }
      try {
        const request = { bytes: question.bytes, replyBytes: question.replyBytes, judge }
        const result = await channel.exchange(request, { device, reactionMs: reactionMs * (question.patience ?? 1), isProbe: true })
        const isDown = !result.ok && (result.error.code === 'LINE_DOWN' || result.error.code === 'LINE_CLOSED')
        return { bytes: joined(heard), reactionMs: firstAt === null ? null : firstAt - began, ended: isDown }
      } finally {
        stop()
      }
    }
    const ask: ScanWire['ask'] = (question, reactionMs, signal) =>
      new Promise((resolve) => {
        const settle = (window: Window) => {
          signal.removeEventListener('abort', gone)
          resolve(window)
        }
        const gone = () => settle({ ...SILENCE, ended: true })
        const job: Job = {
          priority: 'reread',
          owner: 'scan',
          get isDropped() {
            return signal.aborted
          },
          drop: gone,
          run: (done) => {
            if (signal.aborted) {
              done()
              gone()
              return
            }
            exchange(question, reactionMs).then(
              (window) => {
                done()
                settle(window)
              },
              (bug: unknown) => {
                done()
                throw bug
              },
            )
          },
        }
        // Whoever stops does not wait for the exchange under way.
        signal.addEventListener('abort', gone, { once: true })
        queue.submit(job)
      })
    return { ask, close: async () => undefined }
  })

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
