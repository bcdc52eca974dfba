import type { ArchiveRecord } from '../core/index.ts'

/** A meter behind a concentrator as the ledger has it; null = the ledger does not say. */
export interface ArchivedMeter {
  readonly id: string
  /** As written: leading zeros may be missing. */
  readonly address: string
  /** Profile id. */
  readonly profile: string
  /** 测量点号. */
  readonly measuringPoint: number | null
  /** 装置序号. */
  readonly archiveNumber: number | null
  readonly port: number | null
  readonly collector: string | null
}

/** Number and measuring point of an address, as they were once given: they stay when a concentrator loses its archive. */
export interface GivenNumber {
  readonly number: number
  readonly pn: number
}

/** Where a number comes from. */
export type NumberSource = 'ledger' | 'held' | 'given' | 'new'

/** What a concentrator should hold of one meter. */
export interface WantedRecord {
  readonly meter: string
  readonly record: ArchiveRecord
  readonly numberFrom: NumberSource
  readonly pnFrom: NumberSource
}

/** Why a meter of the ledger can be in no archive. */
export interface ArchiveProblem {
  readonly meter: string
  readonly message: string
}

export interface WantedArchive {
  readonly wanted: readonly WantedRecord[]
  /** Address → meter of everybody the ledger has here, those with a problem too. */
  readonly known: ReadonlyMap<string, string>
  readonly problems: readonly ArchiveProblem[]
}

/** @source Q/GDW 376.1, F10: archive numbers and measuring points run from 1 to 2040 */
export const MOST_NUMBER = 2040
const NO_COLLECTOR = '000000000000'

/**
 * A record nobody said anything of. Port 31 is the power line carrier; class 5 stands for single-phase residents.
 *
 * @source  Q/GDW 376.1, F10; classes by habit of public masters
 */
const USUAL: Omit<ArchiveRecord, 'number' | 'pn' | 'address'> = {
  ...{ port: 31, baud: 0, protocol: 'dlt645-2007', password: '000000000000', tariffs: 4, integerDigits: 6, decimals: 2 },
  ...{ collector: NO_COLLECTOR, userClass: 5, userSubclass: 0 },
}

/** Twelve digits, or null when it is no address of a meter behind a concentrator. */
export const archiveAddress = (address: string): string | null => (/^[0-9]{1,12}$/.test(address) ? address.padStart(12, '0') : null)

/**
 * What a concentrator should hold, from the ledger. What the ledger does not say stays as the concentrator has it; a new meter is written
 * as most meters of its protocol are there. Numbers: the ledger's, else those the concentrator has, else those once given, else free ones.
 *
 * @param held        what the concentrator holds
 * @param given       address → numbers it once had here
 * @param protocolOf  protocol of a profile's meter port; null = nobody knows
 */
export const wantedArchive = (
  meters: readonly ArchivedMeter[],
  held: readonly ArchiveRecord[],
  given: ReadonlyMap<string, GivenNumber>,
  protocolOf: (profile: string) => ArchiveRecord['protocol'] | null,
): WantedArchive => {
  const problems: ArchiveProblem[] = []
  const usable = sane(meters, problems)
  const holding = firstByAddress(held, usable)
  const numbers = new Numbers(held, given, (one) => one.number)
  const points = new Numbers(held, given, (one) => one.pn)
  for (const { meter } of usable) {
    numbers.claim(meter.archiveNumber, meter.id, 'archive number', problems)
    points.claim(meter.measuringPoint, meter.id, 'measuring point', problems)
  }
  const refused = new Set(problems.map(({ meter }) => meter))
  const wanted = usable.flatMap(({ meter, address }): WantedRecord[] => {
    if (refused.has(meter.id)) return []
    const own = holding.get(address) ?? null
    const before = given.get(address) ?? null
    const number = numbers.of(meter.archiveNumber, own?.number ?? null, before?.number ?? null, null)
    const pn = points.of(meter.measuringPoint, own?.pn ?? null, before?.pn ?? null, number?.value ?? null)
    if (!number || !pn) {
      problems.push({ meter: meter.id, message: `there is no free number for meter ${meter.id}: all ${MOST_NUMBER} are taken` })
      return []
    }
    const protocol = protocolOf(meter.profile)
    const base = own ?? { ...usualOf(held, protocol), number: 0, pn: 0, address }
    const record: ArchiveRecord = {
      ...base,
      ...{ number: number.value, pn: pn.value, address },
      ...(protocol === null ? {} : { protocol }),
      ...(meter.port === null ? {} : { port: meter.port }),
      ...(meter.collector === null ? {} : { collector: archiveAddress(meter.collector) ?? NO_COLLECTOR }),
    }
    return [{ meter: meter.id, record, numberFrom: number.from, pnFrom: pn.from }]
  })
  const known = new Map(
    meters.flatMap(({ id, address }) => (archiveAddress(address) === null ? [] : [[archiveAddress(address) ?? '', id]])),
  )
  return { wanted: wanted.sort((a, b) => a.record.number - b.record.number), known, problems }
}

