import { localText } from '../calendar.ts'
import { fraction } from '../random.ts'
import { type Device, type Family, jsonDraft, only, own, plainTalk, type Report, shown, textDraft } from './family.ts'
import { again, type Json, type Shown } from './json.ts'

/** OBIS codes by phase: group C of L1, and 20 and 40 more. */
const phases = (report: Report, c: number, d: number, unit: string, scaler: number): (Shown | undefined)[] =>
  Array.from({ length: report.device.instrument.elements }, (_, phase) => shown(report, `1-0:${c + 20 * phase}.${d}.0`, unit, scaler))

/** One number on a single-phase meter, an array on a three-phase one. */
const oneOrAll = (values: (Shown | undefined)[]): Json => {
  if (values.length === 1) return values[0]
  return values.some((value) => value !== undefined) ? values : undefined
}
const dBmOf = ({ instrument }: Device, number: number): number => -50 - Math.floor(40 * fraction(instrument.seed, 21, number))

/** @source  Tasmota documentation: SENSOR, STATE and LWT of a plug with energy metering */
export const tasmota: Family = {
  id: 'tasmota',
  mapping: 'tasmota',
  phases: [1],
  totals: true,
  exports: true,
  connection: own,
  address: (meter) => `plug-${meter}`,
  topic: (address) => `tele/${address}/SENSOR`,
  talk: (devices) => {
    const device = only(devices)
    const { address } = device
    return plainTalk(
      (report) => {
        const Time = localText(report.own)
        const dBm = dBmOf(device, report.number)
        return [
          jsonDraft(`tele/${address}/STATE`, {
            Time,
            UptimeSec: report.number * 300,
            POWER: 'ON',
            Wifi: { AP: 1, SSId: 'village', RSSI: Math.min(100, 2 * (dBm + 100)), Signal: dBm },
          }),
          jsonDraft(`tele/${address}/SENSOR`, {
            Time,
            ENERGY: {
              TotalStartTime: '2020-01-06T00:00:00',
              Total: shown(report, '1-0:1.8.0', 'kWh', -3),
              ExportActive: shown(report, '1-0:2.8.0', 'kWh', -3),
              Power: oneOrAll(device.instrument.elements === 1 ? [shown(report, '1-0:16.7.0', 'W', 0)] : phases(report, 36, 7, 'W', 0)),
              Frequency: shown(report, '1-0:14.7.0', 'Hz', -2),
              Voltage: oneOrAll(phases(report, 32, 7, 'V', 0)),
              Current: oneOrAll(phases(report, 31, 7, 'A', -3)),
            },
          }),
        ]
      },
      { will: textDraft(`tele/${address}/LWT`, 'Offline', true), hello: [textDraft(`tele/${address}/LWT`, 'Online', true)] },
    )
  },
}

/** Partial updates: one message in three is whole, the others carry what changed. @source  Zigbee2MQTT documentation */
export const zigbee2mqtt: Family = {
  id: 'zigbee2mqtt',
  mapping: 'zigbee2mqtt',
  phases: [1],
  totals: true,
  exports: false,
  connection: own,
  address: (meter) => `Meter ${meter}`,
  topic: (address) => `zigbee2mqtt/${address}`,
  talk: (devices) => {
    const device = only(devices)
    const topic = `zigbee2mqtt/${device.address}`
    return plainTalk(
      (report) => {
        const part = report.number % 3
        return [
          jsonDraft(topic, {
            current: part === 2 ? undefined : shown(report, '1-0:31.7.0', 'A', -2),
            energy: shown(report, '1-0:1.8.0', 'kWh', -2),
            linkquality: 255 + dBmOf(device, report.number),
            power: part === 2 ? undefined : shown(report, '1-0:16.7.0', 'W', -2),
            state: part === 0 ? 'ON' : undefined,
            voltage: part === 1 ? undefined : shown(report, '1-0:32.7.0', 'V', -2),
          }),
        ]
      },
      {
        will: jsonDraft(`${topic}/availability`, { state: 'offline' }, true),
        hello: [jsonDraft(`${topic}/availability`, { state: 'online' }, true)],
      },
    )
  },
}

const shellyPresence = (address: string) => ({
  will: textDraft(`${address}/online`, 'false', true),
  hello: [textDraft(`${address}/online`, 'true', true)],
})
const seconds = (ms: number): number => ms / 1000

