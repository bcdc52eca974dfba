import { type ErrorTable, failWith, type GatewayError } from '../../src/core/result.ts'

/** Every way a pushed message, or one field of it, comes to nothing. */
const table = {
  MQTT_JSON: {
    recovery: 'skip',
    hint: 'the sender writes broken JSON: look at the message in the list of refused messages, then at its firmware',
  },
  MQTT_JSON_LIMIT: { recovery: 'skip', hint: 'no meter sends such a message: find out who publishes it, and bar it at the broker' },
  MQTT_JSON_DUPLICATE: { recovery: 'skip', hint: 'which of the two is meant cannot be known: mend the sender' },
  MQTT_UTF8: { recovery: 'skip', hint: 'the payload is no UTF-8 text: a binary payload needs a rule with payload: raw, or a frame' },
  MQTT_TOPIC: { recovery: 'skip', hint: 'no meter uses such a topic: find out who publishes it, and bar it at the broker' },
  MQTT_SIZE: { recovery: 'skip', hint: 'raise maxPayloadKb of this broker in gateway.yaml when a meter really sends so much' },
  MQTT_NO_RULE: { recovery: 'skip', hint: 'gridtally mapping try shows which rules were tried; add a rule to a mapping of your own' },
  MQTT_ABSENT: { recovery: 'skip', hint: 'partial updates leave members out; nothing to do' },
  MQTT_NULL: { recovery: 'skip', hint: 'the sender has no value now; nothing to do' },
  MQTT_FILLER: { recovery: 'skip', hint: 'the sender writes a filler where it has no value: look at the wire between it and its meter' },
  MQTT_NOT_NUMBER: { recovery: 'skip', hint: 'a number was expected: check path, suffix and comma in the mapping' },
  MQTT_NUMBER_RANGE: { recovery: 'skip', hint: 'no register holds such a number: check the sender' },
  MQTT_BAD_QUALITY: { recovery: 'skip', hint: 'the sender says itself that the value is not good: look at the device behind it' },
  MQTT_SOURCE_ERROR: { recovery: 'skip', hint: 'the gateway in the field could not read this item: look there' },
  MQTT_UNIT: { recovery: 'skip', hint: 'units are those of docs/mappings.md; write the unit into the mapping' },
  MQTT_UNMAPPED: { recovery: 'skip', hint: 'nobody said what this item measures: give it an OBIS code in a mapping of your own' },
  MQTT_NO_METER: { recovery: 'skip', hint: 'the message does not say which meter it is about: check `meter` in the mapping' },
  MQTT_METER_NAME: { recovery: 'skip', hint: 'meter ids are 1 to 200 printable characters' },
  MQTT_TIME: { recovery: 'skip', hint: 'check form, pattern and zone of `time` in the mapping' },
  MQTT_RETAINED: {
    recovery: 'skip',
    hint: 'a retained message without a time of its own says nothing about now: let the device send its time',
  },
  MQTT_FRAME: {
    recovery: 'skip',
    hint: 'the bytes inside the message are no whole frame: check encoding and protocol, then the wire behind the device',
  },
  MQTT_FRAME_CONTEXT: { recovery: 'skip', hint: 'a Modbus answer names no register: give profile, function and start in the mapping' },
  MQTT_RATIO: { recovery: 'skip', hint: 'CT and PT ratios are numbers above 0' },
  MQTT_DUPLICATE_ITEM: {
    recovery: 'skip',
    hint: 'the message has two values for one quantity of one meter: make the paths or the ids of the mapping more exact',
  },
} as const satisfies ErrorTable

export type PushError = GatewayError<keyof typeof table>
export const fail = failWith(table)
export const errorOf = (code: keyof typeof table, message: string, context: GatewayError['context'] = {}): PushError =>
  fail(code, message, context).error
