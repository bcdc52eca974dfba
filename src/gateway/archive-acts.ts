import { type ArchiveRecord, type GatewayError, many, ok, type Result } from '../core/index.ts'
import { type ArchiveDiff, archiveDiff, differing } from './archive-diff.ts'
import { archiveAddress, type WantedArchive, type WantedRecord, wantedArchive } from './archive-wanted.ts'
import { concentratorFailure as fail } from './concentrator-errors.ts'
import type { ConcentratorFile } from './concentrator-file.ts'
import type { JobProgress } from './concentrator-jobs.ts'
import { askNow, type ConcentratorWorld } from './concentrator-world.ts'

/** What came of one record. `written`/`deleted`: read back and as wanted. `unproved`: confirmed, and it could not be read again. */
export interface RecordOutcome {
  readonly number: number
  readonly address: string
  readonly meter: string | null
  readonly outcome: 'written' | 'deleted' | 'unproved' | 'failed' | 'not-sent'
  readonly code: string | null
  readonly message: string | null
  readonly hint: string | null
}

export interface ArchiveReport {
  /** Records by outcome. */
  readonly done: number
  readonly failed: number
  readonly notSent: number
  readonly records: readonly RecordOutcome[]
  /** How they stand after it; null = it could not be read back. */
  readonly after: ArchiveCounts | null
}

export interface ArchiveCounts {
  readonly records: number
  readonly same: number
  readonly onlyInLedger: number
  readonly onlyInConcentrator: number
  readonly differs: number
  readonly second: number
  readonly problems: number
}

/** @source Q/GDW 376.1, F10: send about ten records, then wait for the confirmation */
const BATCH = 10

/** So many numbers behind the last record are asked for by whoever reads all, at least. */
const NEAR = 32
/** Numbers asked for by name at once. */
const FAR_LOT = 20

/** The meter archive (档案) of concentrators: what it should be, what it is, and making it so. */
export class ArchiveActs {
  readonly #world: ConcentratorWorld
  readonly #file: ConcentratorFile
  /** Told of what a concentrator holds that the ledger does not. */
  readonly #strangers: (concentrator: string, records: readonly Pick<ArchiveRecord, 'address' | 'protocol'>[]) => void

  readonly #counts = new Map<string, { readonly version: string; readonly counts: (ArchiveCounts & { readonly readAt: number }) | null }>()

  constructor(
    world: ConcentratorWorld,
    file: ConcentratorFile,
    strangers: (concentrator: string, records: readonly Pick<ArchiveRecord, 'address' | 'protocol'>[]) => void,
  ) {
    this.#world = world
    this.#file = file
    this.#strangers = strangers
  }

