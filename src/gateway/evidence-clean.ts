// Its thread needs no adapter: the registry would bring every protocol along with its schemas, 25 MB.
import { explainTraced } from '../../protocols/traced.ts'
import type { EvidenceDraft } from '../evidence/index.ts'

/** Protocols whose frames can carry a password. */
const CAN_HIDE = /^(dlt645|dlt698|gw3761)/

/** Frames as they may be kept: passwords and keys are zero and named, as in a trace. What a meter pushed has none that we know of. */
export const withoutSecrets = (draft: EvidenceDraft): EvidenceDraft => {
  const { kind, protocol, parts } = draft
  if (kind !== 'frame' || !CAN_HIDE.test(protocol)) return draft
  return {
    ...draft,
    parts: parts.map((part) => {
      const { bytes, hidden } = explainTraced(protocol, part.bytes, part.direction === 'tx' ? 'request' : 'response')
      return hidden.length === 0 ? part : { ...part, bytes, hidden }
    }),
  }
}
