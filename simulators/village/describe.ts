import { FAMILIES, type FamilyId, familyTurns, pushAddressOf } from '../mqtt/families.ts'
import { between, fraction, mix } from '../random.ts'

/** How a line speaks that is asked. */
export type PolledKind = 'modbus-tcp' | 'modbus-rtu' | 'dlt645'
/** What a concentrator speaks that dials in. */
export type DialKind = 'gw3761' | 'dlt698'
/** How a line of the village speaks. */
export type LineKind = PolledKind | 'mqtt' | DialKind
export const isDialled = (kind: LineKind): kind is DialKind => kind === 'gw3761' || kind === 'dlt698'

/** One line: a port of its own. On `modbus-tcp` one meter, on the others up to sixteen; all that push are on one line, the broker; a concentrator dials in. */
export interface VillageLine {
  readonly id: string
  readonly kind: LineKind
}

/** Phase (相) a meter hangs on; `L123` = three-phase. */
export type Phase = 'L1' | 'L2' | 'L3' | 'L123'

/** A meter, the point it measures and where on the wires it is. */
export interface VillageMeter {
  /** Ledger id, `M0001`. */
  readonly id: string
  /** Metering point (计量点), `P-A01-001`. */
  readonly point: string
  readonly name: string
  readonly area: string
  readonly role: 'customer' | 'area-supply'
  readonly use: 'household' | 'shop' | 'supply'
  readonly phase: Phase
  readonly line: string
  readonly address: string
  readonly profile: string
  /** Device family of a meter that pushes. */
  readonly family?: FamilyId
  readonly ct: string
  readonly pt: string
  /** Metres of cable from the transformer. */
  readonly distance: number
  /** Which of the area's poles it hangs on, 0 nearest. */
  readonly pole: number
  /** Loop resistance of its own service cable, ohm. */
  readonly serviceOhm: number
  /** How large a consumer it is, 1 = ordinary. */
  readonly size: number
  /** Rooftop solar, watts at the peak; 0 = none. */
  readonly solarW: number
  /** What the ledger says otherwise; null = the meter is not in it. */
  readonly ledger?: { readonly ct?: string } | null
  /** Nobody is at home. */
  readonly away?: PeriodDays
  /** A share of what is used passes the meter. */
  readonly bypass?: PeriodDays & { readonly share: number }
}

/** Days of the load period, `days` from `first` on; the period begins again after its last day. */
export interface PeriodDays {
  readonly first: number
  readonly days: number
}

/** Transformer area (台区): a source, a main cable with poles, and what hangs on them. */
export interface VillageArea {
  readonly id: string
  readonly name: string
  readonly zone: string
  /** Volts at the transformer without load. */
  readonly sourceV: number
  /** Loop resistance of each piece of main cable, source to first pole first, ohm for one phase. */
  readonly mainOhm: readonly number[]
}

/** Everything about a village that does not change: no socket, no clock. */
export interface VillagePlan {
  readonly seed: number
  readonly zones: readonly { readonly id: string; readonly name: string }[]
  readonly areas: readonly VillageArea[]
  readonly lines: readonly VillageLine[]
  readonly meters: readonly VillageMeter[]
}

/** Share of meters on each kind of line; the figures need not add up to anything. */
export type LineMix = Readonly<Record<PolledKind, number>> & { readonly mqtt?: number }

const MIX: LineMix = { 'modbus-tcp': 2, 'modbus-rtu': 3, dlt645: 7 }
/** The ordinary village, in which some meters push. */
export const PUSH_MIX: LineMix = { ...MIX, mqtt: 2 }
const METERS_A_BUS = 16
const POLES = 5
const METRES_A_POLE = 45

/** Meter models by line and number of phases. */
const MODELS: Readonly<
  Record<PolledKind, { readonly single: readonly string[]; readonly three: readonly string[]; readonly supply: string }>
> = {
  'modbus-tcp': { single: ['eastron-sdm120', 'eastron-sdm230'], three: ['eastron-sdm630'], supply: 'acrel-adl400-dtsd1352' },
  'modbus-rtu': {
    single: ['chint-ddsu666', 'eastron-sdm120'],
    three: ['chint-dtsu666', 'eastron-sdm630'],
    supply: 'acrel-adl400-dtsd1352',
  },
  dlt645: { single: ['dlt645-2007/single-phase'], three: ['dlt645-2007/three-phase'], supply: 'dlt645-2007/three-phase' },
}