  wanted(id: string, held: readonly ArchiveRecord[]): WantedArchive {
    return wantedArchive(this.#world.metersOf(id), held, this.#file.givenOf(id), (profile) => this.#protocolOf(profile))
  }

  /** Against what was read last; null = never read. */
  lastDiff(id: string): { readonly readAt: number; readonly diff: ArchiveDiff; readonly counts: ArchiveCounts } | null {
    const snapshot = this.#file.snapshot(id)
    if (!snapshot) return null
    const held = snapshot.records.map((record) => ({ ...record, password: '' }))
    const diff = archiveDiff(this.wanted(id, held), held)
    return { readAt: snapshot.readAt, diff, counts: countsOf(diff, held.length) }
  }

  /** The figures of {@link lastDiff}, worked out again only when the ledger or the archive changed: lists ask for many. */
  lastCounts(id: string): (ArchiveCounts & { readonly readAt: number }) | null {
    const version = `${this.#world.ledgerSeq()} ${this.#file.archiveVersion(id)}`
    const before = this.#counts.get(id)
    if (before?.version === version) return before.counts
    const last = this.lastDiff(id)
    const counts = last && { ...last.counts, readAt: last.readAt }
    this.#counts.set(id, { version, counts })
    return counts
  }

  /** Reads all of it. */
  async read(id: string, progress: JobProgress): Promise<Result<ArchiveCounts>> {
    progress.say('reads the archive')
    const held = await this.#readBack(id, progress.signal)
    return held.ok ? ok(countsOf(archiveDiff(this.wanted(id, held.value), held.value), held.value.length)) : held
  }

  /**
   * Writes what is missing or differs, ten records at a time, and reads all of it back. Nothing is deleted, and nothing sent twice.
   *
   * @param meters  only these, by ledger id or address
   */
  async download(id: string, meters: readonly string[] | undefined, progress: JobProgress): Promise<Result<ArchiveReport>> {
    progress.say('reads the archive')
    const held = await this.#readBack(id, progress.signal)
    if (!held.ok) return held
    const archive = this.wanted(id, held.value)
    const chosen = this.#chosen(id, archive, held.value, meters)
    if (!chosen.ok) return chosen
    this.#file.give(
      id,
      chosen.value.map(({ record }) => record),
    )
    progress.expect(chosen.value.length)
    const errors = await this.#inBatches(
      chosen.value,
      progress,
      (batch, settings) =>
        askNow(
          this.#world,
          id,
          (adapter) =>
            adapter.writeArchive(
              settings.address,
              batch.map(({ record }) => record),
              settings.frameLimit,
            ),
          progress.signal,
        ),
      id,
    )
    const after = await this.#afterwards(id, progress)
    const there = after && new Map(after.map((record) => [record.number, record]))
    const records = chosen.value.map(({ meter, record }, at): RecordOutcome => {
      const { number, address } = record
      const own = { number, address, meter }
      const error = errors[at] ?? null
      const now = there?.get(number) ?? null
      // What stands there is the truth, whatever was said about it.
      if (now && differing(record, now).length === 0) return { ...own, outcome: 'written', code: null, message: null, hint: null }
      if (error) return failedRecord(own, error)
      if (!there) return { ...own, outcome: 'unproved', code: null, message: null, hint: null }
      const shown = now
        ? `it shows ${now.address} with ${differing(record, now)
            .map(({ name, held: value }) => `${name} ${value}`)
            .join(', ')}`
        : 'it is not there'
      return failedRecord(own, fail('ARCHIVE_NOT_KEPT', `record ${number} of meter ${meter} was confirmed, and ${shown}`).error)
    })
    return ok(this.#report(id, records, after))
  }

  /**
   * Deletes records, and only those that are named.
   *
   * @param alsoInLedger  meters the ledger has here too
   */
  async remove(id: string, numbers: readonly number[], alsoInLedger: boolean, progress: JobProgress): Promise<Result<ArchiveReport>> {
    progress.say('reads the archive')
    const held = await this.#readBack(id, progress.signal)
    if (!held.ok) return held
    const byNumber = new Map(held.value.map((record) => [record.number, record]))
    const lost = numbers.filter((number) => !byNumber.has(number))
    if (lost.length > 0) return fail('ARCHIVE_NUMBER', `concentrator ${id} has no record ${lost.slice(0, 10).join(', ')}`)
    const { known } = this.wanted(id, held.value)
    const chosen = [...new Set(numbers)].flatMap((number) => byNumber.get(number) ?? [])
    // A second record of the same meter takes nothing from anybody.
    const isSecond = ({ number, address }: ArchiveRecord) =>
      held.value.some((other) => other.address === address && other.number !== number && !numbers.includes(other.number))
    const ours = chosen.filter((record) => known.has(record.address) && !isSecond(record))
    if (ours.length > 0 && !alsoInLedger) {
      const named = ours.slice(0, 5).map(({ number, address }) => `${number} (${known.get(address)})`)
      return fail('ARCHIVE_IN_LEDGER', `the ledger has ${many(ours.length, 'meter')} of these records: ${named.join(', ')}`)
    }
    progress.expect(chosen.length)
    const errors = await this.#inBatches(
      chosen,
      progress,
      (batch, settings) =>
        askNow(
          this.#world,
          id,
          (adapter) =>
            adapter.deleteArchive(
              settings.address,
              batch.map(({ number }) => number),
              settings.frameLimit,
            ),
          progress.signal,
        ),
      id,
    )
    const after = await this.#afterwards(id, progress)
    const left =
      after && new Set(after.filter((record) => byNumber.get(record.number)?.address === record.address).map(({ number }) => number))
    const records = chosen.map(({ number, address }, at): RecordOutcome => {
      const own = { number, address, meter: known.get(address) ?? null }
      const error = errors[at] ?? null
      if (left && !left.has(number)) return { ...own, outcome: 'deleted', code: null, message: null, hint: null }
      if (error) return failedRecord(own, error)
      if (!left) return { ...own, outcome: 'unproved', code: null, message: null, hint: null }
      return failedRecord(own, fail('ARCHIVE_STILL_THERE', `record ${number} of ${address} is still there`).error)
    })
    return ok(this.#report(id, records, after))
  }

