import { failWith } from '../core/index.ts'

/** What can go wrong where the rooms meet. */
export const fail = failWith({
  METER_UNKNOWN: { recovery: 'skip', hint: 'look it up with GET /api/v1/points' },
  LINE_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/lines lists them' },
  METER_PUSHES: {
    recovery: 'skip',
    hint: 'GET /api/v1/points/POINT/latest has the newest it sent, GET /api/v1/brokers/BROKER/devices says when it was heard',
  },
  PROFILE_UNREADABLE: { recovery: 'skip', hint: 'gridtally profile verify FILE names the place' },
  PROFILE_PROTOCOL: { recovery: 'skip', hint: 'known protocols: modbus, dlt645-2007, dlt645-1997' },
  CONFIG_DOOR: { recovery: 'skip', hint: 'gridtally config restore on the machine of the gateway does it' },
  CONFIG_WRITE: {
    recovery: 'skip',
    hint: 'give the user of the gateway the right to write it, or run gridtally config restore on its machine',
  },
  MAPPING_USE: { recovery: 'skip', hint: 'the mapping wants something of the site: docs/mqtt.md' },
  PUSH_UNREGISTERED: {
    recovery: 'skip',
    hint: 'add the meter to the ledger, then replay the message; or set `unregistered: keep` for this broker',
  },
  PUSH_STRANGERS: {
    recovery: 'skip',
    hint: 'add the meters to the ledger, raise maxUnregistered, or bar whoever makes up names at the broker',
  },
  PUSH_PUT: { recovery: 'wait', hint: 'the outbox could not take it: see GET /api/v1/outbox; the broker sends the message again' },
  PUSH_MAPPING: { recovery: 'skip', hint: 'mend the mapping that the log names, start again, then replay the message' },
  STORE_SLOW: { recovery: 'retry', hint: 'look at the load of the store; what it was asked about is taken for new meanwhile' },
  PUSH_SIZE: { recovery: 'skip', hint: 'raise maxPayloadKb of this broker when a meter really sends so much; else bar the sender' },
  PUSH_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/brokers names them' },
  PUBLISH_NOT_STARTED: { recovery: 'wait', hint: 'it connects by itself when the gateway has started; nothing is lost meanwhile' },
  GATEWAY_START: { recovery: 'stop', hint: 'see the message; nothing was started' },
})
