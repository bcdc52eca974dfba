import { DAY_MS, type Dice, dateOf, SLOTS_A_DAY, STEP_MS, slotsOf, type World, type WorldArea, type WorldMeter, within } from './world.ts'

/** How energy is stolen. `partial`: past the meter on both wires; `shunt`: past the live current sensor only, so the neutral current shows it. */
export const THEFTS = ['partial', 'shunt', 'night', 'appliance', 'full'] as const
export type TheftKind = (typeof THEFTS)[number]

const areaOf = (world: World, id: string): WorldArea => {
  const area = world.areas.find((one) => one.id === id)
  if (!area) throw new Error(`no area ${id}`)
  return area
}

/** Scales what a meter shows of one slot: energy, current of its phases, power. Voltages are not its to change. */
const scale = ({ seen }: WorldMeter, slot: number, share: number, isNeutralToo: boolean): number => {
  const lost = (seen.imp[slot] ?? 0) * (1 - share)
  seen.imp[slot] = (seen.imp[slot] ?? 0) * share
  for (const column of seen.i) if (column) column[slot] = (column[slot] ?? 0) * share
  if (seen.iN && isNeutralToo) seen.iN[slot] = (seen.iN[slot] ?? 0) * share
  seen.p[slot] = (seen.p[slot] ?? 0) * share
  return lost
}

/**
 * Lets a customer steal from a day on. The wires carry everything, so the gateway and all voltages stay as they are.
 *
 * @returns  kWh not recorded
 */
export const steal = (world: World, meter: WorldMeter, kind: TheftKind, day: number, params: Readonly<Record<string, number>>): number => {
  const { truth } = areaOf(world, meter.area)
  let total = 0
  for (let slot = day * SLOTS_A_DAY; slot < slotsOf(world); slot++) {
    const hour = (slot % SLOTS_A_DAY) / 4
    const kw = (meter.seen.imp[slot] ?? 0) * 4 * meter.ratio
    const [on, off] = [params.onHour ?? 22, params.offHour ?? 6]
    const shares: Readonly<Record<TheftKind, () => number>> = {
      partial: () => 1 - (params.fraction ?? 0.5),
      shunt: () => 1 - (params.fraction ?? 0.5),
      night: () => ((on > off ? hour >= on || hour < off : hour >= on && hour < off) ? 0 : 1),
      // An appliance that is wired before the meter: whatever is drawn above the rest of the house was it.
      appliance: () => (kw > (params.kw ?? 2) ? (kw - (params.kw ?? 2)) / kw : 1),
      full: () => 0,
    }
    const lost = scale(meter, slot, shares[kind](), kind !== 'shunt') * meter.ratio
    total += lost
    truth.nonTechnical[Math.floor(slot / SLOTS_A_DAY)]! += lost
  }
  const fault = {
    kind: 'theft',
    subkind: kind,
    area: meter.area,
    meter: meter.seen.id,
    from: dateOf(world, day),
    params,
    trueKWh: round(total),
  }
  world.faults.push(fault)
  return total
}

const round = (kwh: number): number => Math.round(kwh * 10) / 10

/** A voltage wire of a three-phase meter falls off: it shows no voltage there and counts two phases. */
export const losePhase = (world: World, meter: WorldMeter, day: number, phase: 0 | 1 | 2, dice: Dice): void => {
  const { truth } = areaOf(world, meter.area)
  const { seen } = meter
  let total = 0
  for (let slot = day * SLOTS_A_DAY; slot < slotsOf(world); slot++) {
    const amps = seen.i.map((column) => column?.[slot] ?? 0)
    const share =
      (amps[phase] ?? 0) /
      Math.max(
        1e-6,
        amps.reduce((sum, one) => sum + one, 0),
      )
    const lost = (seen.imp[slot] ?? 0) * share
    seen.imp[slot] = (seen.imp[slot] ?? 0) - lost
    seen.p[slot] = (seen.p[slot] ?? 0) * (1 - share)
    const volts = seen.u[phase]
    if (volts) volts[slot] = Math.round(within(dice, 0, 4) * 10) / 10
    total += lost * meter.ratio
    truth.nonTechnical[Math.floor(slot / SLOTS_A_DAY)]! += lost * meter.ratio
  }
  world.faults.push({
    kind: 'phase_loss',
    area: meter.area,
    meter: seen.id,
    from: dateOf(world, day),
    params: { phase: 'ABC'[phase] },
    trueKWh: round(total),
  })
}

