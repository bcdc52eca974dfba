/** How a concentrator differs from the next one. Everything random follows from a seed. */
export interface Habits {
  /** 376.1: 2, or 1 = Q/GDW 130-2005. */
  readonly protocolId: 1 | 2
  /** Heartbeats of 2013 carry the clock. */
  readonly edition: '2009' | '2013'
  /** 376.1: logins and heartbeats carry a time tag, control C4. */
  readonly tagged: boolean
  readonly heartbeatMs: number
  /** Without an answer to a login it is said again after this, three times; then the terminal dials again. */
  readonly answerWaitMs: number
  /** A slow loris: the login comes one byte in so many milliseconds, and nothing else ever; null = an honest terminal. */
  readonly lorisMs: number | null
  /** First and longest wait before dialling again. */
  readonly redialMs: readonly [first: number, longest: number]
  /** Longest frame, bytes. */
  readonly frameLimit: number
  /** Shortest and longest time to an answer out of its own memory. */
  readonly answerMs: readonly [least: number, most: number]
  /** The same for a meter behind the power line (载波). */
  readonly plcMs: readonly [least: number, most: number]
  /** Share of forwarded requests that the power line loses. */
  readonly plcLoss: number
  /** What a meter that did not answer gives: silence, an empty answer, a denial. */
  readonly plcSilence: 'silence' | 'empty' | 'denied'
  /** Share of values collected at the first attempt. */
  readonly successRate: number
  /** When what was collected at the first attempt is there, after the instant it is of. */
  readonly collectMs: readonly [least: number, most: number]
  /** The rest is collected so much later. */
  readonly catchUpMs: readonly [least: number, most: number]
  /** Share that is never collected. */
  readonly lostRate: number
  /** Items of a meter that is in no archive: not there, denied, or filled with EE. */
  readonly unknown: 'left-out' | 'denied' | 'filled'
  /** Items that were not collected yet: EE, or not there. */
  readonly missing: 'filled' | 'left-out'
  /** Denial of everything (F2), or by unit with an error number (F3). */
  readonly denial: 'all' | 'by-unit'
  /** Present registers of meters on the power line are the last daily ones, with their old time. */
  readonly staleRegisters: boolean
  /** Points and items that one identifier may name are answered under one identifier. */
  readonly grouped: boolean
  /** Answers want a confirmation too (CON). */
  readonly answersConfirmed: boolean
  /** Each frame of a long answer has the next number instead of the same one. */
  readonly countsParts: boolean
  /** 698: an answer too long for a frame comes in link fragments, or in blocks that are asked for one by one. */
  readonly blocks: 'fragments' | 'next'
  /** 698: the objects inside a stored record follow one another, instead of standing in an array. */
  readonly flatRecords: boolean
  /** A report is said again after this, until it is confirmed. */
  readonly reportMs: number
  /** Important events and task data are reported unasked. */
  readonly reports: boolean
  /** Its clock, seconds ahead, and the millionths it gains. */
  readonly clock: { readonly offset: number; readonly ppm: number }
}

export const HABITS: Habits = {
  protocolId: 2,
  edition: '2009',
  tagged: false,
  heartbeatMs: 60_000,
  answerWaitMs: 10_000,
  lorisMs: null,
  redialMs: [1000, 60_000],
  frameLimit: 1024,
  answerMs: [0, 0],
  plcMs: [0, 0],
  plcLoss: 0,
  plcSilence: 'denied',
  successRate: 1,
  collectMs: [0, 0],
  catchUpMs: [2 * 3_600_000, 30 * 3_600_000],
  lostRate: 0,
  unknown: 'left-out',
  missing: 'filled',
  denial: 'all',
  staleRegisters: false,
  grouped: false,
  answersConfirmed: false,
  countsParts: false,
  blocks: 'fragments',
  flatRecords: false,
  reportMs: 10_000,
  reports: true,
  clock: { offset: 0, ppm: 0 },
}

/** Meter on a concentrator's list of wired meters. */
export interface WiredMeter {
  /** Ledger id. */
  readonly id: string
  /** Twelve digits. */
  readonly address: string
  /** Measuring point (测量点号). */
  readonly pn: number
  /** Archive number (装置序号). */
  readonly number: number
  /** 31 = power line, 2 and up = RS-485. */
  readonly port: number
  readonly phases: 1 | 3
}
