import type { BrokerCounts, BrokerView } from './broker-deps.ts'
import type { MetricsSnapshot } from './deps.ts'

export type MetricValue = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Registers one metric; `read` is asked when somebody scrapes. */
export type Register = (
  name: string,
  help: string,
  labelNames: readonly string[],
  read: (from: MetricsSnapshot) => readonly MetricValue[],
) => unknown

const STATES = ['connecting', 'up', 'down'] as const
const COUNTERS = [
  ['gridtally_broker_messages_total', 'Messages that came', 'received'],
  ['gridtally_broker_acknowledged_total', 'Messages acknowledged: safe, or put aside', 'acknowledged'],
  ['gridtally_broker_oversize_total', 'Messages with a payload larger than allowed', 'oversize'],
  ['gridtally_broker_refused_total', 'Messages that could not be used', 'refused'],
  ['gridtally_broker_readings_total', 'Readings made of messages', 'readings'],
  ['gridtally_broker_duplicates_total', 'Readings that were there already', 'duplicates'],
  ['gridtally_broker_conflicts_total', 'Values that differ from the one kept for the same instant', 'conflicts'],
  ['gridtally_broker_late_total', 'Readings older than the newest of their series', 'late'],
] as const satisfies readonly (readonly [name: string, help: string, count: keyof BrokerCounts])[]

/** What brokers count. Sources and targets may have one id: they stand apart. */
export const brokerMetrics = (counter: Register, gauge: Register): void => {
  const connections = ({ id, connections: all }: BrokerView): MetricValue[] =>
    STATES.map((state) => [{ broker: id, state }, all.filter((one) => one.state === state).length])
  gauge('gridtally_broker_connections', 'Connections to a broker we listen to, by state', ['broker', 'state'], (from) =>
    sourcesOf(from).flatMap(connections),
  )
  gauge('gridtally_publish_connections', 'Connections to a broker we send to, by state', ['broker', 'state'], ({ brokers }) =>
    brokers.filter(({ direction }) => direction === 'out').flatMap(connections),
  )
  for (const [name, help, count] of COUNTERS)
    counter(name, help, ['broker'], (from) => sourcesOf(from).map(({ id, counts }): MetricValue => [{ broker: id }, counts?.[count] ?? 0]))
  gauge('gridtally_broker_devices', 'Devices that were heard of', ['broker', 'registered'], (from) =>
    sourcesOf(from).flatMap(({ id, meters }): MetricValue[] => [
      [{ broker: id, registered: 'true' }, meters?.registered ?? 0],
      [{ broker: id, registered: 'false' }, meters?.unregistered ?? 0],
    ]),
  )
  gauge('gridtally_broker_last_message_timestamp_seconds', 'When the last message came; absent before the first', ['broker'], (from) =>
    sourcesOf(from).flatMap(({ id, lastMessageAt }): MetricValue[] =>
      lastMessageAt === null ? [] : [[{ broker: id }, lastMessageAt / 1000]],
    ),
  )
  gauge('gridtally_refused_messages', 'Refused messages that are kept', [], ({ refusedMessages }) => [[{}, refusedMessages]])
}

const sourcesOf = ({ brokers }: MetricsSnapshot): readonly BrokerView[] => brokers.filter(({ direction }) => direction === 'in')
