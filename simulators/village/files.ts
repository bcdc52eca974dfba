import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ZONE } from '../calendar.ts'
import { FAMILIES } from '../mqtt/families.ts'
import { concentratorAddress, DIAL_IN, wiredOf } from './concentrators.ts'
import { isDialled, type VillagePlan } from './describe.ts'
import type { OpenLine, Village } from './start.ts'

export interface VillageFileOptions {
  readonly http?: { readonly host?: string; readonly port?: number }
  /** Address of a real InfluxDB 1.x server; absent = the embedded store. */
  readonly influx?: string
  readonly database?: string
  /** Data folder of the gateway, relative to the file. */
  readonly data?: string
  /** Village clock for the gateway; absent = the real one. */
  readonly clock?: { readonly start: number; readonly realStart: number; readonly speed: number }
  /** Current values every so often; `15m` when absent. */
  readonly every?: string
}

/** Files of a village, ready for `gridtally run -c DIR/gateway.yaml`. */
export interface VillageFiles {
  readonly gateway: string
  readonly ledger: string
}

/** Writes `gateway.yaml` and `ledger.yaml` of a running village into a folder. */
export const writeVillageFiles = (village: Village, folder: string, options: VillageFileOptions = {}): VillageFiles => {
  mkdirSync(folder, { recursive: true })
  const files = { gateway: join(folder, 'gateway.yaml'), ledger: join(folder, 'ledger.yaml') }
  writeFileSync(files.gateway, stringify(gatewayOf(village, options), { lineWidth: 0, aliasDuplicateObjects: false }))
  writeFileSync(files.ledger, stringify(ledgerOf(village), { lineWidth: 0, aliasDuplicateObjects: false }))
  return files
}

const gatewayOf = (village: Village, { http, influx, database, data, clock, every }: VillageFileOptions) => {
  const frozen = village.lines.filter(({ kind }) => kind === 'dlt645' || isDialled(kind)).map(({ id }) => id)
  const remembering = { meters: { lines: frozen } }
  return {
    version: 1,
    gateway: { id: 'village', timezone: ZONE, data: data ?? './data' },
    ...(clock && {
      clock: { start: new Date(clock.start).toISOString(), realStart: new Date(clock.realStart).toISOString(), speed: clock.speed },
    }),
    http: { host: http?.host ?? '127.0.0.1', port: http?.port ?? 0 },
    store:
      influx === undefined
        ? { kind: 'embedded' }
        : { kind: 'influxdb', influxdb: { url: influx, version: 'v1', database: database ?? 'gridtally', createDatabase: true } },
    // Soon after midnight: the village's day is short.
    ...(village.scenes.length > 0 && {
      analysis: { at: '00:02', windowDays: 35 },
      clocks: { from: '00:05', to: '00:12', nearMidnightMin: 5, nearHourMin: 1 },
    }),
    ledger: './ledger.yaml',
    lines: village.lines.filter(({ kind }) => kind !== 'mqtt' && !isDialled(kind)).map(lineOf),
    ...mqttOf(village),
    ...dialInOf(village),
    tasks: [
      { id: 'current', read: 'current', every: every ?? '15m', offset: '0s', spread: '0s' },
      ...(frozen.length > 0
        ? [
            { id: 'curve', read: 'curve', every: '15m', offset: '60s', ...remembering },
            { id: 'day', read: 'day-freeze', every: '1d', offset: '5m', ...remembering },
            { id: 'month', read: 'month-freeze', every: '1mo', offset: '10m', ...remembering },
          ]
        : []),
    ],
  }
}

const lineOf = ({ id, kind, host, port }: OpenLine) => ({
  id,
  transport: { kind: 'tcp', host, port },
  ...(kind === 'dlt645' ? {} : { modbus: kind === 'modbus-tcp' ? 'tcp' : 'rtu' }),
})

/** The broker, with the mappings that its meters need. */
const mqttOf = ({ lines, meters }: Village) => {
  const brokers = lines.filter(({ kind }) => kind === 'mqtt')
  if (brokers.length === 0) return {}
  return {
    mqtt: brokers.map(({ id, host, port }) => {
      const used = new Set(meters.flatMap(({ family }) => (family === undefined ? [] : [FAMILIES[family].mapping])))
      return { id, url: `mqtt://${host.includes(':') ? `[${host}]` : host}:${port}`, connections: 1, mappings: [...used] }
    }),
  }
}

/** Where the village's concentrators dial. */
const dialInOf = ({ lines }: Village) => {
  const line = lines.find(({ kind }) => isDialled(kind))
  return line ? { concentrators: { listeners: [{ id: DIAL_IN, host: line.host, port: line.port }] } } : {}
}

const CONTRACT_KVA = { household: '10', shop: '25' } as const

/** What the utility believes; not everything is true. */
const ledgerOf = ({ plan }: Village) => {
  const known = plan.meters.filter(({ ledger }) => ledger !== null)
  const places = placesOf(plan)
  return {
    version: 1,
    zones: plan.zones,
    areas: plan.areas.map(({ id, name, zone }) => ({ id, name, zone, capacityKva: '160', nominalV: '230' })),
    ...concentratorsOf(plan),
    points: known.map(({ point, name, area, role, phase, use, solarW }) => ({
      ...{ id: point, name, area, role, phase },
      ...(use !== 'supply' && { contractKva: CONTRACT_KVA[use] }),
      ...(solarW > 0 && { solarKw: String(solarW / 1000) }),
    })),
    meters: known.map(({ id, point, line, address, profile, ct, pt, ledger }) => ({
      ...{ id, point, line, address, profile, pt },
      ct: ledger?.ct ?? ct,
      ...places.get(id),
    })),
  }
}

/** Concentrators as the ledger knows them: writing is switched on, for the sake of trials. */
const concentratorsOf = (plan: VillagePlan) => {
  const dialled = plan.lines.filter(({ kind }) => isDialled(kind))
  if (dialled.length === 0) return {}
  return {
    concentrators: dialled.map(({ id, kind }) => ({
      ...{ id, protocol: kind, address: concentratorAddress(plan, id), allowWrites: true },
      area: plan.meters.find(({ line }) => line === id)?.area,
    })),
  }
}

/** Places of meters in the archives of their concentrators. */
const placesOf = (plan: VillagePlan) =>
  new Map(
    plan.lines.flatMap(({ id, kind }) =>
      isDialled(kind)
        ? wiredOf(plan, id).map((meter) => [meter.id, { measuringPoint: meter.pn, archiveNumber: meter.number, port: meter.port }] as const)
        : [],
    ),
  )