/** A delta in NotifyStatus, then the whole component. @source  Shelly generation 2 API: switch component, NotifyStatus */
export const shellyGen2: Family = {
  id: 'shelly-gen2',
  mapping: 'shelly-gen2',
  phases: [1],
  totals: true,
  exports: false,
  connection: own,
  address: (_, serial) => `shellyplus1pm-4417939${serial.toString(16).padStart(5, '0')}`,
  topic: (address) => `${address}/events/rpc`,
  talk: (devices) => {
    const device = only(devices)
    const { address } = device
    return plainTalk((report) => {
      const total = shown(report, '1-0:1.8.0', 'Wh', -2)
      const aenergy = (value: Shown | undefined): Json =>
        value && { total: value, by_minute: [0, 0, 0], minute_ts: Math.floor(seconds(report.own) / 60) * 60 }
      const apower = shown(report, '1-0:16.7.0', 'W', -1)
      return [
        jsonDraft(`${address}/events/rpc`, {
          src: address,
          dst: `${address}/events`,
          method: 'NotifyStatus',
          params: { ts: seconds(report.own), 'switch:0': { id: 0, apower, aenergy: aenergy(total) } },
        }),
        jsonDraft(`${address}/status/switch:0`, {
          id: 0,
          source: 'init',
          output: true,
          apower,
          voltage: shown(report, '1-0:32.7.0', 'V', -1),
          current: shown(report, '1-0:31.7.0', 'A', -3),
          aenergy: aenergy(total),
        }),
      ]
    }, shellyPresence(address))
  },
}

/** Three phases in `em:0`, counters in `emdata:0`. @source  Shelly generation 2 API: EM and EMData components, triphase profile */
export const shelly3emPro: Family = {
  id: 'shelly-3em-pro',
  mapping: 'shelly-gen2',
  phases: [3],
  totals: true,
  exports: true,
  connection: own,
  address: (_, serial) => `shellypro3em-08f9e0${serial.toString(16).padStart(6, '0')}`,
  topic: (address) => `${address}/status/em:0`,
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => {
      const em: Record<string, Json> = { id: 0 }
      for (const [phase, letter] of ['a', 'b', 'c'].entries()) {
        em[`${letter}_current`] = shown(report, `1-0:${31 + 20 * phase}.7.0`, 'A', -3)
        em[`${letter}_voltage`] = shown(report, `1-0:${32 + 20 * phase}.7.0`, 'V', -1)
        em[`${letter}_act_power`] = shown(report, `1-0:${36 + 20 * phase}.7.0`, 'W', -1)
      }
      em.total_act_power = shown(report, '1-0:16.7.0', 'W', -3)
      const emdata: Record<string, Json> = { id: 0 }
      for (const [phase, letter] of ['a', 'b', 'c'].entries()) {
        emdata[`${letter}_total_act_energy`] = shown(report, `1-0:${21 + 20 * phase}.8.0`, 'Wh', -2)
        emdata[`${letter}_total_act_ret_energy`] = shown(report, `1-0:${22 + 20 * phase}.8.0`, 'Wh', -2)
      }
      emdata.total_act = shown(report, '1-0:1.8.0', 'Wh', -2)
      emdata.total_act_ret = shown(report, '1-0:2.8.0', 'Wh', -2)
      return [jsonDraft(`${address}/status/em:0`, em), jsonDraft(`${address}/status/emdata:0`, emdata)]
    }, shellyPresence(address))
  },
}

/** A bare number a topic; `energy` counts watt-minutes and is no register. @source  Shelly generation 1 API: Shelly 3EM over MQTT */
export const shellyGen1: Family = {
  id: 'shelly-gen1',
  mapping: 'shelly-gen1',
  phases: [1, 3],
  totals: false,
  exports: false,
  connection: own,
  address: (_, serial) => `shellyem3-244CAB${serial.toString(16).toUpperCase().padStart(6, '0')}`,
  topic: (address) => `shellies/${address}/emeter/0/total`,
  talk: (devices) => {
    const device = only(devices)
    const root = `shellies/${device.address}`
    return plainTalk(
      (report) =>
        Array.from({ length: device.instrument.elements }, (_, phase) => {
          const c = 20 * phase
          const numbers = {
            power: shown(report, `1-0:${36 + c}.7.0`, 'W', -2),
            pf: shown(report, `1-0:${33 + c}.7.0`, '', -2),
            current: shown(report, `1-0:${31 + c}.7.0`, 'A', -2),
            voltage: shown(report, `1-0:${32 + c}.7.0`, 'V', -2),
            total: shown(report, `1-0:${21 + c}.8.0`, 'Wh', -1),
            total_returned: shown(report, `1-0:${22 + c}.8.0`, 'Wh', -1),
          }
          return [
            ...Object.entries(numbers).flatMap(([name, value]) => (value ? [textDraft(`${root}/emeter/${phase}/${name}`, value)] : [])),
            textDraft(`${root}/emeter/${phase}/energy`, String(Math.round(device.instrument.watts(phase + 1, report.at)))),
          ]
        }).flat(),
      { will: textDraft(`${root}/online`, 'false', true), hello: [textDraft(`${root}/online`, 'true', true)] },
    )
  },
}

