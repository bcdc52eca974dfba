import type { MeterTime } from '../../src/core/adapter.ts'
import { err, ok, type Result } from '../../src/core/result.ts'
import type { ControlAct } from '../../src/core/terminal.ts'
import { AFN, ask, commandOne, type Manner, type Question, type Talk, verdictOf } from './ask.ts'
import { instantOf, readTime, writeTime } from './formats.ts'
import { concat, type GatheredUnit, unitsOf } from './gather.ts'
import { MAX_PN, writeIdentifier } from './identifiers.ts'
import { refuse } from './talk-errors.ts'

/** What a question about one item was answered with. @errors GW3761_DENIED, GW3761_NOT_ANSWERED, or why there was no answer */
export function* askOne(manner: Manner, question: Omit<Question, 'about'>, pn: number, fn: number, what: string): Talk<GatheredUnit> {
  const heard = yield* ask(manner, { ...question, about: (pair) => pair.pn === pn && pair.fn === fn })
  if (!heard.ok) return heard
  const { frames, failure } = heard.value
  const found = unitsOf(frames.filter(({ afn }) => afn === question.afn)).find(({ unit }) => unit.pn === pn && unit.fn === fn)
  if (found) return ok(found)
  if (failure) return err(failure)
  const { terminal } = manner
  for (const frame of frames) {
    const verdict = verdictOf(frame)
    const denial = verdict?.kind === 'each' ? verdict.items.find((item) => item.pn === pn && item.fn === fn && item.error !== 0) : null
    if (verdict?.kind === 'denied') return refuse('GW3761_DENIED', `${terminal} denies ${what}`, { terminal, pn, fn })
    if (denial)
      return refuse('GW3761_DENIED', `${terminal} denies ${what} with ERR ${denial.error}`, { terminal, pn, fn, err: denial.error })
  }
  return refuse('GW3761_NOT_ANSWERED', `${terminal} answered, but not with ${what}`, { terminal, pn, fn })
}

/** Reads the terminal's clock (终端日历时钟, AFN 0C F2). */
export function* readClock(manner: Manner): Talk<MeterTime> {
  const found = yield* askOne(manner, { afn: AFN.now, data: writeIdentifier(0, 2), reach: 'terminal' }, 0, 2, 'its clock (0C F2)')
  if (!found.ok) return found
  const { frame, unit } = found.value
  const time = instantOf(readTime(frame.data, unit.body, 'A.1'))
  return time ? ok(time) : refuse('GW3761_ANSWER', `${manner.terminal}: its clock is no time`, { terminal: manner.terminal })
}

/** Sets the terminal's clock (对时命令, AFN 05 F31). */
export function* setClock(manner: Manner, time: MeterTime): Talk<null> {
  const { terminal } = manner
  if (time.year < 2000 || time.year > 2099)
    return refuse('GW3761_PARAMETER', `${terminal}: the protocol has no year ${time.year}`, { terminal })
  const data = concat([writeIdentifier(0, 31), writeTime(time, 'A.1')])
  return yield* commandOne(manner, { afn: AFN.control, data, reach: 'terminal' }, 'to set its clock (05 F31)')
}

/** Event counters EC1 and EC2 (终端事件计数器, AFN 0C F7). */
export function* readCounters(manner: Manner): Talk<{ readonly important: number; readonly normal: number }> {
  const found = yield* askOne(manner, { afn: AFN.now, data: writeIdentifier(0, 7), reach: 'terminal' }, 0, 7, 'its event counters (0C F7)')
  if (!found.ok) return found
  const { frame, unit } = found.value
  const [important, normal] = [frame.data[unit.body], frame.data[unit.body + 1]]
  if (important === undefined || normal === undefined || unit.end - unit.body < 2)
    return refuse('GW3761_ANSWER', `${manner.terminal}: no event counters in the answer`, { terminal: manner.terminal })
  return ok({ important, normal })
}

interface Switching {
  readonly fn: number
  readonly data: readonly number[]
  /** `turn` = number of a switch-off turn (控制轮次), `terminal` = p0. */
  readonly target: 'turn' | 'terminal'
}

/**
 * What AFN 05 has. F1: D3-0 minutes of warning, D7-4 half hours it lasts: at once, until it is lifted.
 *
 * @source Q/GDW 376.1-2009, AFN 05 F1, F2, F25, F33
 */
const SWITCHING: Readonly<Partial<Record<ControlAct, Switching>>> = {
  trip: { fn: 1, data: [0], target: 'turn' },
  'permit-close': { fn: 2, data: [], target: 'turn' },
  'keep-power': { fn: 25, data: [], target: 'terminal' },
  'release-power': { fn: 33, data: [], target: 'terminal' },
}

/** What is sent for an act, or why it cannot be. @errors GW3761_UNSUPPORTED, GW3761_PARAMETER */
const switching = (
  terminal: string,
  act: ControlAct,
  target: number | string,
): Result<{ readonly pn: number; readonly what: Switching }> => {
  const what = SWITCHING[act]
  if (!what)
    return refuse('GW3761_UNSUPPORTED', `AFN 05 has no ${act}: permit closing, or forward a command of DL/T 645 to the meter`, {
      terminal,
      act,
    })
  const pn = typeof target === 'number' ? target : /^\d{1,4}$/.test(target) ? Number(target) : Number.NaN
  const least = what.target === 'turn' ? 1 : 0
  const most = what.target === 'turn' ? MAX_PN : 0
  if (Number.isInteger(pn) && pn >= least && pn <= most) return ok({ pn, what })
  const wanted = what.target === 'turn' ? `a number of 1 to ${MAX_PN} (turn, 控制轮次)` : '0 (the terminal)'
  return refuse('GW3761_PARAMETER', `${act} of ${JSON.stringify(target)}: the target must be ${wanted}`, { terminal, act })
}

/** Switches (AFN 05). @errors GW3761_UNSUPPORTED, GW3761_PARAMETER before anything is sent; GW3761_DENIED */
export function* control(manner: Manner, act: ControlAct, target: number | string): Talk<null> {
  const found = switching(manner.terminal, act, target)
  if (!found.ok) return found
  const { pn, what } = found.value
  const data = concat([writeIdentifier(pn, what.fn), Uint8Array.from(what.data)])
  return yield* commandOne(manner, { afn: AFN.control, data, reach: 'terminal' }, `${act} (05 F${what.fn})`)
}

/** Bytes of a unit with its time, as it came. */
export const rawOfUnit = ({ frame, unit }: GatheredUnit): Uint8Array => frame.data.slice(unit.at, unit.end)