/** The meter is exchanged; the ledger hears of it or not. */
export const exchange = (world: World, meter: WorldMeter, day: number, hour: number, isRecorded: boolean): void => {
  const row = day * SLOTS_A_DAY + Math.round(hour * 4)
  const { seen } = meter
  const old = seen.imp.subarray(0, row).reduce((sum, kwh) => sum + kwh, seen.baseImp)
  seen.restarts.push({ row, imp: 0.05 })
  const at = world.start + row * STEP_MS
  const span = { area: meter.area, meter: seen.id, from: dateOf(world, day), to: dateOf(world, day + 1) }
  if (!isRecorded) {
    world.faults.push({ kind: 'meter_exchange', ...span, params: { recorded: false } })
    return
  }
  meter.ledger.exchanges = [{ time: new Date(at).toISOString(), oldFinalKWh: Math.floor(old * 100) / 100, newInitialKWh: 0.05 }]
  world.events.push({ meter: seen.id, at, event: 'meter_exchange_work_order' })
  world.legit.push({ kind: 'meter_exchange_recorded', ...span })
}

/** The clock of a meter jumps by minutes, and drifts by seconds a day, from a day on. */
export const wrongClock = (world: World, meter: WorldMeter, day: number, jumpMin: number, secPerDay: number): void => {
  const { seen } = meter
  const clock = seen.clockMs ?? new Float64Array(slotsOf(world) + 1)
  seen.clockMs = clock
  for (let row = day * SLOTS_A_DAY; row < clock.length; row++)
    clock[row]! += jumpMin * 60_000 + ((row * STEP_MS - day * DAY_MS) / DAY_MS) * secPerDay * 1000
  world.faults.push({ kind: 'clock_drift', area: meter.area, meter: seen.id, from: dateOf(world, day), params: { jumpMin, secPerDay } })
}

/** The ledger has another ratio than the meter's current transformers. */
export const wrongRatio = (world: World, meter: WorldMeter, ledgerRatio: number): void => {
  meter.ledger.multiplier = ledgerRatio
  const shown = meter.seen.imp.reduce((sum, kwh) => sum + kwh, 0)
  world.faults.push({
    kind: 'wrong_multiplier',
    area: meter.area,
    meter: meter.seen.id,
    from: dateOf(world, 0),
    params: { true: meter.ratio, ledger: ledgerRatio },
    trueKWh: round(shown * (meter.ratio - ledgerRatio)),
  })
}

/** The ledger has the meter in another area than the one that feeds it. */
export const wrongArea = (world: World, meter: WorldMeter, ledgerArea: string): void => {
  meter.ledger.area = ledgerArea
  const shown = meter.seen.imp.reduce((sum, kwh) => sum + kwh, 0) * meter.ratio
  world.faults.push({
    kind: 'wrong_area',
    area: ledgerArea,
    meter: meter.seen.id,
    from: dateOf(world, 0),
    params: { true: meter.area, ledger: ledgerArea },
    trueKWh: -round(shown),
  })
}

/** Rows of a meter that were not read: single ones, and stretches of hours. */
export const loseRows = (meter: WorldMeter, share: number, dice: Dice): void => {
  const { missing } = meter.seen
  for (let row = 0; row < missing.length; row++) if (dice() < share / 2) missing[row] = 1
  for (let row = 0; row < missing.length; row += 24) if (dice() < share / 2) missing.fill(1, row, row + 24)
}

/** A cover was opened: an event that means nothing by itself. */
export const openCover = (world: World, meter: WorldMeter, day: number): void => {
  world.events.push({ meter: meter.seen.id, at: world.start + day * DAY_MS + 9.5 * 3_600_000, event: 'cover_open' })
}
