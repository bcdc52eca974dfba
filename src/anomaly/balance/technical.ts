import type { MeterColumns, Phase } from '../frame.ts'
import type { AreaView } from '../view.ts'

/** Voltages that differ by more than this are no drop in a wire, but a lost phase or a wrong reading. */
const HIGHEST_DROP = 0.25

const PHASES = { A: 0, B: 1, C: 2 } as const

/** Phase of a single-phase meter: what the voltages told, else what the ledger believes. */
export const phaseOf = (view: AreaView, id: string, ledger: Phase | null): 0 | 1 | 2 | null => {
  const phase = view.phases[id] ?? ledger
  return phase === null || phase === 'ABC' ? null : PHASES[phase]
}

/**
 * Power lost in the wires at the end of each slot, kW, by the voltage method: `Σ P·(U gateway / U customer − 1)`, phase by phase.
 * A customer whose voltage was not read is taken to lose what the others lose of theirs.
 *
 * @source analytics of line loss, voltage method with customers' readings; exact in a radial network with a purely resistive drop
 */
export const instantLoss = (view: AreaView, net: readonly Float64Array[]): Float64Array => {
  const { frame } = view
  const out = new Float64Array(frame.slots)
  const rated = new Float64Array(frame.slots)
  const unrated = new Float64Array(frame.slots)
  const root = frame.gateways[0]
  if (!root) return out
  for (const [at, meter] of frame.meters.entries()) {
    const power = net[at]
    if (!power) continue
    const single = meter.fact.type === '1P' ? phaseOf(view, meter.fact.id, meter.fact.phase) : null
    if (meter.fact.type === '1P') addSingle(power, meter.u[0], single === null ? null : root.u[single], out, rated, unrated)
    else addThree(power, meter, root, out, rated, unrated)
  }
  const hours = frame.stepMs / 3_600_000
  for (let slot = 0; slot < frame.slots; slot++) {
    const known = rated[slot]!
    const rest = unrated[slot]!
    if (known > rest && known > 0) out[slot] = out[slot]! * (1 + rest / known)
    else {
      const kwh = view.technical?.kwh[slot] ?? Number.NaN
      out[slot] = Number.isFinite(kwh) ? kwh / hours : 0
    }
  }
  return out
}

type Column = Float32Array | null | undefined

const addSingle = (power: Float64Array, here: Column, there: Column, out: Float64Array, rated: Float64Array, unrated: Float64Array) => {
  for (let slot = 0; slot < power.length; slot++) {
    const kw = power[slot]!
    const ratio = here && there ? there[slot]! / here[slot]! - 1 : Number.NaN
    if (Math.abs(ratio) < HIGHEST_DROP) {
      out[slot]! += kw * ratio
      rated[slot]! += Math.abs(kw)
    } else unrated[slot]! += Math.abs(kw)
  }
}

const addThree = (
  power: Float64Array,
  meter: MeterColumns,
  root: MeterColumns,
  out: Float64Array,
  rated: Float64Array,
  unrated: Float64Array,
) => {
  for (let slot = 0; slot < power.length; slot++) {
    const kw = power[slot]!
    let current = 0
    let weighted = 0
    for (let phase = 0; phase < 3; phase++) {
      const i = meter.i[phase]
      const here = meter.u[phase]
      const there = root.u[phase]
      if (!i || !here || !there) continue
      const ampere = Math.abs(i[slot]!)
      const ratio = there[slot]! / here[slot]! - 1
      if (!(ampere > 0) || !(Math.abs(ratio) < HIGHEST_DROP)) continue
      current += ampere
      weighted += ampere * ratio
    }
    if (current > 0) {
      out[slot]! += (kw * weighted) / current
      rated[slot]! += Math.abs(kw)
    } else unrated[slot]! += Math.abs(kw)
  }
}
