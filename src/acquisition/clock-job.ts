import { err, type GatewayError, type Result } from '../core/index.ts'
import type { Conduct } from './converse.ts'
import { type Device, isBackedOff } from './device.ts'
import { fail } from './errors.ts'
import type { Job, Priority } from './jobs.ts'
import type { Poller } from './poller.ts'

export interface ClockJobOptions {
  readonly priority: Priority
  readonly signal?: AbortSignal
  /** Asks even a device that is backed off. */
  readonly insist?: boolean
}

/**
 * Queues work on a meter's clock behind what the line has to do anyway; resolves when it was done or finally failed. How a meter's
 * registers are read is not judged by it: a clock that does not answer makes no meter a silent one.
 *
 * @errors  READ_CANCELLED, LINE_CLOSED, DEVICE_BACKED_OFF, and what the work says
 */
export const clockJob = <T>(
  poller: Poller,
  device: Device,
  options: ClockJobOptions,
  work: (conduct: Conduct) => Promise<Result<T>>,
): Promise<Result<T>> =>
  new Promise((resolve, reject) => {
    const { id } = device.spec
    const given = { device: id, line: poller.line.id }
    const job: Job & Conduct = {
      priority: options.priority,
      owner: id,
      tries: 2,
      signal: options.signal,
      get isDropped() {
        return options.signal?.aborted ?? false
      },
      drop: () =>
        resolve(
          poller.line.state === 'closed'
            ? fail('LINE_CLOSED', `line ${poller.line.id} is closed`, given)
            : fail('READ_CANCELLED', `the clock of ${id} was given up`, given),
        ),
      giveWay: () => poller.queue.giveWay(options.priority),
      exchanged: (ms, _error, isRetry) => {
        if (poller.line.width === 1) poller.queue.charge(id, ms)
        if (isRetry) poller.line.stats.retries++
      },
      run: (done) => {
        if (isBackedOff(device.health) && !options.insist) {
          const text = `${id} on ${poller.line.id} has been silent for ${device.health.failures} reads: its clock is not asked`
          resolve(fail('DEVICE_BACKED_OFF', text, given))
          done()
          return
        }
        work(job).then(
          (result) => {
            done()
            resolve(result.ok ? result : err(placed(result.error, given)))
          },
          (bug) => {
            done()
            reject(bug)
          },
        )
      },
    }
    poller.queue.submit(job)
  })

/** A protocol's error does not know who and where; a person must. */
const placed = (error: GatewayError, given: { readonly device: string; readonly line: string }): GatewayError =>
  'device' in error.context
    ? error
    : { ...error, message: `${given.device} on ${given.line}: ${error.message}`, context: { ...error.context, ...given } }
