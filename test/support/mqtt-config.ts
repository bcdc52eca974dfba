import type { MqttConfig } from '../../src/config/index.ts'

/** A broker as the configuration has it when only its id is said. */
export const mqttConfig = (more: Partial<MqttConfig> = {}): MqttConfig => ({
  id: 'push',
  url: 'mqtt://127.0.0.1:1',
  version: '5',
  clientId: 'gridtally',
  username: null,
  password: null,
  tls: null,
  keepaliveS: 30,
  mappings: [{ id: 'site-json', zone: null, prefix: null }],
  connections: 1,
  share: 'gridtally',
  sessionExpiryS: 3600,
  maxPayloadBytes: 262_144,
  maxInFlight: 64,
  unregistered: 'keep',
  maxUnregistered: 1000,
  rebirth: true,
  ...more,
})
