import type { Result } from '../src/core/result.ts'
import { ok } from '../src/core/result.ts'
import { type Fault, parseFault } from './faults.ts'

/** Milliseconds of a period as typed: `10s`, `15m`, `1h`; a quarter of an hour for what has no fixed length. */
export const periodMs = (text: string): number => {
  const [, count = '15', unit = 'm'] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  return Number(count) * (UNIT_MS[unit] ?? 1)
}
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Orders as typed. @errors SIMULATOR_FAULT */
export const parseFaults = (texts: readonly string[], now: number): Result<readonly Fault[]> => {
  const faults: Fault[] = []
  for (const text of texts) {
    const fault = parseFault(text, now)
    if (!fault.ok) return fault
    faults.push(fault.value)
  }
  return ok(faults)
}

/** Ends once: by time, by SIGINT or SIGTERM, or by `stop`. */
export const lifetime = (close: () => Promise<void>, forMs: number | undefined): { ended: Promise<void>; stop(): Promise<void> } => {
  let finish: (() => void) | null = null
  const told = new Promise<void>((resolve) => {
    finish = resolve
  })
  const end = (): void => finish?.()
  const timer = forMs === undefined ? null : setTimeout(end, forMs)
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  const ended = told.then(async () => {
    if (timer) clearTimeout(timer)
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    await close()
  })
  return {
    ended,
    stop: () => {
      end()
      return ended
    },
  }
}
