import { feederSolver, type Network, networkOf, type Tap } from './network.ts'
import { type Dice, type MeterType, normal, pick, type Seen, SLOTS_A_DAY, type WorldArea, type WorldMeter, within } from './world.ts'

/** A customer before the wires are solved: what flows, true and on the primary side. */
export interface Customer {
  readonly id: string
  readonly type: MeterType
  readonly ratio: number
  readonly phases: readonly number[]
  /** kW, mean of each slot, negative = fed in. */
  kw: Float64Array
  readonly hasExport: boolean
  readonly node: number
  readonly serviceM: number
  /** Shares of the phases of a three-phase meter. */
  readonly shares: readonly number[]
  readonly angle: number
  readonly ledger: Record<string, unknown>
}

const SERVICE_OHM_KM = 1.91
const CT_RATIOS = [20, 30, 40, 60] as const
const GATEWAY_RATIOS = [40, 60, 80, 120, 160, 240] as const
const LETTERS = ['A', 'B', 'C'] as const

/** Meters of an area, without loads: about five in six single-phase, some three-phase, a few behind current transformers. */
export const customersOf = (dice: Dice, area: string, prefix: string, count: number, nodes: number): Omit<Customer, 'kw'>[] => {
  const link = pick(dice, ['hplc', 'mixed'] as const)
  return Array.from({ length: count }, (_, index) => {
    const roll = dice()
    const type: MeterType = roll < 0.83 ? '1P' : roll < 0.95 ? '3P' : '3P-CT'
    const phase = Math.floor(dice() * 3)
    const raw = [within(dice, 0.7, 1.3), within(dice, 0.7, 1.3), within(dice, 0.7, 1.3)]
    const sum = raw.reduce((all, one) => all + one, 0)
    const id = `${prefix}${String(100 + index * 7).padStart(6, '0')}`
    const serviceM = Math.round(within(dice, 8, 35) * 10) / 10
    const ratio = type === '3P-CT' ? pick(dice, CT_RATIOS) : 1
    const bus = Math.floor(index / 14) + 1
    return {
      id,
      type,
      ratio,
      phases: type === '1P' ? [phase] : [0, 1, 2],
      hasExport: false,
      node: Math.floor(dice() * nodes),
      serviceM,
      shares: raw.map((one) => one / sum),
      angle: within(dice, 0.12, 0.4),
      ledger: {
        id,
        area,
        type,
        multiplier: ratio,
        phase: type === '1P' ? LETTERS[phase] : 'ABC',
        contractKW: type === '1P' ? pick(dice, [8, 10, 12]) : type === '3P' ? pick(dice, [15, 20]) : pick(dice, [40, 60]),
        category: type === '3P-CT' ? 'commercial' : 'residential',
        link: link === 'hplc' ? 'hplc' : pick(dice, ['hplc', 'rf', 'rs485']),
        bus: `${area}-B${String(bus).padStart(2, '0')}`,
        concentrator: `${area}-C${bus > 3 ? 2 : 1}`,
      },
    }
  })
}

/** Errors of a meter: energy 0.28 % (gateway 0.12 %), voltage 0.15 %, clock 40 s, one standard deviation each. */
const GAIN_SD = 0.0028
const GATEWAY_GAIN_SD = 0.0012
const VOLT_SD = 0.0015
const CLOCK_SD_MS = 40_000

export const emptySeen = (dice: Dice, id: string, slots: number, isSingle: boolean, hasExport: boolean): Seen => {
  const column = () => new Float32Array(slots)
  return {
    id,
    imp: new Float64Array(slots),
    exp: hasExport ? new Float64Array(slots) : null,
    baseImp: Math.round(within(dice, 200, 20_000) * 100) / 100,
    baseExp: hasExport ? Math.round(within(dice, 10, 5000) * 100) / 100 : 0,
    u: isSingle ? [column(), null, null] : [column(), column(), column()],
    i: isSingle ? [column(), null, null] : [column(), column(), column()],
    iN: isSingle ? column() : null,
    p: column(),
    pf: column(),
    missing: new Uint8Array(slots + 1),
    restarts: [],
    clockMs: new Float64Array(slots + 1).fill(CLOCK_SD_MS * normal(dice)),
  }
}

