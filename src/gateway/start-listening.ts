import type { Logger } from 'pino'
import { type ApiDeps, buildApi, listenApi } from '../api/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import { type Result, systemClock } from '../core/index.ts'
import type { openAudit } from './audit.ts'
import { type OpenTls, openTls } from './tls.ts'
import { HOUSE } from './tokens.ts'

/** The certificate of the API, read again when its files change; each change stands in the audit log. Null: the API speaks plainly. */
export const openCertificate = (
  http: GatewayConfig['http'],
  audit: ReturnType<typeof openAudit>,
  log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void,
): Result<OpenTls> | null =>
  http.tls
    ? openTls(http.tls, {
        now: () => systemClock.now(),
        log,
        changed: (what) =>
          audit.log.append({
            ...HOUSE,
            what: 'config-changed',
            on: 'http.tls',
            outcome: 'refused' in what ? 'refused' : 'done',
            after: what,
          }),
      })
    : null

/** Builds the API and listens. @throws  when it cannot */
export const startListening = async (
  deps: ApiDeps,
  http: GatewayConfig['http'],
  tls: OpenTls | null,
  log: Pick<Logger, 'error'>,
): Promise<{ readonly address: string; close(): Promise<void> }> => {
  const { host, port, publicMetrics, trustProxy, requestsPerMinute } = http
  const api = await buildApi(deps, {
    host,
    port,
    publicMetrics,
    rateLimit: { max: requestsPerMinute, windowMs: 60_000 },
    ...(trustProxy ? { trustProxy } : {}),
    tls: tls?.options ?? null,
    log: { error: (context, message) => log.error(context, message) },
  })
  const address = await listenApi(api, http)
  tls?.serve(api.server)
  return { address, close: () => api.close() }
}
