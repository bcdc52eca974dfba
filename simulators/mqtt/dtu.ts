import { localText } from '../calendar.ts'
import { fraction } from '../random.ts'
import { faceText, floatOf, measure, quantityOf } from '../values.ts'
import {
  type Draft,
  type Family,
  jsonDraft,
  only,
  own,
  plainTalk,
  type Report,
  type Secondary,
  shown,
  type Tag,
  type Talk,
  tagged,
} from './family.ts'
import { quoted, Shown } from './json.ts'

/** Local time in fourteen digits. */
const digitTime = (own: number): string => localText(own).replace(/\D/g, '')

/** @source  Acrel overseas MQTT-JSON protocol (海外协议): names of a flat data message; powers in kW, `wh` is import in kWh. What `wl` counts is not verified: left out */
const ACREL: readonly Tag[] = [
  ...(['a', 'b', 'c'] as const).flatMap((phase, at): Tag[] => [
    [`u${phase}`, `1-0:${32 + 20 * at}.7.0`, 'V', -1],
    [`i${phase}`, `1-0:${31 + 20 * at}.7.0`, 'A', -3],
    [`p${phase}`, `1-0:${36 + 20 * at}.7.0`, 'kW', -3],
  ]),
  ['p', '1-0:16.7.0', 'kW', -3],
  ['wh', '1-0:1.8.0', 'kWh', -2],
]

/** What is measured behind which transformer, by group C and D of the code. */
const secondaryOf = (obis: string): Secondary => {
  if (/\.8\.0$|:[13567]6\.7/.test(obis)) return 'ctpt'
  return /:[357]1\.7/.test(obis) ? 'ct' : 'pt'
}

/** Values of the secondary side; says nothing before its log-in is answered. @source  Acrel overseas MQTT-JSON protocol: login, data */
export const acrel: Family = {
  id: 'acrel',
  mapping: 'acrel',
  phases: [1, 3],
  totals: true,
  exports: false,
  connection: own,
  address: (_, serial) => `122092${String(serial).padStart(8, '0')}`,
  topic: (address) => `/gw/acrelHW/adw300/data/${address}`,
  talk: (devices): Talk => {
    const { address, instrument } = only(devices)
    const answer = `/server/acrelHW/adw300/login/${address}`
    let welcome = false
    let logins = 0
    return {
      filters: [answer],
      will: () => {
        welcome = false
        return null
      },
      hello: (reports) => [
        jsonDraft(`/gw/acrelHW/adw300/login/${address}`, {
          ver: 1011,
          rssi: 30 + Math.floor(70 * fraction(instrument.seed, 22, logins++)),
          code: 1968,
          ccid: ' ',
          imei: ' ',
          verpro: 0,
          time: digitTime(reports[0]?.own ?? 0),
          gwSN: address,
          type: 'login',
          iapVer: 0,
        }),
      ],
      report: (reports) =>
        reports.map((report) =>
          jsonDraft(`/gw/acrelHW/adw300/data/${address}`, {
            type: 'data',
            time: digitTime(report.own),
            gwSN: address,
            meterSN: address,
            meterName: 'adw300',
            meterStatus: 'normal',
            ...tagged(report, ACREL, secondaryOf),
            pt: instrument.pt,
            ct: instrument.ct,
          }),
        ),
      hear: (topic, payload) => {
        if (topic !== answer || welcome || !/"res"\s*:\s*1\b/.test(Buffer.from(payload).toString())) return null
        welcome = true
        return 'report'
      },
      ready: () => welcome,
    }
  },
}

/** CRC-16 with the polynomial A001H, low byte first. @source  Modbus over serial line 1.02, 6.2.2 */
const crc16 = (bytes: readonly number[]): readonly number[] => {
  let value = 0xffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xa001 : value >> 1
  }
  return [value & 0xff, value >> 8]
}

/** Input registers of an Eastron SDM120, each two words in single precision. @source  Eastron SDM120 register list */
const SDM120: readonly (readonly [address: number, obis: string, unit: string])[] = [
  [0, '1-0:32.7.0', 'V'],
  [6, '1-0:31.7.0', 'A'],
  [12, '1-0:16.7.0', 'W'],
  [18, '1-0:9.7.0', 'VA'],
  [24, '1-0:131.7.0', 'var'],
  [30, '1-0:13.7.0', ''],
  [70, '1-0:14.7.0', 'Hz'],
  [72, '1-0:1.8.0', 'kWh'],
  [74, '1-0:2.8.0', 'kWh'],
]
const UNIT = 1
const READ_INPUT = 4

