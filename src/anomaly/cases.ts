import type { AreaBook, Case, JudgedDay, Suspicion, Taken } from './case.ts'
import type { Verdict } from './finding.ts'
import type { Standing } from './view.ts'

/** Takes one day's verdict of an area into its book. The same verdict of the same day again changes nothing. */
export const takeVerdict = (book: AreaBook, verdict: Verdict, day: JudgedDay): Taken => {
  void verdict
  void day
  return { book, changes: [] }
}

/** What detectors may remember of earlier days: every case of the area that was not withdrawn, floods left out. */
export const standingOf = (book: AreaBook): readonly Standing[] =>
  [...book.cases.values()]
    .filter(({ state, members }) => state !== 'withdrawn' && members.length === 0)
    .map(({ key, kind, target, detectedAt, from, score }) => ({ key, kind, target, raisedOn: detectedAt, from, score }))

/** Cases as they stand, ended ones included, withdrawn ones and floods (whose members are here) left out. */
export const alarmsOf = (book: AreaBook): readonly Case[] =>
  [...book.cases.values()].filter(({ state, members }) => state !== 'withdrawn' && members.length === 0)

/** The ranking below the alarms, highest score first. */
export const rankingOf = (book: AreaBook): readonly Suspicion[] => book.suspicions