/**
 * Works out a village (村): transformer areas, each with one area meter (台区总表) behind current transformers, households, shops
 * and rooftop solar along a main cable. A pure function of its arguments.
 *
 * @param seed    any integer
 * @param meters  how many meters in all, area meters included; at least 4
 * @param share   meters by kind of line
 * @param among   device families of the meters that push; absent = every one that tells what its area needs
 */
export const villageOf = (seed: number, meters = 64, share: LineMix = MIX, among?: readonly FamilyId[]): VillagePlan => {
  const areaCount = Math.max(2, Math.ceil(meters / 48))
  const areas: VillageArea[] = []
  const list: VillageMeter[] = []
  const lines = new LineBook(share)
  const turn = familyTurns(among)
  for (let at = 0; at < areaCount; at++) {
    const id = `A${String(at + 1).padStart(2, '0')}`
    const mark = mix(seed, 1, at)
    areas.push({
      id,
      name: areaName(at),
      zone: 'Z1',
      sourceV: Math.round(between(2265, 2305, mark, 1)) / 10,
      mainOhm: Array.from({ length: POLES }, (_, pole) => Math.round(between(250, 400, mark, 2, pole)) / 10_000),
    })
    const customers = Math.floor((meters - areaCount) / areaCount) + (at < (meters - areaCount) % areaCount ? 1 : 0)
    const here = { seed, area: id, areaIndex: at }
    list.push(supplyMeter(here, list.length + 1, customers, lines, at))
    for (let number = 1; number <= customers; number++) list.push(customerMeter(here, list.length + 1, number, lines, turn))
  }
  return { seed, zones: [{ id: 'Z1', name: '供电所' }], areas, lines: lines.all, meters: list }
}

interface Here {
  readonly seed: number
  readonly area: string
  readonly areaIndex: number
}

const supplyMeter = ({ area, areaIndex }: Here, serial: number, customers: number, lines: LineBook, at: number): VillageMeter => {
  const place = lines.take(at % 2 === 0 ? 'dlt645' : 'modbus-rtu', serial, areaIndex)
  return {
    ...place,
    ...modelOf(lines.kindOf(place.line), serial, 'supply', () => 'acrel'),
    id: meterId(serial),
    point: `P-${area}-000`,
    name: `${area} 台区总表`,
    area,
    role: 'area-supply',
    use: 'supply',
    phase: 'L123',
    ct: customers > 40 ? '600/5' : '400/5',
    pt: '1',
    distance: 0,
    pole: 0,
    serviceOhm: 0,
    size: 1,
    solarW: 0,
  }
}

const customerMeter = ({ seed, area, areaIndex }: Here, serial: number, number: number, lines: LineBook, turn: Turn): VillageMeter => {
  const mark = mix(seed, 2, serial)
  const shop = number % 9 === 4
  const pole = Math.floor(fraction(mark, 1) * POLES)
  const service = Math.round(between(8, 40, mark, 2))
  const place = lines.take(null, serial, areaIndex)
  const solarW = fraction(mark, 4) < 0.16 ? 500 * Math.round(between(shop ? 16 : 6, shop ? 30 : 12, mark, 5)) : 0
  return {
    ...place,
    ...modelOf(lines.kindOf(place.line), serial, shop ? 'three' : 'single', () => turn(shop ? 3 : 1, solarW > 0)),
    id: meterId(serial),
    point: `P-${area}-${String(number).padStart(3, '0')}`,
    name: `${area} ${String(number).padStart(3, '0')}号${shop ? '商铺' : '户'}`,
    area,
    role: 'customer',
    use: shop ? 'shop' : 'household',
    phase: shop ? 'L123' : (['L1', 'L2', 'L3'] as const)[(number + (number > 3 ? Math.floor(number / 9) : 0)) % 3]!,
    ct: '1',
    pt: '1',
    distance: (pole + 1) * METRES_A_POLE + service,
    pole,
    // Ten square millimetres of aluminium, there and back: 5.8 milliohm a metre.
    serviceOhm: Math.round(service * 58) / 10_000,
    size: Math.round(between(60, 160, mark, 3)) / 100,
    solarW,
  }
}

