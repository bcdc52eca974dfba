import { failWith } from '../core/index.ts'

/** Every way a capture does not become readings. */
export const fail = failWith({
  REPLAY_NO_ANSWER: { recovery: 'skip', hint: 'the meter was silent then, or the capture begins or ends in the middle of a read' },
  REPLAY_MAPPING: { recovery: 'skip', hint: 'gridtally replay CAPTURE -c gateway.yaml takes the mappings of that configuration' },
})
