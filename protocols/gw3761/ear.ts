import type { MeterTime } from '../../src/core/adapter.ts'
import type { Heard, TerminalEar } from '../../src/core/terminal.ts'
import { terminalText } from './address.ts'
import { AFN } from './ask.ts'
import { auxPlaces, countersOf } from './aux.ts'
import { instantOf, readTime, timeSize } from './formats.ts'
import { BROADCAST, encodeFrame, type Frame, MAX_USER } from './frame.ts'
import { concat, type GatheredUnit, unitsOf } from './gather.ts'
import { IDENTIFIER_SIZE, readIdentifier, writeIdentifier } from './identifiers.ts'
import { type Reported, reportedOf } from './report.ts'
import { SINGLE } from './seq.ts'
import { decodeUnits } from './units.ts'

const LINK = 0x02
const CONFIRM_ALL = writeIdentifier(0, 1)
const KINDS: Readonly<Record<number, 'login' | 'logout' | 'heartbeat'>> = { 1: 'login', 2: 'logout', 3: 'heartbeat' }

/** What terminals send by themselves, or say with a wish for confirmation. */
const REPORTS: ReadonlySet<number> = new Set([AFN.task, AFN.now, AFN.past, AFN.events])

/**
 * AFN 00 F1 under the number of what it confirms. Function 11 to the link words of AFN 02, 0 to everything else, as captured.
 *
 * @source Q/GDW 376.1-2009, AFN 00 and 02; captured answers to logins (0B) and reports (00)
 */
export const confirmationOf = (frame: Frame): Uint8Array =>
  encodeFrame({
    region: frame.region,
    terminal: frame.terminal,
    group: false,
    msa: frame.msa,
    dir: 'down',
    prm: false,
    acd: false,
    fcb: false,
    fcv: false,
    function: frame.afn === LINK ? 11 : 0,
    protocolId: frame.protocolId,
    afn: 0x00,
    seq: { ...SINGLE, number: frame.seq.number },
    data: CONFIRM_ALL,
  })

/** Clock of a heartbeat of the 2013 edition; null in the older one. */
const clockOf = (frame: Frame): MeterTime | null => {
  const { limit } = auxPlaces(frame)
  return limit >= IDENTIFIER_SIZE + timeSize('A.1') ? instantOf(readTime(frame.data, IDENTIFIER_SIZE, 'A.1')) : null
}

const isSomebody = ({ terminal }: Frame): boolean => terminal >= 1 && terminal < BROADCAST

/** Frames of a report whose last unit goes on in the next one. */
interface Held {
  readonly frames: readonly Frame[]
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, at) => byte === other[at])

/** Units of the frames of a report, and what could not be read in them. */
const takenApart = (frames: readonly Frame[]): { found: GatheredUnit[]; rest: Reported['unknown'] } => {
  const found = unitsOf(frames)
  const last = frames.at(-1)
  const rest: { what: string; raw: Uint8Array }[] = []
  if (last && (found.length === 0 || found.at(-1)?.frame === last))
    for (const unit of decodeUnits(last).units)
      if (unit.problem !== null)
        rest.push({
          what: `${last.afn.toString(16).toUpperCase().padStart(2, '0')} F${unit.fn} p${unit.pn}`,
          raw: last.data.slice(unit.at, unit.end),
        })
  return { found, rest }
}

/** A report of these frames, the last of which finished it. */
const reportOf = (frames: readonly Frame[]): Heard<Frame> => {
  const frame = frames.at(-1)!
  const { found, rest } = takenApart(frames)
  const confirms = frames.filter(({ seq }) => seq.con).map(confirmationOf)
  return { kind: 'report', ...reportedOf(frame.afn, found, rest), confirm: confirms.length > 0 ? concat(confirms) : null, frame }
}

const isCut = (frame: Frame): boolean => decodeUnits(frame).units.at(-1)?.problem === 'GW3761_CONTENT'

/**
 * Listens to one connection of a terminal.
 *
 * Every frame of a report is a report of its own: it is confirmed by itself, as terminals wait for that before they send the next. Only a
 * unit that was cut at a frame's end holds its frame back until the next one is there; both are confirmed together then.
 */
export const createEar = (): TerminalEar<Frame> => {
  let held: Held | null = null

  const hearLink = (frame: Frame): readonly Heard<Frame>[] => {
    const [first] = readIdentifier(frame.data, 0)
    const kind = first && first.pn === 0 ? KINDS[first.fn] : undefined
    if (!kind || !isSomebody(frame)) return [{ kind: 'other', why: `AFN 02 of ${terminalText(frame)} says nothing that is known`, frame }]
    return [{ kind, reply: confirmationOf(frame), clock: clockOf(frame), heartbeatMs: null }]
  }

  const hearReport = (frame: Frame): readonly Heard<Frame>[] => {
    const before = held
    held = null
    const goesOn = before !== null && !frame.seq.fir && before.frames[0]?.afn === frame.afn
    const isAgain =
      before !== null && before.frames.length === 1 && before.frames[0] !== undefined && sameBytes(before.frames[0].raw, frame.raw)
    const frames = goesOn ? [...before.frames, frame] : [frame]
    // What was held back and does not go on is told as far as it came.
    const told = before !== null && !goesOn && !isAgain ? [reportOf(before.frames)] : []
    const size = frames.reduce((sum, { raw }) => sum + raw.length, 0)
    // A terminal that says the same again waits for its confirmation: it never sends the rest before.
    if (!frame.seq.fin && !isAgain && size <= MAX_USER && isCut(frame)) {
      held = { frames }
      return told
    }
    return [...told, reportOf(frames)]
  }

  return {
    hear(frame) {
      if (frame.dir !== 'up') return [{ kind: 'other', why: 'a frame of a master, not of a terminal', frame }]
      if (frame.afn === LINK) return hearLink(frame)
      if (REPORTS.has(frame.afn) && (frame.prm || frame.seq.con) && isSomebody(frame)) return hearReport(frame)
      const answer: Heard<Frame> = { kind: 'answer', frame }
      return frame.seq.con && frame.afn !== 0x00 && isSomebody(frame) ? [{ kind: 'say', bytes: confirmationOf(frame) }, answer] : [answer]
    },
    counters: countersOf,
    eventsWait: ({ dir, acd }) => dir === 'up' && acd,
  }
}
