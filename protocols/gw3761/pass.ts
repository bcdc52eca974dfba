import { err, ok } from '../../src/core/result.ts'
import type { ForwardSettings } from '../../src/core/terminal.ts'
import { AFN, ask, type Manner, type Talk, verdictOf } from './ask.ts'
import { readForward, writeForward } from './forward.ts'
import { concat, unitsOf } from './gather.ts'
import { writeIdentifier } from './identifiers.ts'
import { refuse } from './talk-errors.ts'

/**
 * Passes bytes through to a port (透明转发, AFN 10 F1).
 *
 * @returns  what came back through it; empty = the meter was silent, which some terminals say by an empty answer and others by a denial
 * @errors   GW3761_PARAMETER for a port or size that cannot be sent; GW3761_ANSWER for an answer about another port or with a wrong length
 */
export function* passThrough(manner: Manner, settings: ForwardSettings, bytes: Uint8Array): Talk<Uint8Array> {
  const { terminal } = manner
  const { port } = settings
  if (!(Number.isInteger(port) && port >= 0 && port <= 31))
    return refuse('GW3761_PARAMETER', `port ${port} is not 1 to 31 (31 = power line)`, { terminal })
  if (bytes.length === 0 || bytes.length > 2000)
    return refuse('GW3761_PARAMETER', `${bytes.length} bytes cannot be forwarded at once`, { terminal })
  const data = concat([writeIdentifier(0, 1), writeForward(settings, bytes)])
  const heard = yield* ask(manner, { afn: AFN.forward, data, about: ({ pn, fn }) => pn === 0 && fn === 1, reach: 'field' })
  if (!heard.ok) return heard
  const { frames, failure } = heard.value
  for (const { unit, frame } of unitsOf(frames.filter(({ afn }) => afn === AFN.forward))) {
    const back = readForward(frame, unit)
    // Some terminals answer with port 0 whatever the port was.
    if (back) return ok(back.bytes)
  }
  if (frames.some((frame) => verdictOf(frame) !== null)) return ok(new Uint8Array(0))
  if (failure) return err(failure)
  return refuse('GW3761_ANSWER', `${terminal}: what came back through port ${port} is not laid out as AFN 10 F1 is`, { terminal, port })
}
