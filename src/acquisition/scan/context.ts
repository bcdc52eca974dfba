import type { Profile, ScanFigure, ScanProof } from '../../core/index.ts'
import type { Driver } from './driver.ts'
import type { Judgement } from './judge.ts'
import type { Candidate, FoundMeter, Reason, ScanEvent, ScanMode, ScanProtocol, ScanSetting } from './types.ts'

/** What every step of a scan needs. */
export interface ScanContext {
  readonly mode: ScanMode
  readonly profiles: readonly Profile[]
  readonly growthMs: number
  readonly signal: AbortSignal
  readonly onEvent: (event: ScanEvent) => void
  readonly note: (text: string) => void
  /** Ledger id of an address on this line. */
  readonly known: (protocol: ScanProtocol, address: string) => string | null
  /** Profiles chosen so far on this line: neighbours mostly are of one make. */
  readonly chosen: Set<string>
}

/** An address that answered, with what it is spoken to by. */
export interface Answering {
  readonly protocol: ScanProtocol
  readonly setting: ScanSetting
  readonly address: string
  readonly proofs: readonly ScanProof[]
}

/** A profile tried, with what is needed to look at its energy a second time. */
export interface Tried {
  readonly profile: Profile
  readonly figures: readonly ScanFigure[]
  readonly judgement: Judgement
  readonly at: number
  readonly reread: (driver: Driver) => Promise<readonly ScanFigure[] | null>
}

/** Points a profile needs to be believed: a frequency and a voltage, or several smaller things. */
export const FITS = 4
/** Profiles this close to the best one fit equally well. */
const TIE = 0.6
/** Candidates that are shown. */
const MOST_SHOWN = 5
/** Frames kept as proof. */
const MOST_PROOFS = 24

export const reasonOf = (what: string, value: string, limit: string, verdict: Reason['verdict'], text: string): Reason => ({
  what,
  value,
  limit,
  verdict,
  text,
})

/** Puts a found meter together out of the profiles that were tried. */
export const meterOf = (
  answering: Answering,
  tried: readonly Tried[],
  extra: {
    readonly identity?: Readonly<Record<string, string>>
    readonly notes?: readonly string[]
    readonly proofs?: readonly ScanProof[]
  },
): FoundMeter => {
  const ranked = [...tried].filter(({ judgement }) => judgement.score > 0).sort((a, b) => b.judgement.score - a.judgement.score)
  const best = ranked[0]
  const fits = best && best.judgement.score >= FITS
  const equal = fits ? ranked.filter(({ judgement }) => best.judgement.score - judgement.score < TIE) : []
  const candidates: Candidate[] = ranked.slice(0, MOST_SHOWN).map(({ profile, judgement: { score, reasons } }) => ({
    profile: profile.id,
    score: Math.round(score * 10) / 10,
    reasons,
  }))
  return {
    ...answering,
    known: null,
    candidates,
    profile: equal.length === 1 ? (best?.profile.id ?? null) : null,
    tie: equal.length > 1 ? equal.map(({ profile }) => profile.id) : [],
    values: (best?.figures ?? []).map(({ obis, unit, place, text, resolution }) => ({ obis, unit, place, text, resolution })),
    identity: extra.identity ?? {},
    notes: extra.notes ?? [],
    proofs: [...answering.proofs, ...(extra.proofs ?? [])].slice(0, MOST_PROOFS),
  }
}
