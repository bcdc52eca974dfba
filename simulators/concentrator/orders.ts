import { type Fault, strike } from '../faults.ts'
import type { WiredMeter } from './habits.ts'
import type { Wiring } from './wired.ts'

const NO_ORDERS = { unread: false, halved: false }
/** Orders that change what is answered. */
export const ordersNow = (orders: readonly Fault[], id: string, now: number): { readonly unread: boolean; readonly halved: boolean } => {
  if (orders.length === 0) return NO_ORDERS
  const on = (kind: Fault['kind']): boolean =>
    orders.some((fault) => fault.kind === kind && isOn(fault, now) && (fault.line ?? fault.meter ?? id) === id)
  return { unread: on('unread'), halved: on('halved') }
}
const isOn = ({ from, until }: Fault, now: number): boolean => now >= (from ?? -Infinity) && now < (until ?? Infinity)

/** The first instant at which a meter can be reached: its orders `unreached` and `silent` are over by then. */
export const reachOf =
  (orders: () => readonly Fault[]) =>
  (meter: string, at: number): number => {
    const all = orders()
    if (all.length === 0) return at
    let when = at
    for (const fault of all)
      if ((fault.kind === 'unreached' || fault.kind === 'silent') && fault.meter === meter && isOn(fault, when))
        when = fault.until ?? Infinity
    return when
  }

/** Lets an order that changes a meter behind a concentrator do so. */
export const strikeWired = (wiring: Wiring, fault: Fault, at: number): void => {
  const meter = fault.meter === undefined ? null : meterOf(wiring, fault.meter)
  if (meter) strike(wiring.speaker(meter).state.instrument, fault, at, 1_000_000)
}

/** A wired meter by its ledger id. */
export const meterOf = (wiring: Wiring, id: string): WiredMeter | null => {
  for (let at = 0; at < wiring.count; at++) if (wiring.at(at)?.id === id) return wiring.at(at)
  return null
}
