import { checkSessions } from './broker-address.ts'
import { durationMs, periodOf } from './duration.ts'
import { didYouMean } from './problems.ts'
import type { GatewayFile } from './schema.ts'

/** Told of each place of a file that is wrong. */
export type Wrong = (path: readonly (string | number)[], message: string) => void

/**
 * What a gateway.yaml that has passed its schema may still say wrongly.
 *
 * @param ledgerLines  lines that the ledger has; asked only when a task names what is not in the file
 */
export const checkGateway = (
  { gateway, lines, tasks, store, clock, mqtt = [], publish = [], concentrators }: GatewayFile,
  wrong: Wrong,
  ledgerLines: () => readonly string[],
): void => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: gateway.timezone })
  } catch {
    const near = didYouMean(gateway.timezone, Intl.supportedValuesOf('timeZone'))
    wrong(
      ['gateway', 'timezone'],
      `is "${gateway.timezone}"; must be an IANA time zone such as Asia/Shanghai${near ? `; did you mean "${near}"?` : ''}`,
    )
  }
  if (store?.kind === 'influxdb' && !store.influxdb) wrong(['store'], '"influxdb" is missing: kind influxdb needs its url')
  if (store?.influxdb?.version === 'v2' && !(store.influxdb.bucket && store.influxdb.org))
    wrong(['store', 'influxdb'], '"org" and "bucket" are missing: version v2 needs them')
  if (clock && Number.isNaN(Date.parse(clock.start))) wrong(['clock', 'start'], 'is no instant')
  unique(lines, 'lines', wrong)
  unique(tasks, 'tasks', wrong)
  unique(mqtt, 'mqtt', wrong)
  unique(publish, 'publish', wrong)
  for (const [at, { id }] of mqtt.entries())
    if (lines.some((line) => line.id === id)) wrong(['mqtt', at, 'id'], `is "${id}", as a line is: meters name either by its id`)
  checkListeners(concentrators?.listeners ?? [], wrong)
  checkSessions(gateway.id, { mqtt, publish }, wrong)
  const ways = new Map<string, string>()
  for (const [at, { id, transport, modbus }] of lines.entries()) {
    const way = transport.kind === 'tcp' ? `${transport.host}:${transport.port}` : transport.path
    const other = ways.get(way)
    if (other !== undefined)
      wrong(['lines', at, 'transport'], `leads to ${way}, as line ${other} does: one bus is one line, put its meters on that one`)
    ways.set(way, id)
    if (transport.kind === 'serial' && modbus === 'tcp') wrong(['lines', at, 'modbus'], 'is "tcp"; a serial port carries rtu or ascii')
  }
  const known = lines.map(({ id }) => id)
  const isAnyBeside = tasks.some(({ meters }) => meters?.lines?.some((line) => !known.includes(line)))
  if (isAnyBeside) known.push(...ledgerLines())
  for (const [at, { every, offset, spread, meters }] of tasks.entries()) {
    for (const [nth, line] of (meters?.lines ?? []).entries()) {
      if (known.includes(line)) continue
      const near = didYouMean(line, known)
      wrong(
        ['tasks', at, 'meters', 'lines', nth],
        `is "${line}", which is no line; allowed: ${known.slice(0, MOST_NAMED).join(', ')}${known.length > MOST_NAMED ? ', …' : ''}${near ? `; did you mean "${near}"?` : ''}`,
      )
    }
    const period = periodOf(every)
    const ms = period.unit === 'ms' ? period.ms : period.unit === 'day' ? 86_400_000 : 28 * 86_400_000
    if (ms < 1000) wrong(['tasks', at, 'every'], `is "${every}"; must be 1s or more`)
    if (period.unit === 'ms' && ms > 1000 && 86_400_000 % ms !== 0)
      wrong(
        ['tasks', at, 'every'],
        `is "${every}"; must divide a day, so that it keeps its place on the clock: 1m, 5m, 10m, 15m, 30m, 1h, 6h, 1d`,
      )
    if (offset !== undefined && durationMs(offset) >= ms) wrong(['tasks', at, 'offset'], `is "${offset}"; must be less than every`)
    if (spread !== undefined && durationMs(spread) >= ms) wrong(['tasks', at, 'spread'], `is "${spread}"; must be less than every`)
  }
}

const MOST_NAMED = 12

/** Two listeners cannot share a port; what may not be true at the same time is said before anything is opened. */
const checkListeners = (listeners: NonNullable<NonNullable<GatewayFile['concentrators']>['listeners']>, wrong: Wrong): void => {
  const path = (at: number, ...more: readonly string[]) => ['concentrators', 'listeners', at, ...more]
  const ids = new Map<string, number>()
  const ports = new Map<string, string>()
  for (const [at, { id, host = '127.0.0.1', port, protocols = [], maxSessions = 2000, maxPerPeer = 1 }] of listeners.entries()) {
    const before = ids.get(id)
    if (before !== undefined) wrong(path(at, 'id'), `is "${id}", as concentrators/listeners/${before} is`)
    else ids.set(id, at)
    const place = `${host}:${port}`
    const other = port === 0 ? undefined : ports.get(place)
    if (other !== undefined)
      wrong(
        path(at, 'port'),
        `is ${port}, where listener ${other} is: both protocols may stand in one listener, they are told apart by the first bytes`,
      )
    else ports.set(place, id)
    if (new Set(protocols).size < protocols.length) wrong(path(at, 'protocols'), `names ${protocols[0]} twice`)
    if (maxPerPeer > maxSessions) wrong(path(at, 'maxPerPeer'), `is ${maxPerPeer}, more than maxSessions ${maxSessions}`)
  }
}

const unique = (items: readonly { readonly id: string }[], list: string, wrong: Wrong): void => {
  const first = new Map<string, number>()
  for (const [at, { id }] of items.entries()) {
    const before = first.get(id)
    if (before !== undefined) wrong([list, at, 'id'], `is "${id}", as ${list}/${before} is`)
    else first.set(id, at)
  }
}