  #chosen(
    id: string,
    archive: WantedArchive,
    held: readonly ArchiveRecord[],
    meters: readonly string[] | undefined,
  ): Result<readonly WantedRecord[]> {
    const { differences } = archiveDiff(archive, held)
    const due = new Set(
      differences.flatMap(({ kind, meter }) => (meter !== null && (kind === 'only-in-ledger' || kind === 'differs') ? [meter] : [])),
    )
    if (meters === undefined) {
      const chosen = archive.wanted.filter(({ meter }) => due.has(meter))
      if (chosen.length > 0) return ok(chosen)
      const [first] = archive.problems
      return first
        ? fail('ARCHIVE_CONFLICT', `nothing can be written: ${first.message}`)
        : fail('ARCHIVE_NOTHING', `concentrator ${id} holds all ${many(archive.wanted.length, 'meter')} of the ledger as they are`)
    }
    const names = new Map([...archive.known].flatMap(([address, meter]) => [[address, meter] as const, [meter, meter] as const]))
    const wanted = new Set<string>()
    for (const name of meters) {
      const meter = names.get(name) ?? names.get(archiveAddress(name) ?? '')
      const wrong = archive.problems.find((problem) => problem.meter === (meter ?? name))
      if (wrong) return fail('ARCHIVE_CONFLICT', wrong.message, { meter: wrong.meter })
      if (meter === undefined)
        return fail('CONCENTRATOR_METER', `meter ${JSON.stringify(name)} is not behind concentrator ${id}`, { meter: name })
      wanted.add(meter)
    }
    const chosen = archive.wanted.filter(({ meter }) => wanted.has(meter) && due.has(meter))
    return chosen.length > 0 ? ok(chosen) : fail('ARCHIVE_NOTHING', `concentrator ${id} holds these meters as the ledger has them`)
  }

  /** One result for each of `all`, in their order; null = confirmed. What was sent without an answer is not sent again. */
  async #inBatches<One>(
    all: readonly One[],
    progress: JobProgress,
    send: (
      batch: readonly One[],
      settings: { readonly address: string; readonly frameLimit: number },
    ) => Promise<Result<readonly Result<null>[]>>,
    id: string,
  ): Promise<readonly (GatewayError | null)[]> {
    const errors: (GatewayError | null)[] = []
    let stopped: GatewayError | null = null
    for (let from = 0; from < all.length; from += BATCH) {
      const batch = all.slice(from, from + BATCH)
      stopped ??= this.#mayGoOn(id, progress.signal)
      if (stopped) {
        const error = stopped
        errors.push(...batch.map(() => error))
        continue
      }
      progress.say(`records ${from + 1} to ${from + batch.length} of ${all.length}`)
      const settings = this.#world.find(id)?.settings ?? { address: '', frameLimit: 0 }
      const sent = await send(batch, settings)
      errors.push(...batch.map((_, at) => outcomeOf(sent, at)))
      progress.advance(batch.length)
      // Who went away in the middle gets nothing more: nobody knows what it made of the last batch.
      if (!sent.ok && this.#world.terminals.status(id) === null) stopped = notSent('the connection was lost').error
    }
    return errors
  }

  #mayGoOn(id: string, signal: AbortSignal): GatewayError | null {
    if (signal.aborted) return notSent('the download was cancelled').error
    const settings = this.#world.find(id)?.settings ?? null
    return settings?.allowWrites ? null : notSent('writing to it was switched off').error
  }

  async #afterwards(id: string, progress: JobProgress): Promise<readonly ArchiveRecord[] | null> {
    progress.say('reads back')
    // Cancelled or not: how it stands now is wanted.
    const after = await this.#readBack(id, new AbortController().signal)
    return after.ok ? after.value : null
  }

  #report(id: string, records: readonly RecordOutcome[], after: readonly ArchiveRecord[] | null): ArchiveReport {
    const count = (...outcomes: readonly RecordOutcome['outcome'][]) => records.filter(({ outcome }) => outcomes.includes(outcome)).length
    return {
      ...{ done: count('written', 'deleted', 'unproved'), failed: count('failed'), notSent: count('not-sent'), records },
      after: after && countsOf(archiveDiff(this.wanted(id, after), after), after.length),
    }
  }

  async #readBack(id: string, signal: AbortSignal): Promise<Result<readonly ArchiveRecord[]>> {
    const settings = this.#world.find(id)?.settings ?? null
    if (!settings) return fail('CONCENTRATOR_UNUSABLE', `concentrator ${id} is no longer in the ledger`)
    const held = await askNow(this.#world, id, (adapter) => adapter.archive(settings.address), signal)
    if (!held.ok) return held
    const beyond = await this.#beyond(id, held.value, signal)
    if (!beyond.ok) return beyond
    const records = [...new Map([...held.value, ...beyond.value].map((record) => [record.number, record])).values()].sort(
      (a, b) => a.number - b.number,
    )
    this.#file.keepArchive(id, this.#world.clock.now(), records)
    const { known } = this.wanted(id, records)
    this.#strangers(
      id,
      records.filter(({ address }) => !known.has(address)),
    )
    return ok(records)
  }

  /**
   * Records far behind the others: whoever reads all of an archive stops after a stretch without records. Numbers of the ledger, and those
   * that were there before, are asked for by name, until a lot of them brings nothing.
   */
  async #beyond(id: string, held: readonly ArchiveRecord[], signal: AbortSignal): Promise<Result<readonly ArchiveRecord[]>> {
    const address = this.#world.find(id)?.settings?.address ?? ''
    const last = Math.max(0, ...held.map(({ number }) => number))
    const known = [
      ...this.wanted(id, held).wanted.map(({ record }) => record.number),
      ...[...this.#file.givenOf(id).values(), ...(this.#file.snapshot(id)?.records ?? [])].map(({ number }) => number),
    ]
    const far = [...new Set(known)].filter((number) => number > last + NEAR).sort((a, b) => a - b)
    const found: ArchiveRecord[] = []
    for (let from = 0; from < far.length; from += FAR_LOT) {
      const lot = far.slice(from, from + FAR_LOT)
      const heard = await askNow(this.#world, id, (adapter) => adapter.archive(address, lot), signal)
      if (!heard.ok) return heard
      found.push(...heard.value)
      if (heard.value.length === 0) break
    }
    return ok(found)
  }

  /** What a meter of a profile speaks at its own port. */
  #protocolOf(id: string): ArchiveRecord['protocol'] | null {
    const profile = this.#world.profile(id)
    const live = profile?.live
    if (typeof live === 'string') return METER_PROTOCOLS[live.split('/')[0] ?? ''] ?? null
    // A profile of the concentrator's own data says nothing of the meter's port.
    return profile === null || profile.protocol === 'dlt698' ? null : (METER_PROTOCOLS[profile.protocol] ?? null)
  }
}

