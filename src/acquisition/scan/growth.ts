import { FITS, type ScanContext, type Tried } from './context.ts'
import type { Driver } from './driver.ts'
import { judgeGrowth } from './judge.ts'

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })

/** Looks at energy and power a second time, as long after the first as was asked for: candidates that are believed only. */
export const withGrowth = async (driver: Driver, { growthMs, signal }: ScanContext, tried: readonly Tried[]): Promise<readonly Tried[]> => {
  if (growthMs === 0) return tried
  const out: Tried[] = []
  for (const each of tried) {
    if (each.judgement.score < FITS || signal.aborted) {
      out.push(each)
      continue
    }
    await pause(each.at + growthMs - performance.now(), signal)
    const apartMs = performance.now() - each.at
    const second = signal.aborted ? null : await each.reread(driver)
    const growth = second && judgeGrowth({ first: each.figures, second, apartMs })
    out.push(
      growth
        ? { ...each, judgement: { reasons: [...each.judgement.reasons, ...growth.reasons], score: each.judgement.score + growth.score } }
        : each,
    )
  }
  return out
}
