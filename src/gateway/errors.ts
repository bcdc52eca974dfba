import { failWith } from '../core/index.ts'

/** What can go wrong where the rooms meet. */
export const fail = failWith({
  METER_UNKNOWN: { recovery: 'skip', hint: 'look it up with GET /api/v1/points' },
  PROFILE_UNREADABLE: { recovery: 'skip', hint: 'gridtally profile verify FILE names the place' },
  PROFILE_PROTOCOL: { recovery: 'skip', hint: 'known protocols: modbus, dlt645-2007, dlt645-1997' },
  GATEWAY_START: { recovery: 'stop', hint: 'see the message; nothing was started' },
})
