import type { PushedEvent, PushedFailure, PushedFrame, PushFinding, SkippedField } from '../../src/core/push.ts'
import type { GatewayError } from '../../src/core/result.ts'
import { NAME_LIMIT } from './beside.ts'

/** Fields that became no value, and claims, that are told of one message. */
const MOST_SKIPPED = 1000
const MOST_FINDINGS = 20

/** What is told of a message beside its values. Most messages have none of the lists: they are made when there is something to put in. */
export class Told {
  skipped: SkippedField[] | null = null
  failures: PushedFailure[] | null = null
  events: PushedEvent[] | null = null
  frames: PushedFrame[] | null = null
  findings: PushFinding[] | null = null

  event(event: PushedEvent): void {
    this.events ??= []
    this.events.push(event)
  }

  frame(frame: PushedFrame): void {
    this.frames ??= []
    this.frames.push(frame)
  }

  fail(item: string, code: string, device: string): void {
    this.failures ??= []
    this.failures.push({ device, item: item.slice(0, NAME_LIMIT), code: code.slice(0, NAME_LIMIT) })
  }

  /** The same claim about the same meter is made once. */
  claim(code: string, device: string, message: string): void {
    this.findings ??= []
    const isKnown = this.findings.some((one) => one.device === device && one.code === code && one.message === message)
    if (!isKnown && this.findings.length < MOST_FINDINGS) this.findings.push({ code, device, message })
  }

  skip(path: string, error: GatewayError): void {
    this.skipped ??= []
    if (this.skipped.length < MOST_SKIPPED) this.skipped.push({ path, error })
  }
}
