import { nothingPushed, type PushOutcome } from '../../../src/core/push.ts'
import { many } from '../../../src/core/result.ts'
import type { SparkplugError } from './errors.ts'
import type { MetricsRead } from './metrics.ts'
import type { Gap } from './sequence.ts'

export const nothingRead: MetricsRead = { records: [], skipped: [], figures: {}, unresolved: 0 }
export const refused = (error: SparkplugError): PushOutcome => ({ ...nothingPushed, refused: error })
export const discarded = (why: string, device: string | null = null): PushOutcome => ({ ...nothingPushed, discard: why, device })
export const gapText = ({ after, seq, missing }: Gap): string => `gap: seq ${seq} after ${after}, ${many(missing, 'message')} missing`