export interface AreaPlan {
  readonly id: string
  readonly prefix: string
  readonly customers: readonly Customer[]
  readonly network: Network
  readonly hasNetworkInLedger: boolean
  /** kW of loads no meter sees, mean of each slot; null = there are none. */
  readonly unmetered: Float64Array | null
}

/** Solves the wires of an area slot by slot, and writes down what every meter shows. */
export const solvedArea = (
  dice: Dice,
  plan: AreaPlan,
  days: number,
): { readonly area: WorldArea; readonly meters: readonly WorldMeter[] } => {
  const { customers, network, unmetered } = plan
  const slots = days * SLOTS_A_DAY
  const taps: Tap[] = customers.map(({ node, phases, serviceM }) => ({ node, phases, serviceOhm: (serviceM * SERVICE_OHM_KM) / 1000 }))
  // A lamp post hangs on the busbar's first node, on one phase each.
  const lamps: Tap[] = unmetered ? [{ node: 0, phases: [0, 1, 2], serviceOhm: 0.02 }] : []
  const solve = feederSolver(network, [...taps, ...lamps])
  const elements = customers.flatMap((customer) => customer.phases.map((phase, place) => ({ customer, phase, place })))
  const count = elements.length + (unmetered ? 3 : 0)
  const [kw, kvar] = [new Float64Array(count), new Float64Array(count)]
  const seen = customers.map(({ id, type, hasExport }) => emptySeen(dice, id, slots, type === '1P', hasExport))
  const peak = peakKw(customers, slots)
  const ratio = GATEWAY_RATIOS.find((one) => one * 5 * 230 * 3 * 0.8 > peak * 1000) ?? 240
  const gateway = emptySeen(dice, `${plan.prefix}000000`, slots, false, true)
  const truth = { input: new Float64Array(days), technical: new Float64Array(days), nonTechnical: new Float64Array(days) }
  const gains = customers.map(() => 1 + GAIN_SD * normal(dice))
  const gatewayGain = 1 + GATEWAY_GAIN_SD * normal(dice)
  const voltGains = [...customers.flatMap(({ phases }) => phases.map(() => 1 + VOLT_SD * normal(dice)))]
  const gatewayVolt = [0, 1, 2].map(() => 1 + VOLT_SD * normal(dice))
  const base = within(dice, 228, 238)
  const drop = 0.03 / Math.max(10, network.kva)
  let medium = 0
  const phaseDrift = [0, 0, 0]
  const source = (load: number, at: number): number[] => {
    const evening = Math.max(0, Math.sin((Math.PI * ((at % SLOTS_A_DAY) / 4 - 16)) / 7))
    return phaseDrift.map((own) => (base + medium + own - 2 * evening) * (1 - drop * load))
  }
  for (let slot = 0; slot < slots; slot++) {
    const day = Math.floor(slot / SLOTS_A_DAY)
    medium = 0.93 * medium + 0.55 * normal(dice)
    for (let phase = 0; phase < 3; phase++) phaseDrift[phase] = 0.9 * (phaseDrift[phase] ?? 0) + 0.18 * normal(dice)
    // The mean of the slot: energy.
    let total = 0
    for (const [index, { customer, place }] of elements.entries()) {
      const own = (customer.kw[slot] ?? 0) * (customer.phases.length === 1 ? 1 : (customer.shares[place] ?? 0))
      kw[index] = own
      kvar[index] = Math.abs(own) * Math.tan(customer.angle)
      total += own
    }
    if (unmetered) for (let phase = 0; phase < 3; phase++) kw[elements.length + phase] = (unmetered[slot] ?? 0) / 3
    const dark = unmetered?.[slot] ?? 0
    const mean = solve(kw, kvar, source(total, slot))
    const supply = total + dark + mean.lossKw
    let exported = 0
    for (const [index, { kw: own, ratio: of }] of customers.entries()) {
      const kwh = ((own[slot] ?? 0) / 4) * (gains[index] ?? 1)
      const at = seen[index]
      if (!at) continue
      if (kwh >= 0) at.imp[slot] = kwh / of
      else if (at.exp) at.exp[slot] = -kwh / of
      if (kwh < 0) exported -= (own[slot] ?? 0) / 4
    }
    if (supply >= 0) gateway.imp[slot] = (supply / 4 / ratio) * gatewayGain
    else if (gateway.exp) gateway.exp[slot] = (-supply / 4 / ratio) * gatewayGain
    truth.input[day]! += Math.max(0, supply) / 4 + exported
    truth.technical[day]! += mean.lossKw / 4
    truth.nonTechnical[day]! += dark / 4
    // The instant at its end: power moves within a quarter of an hour.
    for (let index = 0; index < elements.length; index++) {
      const factor = Math.exp(0.18 * normal(dice))
      kw[index] = (kw[index] ?? 0) * factor
      kvar[index] = (kvar[index] ?? 0) * factor
    }
    const now = solve(kw, kvar, source(total, slot))
    let [gatewayKw, gatewayVar] = [now.lossKw + dark, 0]
    for (let index = 0; index < elements.length; index++) {
      gatewayKw += kw[index] ?? 0
      gatewayVar += kvar[index] ?? 0
    }
    let element = 0
    for (const [index, { phases, ratio: of, angle }] of customers.entries()) {
      const at = seen[index]
      if (!at) continue
      let power = 0
      for (let place = 0; place < phases.length; place++, element++) {
        power += kw[element] ?? 0
        const volt = (now.volts[element] ?? 0) * (voltGains[element] ?? 1)
        const [u, i] = [at.u[place], at.i[place]]
        if (u) u[slot] = Math.round(volt * 10) / 10
        if (i) i[slot] = (now.amps[element] ?? 0) / of
      }
      at.p[slot] = power / of
      at.pf[slot] = Math.cos(angle)
      if (at.iN) at.iN[slot] = Math.max(0, (at.i[0]?.[slot] ?? 0) * (1 + 0.004 * normal(dice)))
    }
    const volts = source(total, slot)
    for (let phase = 0; phase < 3; phase++) {
      const [u, i] = [gateway.u[phase], gateway.i[phase]]
      if (u) u[slot] = Math.round((volts[phase] ?? 0) * (gatewayVolt[phase] ?? 1) * 10) / 10
      if (i) i[slot] = (now.supplyA[phase] ?? 0) / ratio
    }
    gateway.p[slot] = gatewayKw / ratio
    gateway.pf[slot] = Math.abs(gatewayKw) / Math.max(1e-6, Math.hypot(gatewayKw, gatewayVar))
  }
  const concentrators = [...new Set(customers.map(({ ledger }) => String(ledger.concentrator)))].toSorted()
  const area: WorldArea = {
    id: plan.id,
    gateway,
    ratio,
    truth,
    ledger: {
      id: plan.id,
      name: `generated area ${plan.id}`,
      transformerKVA: Math.round(network.kva),
      nominalV: 230,
      gateway: { meter: gateway.id, multiplier: ratio, ct: `${ratio * 5}/5`, side: 'LV' },
      concentrators,
      ...(plan.hasNetworkInLedger ? { network: ledgerNetwork(plan) } : {}),
    },
  }
  const meters = customers.map((customer, index): WorldMeter => {
    const of = seen[index]
    if (!of) throw new Error('a customer without a meter')
    const where = plan.hasNetworkInLedger
      ? { node: `${plan.id} N${customer.node + 1}`, serviceM: customer.serviceM, serviceROhmPerKm: SERVICE_OHM_KM }
      : {}
    return {
      seen: of,
      type: customer.type,
      area: plan.id,
      ratio: customer.ratio,
      phase: customer.type === '1P' ? (LETTERS[customer.phases[0] ?? 0] ?? 'A') : 'ABC',
      ledger: { ...customer.ledger, ...where },
    }
  })
  return { area, meters }
}

const peakKw = (customers: readonly Customer[], slots: number): number => {
  let most = 0
  for (let slot = 0; slot < slots; slot++) {
    let sum = 0
    for (const { kw } of customers) sum += kw[slot] ?? 0
    most = Math.max(most, Math.abs(sum))
  }
  return most
}

const ledgerNetwork = ({ id, network }: AreaPlan) => ({
  root: `${id} N0`,
  lines: network.branches.map(({ parent, ohm, reactance, metres }, node) => ({
    id: `${id} L${node + 1}`,
    from: `${id} N${parent + 1}`,
    to: `${id} N${node + 1}`,
    lengthM: Math.round(metres * 100) / 100,
    rOhmPerKm: (1000 * ohm) / metres,
    xOhmPerKm: (1000 * reactance) / metres,
  })),
})

export { networkOf }
