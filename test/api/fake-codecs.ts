import { codecViews } from '../../src/gateway/codec-views.ts'
import { LiveProfiles } from '../../src/gateway/hot-profiles.ts'
import { pushWorld } from '../../src/gateway/push-world.ts'

/** The built-in models and mappings, as a gateway with one broker has them. */
export const fakeCodecs = () => {
  const profiles = new LiveProfiles(null)
  return codecViews({
    ...{ profiles, mappingDirectory: null, world: pushWorld('Asia/Shanghai', profiles) },
    brokers: [{ id: 'site', mappings: [{ id: 'tasmota' }] }],
  })
}
