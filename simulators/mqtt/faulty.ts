import type { Fault } from '../faults.ts'
import { fraction, numberOf } from '../random.ts'
import type { Device, Draft, Report, Talk } from './family.ts'

/** How one device tells an instant, healthy. */
export type Tell = (device: Device, at: number) => Report

/** What is to be sent instead of a report, and the names of what was done to it. */
export interface Spoiled {
  readonly drafts: readonly Draft[]
  readonly names: readonly string[]
  /** Real milliseconds to wait. */
  readonly delayMs: number
}

const DAY_S = 86_400

/** What a device sends that has orders against it. States of the meter (reset, rollover) show in its values and have no name here. */
export const spoilPush = (talk: Talk, tell: Tell, device: Device, at: number, startedAt: number, faults: readonly Fault[]): Spoiled => {
  const of = (kind: Fault['kind']): Fault | undefined => faults.find((fault) => fault.kind === kind)
  const names = [...new Set(faults.map(({ kind }) => kind).filter((kind) => kind !== 'reset' && kind !== 'rollover'))]
  if (of('silent') || of('reboot')) return { drafts: [], names, delayMs: 0 }
  const unset = of('clock')?.unset === true
  const partial = of('partial')
  const report = (instant: number): Report => {
    const healthy = tell(device, instant)
    return {
      ...healthy,
      // A clock nobody set counts from its start.
      own: unset ? Math.max(0, instant - startedAt) : healthy.own,
      has: partial ? someOf(partial.seed ?? 0, device, healthy.number) : healthy.has,
    }
  }
  const told = (instant: number): readonly Draft[] => talk.report([report(instant)]).map((draft) => ({ ...draft, at: instant }))
  const many = of('burst') ? (of('burst')?.messages ?? 10) : 1
  const drafts: Draft[] = []
  const ghost = of('ghost')
  if (ghost) drafts.push(...haunting(told(at - (ghost.seconds ?? DAY_S) * 1000)))
  for (let back = many - 1; back >= 0; back--) drafts.push(...told(at - back * 1000))
  const cut = of('truncated')
  return {
    drafts: drafts
      .flatMap((draft) => (of('duplicate') && draft.said.length > 0 ? [draft, draft] : [draft]))
      .map((draft) => (of('broken') ? halved(draft) : cut ? shortened(draft, cut.bytes ?? 3) : draft)),
    names,
    delayMs: of('late')?.ms ?? (of('late') ? 900 : 0),
  }
}

/** Values only: a presence message that stays is no ghost. */
const haunting = (drafts: readonly Draft[]): readonly Draft[] =>
  drafts.filter(({ said }) => said.length > 0).map((draft) => ({ ...draft, retain: true }))

/** About half of the values; which ones follows from seed, meter and number of the report. */
const someOf =
  (seed: number, device: Device, number: number) =>
  (obis: string): boolean =>
    fraction(seed, numberOf(device.meter), number, numberOf(obis)) < 0.5

const halved = (draft: Draft): Draft => ({ ...draft, payload: draft.payload.subarray(0, Math.ceil(draft.payload.length / 2)) })
const shortened = (draft: Draft, bytes: number): Draft => ({
  ...draft,
  payload: draft.payload.subarray(0, Math.max(1, draft.payload.length - bytes)),
})