const METER_PROTOCOLS: Readonly<Record<string, ArchiveRecord['protocol']>> = {
  'dlt645-1997': 'dlt645-1997',
  'dlt645-2007': 'dlt645-2007',
  dlt698: 'dlt698',
}

const notSent = (why: string) => fail('ARCHIVE_NOT_SENT', `this record was not sent: ${why}`)

const outcomeOf = (sent: Result<readonly Result<null>[]>, at: number): GatewayError | null => {
  if (!sent.ok) return sent.error
  const own = sent.value[at]
  if (!own) return fail('ARCHIVE_NOT_CONFIRMED', 'the concentrator said nothing of this record').error
  return own.ok ? null : own.error
}

const failedRecord = (own: Pick<RecordOutcome, 'number' | 'address' | 'meter'>, { code, message, hint }: GatewayError): RecordOutcome => ({
  ...own,
  ...{ outcome: code === 'ARCHIVE_NOT_SENT' ? 'not-sent' : 'failed', code, message, hint },
})

export const countsOf = ({ same, differences, problems }: ArchiveDiff, records: number): ArchiveCounts => {
  const count = (wanted: string) => differences.filter(({ kind }) => kind === wanted).length
  return {
    ...{ records, same, onlyInLedger: count('only-in-ledger'), onlyInConcentrator: count('only-in-concentrator') },
    ...{ differs: count('differs'), second: count('second'), problems: problems.length },
  }
}
