import { instantOf } from '../../simulators/calendar.ts'
import type { MeterTime } from '../../src/core/index.ts'

export {
  compare,
  decimalText,
  type GatewayError,
  isDiscarded,
  type Profile,
  type ProtocolAdapter,
  parseDecimal,
  type ReadKind,
  type Result,
  type Sample,
} from '../../src/core/index.ts'
export const instantOfMeter = (time: MeterTime): number => instantOf(time)