type Turn = ReturnType<typeof familyTurns>

/** Model of a meter by its line; of one that pushes the family, and the address that goes with it. */
const modelOf = (
  kind: BookKind,
  serial: number,
  use: 'single' | 'three' | 'supply',
  turn: () => FamilyId,
): Pick<VillageMeter, 'profile'> & Partial<Pick<VillageMeter, 'family' | 'address'>> => {
  if (kind === 'mqtt') {
    const family = turn()
    return { family, profile: `mqtt/${FAMILIES[family].mapping}`, address: pushAddressOf(family, meterId(serial)) }
  }
  if (use === 'supply') return { profile: MODELS[kind].supply }
  const models = MODELS[kind][use]
  return { profile: models[serial % models.length]! }
}

type BookKind = PolledKind | 'mqtt'

/** Puts meters on lines: a Modbus TCP meter has its own, the others share until a bus is full. */
class LineBook {
  readonly all: (VillageLine & { readonly kind: BookKind })[] = []
  readonly #share: LineMix
  readonly #count: Record<BookKind, number> = { 'modbus-tcp': 0, 'modbus-rtu': 0, dlt645: 0, mqtt: 0 }
  readonly #open = new Map<string, { readonly line: VillageLine; used: number }>()

  constructor(share: LineMix) {
    this.#share = share
  }

  kindOf(line: string): BookKind {
    return this.all.find(({ id }) => id === line)!.kind
  }

  /** The next place of the kind that is most behind its share, or of the kind wanted if the mix has it at all. */
  take(wanted: BookKind | null, serial: number, area: number): { readonly line: string; readonly address: string } {
    const kind = wanted !== null && this.#shareOf(wanted) > 0 ? wanted : this.#mostBehind()
    this.#count[kind]++
    if (kind === 'modbus-tcp') return { line: this.#add(kind).id, address: '1' }
    if (kind === 'mqtt') return { line: (this.all.find((line) => line.kind === kind) ?? this.#add(kind)).id, address: '' }
    const key = `${kind} ${area}`
    let open = this.#open.get(key)
    if (!open || open.used === METERS_A_BUS) {
      open = { line: this.#add(kind), used: 0 }
      this.#open.set(key, open)
    }
    open.used++
    return {
      line: open.line.id,
      address: kind === 'modbus-rtu' ? String(open.used) : `2026${String(area + 1).padStart(2, '0')}${String(serial).padStart(6, '0')}`,
    }
  }

  #mostBehind(): BookKind {
    const kinds = (['modbus-tcp', 'modbus-rtu', 'dlt645', 'mqtt'] as const).filter((kind) => this.#shareOf(kind) > 0)
    const behind = (kind: BookKind): number => (this.#count[kind] + 1) / this.#shareOf(kind)
    return kinds.reduce((best, kind) => (behind(kind) < behind(best) ? kind : best))
  }

  #shareOf(kind: BookKind): number {
    return this.#share[kind] ?? 0
  }

  #add(kind: BookKind): VillageLine {
    const number = this.all.filter((line) => line.kind === kind).length + 1
    const line = { id: `${PREFIX[kind]}-${String(number).padStart(2, '0')}`, kind }
    this.all.push(line)
    return line
  }
}

const PREFIX: Readonly<Record<BookKind, string>> = { 'modbus-tcp': 'mtcp', 'modbus-rtu': 'rtu', dlt645: 'dlt', mqtt: 'push' }
export const areaName = (at: number): string =>
  `${AREA_NAMES[at % AREA_NAMES.length]}台区${at >= AREA_NAMES.length ? Math.floor(at / AREA_NAMES.length) + 1 : ''}`
const AREA_NAMES = ['东街', '西街', '南塘', '北坡', '桥头', '学校', '水厂', '老街'] as const
export const meterId = (serial: number): string => `M${String(serial).padStart(4, '0')}`
