import { type Family, jsonDraft, KEYS, only, own, plainTalk, type Report, shared, shown, type Tag, type Talk, tagged } from './family.ts'
import type { Json } from './json.ts'

/** A talk in which one message speaks for all meters of the connection. */
const together = (compose: (reports: readonly Report[]) => Json, topic: string): Talk => ({
  ...plainTalk(() => []),
  report: (reports) => (reports.length === 0 ? [] : [jsonDraft(topic, compose(reports))]),
})

/** Names of CET's items (中电) by phase. @source CET gateway MQTT documentation for current and voltage, the rest after their manner */
const CET: readonly Tag[] = [
  ['A相电流', '1-0:31.7.0', 'A', -2],
  ['A相电压', '1-0:32.7.0', 'V', -1],
  ['总有功功率', '1-0:16.7.0', 'kW', -3],
  ['正向有功电能', '1-0:1.8.0', 'kWh', -2],
]

/** A list found by its Chinese keys, one member name with a blank at its end, an event among the values. */
export const cet: Family = {
  id: 'cet',
  mapping: 'cet',
  phases: [1],
  totals: true,
  exports: false,
  connection: own,
  address: (meter) => `loc-${meter}`,
  topic: () => 'CET/NX/upload',
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => {
      const timestamp = Math.floor(report.own / 1000)
      const properties: Json[] = Object.entries(tagged(report, CET)).flatMap(([key, value]) =>
        value ? [{ type: 'AI', key, value, unit: value.unit, timestamp }] : [],
      )
      if (report.number % 8 === 7) properties.push({ type: 'SOE', key: '电压越限', value: 1, timestamp })
      return [jsonDraft('CET/NX/upload', { version: '1.0', location_code: address, 'ts ': timestamp, properties })]
    })
  },
}

/** Sub-devices behind one gateway, a time to each value. @source  Alibaba Cloud IoT: thing.event.property.pack.post */
export const alibaba: Family = {
  id: 'alibaba',
  mapping: 'alibaba',
  phases: [1],
  totals: true,
  exports: true,
  connection: shared,
  address: (meter) => `meter${meter}`,
  topic: () => ALIBABA_TOPIC,
  talk: () =>
    together(
      (reports) => ({
        id: String(reports[0]?.number ?? 0),
        version: '1.0',
        params: {
          properties: {},
          subDevices: reports.map((report): Json => {
            const energy = shown(report, '1-0:1.8.0', 'kWh', -2)
            const exported = shown(report, '1-0:2.8.0', 'kWh', -2)
            const power = shown(report, '1-0:16.7.0', 'kW', -3)
            return {
              identity: { productKey: 'pkB', deviceName: report.device.address },
              properties: {
                EnergyTotal: energy && { value: energy, time: report.own },
                EnergyExport: exported && { value: exported, time: report.own },
                Power: power && { value: power, time: report.own },
              },
            }
          }),
        },
        method: 'thing.event.property.pack.post',
      }),
      ALIBABA_TOPIC,
    ),
}
const ALIBABA_TOPIC = '/sys/pkA/gw1/thing/event/property/pack/post'

/** The meter's name is a member name. @source  ThingsBoard gateway MQTT API: v1/gateway/telemetry */
export const thingsboard: Family = {
  id: 'thingsboard',
  mapping: 'thingsboard',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: shared,
  address: (meter) => `Meter ${meter}`,
  topic: () => 'v1/gateway/telemetry',
  talk: () =>
    together((reports) => {
      const meters: Record<string, Json> = {}
      for (const report of reports) meters[report.device.address] = [{ ts: report.own, values: tagged(report, KEYS) }]
      return meters
    }, 'v1/gateway/telemetry'),
}

/** Tag that is always in error. */
const BROKEN_TAG = 'temperature'
const NEURON_ERROR = 2014

const neuronTopic = (address: string): string => `/neuron/mqtt/${address}`
const neuronHead = (report: Report) => {
  const [node = '', group = ''] = report.device.address.split('/')
  return { timestamp: report.own, node, group }
}
/** Every tag this meter could have; what is missing from a message is in error. */
const expected = ({ device }: Report): readonly Tag[] => KEYS.filter(([name]) => device.instrument.elements === 3 || !/_l[23]$/.test(name))

/** Values and errors in two objects. @source  Neuron documentation: MQTT plugin, values format */
export const neuron: Family = {
  id: 'neuron',
  mapping: 'neuron',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: own,
  address: (meter) => `modbus/${meter}`,
  topic: neuronTopic,
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => {
      const values = tagged(report, KEYS)
      const errors: Record<string, Json> = { [BROKEN_TAG]: NEURON_ERROR }
      for (const [name] of expected(report)) if (!values[name]) errors[name] = NEURON_ERROR
      return [jsonDraft(neuronTopic(address), { ...neuronHead(report), values, errors, metas: {} })]
    })
  },
}

/** The same as a list. @source  Neuron documentation: MQTT plugin, tags format */
export const neuronTags: Family = {
  ...neuron,
  id: 'neuron-tags',
  address: (meter) => `bacnet/${meter}`,
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => {
      const values = tagged(report, KEYS)
      const tags = expected(report).map(([name]): Json => {
        const value = values[name]
        return value ? { name, value } : { name, error: NEURON_ERROR }
      })
      return [jsonDraft(neuronTopic(address), { ...neuronHead(report), tags: [...tags, { name: BROKEN_TAG, error: NEURON_ERROR }] })]
    })
  },
}

/** An id a tag, `Village.M0007.kwh`, each with its own quality and time. @source  KEPServerEX IoT Gateway: standard template */
export const kepserver: Family = {
  id: 'kepserver',
  mapping: 'kepserver',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: shared,
  address: (meter) => `Village.${meter}`,
  topic: () => 'iotgateway',
  talk: () =>
    together(
      (reports) => ({
        timestamp: reports[0]?.own ?? 0,
        values: reports.flatMap((report) => [
          ...Object.entries(tagged(report, KEYS)).flatMap(([name, v]): Json[] =>
            v ? [{ id: `${report.device.address}.${name}`, v, q: true, t: report.own }] : [],
          ),
          { id: `${report.device.address}.${BROKEN_TAG}`, v: 0, q: false, t: report.own },
        ]),
      }),
      'iotgateway',
    ),
}