interface Addressed {
  readonly meter: ArchivedMeter
  readonly address: string
}

/** As people count: M2 before M10. */
const inOrder = new Intl.Collator('en', { numeric: true })

const sane = (meters: readonly ArchivedMeter[], problems: ArchiveProblem[]): readonly Addressed[] => {
  const seen = new Map<string, string>()
  return [...meters]
    .sort((a, b) => inOrder.compare(a.id, b.id))
    .flatMap((meter) => {
      const address = archiveAddress(meter.address)
      const before = address === null ? undefined : seen.get(address)
      const wrong =
        address === null
          ? `the address of meter ${meter.id} is ${JSON.stringify(meter.address)}: at most 12 digits fit into an archive`
          : before === undefined
            ? rangeProblem(meter)
            : `meters ${before} and ${meter.id} have the same address ${address}`
      if (wrong !== null) problems.push({ meter: meter.id, message: wrong })
      if (address !== null) seen.set(address, before ?? meter.id)
      return address === null || wrong !== null ? [] : [{ meter, address }]
    })
}

const rangeProblem = ({ id, measuringPoint, archiveNumber, port, collector }: ArchivedMeter): string | null => {
  const off = (value: number | null, most: number) => value !== null && !(Number.isInteger(value) && value >= 1 && value <= most)
  if (off(archiveNumber, MOST_NUMBER)) return `the archive number of meter ${id} is ${archiveNumber}: 1 to ${MOST_NUMBER} are allowed`
  if (off(measuringPoint, MOST_NUMBER)) return `the measuring point of meter ${id} is ${measuringPoint}: 1 to ${MOST_NUMBER} are allowed`
  if (off(port, 31)) return `the port of meter ${id} is ${port}: 1 to 31 are allowed`
  if (collector !== null && archiveAddress(collector) === null)
    return `the collector of meter ${id} is ${JSON.stringify(collector)}: at most 12 digits`
  return null
}

/** One record of each address: the one with the number the ledger says, else the lowest. */
export const firstByAddress = (held: readonly ArchiveRecord[], meters: readonly Addressed[] = []): ReadonlyMap<string, ArchiveRecord> => {
  const said = new Map(meters.map(({ meter, address }) => [address, meter.archiveNumber]))
  const found = new Map<string, ArchiveRecord>()
  for (const record of [...held].sort((a, b) => a.number - b.number))
    if (!found.has(record.address) || said.get(record.address) === record.number) found.set(record.address, record)
  return found
}

/** One kind of number of a concentrator, and who has which. */
class Numbers {
  /** Said by the ledger. */
  readonly #claimed = new Map<number, string>()
  /** In use or once given: not for somebody new. */
  readonly #known: Set<number>
  readonly #used = new Set<number>()

  constructor(held: readonly ArchiveRecord[], given: ReadonlyMap<string, GivenNumber>, of: (one: GivenNumber) => number) {
    this.#known = new Set([...held, ...given.values()].map(of))
  }

  claim(number: number | null, meter: string, what: string, problems: ArchiveProblem[]): void {
    if (number === null) return
    const before = this.#claimed.get(number)
    if (before === undefined) this.#claimed.set(number, meter)
    else problems.push({ meter, message: `meters ${before} and ${meter} have the same ${what} ${number}` })
  }

  /** @param like  a number that is wanted when it is free */
  of(
    ledger: number | null,
    held: number | null,
    given: number | null,
    like: number | null,
  ): { readonly value: number; readonly from: NumberSource } | null {
    const isFree = (value: number) => !this.#claimed.has(value) && !this.#used.has(value)
    const take = (value: number, from: NumberSource) => {
      this.#used.add(value)
      return { value, from }
    }
    if (ledger !== null) return take(ledger, 'ledger')
    if (held !== null && isFree(held)) return take(held, 'held')
    if (given !== null && isFree(given)) return take(given, 'given')
    const isNew = (value: number) => isFree(value) && !this.#known.has(value)
    if (like !== null && isNew(like)) return take(like, 'new')
    for (let value = 1; value <= MOST_NUMBER; value++) if (isNew(value)) return take(value, 'new')
    return null
  }
}

/** Settings most records (of a protocol, where it is known) have there, all at once. The password is nobody's but the meter's own. */
const usualOf = (held: readonly ArchiveRecord[], protocol: ArchiveRecord['protocol'] | null): typeof USUAL => {
  const counts = new Map<string, { readonly settings: typeof USUAL; count: number }>()
  for (const { number: _number, pn: _pn, address: _address, ...settings } of held) {
    if (protocol !== null && settings.protocol !== protocol) continue
    const like = { ...settings, password: USUAL.password, collector: NO_COLLECTOR }
    const key = JSON.stringify(like)
    const entry = counts.get(key) ?? { settings: like, count: 0 }
    entry.count++
    counts.set(key, entry)
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count)
  return most?.settings ?? { ...USUAL, ...(protocol === null ? {} : { protocol }) }
}
