import { writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { systemClock } from '../src/core/clock.ts'
import type { Result } from '../src/core/result.ts'
import { failWith, many, ok } from '../src/core/result.ts'
import { plainField } from './answering.ts'
import { type RuledConcentrator, ruledConcentrators, startConcentrators, type TerminalProtocol } from './concentrator/fleet.ts'
import { percentile } from './concentrator/fleet-figures.ts'
import type { Habits } from './concentrator/habits.ts'
import { lifetime, parseFaults, periodMs } from './lifetime.ts'
import type { Print, RunningMeter } from './run.ts'
import { noTruth, openTruth } from './truth.ts'

/** What `gridtally simulate concentrators` is asked for; texts as typed. */
export interface SimulateConcentratorsOptions {
  /** `127.0.0.1:3761`: where the gateway listens. */
  readonly to: string
  readonly count?: number
  readonly meters?: number
  readonly protocol?: TerminalProtocol | 'mixed'
  readonly region?: string
  readonly first?: number
  readonly seed?: number
  readonly edition?: Habits['edition']
  readonly heartbeat?: string
  readonly frameLimit?: number
  /** Share of values that are collected at the first attempt. */
  readonly successRate?: number
  /** Archives are empty at first. */
  readonly emptyArchive?: boolean
  /** Dials from many addresses of this machine. */
  readonly spread?: boolean
  readonly faults?: readonly string[]
  /** File for the truth log. */
  readonly truth?: string
  /** File for a ledger that knows them all. */
  readonly ledger?: string
  readonly forMs?: number
}

const fail = failWith({
  SIMULATOR_TARGET: { recovery: 'stop', hint: '--to is HOST:PORT, for example 127.0.0.1:3761' },
})

/** Lets concentrators dial a gateway. @errors SIMULATOR_FAULT, SIMULATOR_TARGET */
export const simulateConcentrators = async (
  options: SimulateConcentratorsOptions,
  print: Print = console.log,
): Promise<Result<RunningMeter>> => {
  const [, host = '', digits = ''] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(options.to) ?? []
  const port = Number(digits)
  if (host === '' || port < 1 || port > 65_535) return fail('SIMULATOR_TARGET', `"${options.to}" is no address of a listener`)
  const faults = parseFaults(options.faults ?? [], Date.now())
  if (!faults.ok) return faults
  const {
    count = 1,
    meters = 10,
    seed,
    protocol,
    region,
    first,
    edition,
    heartbeat,
    frameLimit,
    successRate,
    emptyArchive,
    spread,
  } = options
  const rule = {
    ...{ count, meters },
    ...(seed !== undefined && { seed }),
    ...(protocol !== undefined && { protocol }),
    ...(region !== undefined && { region }),
    ...(first !== undefined && { first }),
  }
  const all = ruledConcentrators(rule)
  if (options.ledger !== undefined) writeFileSync(options.ledger, stringify(ledgerOf(all), { lineWidth: 0 }))
  const field = plainField(systemClock, options.truth === undefined ? noTruth : openTruth(options.truth))
  const fleet = startConcentrators({
    ...{ ...rule, host, port, field, faults: faults.value },
    archive: emptyArchive ? 'empty' : 'wired',
    ...(spread && { spreadPeers: true }),
    habits: {
      ...(edition !== undefined && { edition }),
      ...(heartbeat !== undefined && { heartbeatMs: periodMs(heartbeat) }),
      ...(frameLimit !== undefined && { frameLimit }),
      ...(successRate !== undefined && { successRate }),
    },
  })
  const [one] = all
  print(
    `${many(count, 'concentrator')} with ${many(meters, 'meter')} each dial ${host}:${port}; the first is ${one?.id}, address ${one?.address}`,
  )
  if (options.ledger !== undefined) print(`ledger: ${options.ledger}`)
  const life = lifetime(async () => {
    const { loginsConfirmed, heartbeats, heartbeatsConfirmed, heartbeatMs, requests, reports, reportsConfirmed, hungUp } = fleet.figures
    print(
      `online ${fleet.online()}, logins ${loginsConfirmed}, lost ${hungUp}; heartbeats ${heartbeatsConfirmed} of ${heartbeats} answered, 99 % within ${percentile(heartbeatMs, 0.99)} ms; requests ${requests}; reports ${reportsConfirmed} confirmed, sent ${reports} times`,
    )
    await fleet.close(true)
    await field.truth.close()
  }, options.forMs)
  return ok({ where: `${host}:${port}`, ...life })
}

/** Profile of a meter by the protocol of its concentrator. */
export const WIRED_PROFILES: Readonly<Record<TerminalProtocol, Readonly<Record<1 | 3, string>>>> = {
  gw3761: { 1: 'gw3761/single-phase', 3: 'gw3761/three-phase' },
  dlt698: { 1: 'dlt698/single-phase', 3: 'dlt698/three-phase' },
}

/** A ledger that knows concentrators and all that hangs on their wires, in one transformer area each. */
const ledgerOf = (all: readonly RuledConcentrator[]) => {
  const wired = all.flatMap((one) => Array.from({ length: one.wiring.count }, (_, at) => ({ one, meter: one.wiring.at(at)! })))
  return {
    version: 1,
    areas: all.map(({ id }) => ({ id: `A-${id}`, name: `${id} 台区`, capacityKva: '200', nominalV: '230' })),
    concentrators: all.map(({ id, protocol, address }) => ({ id, area: `A-${id}`, protocol, address })),
    points: wired.map(({ one, meter }) => ({ id: `P-${meter.id}`, area: `A-${one.id}`, phase: meter.phases === 3 ? 'L123' : 'unknown' })),
    meters: wired.map(({ one, meter }) => ({
      ...{ id: meter.id, point: `P-${meter.id}`, line: one.id, address: meter.address },
      profile: WIRED_PROFILES[one.protocol][meter.phases],
      ...{ measuringPoint: meter.pn, archiveNumber: meter.number, port: meter.port },
    })),
  }
}
