import { didYouMean, type Problem } from './problems.ts'
import { type LedgerFile, LedgerSchema } from './schema.ts'
import { loadYaml } from './yaml-file.ts'

type CheckedAddress = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly problem: string }

/** What the ledger file is checked against beyond its own schema. */
export interface LedgerContext {
  readonly lines: readonly string[]
  readonly profiles: readonly string[]
  /** The address in its one form when it is one of this profile's protocol on that line, else what is allowed. */
  readonly addressOf: (address: string, profile: string, line: string) => CheckedAddress
  /** The same for a meter behind a concentrator of a protocol. */
  readonly addressBehind: (address: string, profile: string, protocol: string) => CheckedAddress
  /** A concentrator's own address in its one form, else what is allowed. */
  readonly terminalAddress: (address: string, protocol: string) => CheckedAddress
  /** Protocol of a concentrator that is in the ledger and not in the file; null = there is none that can be a line. */
  readonly concentratorOf: (id: string) => string | null
  readonly isRatio: (text: string) => boolean
  /** Now, milliseconds since 1970 UTC. */
  readonly now: number
}

export type LedgerResult =
  | {
      readonly ok: true
      readonly value: LedgerFile
      /** A problem at a path of the file, such as `['meters', 3]`. */
      readonly problemAt: (path: readonly (string | number)[], message: string) => Problem
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Concentrators of a ledger file that meters may name as their line; none where the file is wrong, which is said elsewhere. */
export const concentratorsOfFile = (file: string): readonly string[] => {
  const loaded = loadYaml(file, LedgerSchema, file)
  return loaded.ok ? (loaded.value.concentrators ?? []).flatMap(({ id, protocol }) => (protocol === undefined ? [] : [id])) : []
}

/** Reads and checks a ledger file: every reference must lead somewhere, nothing may be there twice. All problems are named at once. */
export const loadLedgerFile = (file: string, context: LedgerContext): LedgerResult => {
  const { lines, profiles, addressOf, isRatio, now } = context
  const loaded = loadYaml(file, LedgerSchema, file)
  if (!loaded.ok) return loaded
  const problems: Problem[] = []
  const wrong = (path: readonly (string | number)[], message: string) => void problems.push(loaded.problemAt(path, message))
  const { zones = [], feeders = [], areas = [], customers = [], concentrators = [], points, meters } = loaded.value
  for (const [list, items] of Object.entries({ zones, feeders, areas, customers, concentrators, points, meters })) {
    const first = new Map<string, number>()
    for (const [at, { id }] of items.entries()) {
      const before = first.get(id)
      if (before !== undefined) wrong([list, at, 'id'], `is "${id}", as ${list}/${before} is`)
      else first.set(id, at)
    }
  }
  const refer = (path: readonly (string | number)[], id: string, what: string, known: ReadonlySet<string>) => {
    if (known.has(id)) return
    const near = known.size <= 5000 ? didYouMean(id, [...known]) : null
    wrong(
      path,
      `is "${id}", which is no ${what}${near ? `; did you mean "${near}"?` : known.size <= 12 ? `; allowed: ${[...known].join(', ')}` : ''}`,
    )
  }
  const ratios = (path: readonly (string | number)[], given: Readonly<Record<string, string | undefined>>) => {
    for (const [name, ratio] of Object.entries(given))
      if (ratio !== undefined && !isRatio(ratio)) wrong([...path, name], `is "${ratio}"; must be a ratio above 0: \`400/5\` or \`80\``)
  }
  const ids = (items: readonly { readonly id: string }[]) => new Set(items.map(({ id }) => id))
  const [zoneIds, areaIds, pointIds, lineIds, profileIds] = [ids(zones), ids(areas), ids(points), new Set(lines), new Set(profiles)]
  const may = (path: readonly (string | number)[], id: string | undefined, what: string, known: ReadonlySet<string>) => {
    if (id !== undefined) refer(path, id, what, known)
  }
  for (const [at, { parent }] of zones.entries()) may(['zones', at, 'parent'], parent, 'zone', zoneIds)
  for (const [at, { zone }] of feeders.entries()) may(['feeders', at, 'zone'], zone, 'zone', zoneIds)
  for (const [at, { zone, feeder }] of areas.entries()) {
    may(['areas', at, 'zone'], zone, 'zone', zoneIds)
    may(['areas', at, 'feeder'], feeder, 'feeder', ids(feeders))
  }
  const terminals = new Map<string, string>()
  const dialled = new Map<string, number>()
  for (const [at, { id, area, address, protocol }] of concentrators.entries()) {
    may(['concentrators', at, 'area'], area, 'area', areaIds)
    if (protocol === undefined) continue
    if (lineIds.has(id)) wrong(['concentrators', at, 'id'], `is "${id}", as a line or broker is: meters name either by its id`)
    terminals.set(id, protocol)
    if (address === undefined) continue
    const found = context.terminalAddress(address, protocol)
    if (!found.ok) wrong(['concentrators', at, 'address'], `is "${address}"; ${found.problem}`)
    const key = `${protocol} ${found.ok ? found.value : address}`
    const other = dialled.get(key)
    if (other !== undefined) wrong(['concentrators', at, 'address'], `is "${address}", as concentrators/${other} has`)
    else dialled.set(key, at)
  }
  const mute = new Set(concentrators.flatMap(({ id, protocol }) => (protocol === undefined && !lineIds.has(id) ? [id] : [])))
  const nameless = new Set(
    concentrators.flatMap(({ id, protocol, address }) => (protocol !== undefined && address === undefined ? [id] : [])),
  )
  const protocolOf = (line: string): string | null =>
    lineIds.has(line) ? null : (terminals.get(line) ?? (mute.has(line) ? null : context.concentratorOf(line)))
  const customerIds = ids(customers)
  const feederIds = ids(feeders)
  for (const [at, { area, feeder, customer, ct, pt }] of points.entries()) {
    may(['points', at, 'area'], area, 'area', areaIds)
    may(['points', at, 'feeder'], feeder, 'feeder', feederIds)
    may(['points', at, 'customer'], customer, 'customer', customerIds)
    ratios(['points', at], { ct, pt })
  }
  const concentratorIds = ids(concentrators)
  const taken = new Map<string, number>()
  const metered = new Map<string, number>()
  const lineNames = new Set([...lines, ...terminals.keys()])
  const places = new Map<string, number>()
  for (const [at, { point, line, address, profile, concentrator, ct, pt, from, measuringPoint, archiveNumber }] of meters.entries()) {
    let known = address
    const protocol = protocolOf(line)
    refer(['meters', at, 'point'], point, 'point', pointIds)
    if (protocol === null && mute.has(line))
      wrong(['meters', at, 'line'], `is "${line}", a concentrator without protocol: set protocol: gw3761 or dlt698 there`)
    else if (protocol === null) refer(['meters', at, 'line'], line, 'line', lineNames)
    else if (nameless.has(line))
      wrong(['meters', at, 'line'], `is "${line}", a concentrator without address: write there what it calls itself when it dials in`)
    refer(['meters', at, 'profile'], profile, 'profile', profileIds)
    for (const [name, number] of Object.entries({ measuringPoint, archiveNumber })) {
      if (number === undefined) continue
      const before = places.get(`${line} ${name} ${number}`)
      if (before !== undefined)
        wrong(['meters', at, name], `is ${number}, as that of meters/${before}: each number is given once in concentrator ${line}`)
      else places.set(`${line} ${name} ${number}`, at)
    }
    if ((lineIds.has(line) || protocol !== null) && profileIds.has(profile)) {
      const found = protocol === null ? addressOf(address, profile, line) : context.addressBehind(address, profile, protocol)
      if (found.ok) known = found.value
      else wrong(['meters', at, 'address'], `is "${address}"; ${found.problem}`)
    }
    may(['meters', at, 'concentrator'], concentrator, 'concentrator', concentratorIds)
    ratios(['meters', at], { ct, pt })
    if (from !== undefined && Date.parse(from) > now)
      wrong(['meters', at, 'from'], `is "${from}", which is still to come: write it down when it has happened`)
    const other = taken.get(`${line} ${known}`)
    if (other !== undefined)
      wrong(
        ['meters', at, 'address'],
        `is "${address}" on line ${line}, as meters/${other} is: two meters cannot share an address on one line`,
      )
    else taken.set(`${line} ${known}`, at)
    const before = metered.get(point)
    if (before !== undefined)
      wrong(['meters', at, 'point'], `is "${point}", where meters/${before} hangs already: one point, one meter at a time`)
    else metered.set(point, at)
  }
  return problems.length > 0 ? { ok: false, problems } : loaded
}
