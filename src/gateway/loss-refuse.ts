import type { Refusal } from '../api/index.ts'
import { err, type Result } from '../core/index.ts'
import { lossFailure } from './loss-errors.ts'

export const refuseLoss = (because: Refusal['because'], code: Parameters<typeof lossFailure>[0], message: string): Result<never, Refusal> =>
  err({ because, error: lossFailure(code, message).error })
