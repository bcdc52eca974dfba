import type { Logger } from 'pino'
import { adapterOf } from '../../protocols/index.ts'
import { type GatewayConfig, problemText } from '../config/index.ts'
import { explain } from '../core/index.ts'
import { LiveProfiles } from './hot-profiles.ts'
import { type Mappings, openMappings } from './mappings.ts'
import { brokenText } from './profiles.ts'
import { takenFilters } from './publish.ts'
import { mappingProblems } from './push.ts'
import { type PushWorld, pushWorld } from './push-world.ts'
import { refused, type StartFailure } from './running.ts'
import { loopProblems, portProblem, usedMappings } from './start-checks.ts'
import { checkedLedger, mayBeKnown } from './start-ledger.ts'
import { readTls } from './tls.ts'

/** Files besides gateway.yaml that a start needs, read and proved. */
export interface Inputs {
  readonly profiles: LiveProfiles
  readonly world: PushWorld
  readonly mappings: Mappings
}

/** Checks all that can be checked before anything is opened: mappings, topics, ledger file, the port of the API, its certificate. */
export const checkedInputs = async (
  config: GatewayConfig,
  log: Pick<Logger, 'warn'>,
): Promise<{ readonly ok: true; readonly value: Inputs } | StartFailure> => {
  const profiles = new LiveProfiles(config.profileDirectory)
  const world = pushWorld(config.timezone, profiles)
  const mappings = openMappings(config.mappingDirectory, world, usedMappings(config))
  const wrong = mappingProblems(config, mappings)
  if (wrong.length > 0) return refused('a mapping cannot be used', wrong)
  const looping = loopProblems(config, takenFilters(config, mappings))
  if (looping.length > 0) return refused('a topic cannot be used', looping)
  for (const problem of mappings.problems) log.warn(`${problemText(problem)}; this mapping is not used, the others are`)
  const input = checkedLedger(config, profiles, adapterOf, mayBeKnown(config.dataDirectory))
  for (const each of profiles.broken) log.warn(brokenText(each))
  if (!input.ok) return refused('the ledger file is wrong', input.problems)

  const taken = await portProblem(config.http)
  if (taken) return refused(taken)
  const pair = config.http.tls ? readTls(config.http.tls, null) : null
  if (pair && !pair.ok) return refused(`http.tls cannot be used: ${explain(pair.error)}`)
  return { ok: true, value: { profiles, world, mappings } }
}