/** Unit 1 answers a read of its first 76 input registers; the answer itself does not say which they are. */
const rtuDraft = (report: Report, mac: string): Draft => {
  const { device, at, has } = report
  const data: number[] = []
  const said: Shown[] = []
  for (const [address, obis, unit] of SDM120) {
    const quantity = quantityOf(obis)
    const measured = quantity && has(obis) ? measure(device.instrument, quantity, at) : null
    // Registers cannot be left out in the middle: the answer ends there.
    if (!measured) break
    const { number, face } = floatOf(measured, unit, 0, 1, false)
    const bytes = Buffer.alloc(4)
    bytes.writeFloatBE(number)
    while (data.length < 2 * address) data.push(0)
    data.push(...bytes)
    said.push(new Shown(device.meter, obis, unit, faceText(face)))
  }
  const pdu = [UNIT, READ_INPUT, data.length, ...data]
  return { topic: `${mac}/data`, payload: Uint8Array.from([...pdu, ...crc16(pdu)]), said, qos: 1, retain: false }
}

const macOf = (address: string): string => address.split('/')[0] ?? address

/** A transparent serial server: bytes of a Modbus RTU answer are the whole message. @source  PUSR DTU manual: transparent mode */
export const pusrRtu: Family = {
  id: 'pusr-rtu',
  mapping: 'sdm120-transparent',
  phases: [1],
  totals: true,
  exports: true,
  connection: own,
  address: (_, serial) => `D4AD20${serial.toString(16).toUpperCase().padStart(6, '0')}/${UNIT}`,
  topic: (address) => `${macOf(address)}/data`,
  talk: () => plainTalk((report) => [rtuDraft(report, macOf(report.device.address))]),
}

/** Names of a PUSR gateway's points. */
const PUSR: readonly Tag[] = [
  ['kWh', '1-0:1.8.0', 'kWh', -2],
  ['kWh_rev', '1-0:2.8.0', 'kWh', -2],
  ['P', '1-0:16.7.0', 'kW', -3],
  ['Ua', '1-0:32.7.0', 'V', -1],
  ['Ub', '1-0:52.7.0', 'V', -1],
  ['Uc', '1-0:72.7.0', 'V', -1],
  ['Ia', '1-0:31.7.0', 'A', -3],
  ['Ib', '1-0:51.7.0', 'A', -3],
  ['Ic', '1-0:71.7.0', 'A', -3],
]

/** Quoted numbers by name; a point that could not be read has `err` 1 and empty text. @source  PUSR gateway manual: rw_prot */
export const pusrJson: Family = {
  id: 'pusr-json',
  mapping: 'pusr',
  phases: [1, 3],
  totals: true,
  exports: true,
  connection: own,
  address: (_, serial) => String(10_000 + serial),
  topic: (address) => `/up/${address}`,
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) => [
      jsonDraft(`/up/${address}`, {
        rw_prot: {
          Ver: '1.0.1',
          dir: 'up',
          id: address,
          r_data: Object.entries(tagged(report, PUSR)).map(([name, value]) =>
            value ? { name, value: quoted(value), err: '0' } : { name, value: '', err: '1' },
          ),
        },
      }),
    ])
  },
}

/** Cumulative registers of a DL/T 645 meter by data identifier. @source  DL/T 645-2007, table A.1 */
const ITEMS: readonly (readonly [di: string, obis: string])[] = [
  ['00010000', '1-0:1.8.0'],
  ['00020000', '1-0:2.8.0'],
]

/** A whole DL/T 645 answer with its wake-up bytes: pairs of digits lowest first, data raised by 33H. @source  DL/T 645-2007, 5.2 */
const frame645 = (address: string, di: string, value: Shown): Buffer => {
  const bcd = value.text.replace('.', '').padStart(8, '0').slice(-8)
  const backwards = (text: string): number[] => [...Buffer.from(text, 'hex').reverse()]
  const data = [...backwards(di), ...backwards(bcd)].map((byte) => (byte + 0x33) & 0xff)
  const body = [0x68, ...backwards(address), 0x68, 0x91, data.length, ...data]
  const sum = body.reduce((all, byte) => all + byte, 0) & 0xff
  return Buffer.from([0xfe, 0xfe, 0xfe, 0xfe, ...body, sum, 0x16])
}

/** A radio gateway that passes frames on, base64 in JSON; the meter's address stands in the frame. */
export const dtuFrame: Family = {
  id: 'dtu-frame',
  mapping: 'dtu-frame',
  phases: [1],
  totals: true,
  exports: true,
  connection: own,
  address: (_, serial) => String(serial).padStart(12, '0'),
  topic: () => 'lora/gw7/up',
  talk: (devices) => {
    const { address } = only(devices)
    return plainTalk((report) =>
      ITEMS.flatMap(([di, obis]) => {
        const value = shown(report, obis, 'kWh', -2, 'ctpt')
        if (!value) return []
        const data = frame645(address, di, value).toString('base64')
        return [{ ...jsonDraft('lora/gw7/up', { gw: 'gw7', ts: report.own, data }), said: [value] }]
      }),
    )
  },
}
