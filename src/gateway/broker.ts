import type { BrokerConfig } from '../config/index.ts'
import type { MqttSettings } from '../transport/index.ts'

/** The transport's settings for a broker of the configuration. */
export const brokerSettings = (
  { url, version, clientId, username, password, tls, keepaliveS }: BrokerConfig,
  now: () => number,
): MqttSettings => ({
  url,
  version,
  clientId,
  keepaliveS,
  now,
  ...(username === null ? {} : { username }),
  ...(password === null ? {} : { password: password.reveal() }),
  ...(tls === null
    ? {}
    : {
        tls: {
          insecure: tls.insecure,
          ...(tls.ca === null ? {} : { ca: tls.ca }),
          ...(tls.cert === null ? {} : { cert: tls.cert }),
          ...(tls.key === null ? {} : { key: tls.key.reveal() }),
          ...(tls.servername === null ? {} : { servername: tls.servername }),
        },
      }),
})
