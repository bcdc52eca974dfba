import { createServer } from 'node:net'
import type { Logger } from 'pino'
import type { GatewayConfig, Problem } from '../config/index.ts'
import { many } from '../core/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { LiveProfiles } from './hot-profiles.ts'
import { openMappings } from './mappings.ts'
import { notifyProblems } from './notify-topics.ts'
import { publishProblems, takenFilters } from './publish.ts'
import { mappingProblems } from './push.ts'
import { pushWorld } from './push-world.ts'

const CATCH_UP_MS = 10_000

/** What is wrong with the brokers and publishers of a configuration. */
export const brokerProblems = (config: GatewayConfig, profiles: LiveProfiles): readonly Problem[] => {
  const mappings = openMappings(config.mappingDirectory, pushWorld(config.timezone, profiles), usedMappings(config))
  const wrong = mappingProblems(config, mappings)
  return wrong.length > 0 ? wrong : loopProblems(config, takenFilters(config, mappings))
}

/** What is wrong with topics that the gateway itself sends to: it would take them in again. */
export const loopProblems = (config: GatewayConfig, taken: ReadonlyMap<string, readonly string[]>): readonly Problem[] => [
  ...publishProblems(config, taken),
  ...notifyProblems(config, taken),
]

/** Only mappings that somebody uses are loaded, and proved, at the start. */
export const usedMappings = (config: GatewayConfig): ReadonlySet<string> =>
  new Set(config.mqtt.flatMap(({ mappings }) => mappings.map(({ id }) => id)))

/** Until the sinks have what the outbox held at the start, or for so long. A store that is away must not keep messages waiting. */
export const untilCaughtUp = async (outbox: Outbox, sinks: readonly string[], log: Logger): Promise<void> => {
  const ends = new Map(outbox.state().sinks.map(({ id, cursor, depth }) => [id, cursor + depth]))
  const behind = () => outbox.state().sinks.filter(({ id, cursor }) => sinks.includes(id) && cursor < (ends.get(id) ?? 0))
  const deadline = performance.now() + CATCH_UP_MS
  while (behind().length > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const { id, depth } of behind())
    log.warn(`${many(depth, 'reading')} of before still wait for ${id}: a repeat of one of them may be taken for new until then`)
}

/** Why the API cannot listen, and what to do. */
export const cannotListen = ({ host, port }: GatewayConfig['http'], error: unknown): string =>
  `the API cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}; choose another http.port (0 = any) or http.host`

/** Looked at before anything is opened: a port that is taken must leave nothing behind. */
export const portProblem = ({ host, port, ...http }: GatewayConfig['http']): Promise<string | null> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(cannotListen({ host, port, ...http }, error)))
    server.listen({ host, port }, () => server.close(() => resolve(null)))
  })
