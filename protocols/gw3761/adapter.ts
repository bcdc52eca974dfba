import { ok } from '../../src/core/result.ts'
import type { TerminalAdapter } from '../../src/core/terminal.ts'
import { control, readClock, readCounters, setClock } from './acts.ts'
import { parseTerminal, terminalText } from './address.ts'
import { deleteArchive, readArchive, writeArchive } from './archive.ts'
import { MAX_SEQUENCE, type Manner } from './ask.ts'
import { createDeframer } from './deframer.ts'
import { createEar } from './ear.ts'
import { readEvents } from './events.ts'
import { describe } from './explain.ts'
import { BROADCAST, type Frame, MAX_FRAME } from './frame.ts'
import { getParameter, PARAMETER_LIST, setParameter } from './parameters.ts'
import { passThrough } from './pass.ts'
import { isOurs, planOf } from './plan.ts'
import { query } from './query.ts'
import { readMeters } from './read.ts'
import { readRoutes } from './routes.ts'
import { refuse } from './talk-errors.ts'

/** What differs from master to master. */
export interface MasterOptions {
  /** Bytes of PW: 16, in the older edition 2; 0 for terminals that want none. */
  readonly passwordBytes?: 0 | 2 | 16
}

/**
 * Q/GDW 376.1 and 1376.1 as the house meets it.
 *
 * @param masterAddress  MSA, 1 to 127
 */
export const gw3761 = (masterAddress: number, { passwordBytes = 16 }: MasterOptions = {}): TerminalAdapter<Frame> => {
  const mannerOf = (terminal: string): Manner => ({ terminal, msa: masterAddress, passwordBytes })
  return {
    id: 'gw3761',
    longestFrame: MAX_FRAME,
    maxSequence: MAX_SEQUENCE,
    bytesOf: ({ raw }) => raw,
    claims,
    deframer: createDeframer,
    ear: createEar,
    address(text) {
      const name = parseTerminal(text)
      return name.ok ? ok(terminalText(name.value)) : name
    },
    sender: (frame) => (frame.dir === 'up' && frame.terminal >= 1 && frame.terminal < BROADCAST ? terminalText(frame) : null),
    plan: planOf,
    *read(terminal, plan, meters, frameLimit, now) {
      if (!isOurs(plan)) return refuse('GW3761_PROFILE', 'this plan was made by another protocol', { terminal })
      return yield* readMeters(mannerOf(terminal), plan.work, meters, frameLimit, now)
    },
    clock: (terminal) => readClock(mannerOf(terminal)),
    setClock: (terminal, time) => setClock(mannerOf(terminal), time),
    archive: (terminal, numbers) => readArchive(mannerOf(terminal), numbers),
    writeArchive: (terminal, records, frameLimit) => writeArchive(mannerOf(terminal), records, frameLimit),
    deleteArchive: (terminal, numbers, frameLimit) => deleteArchive(mannerOf(terminal), numbers, frameLimit),
    events: (terminal, level, from, to) => readEvents(mannerOf(terminal), level, from, to),
    eventCounters: (terminal) => readCounters(mannerOf(terminal)),
    routes: (terminal, meters) => readRoutes(mannerOf(terminal), meters),
    parameters: PARAMETER_LIST,
    getParameter: (terminal, id, pn, ask) => getParameter(mannerOf(terminal), id, pn, ask),
    setParameter: (terminal, id, pn, value) => setParameter(mannerOf(terminal), id, pn, value),
    forward: (terminal, settings, bytes) => passThrough(mannerOf(terminal), settings, bytes),
    query: (terminal, question) => query(mannerOf(terminal), question),
    control: (terminal, act, target) => control(mannerOf(terminal), act, target),
    describe,
  }
}

/** 68H, the length twice, 68H: a frame of DL/T 698.45 has its length once, and other things behind it. */
const claims = (first: Uint8Array): 'yes' | 'no' | 'more' => {
  const differs =
    (first.length > 0 && first[0] !== 0x68) ||
    (first.length > 3 && first[1] !== first[3]) ||
    (first.length > 4 && first[2] !== first[4]) ||
    (first.length > 5 && first[5] !== 0x68)
  return differs ? 'no' : first.length > 5 ? 'yes' : 'more'
}
