import type { TerminalFigures } from './types.ts'

/** Figures as they are counted. */
export type Counting = { -readonly [Name in keyof TerminalFigures]: TerminalFigures[Name] }

export const newFigures = (): Counting => ({
  logins: 0,
  heartbeats: 0,
  reports: 0,
  requests: 0,
  answered: 0,
  noReply: 0,
  refused: 0,
  damagedBytes: 0,
  strangers: 0,
  latencySumMs: 0,
  bytesIn: 0,
  bytesOut: 0,
})