/** The quantity stands in the last level of the topic. @source  Z-Wave JS UI: value ids of the Meter command class */
export const zwaveJs: Family = {
  id: 'zwave-js',
  mapping: 'zwave-js',
  phases: [1],
  totals: true,
  exports: false,
  connection: own,
  address: (meter) => `outlet_${meter}`,
  topic: (address) => `zwave/${address}/meter/endpoint_0/value/65537`,
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => {
      const values: readonly (readonly [number, Shown | undefined])[] = [
        [65537, shown(report, '1-0:1.8.0', 'kWh', -3)],
        [66049, shown(report, '1-0:16.7.0', 'W', -3)],
        [66561, shown(report, '1-0:32.7.0', 'V', -2)],
        [66817, shown(report, '1-0:31.7.0', 'A', -3)],
      ]
      return values.flatMap(([id, value]) =>
        value ? [jsonDraft(`zwave/${address}/meter/endpoint_0/value/${id}`, { time: report.own, value })] : [],
      )
    })
  },
}

const iammeterTopic = (address: string): string => `device/${address}/realtime`
const iammeterHead = ({ address, serial }: Device) => ({
  method: 'uploadsn',
  mac: `B0F8933${String(serial).padStart(5, '0')}`,
  version: '1.72.7',
  server: 'em',
  SN: address,
})

/** One row by position: V, A, W, import and export kWh. @source  IAMMETER MQTT documentation: WEM3080 */
export const iammeter: Family = {
  id: 'iammeter',
  mapping: 'iammeter',
  phases: [1],
  totals: true,
  exports: true,
  connection: own,
  address: (_, serial) => `E395${String(serial).padStart(4, '0')}`,
  topic: iammeterTopic,
  talk: (devices) => {
    const device = only(devices)
    return plainTalk((report) => {
      const Data = [
        shown(report, '1-0:32.7.0', 'V', -1),
        shown(report, '1-0:31.7.0', 'A', -1),
        shown(report, '1-0:16.7.0', 'W', 0),
        shown(report, '1-0:1.8.0', 'kWh', -2),
        shown(report, '1-0:2.8.0', 'kWh', -2),
      ]
      return [jsonDraft(iammeterTopic(device.address), { ...iammeterHead(device), Data })]
    })
  },
}

/** A row a phase, frequency and power factor at its end. @source  IAMMETER MQTT documentation: WEM3080T */
export const iammeter3: Family = {
  ...iammeter,
  id: 'iammeter-3',
  phases: [3],
  totals: false,
  exports: false,
  address: (_, serial) => `T395${String(serial).padStart(4, '0')}`,
  talk: (devices) => {
    const device = only(devices)
    return plainTalk((report) => {
      const hertz = shown(report, '1-0:14.7.0', 'Hz', -2)
      const row = (phase: number): Json => {
        const c = 20 * phase
        return [
          shown(report, `1-0:${32 + c}.7.0`, 'V', -1),
          shown(report, `1-0:${31 + c}.7.0`, 'A', -1),
          shown(report, `1-0:${36 + c}.7.0`, 'W', 0),
          shown(report, `1-0:${21 + c}.8.0`, 'kWh', -2),
          shown(report, `1-0:${22 + c}.8.0`, 'kWh', -2),
          phase === 0 ? hertz : again(hertz),
          shown(report, `1-0:${33 + c}.7.0`, '', -2),
        ]
      }
      return [jsonDraft(iammeterTopic(device.address), { ...iammeterHead(device), Datas: [0, 1, 2].map(row) })]
    })
  },
}
