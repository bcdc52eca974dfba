import { senderOf } from '../../protocols/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import type { Clock, PushedRecord, Reading, ReadingStore, Result } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { Field } from './field.ts'
import type { LedgerThread } from './ledger-thread.ts'
import type { Push } from './push.ts'
import { type RegisteredMeter, Unregistered } from './unregistered.ts'
import { type UnregisteredViews, unregisteredViews } from './unregistered-views.ts'

export interface StartUnregistered {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'timezone' | 'unregistered'>
  readonly clock: Clock
  readonly ledger: Pick<Ledger, 'get' | 'history'>
  readonly store: Pick<ReadingStore, 'range'> & { readonly id: string }
  readonly outbox: Pick<Outbox, 'put' | 'state'>
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** Lines, brokers and the thread that writes the ledger: they come later than the list, and report to it. */
interface World {
  readonly field: Pick<Field, 'host' | 'terminal'>
  readonly push: Pick<Push, 'source' | 'sources'>
  readonly thread: Pick<LedgerThread, 'call'>
}

export interface OpenUnregistered {
  readonly list: Unregistered
  readonly views: UnregisteredViews
  /** For a line: a whole frame that answered nothing. */
  readonly onStranger: (line: string, protocol: string, frame: object) => void
  /** For a broker: what a message said of a meter that is not in the ledger. */
  readonly stranger: (broker: string, address: string, record: PushedRecord, rule: string | null) => void
  /** For a broker: readings on their way to the outbox. */
  readonly put: (readings: readonly Reading[]) => Promise<Result<void>>
  start(world: World): void
  close(): Promise<void>
}

const LOOK_MS = 50
const PATIENCE_MS = 60_000

/** Opens the list of meters that are not in the ledger, and what feeds it. */
export const openUnregistered = ({ config, clock, ledger, store, outbox, log }: StartUnregistered): OpenUnregistered => {
  let world: World | null = null
  let isClosing = false
  const put = (readings: readonly Reading[]) => outbox.put(readings)
  const list = new Unregistered({
    ...{ directory: config.dataDirectory, config: config.unregistered, zone: config.timezone, clock, store, put, log },
    apply: async (patches, act) => {
      if (!world) throw new Error('nothing is adopted before the gateway runs')
      return world.thread.call('apply', { patches, act })
    },
    hasPoint: (id) => ledger.get('point', id, null) !== null,
    history: (point) => ledger.history(point),
    known: (channel, address) => (world ? registeredAt(world, channel, address) : null),
    isConcentrator: (channel) => ledger.get('concentrator', channel, null) !== null,
    areasOf: (channel) => (world ? areasAt(world, channel) : []),
    settled: async () => {
      const sink = () => outbox.state().sinks.find(({ id }) => id === store.id)
      const now = sink()
      const end = now ? now.cursor + now.depth : 0
      for (const deadline = performance.now() + PATIENCE_MS; (sink()?.cursor ?? end) < end; ) {
        if (isClosing) throw new Error('the gateway stops; what is left is put at the next start')
        if (performance.now() > deadline) throw new Error('the store has not taken what waits for it')
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    },
  })
  return {
    list,
    views: unregisteredViews(list),
    put: list.watching(put),
    stranger: (broker, address, record, rule) => list.noteRecord(broker, address, record, rule),
    onStranger: (line, protocol, frame) => {
      const address = senderOf(protocol, frame)
      if (address !== null) list.noteFrame(line, address, protocol)
    },
    start: (given) => {
      world = given
      // Whoever pushed before there was this list.
      for (const { config: source, devices } of given.push.sources)
        for (const { name, firstSeen, lastSeen, rule } of devices.list({ isRegistered: false })) {
          if (list.knows(source.id, name)) continue
          const profile = rule === null ? null : `mqtt/${rule.split('/')[0]}`
          const sighting = { channel: source.id, address: name, by: 'broker', protocol: 'mqtt', profile } as const
          list.noteStranger({ ...sighting, at: firstSeen })
          if (lastSeen !== null && lastSeen > firstSeen) list.noteStranger({ ...sighting, at: lastSeen })
        }
      list.start()
    },
    close: () => {
      isClosing = true
      return list.close()
    },
  }
}

/** The ledger's meter at an address, as the running gateway knows it. */
const registeredAt = ({ field, push }: World, channel: string, address: string): RegisteredMeter | null => {
  const source = push.source(channel)
  const facts = source
    ? source.meterOf(address)
    : (field.terminal(channel)?.at(address) ?? field.host(channel)?.meters.find(({ device }) => device.spec.address === address))?.facts
  return facts ? { meter: facts.meter, point: facts.point, area: facts.area } : null
}

function* areasAt({ field, push }: World, channel: string): Iterable<string> {
  const source = push.source(channel)
  if (source) for (const { facts } of source.registered()) yield facts.area
  for (const { facts } of field.host(channel)?.meters ?? []) yield facts.area
}
