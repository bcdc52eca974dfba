import { fraction, mix } from '../random.ts'
import { type Family, jsonDraft, KEYS, only, own, plainTalk, type Report, shown, type Tag, tagged } from './family.ts'

/** Nanoseconds behind the milliseconds of a network server's time. */
const nanoTime = (own: number, zone: string): string => new Date(own).toISOString().replace('Z', `927957${zone}`)
const uuid = ({ device, number, at }: Report): string => {
  const words = [0, 1, 2, 3].map((part) =>
    mix(device.instrument.seed, number, Math.floor(at / 1000) % 0x1_0000_0000, part)
      .toString(16)
      .padStart(8, '0'),
  )
  return words.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The codec of an ADW300 calls its counters kwh_forward and kwh_reverse. */
const RENAMED: Readonly<Record<string, string>> = { kwh: 'kwh_forward', kwh_export: 'kwh_reverse' }
const CHIRPSTACK: readonly Tag[] = KEYS.map(([name, ...rest]): Tag => [RENAMED[name] ?? name, ...rest])

/** A decoded object, the network's own time. @source  ChirpStack 4 documentation: integrations, event types, up */
export const chirpstack: Family = {
  id: 'chirpstack',
  mapping: 'chirpstack',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: own,
  address: (_, serial) => `a84041ffff${serial.toString(16).padStart(6, '0')}`,
  topic: (address) => `application/a1/device/${address}/event/up`,
  talk: (devices) => {
    const { address, instrument } = only(devices)
    return plainTalk((report) => [
      jsonDraft(`application/a1/device/${address}/event/up`, {
        deduplicationId: uuid(report),
        time: nanoTime(report.own, '+00:00'),
        deviceInfo: { deviceName: `adw300-${report.device.serial}`, devEui: address },
        fCnt: report.number,
        fPort: 2,
        rxInfo: [
          {
            gatewayId: 'a84041fffe000001',
            rssi: -60 - Math.floor(50 * fraction(instrument.seed, 23, report.number)),
            snr: Math.round(10 * (10 - 15 * fraction(instrument.seed, 24, report.number))) / 10,
          },
        ],
        object: tagged(report, CHIRPSTACK),
      }),
    ])
  },
}

/** The meter is the fourth level of the topic; the EUI in upper case. @source  The Things Stack 3 documentation: uplink messages */
export const ttn: Family = {
  id: 'ttn',
  mapping: 'ttn',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: own,
  address: (meter) => `meter-${meter.toLowerCase()}`,
  topic: (address) => `v3/village@ttn/devices/${address}/up`,
  talk: (devices) => {
    const { address, serial } = only(devices)
    return plainTalk((report) => {
      const time = nanoTime(report.own, 'Z')
      return [
        jsonDraft(`v3/village@ttn/devices/${address}/up`, {
          end_device_ids: {
            device_id: address,
            application_ids: { application_id: 'village' },
            dev_eui: `A8404146C1${serial.toString(16).toUpperCase().padStart(6, '0')}`,
          },
          received_at: time,
          uplink_message: { f_port: 2, f_cnt: report.number, decoded_payload: tagged(report, KEYS), received_at: time },
        }),
      ]
    })
  },
}

/** The plainest form: milliseconds and kilowatt-hours. */
export const siteJson: Family = {
  id: 'site-json',
  mapping: 'site-json',
  phases: [1],
  totals: true,
  exports: false,
  connection: own,
  address: (meter) => meter.toLowerCase(),
  topic: (address) => `site/${address}/json`,
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => [jsonDraft(`site/${address}/json`, { ts: report.own, kwh: shown(report, '1-0:1.8.0', 'kWh', -3) })])
  },
}
