import type { Field } from '../answering.ts'
import { startBroker } from '../broker.ts'
import type { Instrument } from '../instrument.ts'
import { deviceOf, FAMILIES } from './families.ts'
import type { Device, FamilyId } from './family.ts'
import { startPublisher } from './publisher.ts'

/** A meter and the way it speaks. */
export interface Member {
  readonly family: FamilyId
  readonly instrument: Instrument
}

export interface FleetOptions {
  readonly field: Field
  readonly line: string
  readonly members: readonly Member[]
  /** Village milliseconds between two reports. */
  readonly everyMs: number
  /** A broker that runs; absent = one is started in a process of its own and ends with the fleet. */
  readonly broker?: string
  readonly host?: string
  readonly port?: number
  readonly onBrokerGone?: (why: string) => void
}

/** Meters that push to one broker. */
export interface Fleet {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Process of the broker; null when it is somebody else's. */
  readonly brokerPid: number | null
  /** Messages that have left. */
  readonly sent: () => number
  close(): Promise<void>
}

/** Starts everything that pushes to one broker, and the broker if there is none. */
export const startFleet = async (options: FleetOptions): Promise<Fleet> => {
  const { field, line, members, everyMs, broker, host, port } = options
  const own = broker === undefined ? await startBroker({ ...(host !== undefined && { host }), ...(port !== undefined && { port }) }) : null
  const url = broker ?? own?.url ?? ''
  if (own) void own.gone.then((why) => why !== null && options.onBrokerGone?.(why))
  const publishers = groupsOf(members).map(({ family, devices }) => startPublisher({ url, field, line, family, devices, everyMs }))
  const place = new URL(url)
  return {
    url,
    host: place.hostname.replace(/^\[|\]$/g, ''),
    port: Number(place.port || 1883),
    connections: publishers.length,
    brokerPid: own?.pid ?? null,
    sent: () => publishers.reduce((sum, { sent }) => sum + sent(), 0),
    close: async () => {
      await Promise.all(publishers.map((publisher) => publisher.close()))
      await own?.close()
    },
  }
}

/** Meters by family and connection. */
const groupsOf = (members: readonly Member[]): readonly { readonly family: FamilyId; readonly devices: readonly Device[] }[] => {
  const groups = new Map<string, { readonly family: FamilyId; readonly devices: Device[] }>()
  for (const { family, instrument } of members) {
    const device = deviceOf(family, instrument)
    const key = `${family} ${FAMILIES[family].connection(device.address, device.serial)}`
    const group = groups.get(key) ?? { family, devices: [] }
    groups.set(key, group)
    group.devices.push(device)
  }
  return [...groups.values()]
}

/** What a whole report of a meter shows under a code; null when its family does not tell it. */
export const pushFace = (
  { family, instrument }: Member,
  obis: string,
  at: number,
): { readonly text: string; readonly unit: string } | null => {
  const device = deviceOf(family, instrument)
  const drafts = FAMILIES[family].talk([device]).report([{ device, at, own: at, number: 0, has: () => true }])
  const value = drafts.flatMap(({ said }) => said).find((said) => said.obis === obis)
  return value ? { text: value.text, unit: value.unit } : null
}
